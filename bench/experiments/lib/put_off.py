"""How long does the system keep the daemon's threads from running while they are ready to?"""

import threading
from pathlib import Path

from . import place

SAMPLE_S = 0.01


class PutOff:
    """From its making to stop(), by the kernel's count of what each thread has waited for a processor, looked at every
    10 ms: the most within one such piece, where what ended in it counts whole."""

    def __init__(self, pid):
        self.longest_ns, self._ended = 0, threading.Event()
        paths = [Path(f"/proc/{pid}/task/{tid}/schedstat") for tid, comm in place.threads(pid) if comm.startswith("sluice-")]
        self._files = [path.open() for path in paths if path.exists()]
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _waited_ns(self):
        for file in self._files:
            file.seek(0)
        return [int(file.read().split()[1]) for file in self._files]

    def _watch(self):
        before = self._waited_ns()
        while not self._ended.wait(SAMPLE_S):
            after = self._waited_ns()
            self.longest_ns = max([self.longest_ns, *(b - a for a, b in zip(before, after))])
            before = after

    def stop(self):
        """Nanoseconds; None where the kernel does not count."""
        self._ended.set()
        self._thread.join()
        for file in self._files:
            file.close()
        return self.longest_ns if self._files else None
