"""Which core does what, and how quiet the machine is.

    cores       generator   I/O thread   owner or workers
    1           0           0            0
    2           0           0            1
    3 or more   0           1            2

The thread that executes the work is meant to be what limits the server, so it gets a core of its own wherever there
are two. When the I/O thread executes the work itself (mutex.workers: 0), it has that core.
"""

import ctypes
import os
import signal
from pathlib import Path

PR_SET_PDEATHSIG = 1


class Places:
    """`together`: the whole server on one core."""

    def __init__(self, together=False):
        cores = sorted(os.sched_getaffinity(0))
        self.generator = cores[0]
        self.work = cores[min(2, len(cores) - 1)]
        self.io = cores[1] if len(cores) > 2 else cores[0]
        if together:
            self.io = self.work

    def __str__(self):
        return f"generator on core {self.generator}, I/O on {self.io}, owner or workers on {self.work}"


def pin(tid, core):
    try:
        os.sched_setaffinity(tid, {core})
    except ProcessLookupError:
        pass  # a thread that has ended since


def threads(pid):
    """(tid, name) of every thread of a process."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            yield int(task.name), (task / "comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue


def go_first():
    """What is measured goes before other work on the machine, where that is permitted: it gets a scheduling group of
    its own, with the highest weight, and the lowest nice value."""
    try:
        os.setsid()
        Path("/proc/self/autogroup").write_text("-20")
        os.nice(-20)
    except OSError:
        pass


def go_at_once():
    """Real time, where that is permitted: it runs the moment it wakes up, whoever else shares its core."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass


def dies_with_us(core=None, first=False, at_once=False):
    """For Popen's preexec_fn: the child ends when this process does, however that comes about."""
    ours = os.getpid()

    def prepare():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != ours:
            os._exit(1)
        if core is not None:
            os.sched_setaffinity(0, {core})
        if first:
            go_first()
        if at_once:
            go_at_once()

    return prepare


def _busy_ticks():
    """Ticks that all cores together have been busy so far, and those that the host took from a virtual machine."""
    fields = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _idle, _wait, irq, softirq, steal = fields[:8]
    return user + nice + system + irq + softirq, steal


def process_seconds(pid):
    """CPU time that a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Disturbance:
    """How many cores' worth of work others did, or the host kept from us, between start() and stop()."""

    def __init__(self, pid=None):
        self.pid = pid

    def _own(self):
        times = os.times()
        own = times.user + times.system + times.children_user + times.children_system
        return own + (process_seconds(self.pid) if self.pid else 0.0)

    def start(self):
        self.at, self.own = os.times().elapsed, self._own()
        self.busy, self.stolen = _busy_ticks()
        return self

    def stop(self):
        tick = os.sysconf("SC_CLK_TCK")
        elapsed = max(os.times().elapsed - self.at, 1e-3)
        busy, stolen = _busy_ticks()
        others = (busy - self.busy) / tick - (self._own() - self.own)
        return {"others_cores": round(max(others, 0.0) / elapsed, 3),
                "stolen_cores": round((stolen - self.stolen) / tick / elapsed, 3)}


def machine():
    """What the figures were measured on, in words."""
    info = {"cores": len(os.sched_getaffinity(0)), "kernel": ".".join(os.uname().release.split(".")[:2]), "cpu": os.uname().machine}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            info["cpu"] = line.split(":", 1)[1].strip()
            break
    info["virtual"] = " hypervisor " in Path("/proc/cpuinfo").read_text().replace("\n", " ")
    return info


def machine_text(info):
    cores = f"{info['cores']} core{'s' * (info['cores'] != 1)}"
    return f"{cores} of {info['cpu']}{' (virtual machine)' * info['virtual']}, Linux {info['kernel']}"
