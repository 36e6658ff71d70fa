"""Fixtures of the tests with other people's programs.

    sluiced     a daemon with all three listeners, per module and backend
    peer_redis  Debian's redis-server, peer_memcached its memcached: private ones, for comparing
A program or module that is not installed skips its tests and says so (`make test-clients` installs them all).
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blackbox"))

import daemon as harness  # noqa: E402

BACKENDS = {name: harness.MATRIX[name] for name in ("mutex-w0-t2", "owner-t1", "backpressure-t2", "owner-s2-t2")}
PATIENCE = 30


def needs(program):
    """Skips the test unless the program is there."""
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed")
    return found


def needs_module(name, package):
    """A mark that skips its tests unless the Python module is there, which comes with that Debian package."""
    return pytest.mark.skipif(importlib.util.find_spec(name) is None, reason=f"{package} is not installed")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Process:
    """A program that listens on a free port of 127.0.0.1, in a folder of its own; ended by its pid."""

    def __init__(self, command, port, env=None):
        self.port = port
        self.directory = tempfile.mkdtemp(prefix="sluice-peer-")
        self.log = Path(self.directory) / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.directory, env={**os.environ, **(env or {})})
        self.pid = self.process.pid
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    said = self.log.read_text(errors="replace")
                    self.stop()
                    raise AssertionError(f"{self.process.args[0]} does not listen: {said}") from None
                time.sleep(0.02)  # between two looks: there is no event to wait for

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def start_redis():
    port = free_port()
    return Process([needs("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                    "no", "--enable-debug-command", "yes"], port)


def start_memcached():
    port = free_port()
    return Process([needs("memcached"), "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "1", "-u",
                    "root" if os.geteuid() == 0 else str(os.geteuid())], port)


class Sluiced(harness.Daemon):
    def __init__(self, *sets):
        super().__init__(sets, others=("resp", "memcached"))
        self.wait_ready()
        self.resp_port = self.port_of("resp")
        self.memcached_port = self.port_of("memcached")


@pytest.fixture(scope="module", params=list(BACKENDS))
def sluiced(request):
    d = Sluiced(*BACKENDS[request.param])
    d.point = request.param
    try:
        yield d
        d.stop()
    finally:
        d.close()


@pytest.fixture
def start_sluiced():
    started = []

    def start(*sets):
        started.append(Sluiced(*sets))
        return started[-1]

    try:
        yield start
        for d in started:
            if d.process.poll() is None and not d.signalled:
                d.stop()
    finally:
        for d in started:
            d.close()


@pytest.fixture(scope="module")
def peer_redis():
    with start_redis() as server:
        yield server


@pytest.fixture(scope="module")
def peer_memcached():
    with start_memcached() as server:
        yield server
