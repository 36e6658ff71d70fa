"""Servers under test: sluiced, Debian's redis-server and memcached, and the server that does nothing. Each listens on a
free port of 127.0.0.1 and is ended with the `with` block."""

import contextlib
import json
import os
import re
import select
import socket
import subprocess
import time
from pathlib import Path

from . import place

READY_WITHIN = 10
REPLY_WITHIN = 10
CHUNK = 200  # requests in flight at a time: fewer than any queue bound


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """`command(port)` starts it, on one core or any; it is ready when the port answers to connect."""

    def __init__(self, name, protocol, command, core, folder):
        self.name, self.protocol, self.command, self.core, self.folder = name, protocol, command, core, folder

    def start(self):
        self.port = free_port()
        self.process = subprocess.Popen(self.command(self.port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, cwd=self.folder,
                                        preexec_fn=place.dies_with_us(self.core))
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(self.process.args)}: does not listen") from None
                time.sleep(0.02)

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        self.pid = self.process.pid
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=REPLY_WITHIN)

    def resident(self):
        """Bytes in memory, as the system counts them."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Daemon(Server):
    """sluiced, its threads pinned."""

    def __init__(self, ctx, settings, io_works=False, places=None):
        """`settings` are --set options; io_works: the I/O thread executes the work itself (mutex.workers: 0)."""
        self.places, self.io_works = places or ctx.places, io_works
        settings = {"listen.text": "127.0.0.1:0", "listen.resp": "off", "listen.memcached": "off", "threads": 1,
                    "shutdown.grace": "1s", **settings}
        if settings.get("backend", "backpressure") != "mutex":
            settings = {"threads_cpus": self.places.io, "owner.cpus": self.places.work, **settings}
        self.arguments = options(settings)
        self.program = str(ctx.build / "sluiced")

    def start(self):
        self.process = subprocess.Popen([self.program, *self.arguments], stderr=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, preexec_fn=place.dies_with_us(first=True))
        log, deadline = b"", time.monotonic() + READY_WITHIN
        while b"msg=ready" not in log:
            readable, _, _ = select.select([self.process.stderr], [], [], max(deadline - time.monotonic(), 0))
            piece = self.process.stderr.read1(65536) if readable else b""
            if not piece:
                raise RuntimeError(f"{' '.join(self.arguments)}: not ready; it said: {log.decode(errors='replace')}")
            log += piece
        self.port = int(re.search(rb"address=127\.0\.0\.1:(\d+)", log).group(1))
        for tid, name in place.threads(self.process.pid):
            works = name.startswith(("sluice-owner", "sluice-work")) or (self.io_works and name.startswith("sluice-io"))
            with contextlib.suppress(ProcessLookupError):  # of a thread that has ended since
                os.sched_setaffinity(tid, {self.places.work if works else self.places.io})

    def thread(self, name="sluice-owner"):
        return next(tid for tid, comm in place.threads(self.pid) if comm == name)

    def stats(self):
        """One answer to STATS."""
        with Stats(self) as link:
            return link.read()


class Stats:
    """A connection that asks for STATS now and then."""

    def __init__(self, daemon):
        self.socket = daemon.connect()
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def read(self):
        self.socket.sendall(b"STATS\r\n")
        body = self.file.read(int(self.file.readline().split(b"$")[1]))
        self.file.readline()
        return json.loads(body)

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


def samples(seconds, every_s, look):
    """What look() returns, a dictionary, time and again, with the second at which it was asked as at_s."""
    seen, begin = [], time.monotonic()
    while (at := time.monotonic() - begin) < seconds:
        seen.append({"at_s": round(at, 3), **look()})
        time.sleep(max(0.0, min(every_s, begin + seconds - time.monotonic())))
    return seen


def put_sessions(daemon, sessions, due, value, early):
    """`sessions` of them, due evenly over the second that begins at monotonic time `due`. All must be stored `early`
    seconds before it."""
    with daemon.connect() as link:
        answers = link.makefile("rb")
        for first in range(0, sessions, CHUNK):
            now = time.monotonic()
            lines = [b"PUT due-%028d %dms %s\r\n" % (i, (due + i / sessions - now) * 1000, value)
                     for i in range(first, min(first + CHUNK, sessions))]
            link.sendall(b"".join(lines))
            if not all(answers.readline().startswith(b"OK") for _ in lines):
                raise RuntimeError("a session was not stored")
    if time.monotonic() > due - early:
        raise RuntimeError("storing the sessions took too long on this machine")


def options(settings):
    return [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]


def sluiced(build, protocol, settings):
    def settings_on(port):
        listen = {f"listen.{p}": f"127.0.0.1:{port}" if p == protocol else "off" for p in ("text", "resp", "memcached")}
        return {"threads": 1, "shutdown.grace": "1s", "log.level": "warn", **listen, **settings}
    return lambda port: [str(build / "sluiced"), *options(settings_on(port))]


def redis(port):
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--protected-mode", "no", "--io-threads", "1"]


def memcached(port):
    return ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "1", "-m", "16384", "-c", "4096", "-u",
            "root"]


def null_server(build, value):
    return lambda port: [str(build / "sluice-bench"), "null-server", "--listen", f"127.0.0.1:{port}", "--value", str(value)]
