"""Which core does what, and how quiet the machine is.

    cores       generator   I/O thread   owner or workers
    1           0           0            0
    2           0           0            1
    3 or more   0           1            2

The thread that executes the work is meant to be what limits the server, so it gets a core of its own wherever there
are two. When the I/O thread executes the work itself (mutex.workers: 0), it has that core.
"""

import contextlib
import ctypes
import os
import re
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


def threads(pid):
    """(tid, name) of every thread of a process."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            yield int(task.name), (task / "comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue


def dies_with_us(core=None, first=False, at_once=False):
    """For Popen's preexec_fn: the child ends when this process does, however that comes about. Where that is permitted:
    `first`: it goes before other work on the machine, in a scheduling group of its own with the highest weight, and with
    the lowest nice value; `at_once`: in real time, it runs the moment it wakes up, whoever else shares its core."""
    ours = os.getpid()

    def prepare():
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != ours:
            os._exit(1)
        if core is not None:
            os.sched_setaffinity(0, {core})
        with contextlib.suppress(OSError):
            if first:
                os.setsid()
                Path("/proc/self/autogroup").write_text("-20")
                os.nice(-20)
        with contextlib.suppress(OSError):
            if at_once:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return prepare


def disturbance(pid=None):
    """Watches others from now on. The answer, when called, tells how many cores' worth of work they have done, or the
    host has kept from us, without that of this process, its children, and `pid`."""
    tick = os.sysconf("SC_CLK_TCK")

    def look():
        times, own = os.times(), 0
        user, nice, system, _idle, _wait, irq, softirq, steal = map(
            int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9])
        with contextlib.suppress(FileNotFoundError):
            if pid:
                own = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])) / tick
        return times.elapsed, (user + nice + system + irq + softirq) / tick - sum(times[:4]) - own, steal / tick
    before = look()

    def told():
        elapsed, others, stolen = (now - then for now, then in zip(look(), before))
        return {"others_cores": round(max(others, 0.0) / max(elapsed, 1e-3), 3),
                "stolen_cores": round(stolen / max(elapsed, 1e-3), 3)}
    return told


def machine():
    """What the figures were measured on, in words."""
    cpu = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)", cpu, re.M)
    return {"cores": len(os.sched_getaffinity(0)), "kernel": ".".join(os.uname().release.split(".")[:2]),
            "cpu": model[1].strip() if model else os.uname().machine, "virtual": " hypervisor " in cpu.replace("\n", " ")}


def machine_text(info):
    cores = f"{info['cores']} core{'s' * (info['cores'] != 1)}"
    return f"{cores} of {info['cpu']}{' (virtual machine)' * info['virtual']}, Linux {info['kernel']}"
