"""Makes one thread of the daemon slower in mid-run, as if every operation took longer.

The scheduler gives the thread 1 ms of its core in every 10 or 100: with operations of 1 ms each, that is one
operation in the time that ten or a hundred used to take. A control group (version 1, writable) does this exactly,
and for small factors a process of higher priority on the same core does (ByPreempting). Without either, as many busy
processes as it takes share the thread's core; that needs no rights, and is rougher.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from . import place

GROUPS = Path("/sys/fs/cgroup/cpu")
QUANTUM_US = 1000
HOG_SECONDS = 300  # a busy process ends by itself after so long, whatever happens


class ByQuota:
    how = "CPU quota of a control group"

    def __init__(self, tid, core):
        del core
        self.tid = tid
        self.group = GROUPS / f"sluice-bench-{os.getpid()}"

    def start(self):
        try:
            self.group.mkdir()
            self._write("cpu.cfs_period_us", QUANTUM_US * 10)
            self._write("tasks", self.tid)
        except OSError:
            self.stop()
            return False
        return True

    def _write(self, name, value):
        (self.group / name).write_text(str(value))

    def times(self, factor):
        self._write("cpu.cfs_quota_us", -1)
        if factor > 1:
            self._write("cpu.cfs_period_us", QUANTUM_US * factor)
            self._write("cpu.cfs_quota_us", QUANTUM_US)

    def stop(self):
        if not self.group.exists():
            return
        try:
            (GROUPS / "tasks").write_text(str(self.tid))
        except OSError:
            pass  # the thread has ended
        try:
            self.group.rmdir()
        except OSError:
            pass  # the kernel lets go of the thread a moment later; an empty group harms nobody


class BySharing:
    how = "busy processes on the same core"

    def __init__(self, tid, core):
        del tid
        self.core, self.hogs = core, []

    def start(self):
        return True

    def times(self, factor):
        self.stop()
        for _ in range(factor - 1):
            code = f"import signal; signal.alarm({HOG_SECONDS})\nwhile True: pass"
            self.hogs.append(subprocess.Popen([sys.executable, "-S", "-E", "-c", code],
                                              preexec_fn=place.dies_with_us(self.core)))

    def stop(self):
        for hog in self.hogs:
            hog.send_signal(signal.SIGKILL)
        for hog in self.hogs:
            hog.wait()
        self.hogs = []


class ByPreempting:
    """One process of higher priority that takes its part of every millisecond; for factors up to 10, as the kernel
    leaves others a twentieth."""

    how = "a real-time process that takes its part of every millisecond"

    def __init__(self, tid, core):
        del tid
        self.core, self.process = core, None

    def start(self):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        except OSError:
            return False
        return True

    def times(self, factor):
        self.stop()
        if factor <= 1:
            return
        busy = round(1e6 * (1 - 1 / factor))
        code = (f"import os, signal, time; signal.alarm({HOG_SECONDS})\n"
                "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))\n"
                "next = time.monotonic_ns()\n"
                "while True:\n"
                f" end = time.monotonic_ns() + {busy}\n"
                " while time.monotonic_ns() < end: pass\n"
                f" next = max(next + 1000000, end)\n"
                " time.sleep(max(next - time.monotonic_ns(), 0) / 1e9)\n")
        # In real time from the first: as any other process it would hardly get to start on that core.
        self.process = subprocess.Popen([sys.executable, "-S", "-E", "-c", code],
                                        preexec_fn=place.dies_with_us(self.core, at_once=True))

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None


def slower(tid, core, kinds=(ByQuota, BySharing)):
    for kind in kinds:
        way = kind(tid, core)
        if way.start():
            return way
    raise AssertionError("sharing always starts")
