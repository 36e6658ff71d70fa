"""One sluiced under test: on a free port of 127.0.0.1, its threads pinned, ended with the `with` block."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import place

READY_WITHIN = 10
REPLY_WITHIN = 10


class Daemon:
    def __init__(self, ctx, settings, io_works=False, places=None):
        """`settings` are --set options; io_works: the I/O thread executes the work itself (mutex.workers: 0)."""
        self.places = places or ctx.places
        self.io_works = io_works
        defaults = {"listen.text": "127.0.0.1:0", "listen.resp": "off", "listen.memcached": "off", "threads": 1,
                    "shutdown.grace": "1s"}
        if settings.get("backend", "backpressure") != "mutex":
            defaults.update({"threads_cpus": self.places.io, "owner.cpus": self.places.work})
        self.settings = {**defaults, **settings}
        self.command = [str(ctx.build / "sluiced")]
        for key, value in self.settings.items():
            self.command += ["--set", f"{key}={value}"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        preexec_fn=place.dies_with_us(first=True))
        try:
            self.port = self._wait_until_ready()
            self._pin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()

    @property
    def pid(self):
        return self.process.pid

    def _wait_until_ready(self):
        log, deadline = b"", time.monotonic() + READY_WITHIN
        while b"msg=ready" not in log:
            readable, _, _ = select.select([self.process.stderr], [], [], max(deadline - time.monotonic(), 0))
            piece = self.process.stderr.read1(65536) if readable else b""
            if not piece:
                raise RuntimeError(f"{' '.join(self.command)}: not ready; it said: {log.decode(errors='replace')}")
            log += piece
        return int(re.search(rb"address=127\.0\.0\.1:(\d+)", log).group(1))

    def _pin(self):
        for tid, name in place.threads(self.pid):
            works = name.startswith(("sluice-owner", "sluice-work")) or (self.io_works and name.startswith("sluice-io"))
            place.pin(tid, self.places.work if works else self.places.io)

    def resident(self):
        """Bytes in memory, as the system counts them."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def thread(self, name):
        return next(tid for tid, comm in place.threads(self.pid) if comm == name)

    def stats(self):
        """One answer to STATS."""
        link = Stats(self)
        try:
            return link.read()
        finally:
            link.close()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=REPLY_WITHIN)


class Stats:
    """A connection that asks for STATS now and then."""

    def __init__(self, daemon):
        self.socket = daemon.connect()
        self.file = self.socket.makefile("rb")

    def read(self):
        self.socket.sendall(b"STATS\r\n")
        header = self.file.readline()
        size = int(header.split(b"$")[1])
        body = self.file.read(size)
        self.file.readline()
        return json.loads(body)

    def close(self):
        self.file.close()
        self.socket.close()
