"""Starts, watches and ends one sluiced for a test.

    start -> "msg=listening" lines tell the ports -> "msg=ready" -> test talks -> SIGTERM -> exit 0, no report

Readiness is read from the daemon's standard error, so nothing here sleeps or guesses.
"""

import functools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from client import Client

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve()
SLUICED = BUILD / "sluiced"

# The first report of a sanitizer ends the daemon, so that a test sees it.
os.environ.setdefault("ASAN_OPTIONS", "halt_on_error=1:abort_on_error=0:detect_leaks=1")
os.environ.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=1:second_deadlock_stack=1")
# What a sanitizer, or a failed assertion, writes before it ends the daemon.
REPORT = re.compile(r"(Address|Thread|Leak|UndefinedBehavior|Memory)Sanitizer|runtime error:|Assertion .* failed")

# The concurrency designs worth telling apart; every one must show the same behaviour.
BACKENDS = {
    "mutex-w0": ("backend=mutex", "mutex.workers=0"),
    "mutex-w2": ("backend=mutex", "mutex.workers=2"),
    "mutex-w3-s4": ("backend=mutex", "mutex.workers=3", "mutex.stripes=4"),
    "mutex-rwlock": ("backend=mutex", "mutex.workers=2", "mutex.lock=rwlock"),
    "owner": ("backend=owner",),
    "backpressure": ("backend=backpressure",),
}
MATRIX = {f"{name}-t{threads}": sets + (f"threads={threads}",)
          for name, sets in BACKENDS.items() for threads in (1, 2)}
# Two owners: threads of their own, behind one I/O thread, and the two I/O threads themselves. A pipeline is one
# owner's, who has half of the bound: as much as one without shards.
MATRIX["backpressure-s2-t1"] = ("backend=backpressure", "shards=2", "owner.placement=thread", "threads=1",
                                "queue.bound=2048")
MATRIX["owner-s2-t2"] = ("backend=owner", "shards=2", "owner.placement=loop", "threads=2")
SMALL_MATRIX = {name: MATRIX[name] for name in ("mutex-w0-t2", "mutex-w2-t1", "owner-t2", "backpressure-t2", "owner-s2-t2")}


@functools.lru_cache()
def sanitizer():
    """The sanitizer that the daemon was built with: "address", "thread" or None."""
    binary = SLUICED.read_bytes()
    return "thread" if b"__tsan_init" in binary else "address" if b"__asan_init" in binary else None


def patience(seconds):
    """A timeout: long, since it only bounds how late a failure is seen, and longer under a sanitizer."""
    return seconds * (4 if sanitizer() else 1)


def quoted(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


class Daemon:
    """A running sluiced: .host .port .unix_path .pid .stderr_lines; .connect() and .stop() are what tests need."""

    def __init__(self, sets=(), config=None, env=None, listen=None, others=()):
        """`others`: which of "resp" and "memcached" to listen for, too, on 127.0.0.1; see port_of."""
        self.sets = tuple(sets)
        self.directory = Path(tempfile.mkdtemp(prefix="sluice-"))  # short: a Unix socket path has 107 bytes
        self.host, self.unix_path = "127.0.0.1", str(self.directory / "s")
        self.listeners = {}  # addresses by listener's name
        self.addresses = []  # of the text listener, as the daemon logged them, in the order of listening
        self.stderr_lines = []
        self.command = [str(SLUICED)]
        if config is not None:
            path = self.directory / "sluice.yaml"
            path.write_text(config)
            self.command += ["--config", str(path)]
        if listen is None:
            listen = (f"{self.host}:0", f"unix:{self.unix_path}")
        if listen:
            self.command += ["--set", "listen.text=[" + ", ".join(quoted(a) for a in listen) + "]"]
        for name in ("resp", "memcached"):
            self.command += ["--set", f"listen.{name}={f'{self.host}:0' if name in others else 'off'}"]
        for item in sets:
            self.command += ["--set", item]
        self.changed = threading.Condition()
        self.stderr_ended = self.signalled = False
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._read_stderr, daemon=True)
        self.reader.start()

    def _read_stderr(self):
        for raw in self.process.stderr:
            line = raw.decode("utf-8", "backslashreplace").rstrip("\n")
            with self.changed:
                self.stderr_lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.stderr_ended = True
            self.changed.notify_all()

    def wait_line(self, pattern, timeout=20):
        """Waits until a line of standard error matches; returns the match."""
        pattern = re.compile(pattern)
        deadline = time.monotonic() + patience(timeout)
        seen = 0
        with self.changed:
            while True:
                for line in self.stderr_lines[seen:]:
                    seen += 1
                    if match := pattern.search(line):
                        return match
                left = deadline - time.monotonic()
                if self.stderr_ended or left <= 0:
                    raise AssertionError(f"no line with {pattern.pattern!r} from {' '.join(self.command)}:\n"
                                         + self.stderr())
                self.changed.wait(left)

    def wait_ready(self):
        self.wait_line(r'msg="?ready\b')
        for line in self.stderr_lines:
            if re.search(r'msg="?listening\b', line):
                address = re.search(r'address="?([^" ]+)', line).group(1)
                listener = re.search(r'listener="?([^" ]+)', line).group(1)
                self.listeners.setdefault(listener, []).append(address)
                if listener == "text":
                    self.addresses.append(address)
        return self

    def port_of(self, listener):
        """The TCP port of a listener: "text", "resp", "memcached"."""
        return int(next(a for a in self.listeners[listener] if a.startswith(self.host + ":")).rpartition(":")[2])

    @property
    def port(self):
        return int(next(a for a in self.addresses if a.startswith(self.host + ":")).rpartition(":")[2])

    def stderr(self):
        return "\n".join(self.stderr_lines)

    def connect_accepted(self, kind="tcp", timeout=20):
        """As connect, but the daemon has it, not only the kernel."""
        client = self.connect(kind, timeout)
        client.send(b"PING\n")
        assert client.reply().kind == "PONG"
        return client

    def connect(self, kind="tcp", timeout=20):
        if kind == "unix":
            sock = socket.socket(socket.AF_UNIX)
            address = self.unix_path
        else:
            sock = socket.socket()
            address = (self.host, self.port)
        if kind != "unix":
            sock.settimeout(patience(timeout))
        try:
            sock.connect(address)  # with a limit, one to a Unix socket would fail at once when the backlog is full
            sock.settimeout(patience(timeout))
        except OSError:
            sock.close()
            raise
        return Client(sock, patience(timeout))

    # what the kernel knows of it

    def rss(self):
        """Resident bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def cpu_ticks(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    # ending

    def signal(self, number=signal.SIGTERM):
        self.signalled = True
        os.kill(self.pid, number)

    def wait(self, timeout=30):
        """Waits until it has ended and all it wrote is read; returns its exit status."""
        try:
            status = self.process.wait(patience(timeout))
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the daemon does not end:\n{self.stderr()}") from None
        self.reader.join(patience(10))
        return status

    def check_reports(self):
        assert not REPORT.search(self.stderr()), f"{' '.join(self.command)}:\n{self.stderr()}"

    def stop(self):
        """SIGTERM (unless it was signalled before: the second one ends it the hard way); it must exit 0 and no
        sanitizer may have spoken."""
        if self.process.poll() is None and not self.signalled:
            self.signal()
        status = self.wait()
        self.check_reports()
        assert status == 0, f"exit status {status} of {' '.join(self.command)}:\n{self.stderr()}"

    def close(self):
        """Leaves nothing behind, whatever happened."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.reader.join(10)
        self.process.stderr.close()
        shutil.rmtree(self.directory, ignore_errors=True)


class Barrier:
    """wait() returns when every I/O loop has read all that was sent before on connections it has accepted: one
    connection per loop (connections are handed to the loops in turn), and PINGs on each. The first may be answered
    in the very turn that reads the rest, the second only in a later one."""

    def __init__(self, daemon, threads):
        self.clients = [daemon.connect("unix") for _ in range(threads)]
        self.wait()

    def wait(self):
        for _ in range(2):
            for client in self.clients:
                client.send(b"PING\n")
            for client in self.clients:
                assert client.reply().kind == "PONG"

    def close(self):
        for client in self.clients:
            client.close()


def poll(check, timeout, what):
    """Repeats `check` until it is true; for state of the daemon that announces itself by no event."""
    deadline = time.monotonic() + patience(timeout)
    while not (result := check()):
        assert time.monotonic() < deadline, f"not within {patience(timeout)} s: {what}"
        time.sleep(0.01)
    return result
