"""Stops what the daemon does for a while: all of it, or one thread, which needs the right to trace the process."""

import contextlib
import ctypes
import os
import signal

from . import overload
from .servers import Daemon

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


class Process:
    """All threads, from start() to stop()."""

    what = "the whole daemon"

    def __init__(self, daemon):
        self.pid = daemon.pid

    def start(self):
        os.kill(self.pid, signal.SIGSTOP)

    def stop(self):
        os.kill(self.pid, signal.SIGCONT)


class Thread:
    """One thread. start() raises OSError where that is not permitted."""

    what = "the owner thread alone"

    def __init__(self, daemon):
        self.tid = daemon.thread()
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long] * 4

    def _ptrace(self, request):
        if self.libc.ptrace(request, self.tid, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"cannot stop one thread: {os.strerror(ctypes.get_errno())}")

    def start(self):
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)

    def stop(self):
        os.waitpid(self.tid, 0x40000000)  # __WALL: it has stopped, and may be let go
        self._ptrace(PTRACE_DETACH)


@contextlib.contextmanager
def owner_stopped(ctx, settings, places=None):
    """A daemon whose owner thread does nothing."""
    with Daemon(ctx, overload.settings_of(ctx, **settings), places=places) as daemon:
        thread = Thread(daemon)
        thread.start()
        try:
            yield daemon
        finally:
            thread.stop()
