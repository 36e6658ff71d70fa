"""twemproxy (nutcracker) spreads keys over two daemons, in both protocols."""

import pytest
from conftest import BACKENDS, Process, free_port, needs
from wire import Resp, Wire

KEYS = 400
# The servers have names, so that keys are spread alike whatever the ports.
POOL = """
{name}:
  listen: 127.0.0.1:{port}
  hash: murmur
  distribution: ketama
  redis: {redis}
  timeout: 20000
  servers:
   - 127.0.0.1:{one}:1 one
   - 127.0.0.1:{two}:1 two
"""


class Proxy(Process):
    """Two pools in one process: .resp_port and .memcached_port, over the daemons `one` and `two`."""

    def __init__(self, folder, one, two):
        self.one, self.two = one, two
        self.resp_port, self.memcached_port = free_port(), free_port()
        settings = folder / "nutcracker.yml"
        settings.write_text(
            POOL.format(name="sessions", port=self.resp_port, redis="true", one=one.resp_port, two=two.resp_port)
            + POOL.format(name="cache", port=self.memcached_port, redis="false", one=one.memcached_port,
                          two=two.memcached_port))
        super().__init__([needs("nutcracker"), "-c", str(settings), "-s", str(free_port()), "-a", "127.0.0.1",
                          "-o", str(folder / "log"), "-p", str(folder / "pid")], self.memcached_port)

    def counts(self):
        found = []
        for daemon in (self.one, self.two):
            with Resp(daemon.resp_port) as wire:
                found.append(int(wire.ask("DBSIZE")[1:]))
        return found


@pytest.fixture(params=list(BACKENDS))
def proxy(request, start_sluiced, tmp_path):
    needs("nutcracker")
    one, two = (start_sluiced(*BACKENDS[request.param]) for _ in range(2))
    with Proxy(tmp_path, one, two) as running:
        yield running


def test_redis(proxy):
    with Resp(proxy.resp_port) as wire:
        for i in range(KEYS):
            wire.send(Resp.command("SET", f"sess:{i}", f"value {i}", "EX", 1000))
        assert all(wire.reply() == b"+OK\r\n" for _ in range(KEYS))
        counts = proxy.counts()
        assert sum(counts) == KEYS and min(counts) > KEYS // 10, counts
        assert wire.ask("GET", "sess:7") == b"$7\r\nvalue 7\r\n"
        names = [f"sess:{i}" for i in range(KEYS)]
        assert wire.ask("MGET", *names) == b"*%d\r\n" % KEYS + b"".join(
            b"$%d\r\n%s\r\n" % (len(f"value {i}"), f"value {i}".encode()) for i in range(KEYS))
        assert wire.ask("INCR", "n") == b":1\r\n" and wire.ask("TTL", "n") == b":-1\r\n"
        assert wire.ask("SET", "n", "x", "NX") == b"$-1\r\n"
        assert wire.ask("DEL", "n", *names) == b":%d\r\n" % (KEYS + 1)
        assert proxy.counts() == [0, 0]


def test_memcached(proxy):
    with Wire(proxy.memcached_port) as wire:
        wire.send(b"".join(b"set k%d 5 1000 %d\r\n%s\r\n" % (i, len(str(i)), str(i).encode()) for i in range(KEYS)))
        assert all(wire.line() == b"STORED\r\n" for _ in range(KEYS))
        counts = proxy.counts()
        assert sum(counts) == KEYS and min(counts) > KEYS // 10, counts
        wire.send(b"get " + b" ".join(b"k%d" % i for i in range(KEYS)) + b"\r\n")
        found = {}
        while (line := wire.line()) != b"END\r\n":
            assert line.split()[2] == b"5"
            found[line.split()[1]] = wire.line().strip()
        assert found == {b"k%d" % i: b"%d" % i for i in range(KEYS)}
        wire.send(b"incr k7 1\r\ntouch k7 2000\r\ngets k8\r\n")
        assert [wire.line() for _ in range(2)] == [b"8\r\n", b"TOUCHED\r\n"]
        cas = wire.line().split()[4]
        assert [wire.line() for _ in range(2)] == [b"8\r\n", b"END\r\n"]
        wire.send(b"cas k8 0 0 1 %s\r\nx\r\ncas k8 0 0 1 %s\r\ny\r\n" % (cas, cas))
        assert [wire.line() for _ in range(2)] == [b"STORED\r\n", b"EXISTS\r\n"]
        wire.send(b"".join(b"delete k%d\r\n" % i for i in range(KEYS)))
        assert all(wire.line() == b"DELETED\r\n" for _ in range(KEYS))
        assert proxy.counts() == [0, 0]
