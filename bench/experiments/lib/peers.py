"""Servers to compare: sluiced in its shapes, Debian's redis-server and memcached, and the server that does nothing. Each
listens on a free port of 127.0.0.1, runs on one core, and is ended with the `with` block."""

import shutil
import signal
import socket
import subprocess
import time

from . import place

READY_WITHIN = 10


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """`command(port)` starts it; it is ready when the port answers to connect."""

    def __init__(self, name, protocol, command, core, folder):
        self.name, self.protocol, self.command, self.core, self.folder = name, protocol, command, core, folder

    def __enter__(self):
        self.port = free_port()
        self.process = subprocess.Popen(self.command(self.port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, cwd=self.folder,
                                        preexec_fn=place.dies_with_us(self.core))
        try:
            self._wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{' '.join(self.process.args)}: does not listen") from None
                time.sleep(0.02)

    @property
    def pid(self):
        return self.process.pid

    def resident(self):
        """Bytes in memory, as the system counts them."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Rss:"))


def sluiced(build, protocol, settings):
    def command(port):
        listen = {f"listen.{p}": f"127.0.0.1:{port}" if p == protocol else "off" for p in ("text", "resp", "memcached")}
        options = {"threads": 1, "shutdown.grace": "1s", "log.level": "warn", **listen, **settings}
        return [str(build / "sluiced"), *(word for k, v in options.items() for word in ("--set", f"{k}={v}"))]
    return command


def redis(port):
    return ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--protected-mode", "no", "--io-threads", "1"]


def memcached(port):
    return ["memcached", "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-t", "1", "-m", "16384", "-c", "4096", "-u",
            "root"]


def null_server(build, value):
    def command(port):
        return [str(build / "sluice-bench"), "null-server", "--listen", f"127.0.0.1:{port}", "--value", str(value)]
    return command


def missing(program):
    return shutil.which(program) is None
