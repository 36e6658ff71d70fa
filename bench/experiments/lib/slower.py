"""Makes one thread of the daemon slower in mid-run, as if every operation took longer: it is given 1 ms of its core in
every 10 or 100. A control group (version 1, writable) does this exactly, and for small factors a process of higher
priority on the same core does. Sharing the core with busy processes needs no rights, and is rougher."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

from . import place

GROUPS = Path("/sys/fs/cgroup/cpu")
QUANTUM_US = 1000
HOG_SECONDS = 300  # a busy process ends by itself after so long, whatever happens
HOG = f"import os, signal, time; signal.alarm({HOG_SECONDS})\n"


class ByQuota:
    how = "CPU quota of a control group"

    def __init__(self, tid, core):
        del core
        self.tid, self.group = tid, GROUPS / f"sluice-bench-{os.getpid()}"

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
        for undo in (lambda: (GROUPS / "tasks").write_text(str(self.tid)), self.group.rmdir):
            with contextlib.suppress(OSError):  # of a thread that has ended; an empty group harms nobody
                undo()


class BySharing:
    how, at_once = "busy processes on the same core", False

    def __init__(self, tid, core):
        del tid
        self.core, self.hogs = core, []

    def start(self):
        return True

    def programs(self, factor):
        return [HOG + "while True: pass"] * (factor - 1)

    def times(self, factor):
        self.stop()
        self.hogs = [subprocess.Popen([sys.executable, "-S", "-E", "-c", program],
                                      preexec_fn=place.dies_with_us(self.core, at_once=self.at_once))
                     for program in self.programs(factor)]

    def stop(self):
        for hog in self.hogs:
            hog.kill()
        for hog in self.hogs:
            hog.wait()
        self.hogs = []


class ByPreempting(BySharing):
    """One process of higher priority that takes its part of every millisecond; for factors up to 10, as the kernel
    leaves others a twentieth. In real time from the first: as any other it would hardly get to start on that core."""

    how, at_once = "a real-time process that takes its part of every millisecond", True

    def start(self):
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        except OSError:
            return False
        return True

    def programs(self, factor):
        return [HOG + f"""
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(2))
next = time.monotonic_ns()
while True:
    end = time.monotonic_ns() + {round(1e6 * (1 - 1 / factor))}
    while time.monotonic_ns() < end: pass
    next = max(next + 1000000, end)
    time.sleep(max(next - time.monotonic_ns(), 0) / 1e9)
"""] if factor > 1 else []


def slower(daemon, kinds=(ByQuota, BySharing)):
    """A way to slow the owner's thread down."""
    ways = (kind(daemon.thread(), daemon.places.work) for kind in kinds)
    return next(way for way in ways if way.start())


def slowed_down(factor, after_s, seconds):
    """For Context.tcp: makes the owner so much slower from some time on. What it returns says how."""
    def meanwhile(daemon):
        way = slower(daemon, (ByPreempting, BySharing))
        try:
            time.sleep(after_s)
            way.times(factor)
            time.sleep(seconds)
        finally:
            way.stop()
        return way.how
    return meanwhile
