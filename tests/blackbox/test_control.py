"""What the control thread answers: in its place among a connection's requests, with the figures of STATS, and while
others go on."""

import json
import socket

import pytest

from daemon import patience

BACKENDS = {
    "mutex": ("backend=mutex", "threads=2"),
    "workers": ("backend=mutex", "mutex.workers=2", "threads=2"),
    "owner": ("backend=owner", "threads=2", "owner.placement=thread"),
    "in place": ("backend=owner", "threads=1", "owner.placement=loop"),
    "shards": ("backend=owner", "threads=2", "shards=2"),
}


class Redis:
    """A connection to the listener of Redis's clients."""

    def __init__(self, daemon):
        self.socket = socket.create_connection(("127.0.0.1", daemon.port_of("resp")), patience(60))
        self.file = self.socket.makefile("rb")

    def send(self, *lines):
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def reply(self):
        line = self.file.readline().decode().rstrip("\r\n")
        assert line, "the connection ended"
        if line[0] == "$":
            return None if line == "$-1" else self.file.read(int(line[1:]) + 2).decode()[:-2]
        if line[0] == "*":
            return [self.reply() for _ in range(int(line[1:]))]
        return int(line[1:]) if line[0] == ":" else line

    def ask(self, *lines):
        self.send(*lines)
        return [self.reply() for _ in lines]


def figures(info):
    return dict(line.split(":", 1) for line in info.split("\r\n") if ":" in line)


@pytest.fixture(params=BACKENDS)
def server(request, start_daemon):
    return start_daemon(*BACKENDS[request.param], others=("resp",))


def test_info_after_a_pipeline_counts_it(server):
    r = Redis(server)
    for n in range(1, 6):
        sets = [f"SET key{n}-{i} x" for i in range(50)]
        *answers, info, after = r.ask(*sets, "INFO keyspace", f"GET key{n}-0")
        assert answers == ["+OK"] * 50 and after == "x"
        assert figures(info)["db0"].split(",")[0] == f"keys={50 * n}"


def test_info_tells_how_many_sessions_expire(server):
    r = Redis(server)
    r.ask("FLUSHALL", *(f"SET never{i} x" for i in range(3)), *(f"SET soon{i} x EX 1000" for i in range(5)))
    keyspace = lambda: dict(part.split("=") for part in figures(r.ask("INFO keyspace")[0])["db0"].split(","))
    assert keyspace() == {"keys": "8", "expires": "5", "avg_ttl": "0"}
    r.ask("PERSIST soon0", "EXPIRE never0 100", "EXPIRE soon1 900", "DEL soon2", "SET soon3 y", "SET never1 y EX 10")
    assert keyspace() == {"keys": "7", "expires": "4", "avg_ttl": "0"}
    r.ask("FLUSHDB", "SET a x EX 1000")
    assert keyspace() == {"keys": "1", "expires": "1", "avg_ttl": "0"}


def test_info_in_a_transaction(server):
    """The control thread answers its part, then the rest is executed: before what is behind it."""
    r = Redis(server)
    for i in range(20):
        replies = r.ask("MULTI", f"SET a {i}", "INFO server", "PING", "GET a", "EXEC", f"SET a {i}x", "GET a",
                        "MULTI", "INFO clients", "CLIENT INFO", "EXEC", "GET a")
        assert replies[:5] == ["+OK"] + ["+QUEUED"] * 4
        done = replies[5]
        assert done[0] == "+OK" and "sluice_version" in done[1] and done[2:] == ["+PONG", str(i)]
        assert replies[6:11] == ["+OK", f"{i}x", "+OK", "+QUEUED", "+QUEUED"]
        assert "connected_clients:1" in replies[11][0] and "addr=127.0.0.1:" in replies[11][1]
        assert replies[12] == f"{i}x"


def test_info_tells_what_stats_does(server):
    r = Redis(server)
    r.ask("SET a 1", "SET b 1", "SET a 2 NX", "GET a", "GET none", "DEL b", "SELECT 3", "SET c 1")
    info = figures(r.ask("INFO")[0])
    with server.connect() as client:
        stats = json.loads(client.ask("STATS").body)
    operations = stats["operations"]
    executed = sum(operations[op].get(outcome, 0) for op in operations if isinstance(operations[op], dict)
                   for outcome in ("ok", "not_found", "conflict") if "overloaded" in operations[op])
    assert int(info["total_commands_processed"]) == executed
    assert int(info["keyspace_hits"]) == operations["get"]["ok"]
    assert int(info["keyspace_misses"]) == operations["get"]["not_found"]
    assert info["db0"].startswith("keys=1,") and info["db3"].startswith("keys=1,")
    assert stats["databases"] == {"0": {"sessions": 1}, "3": {"sessions": 1}}
    assert int(info["used_memory"]) == stats["memory"]["slabs"] + stats["memory"]["buckets"]
    assert info["sluice_version"] == stats["version"] and info["sluice_backend"] == stats["backend"]


def test_settings_change_in_order(server):
    with server.connect() as client:
        lines = [line for n in range(1, 101) for line in (f"CONFIG SET queue.bound {n}", "CONFIG", "PING")]
        client.send("".join(f"{line}\n" for line in lines).encode())
        for n in range(1, 101):
            ok, config, pong = client.replies(3)
            assert ok.kind == "OK" and pong.kind == "PONG"
            assert json.loads(config.body)["queue"]["bound"] == n


def test_what_was_asked_before_the_end_is_answered(server):
    """SIGTERM behind a pipeline of which the first answer has come."""
    r = Redis(server)
    r.send(*["INFO server"] * 100)
    assert "sluice_version" in r.reply()
    server.signal()
    for _ in range(99):
        assert "sluice_version" in r.reply()
    assert r.file.read() == b""
    assert server.wait() == 0
