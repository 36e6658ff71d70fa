"""Every limit of the configuration, met at the limit and one beyond it."""

import socket

import pytest

from client import Closed, put_bytes
from daemon import SMALL_MATRIX, patience, poll

DAEMON_MATRIX = SMALL_MATRIX
MIB = 1 << 20


def test_default_line(daemon, kind):
    """64 KiB of line, its end not counted."""
    room = 65536 - len("PUT k 30m ")
    with daemon.connect(kind) as client:
        assert client.ask(b"PUT k 30m " + b"x" * room).kind == "OK"
        assert len(client.get("k").body) == room
        assert client.ask("DELETE k").kind == "OK"
        client.send_if_open(b"PUT victim 30m " + b"x" * 65536 + b"\nPUT victim 30m x\n")
        assert client.reply().code == "too-large"
        client.expect_eof()
    with daemon.connect(kind) as client:
        assert client.get("victim").kind == "NOT_FOUND"


def test_default_value(daemon, kind):
    with daemon.connect(kind) as client:
        largest = bytes(range(256)) * 4096
        assert client.put("big", largest).kind == "OK"
        assert client.get("big").body == largest
        assert client.put("big", largest + b"x").code == "too-large"
        assert client.ask("PING").kind == "PONG"
        assert client.get("big").body == largest
        assert client.ask("DELETE big").kind == "OK"


def test_huge_value_is_dropped_not_kept(daemon):
    """64 MiB announced: read and dropped, in step, and not held in memory."""
    before = daemon.rss()
    with daemon.connect() as client:
        client.send(b"@tag=h PUT huge never $%d\n" % (64 * MIB))
        for _ in range(64):
            client.send(b"z" * MIB)
        client.send(b"\nPING\n")
        reply = client.reply()
        assert (reply.code, reply.tag) == ("too-large", "h")
        assert client.reply().kind == "PONG"
        assert daemon.rss() - before < 32 * MIB


@pytest.mark.parametrize("size", [1, 511, 512])
def test_keys_up_to_the_limit(daemon, size):
    key = b"\xe2\x82\xac"[:1] * size
    with daemon.connect() as client:
        assert client.put(key, b"v").kind == "OK"
        assert client.get(key).body == b"v"
        assert client.ask(b"DELETE " + key).kind == "OK"
        assert client.get(b"k" * 513).code == "bad-key"


def test_smaller_limits(start_daemon):
    d = start_daemon("limits.key=8", "limits.line=512", "limits.value=100")
    with d.connect() as client:
        assert client.put("12345678", b"x" * 100).kind == "OK"
        assert client.put("123456789", b"x").code == "bad-key"
        assert client.put("a", b"x" * 101).code == "too-large"
        assert client.ask(b"PUT a 30m " + b"x" * 101).code == "too-large"
        assert client.ask("PING").kind == "PONG"
        client.send_if_open(b"GET " + b"k" * 509 + b"\n")
        assert client.reply().code == "too-large"
        client.expect_eof()


def test_connections(start_daemon, kind):
    d = start_daemon("limits.connections=5", "threads=2")
    clients = [d.connect(kind) for _ in range(5)]
    assert [c.ask("PING").kind for c in clients] == ["PONG"] * 5
    for _ in range(3):
        with d.connect("unix" if kind == "tcp" else "tcp") as extra:
            assert extra.reply().code == "too-many-connections"
            extra.expect_eof()
    assert [c.ask("PING").kind for c in clients] == ["PONG"] * 5
    clients[0].close()

    def admitted():
        with d.connect(kind) as client:
            client.send_if_open(b"PING\n")
            return client.reply().kind == "PONG"

    poll(admitted, 10, "a place that was left is given to the next")
    for client in clients[1:]:
        assert client.ask("PING").kind == "PONG"
        client.close()


def test_idle_connection_is_closed_silently(start_daemon, kind):
    d = start_daemon("limits.idle_timeout=200ms")
    with d.connect(kind) as client, d.connect(kind) as never_spoke:
        assert client.ask("PING").kind == "PONG"
        client.expect_eof()
        never_spoke.expect_eof()
    with d.connect(kind) as client:
        assert client.ask("PING").kind == "PONG"


def test_unfinished_request_times_out(start_daemon, kind):
    d = start_daemon("limits.request_timeout=200ms")
    with d.connect(kind) as client:
        assert client.ask("PING").kind == "PONG"
        client.send(b"PUT victim 30m half a li")
        assert client.reply().code == "timeout"
        client.expect_eof()
    with d.connect(kind) as client:
        client.send(b"PUT victim 30m $10\nabc")
        assert client.reply().code == "timeout"
        client.expect_eof()
    with d.connect(kind) as client:
        client.send(b"@tag=x PUT victim 30m $%d\nabc" % (2 * MIB))  # a value that is being dropped
        assert client.reply().code == "timeout"
        client.expect_eof()
    with d.connect(kind) as client:
        assert client.get("victim").kind == "NOT_FOUND"


def test_memory(start_daemon):
    """When limits.memory is reached, only what would grow is refused, and what was freed can be used again."""
    d = start_daemon("limits.memory=1MiB", "backend=owner")
    with d.connect() as client:
        stored = 0
        while (reply := client.put(f"k{stored}", b"x" * 10000)).kind == "OK":
            stored += 1
            assert stored < 105, "more than the limit was stored"
        assert reply.code == "out-of-memory" and stored > 60
        assert client.ask("LEN").number == stored
        assert client.get("k0").body == b"x" * 10000
        assert client.ask("TOUCH k0 1h").kind == "OK"
        assert client.put("k0", b"y" * 10000).kind == "OK", "an update that does not grow"
        assert client.put("k0", b"y" * 100).kind == "OK"
        assert client.put("k1", b"x" * 200000).code == "out-of-memory"
        assert client.get("k1").body == b"x" * 10000, "a refused update leaves the session alone"
        for i in range(10, 20):
            assert client.ask(f"DELETE k{i}").kind == "OK"
        for i in range(8):
            assert client.put(f"n{i}", b"x" * 10000).kind == "OK"


def test_memory_of_expired_sessions_is_free_again(start_daemon):
    d = start_daemon("limits.memory=1MiB", "ttl.sweep_interval=1h")
    with d.connect() as client:
        client.send(b"".join(put_bytes(f"k{i}", b"x" * 10000, "1ms") for i in range(200)))
        assert {r.kind for r in client.replies(200)} <= {"OK", "ERROR"}
        poll(lambda: client.ask("LEN").number == 0, 10, "all have expired")
        poll(lambda: client.put("k", b"x" * 10000).kind == "OK", 10, "room is found although no sweep came by")


def test_output_soft_limit_pauses_and_resumes(start_daemon, kind):
    """Many more replies than fit: none is lost once the client reads."""
    d = start_daemon("limits.output_soft=16KiB", "limits.value=64KiB", "limits.output_hard=1MiB")
    value = b"v" * 60000
    with d.connect(kind) as client:
        assert client.put("big", value).kind == "OK"
        client.send(b"".join(b"@tag=%d GET big\n" % i for i in range(500)))
        for i in range(500):
            reply = client.reply()
            assert reply.tag == str(i) and reply.body == value
        assert client.ask("DELETE big").kind == "OK"


def bulk(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def test_nothing_ends_a_client_that_reads(start_daemon):
    """One reply larger than limits.output_hard, and many replies that together are: all of it comes."""
    d = start_daemon("limits.output_soft=64KiB", "limits.output_hard=2MiB", others=("resp",))
    size, keys = 1 << 20, [b"k%d" % i for i in range(8)]
    value = b"v" * (size // 2)
    with socket.create_connection(("127.0.0.1", d.port_of("resp")), patience(60)) as client, client.makefile("rb") as f:
        for key in keys:  # no request has had a value as large as those that come of it
            client.sendall(bulk(b"SET", key, value) + bulk(b"APPEND", key, value))
            assert f.readline() + f.readline() == b"+OK\r\n:%d\r\n" % size

        def expect_value():
            assert f.readline() == b"$%d\r\n" % size
            assert f.read(size + 2) == value + value + b"\r\n"

        client.sendall(bulk(b"MGET", *keys) * 2)
        for _ in range(2):
            assert f.readline() == b"*%d\r\n" % len(keys)
            for _ in keys:
                expect_value()
        client.sendall(b"".join(bulk(b"GET", keys[i % len(keys)]) for i in range(60)))
        for _ in range(60):
            expect_value()


@pytest.mark.parametrize("placement", ["loop", "thread"])
def test_client_list_tells_the_address_in_a_transaction(start_daemon, placement):
    d = start_daemon("threads=1", "shards=1", f"owner.placement={placement}", others=("resp",))
    with socket.create_connection(("127.0.0.1", d.port_of("resp")), patience(20)) as client, client.makefile("rb") as f:
        client.sendall(bulk(b"MULTI") + bulk(b"SET", b"k", b"v") + bulk(b"CLIENT", b"LIST") + bulk(b"EXEC"))
        replies = [f.readline() for _ in range(7)]
        assert replies[:5] == [b"+OK\r\n", b"+QUEUED\r\n", b"+QUEUED\r\n", b"*2\r\n", b"+OK\r\n"]
        assert b" addr=127.0.0.1:%d " % client.getsockname()[1] in replies[6]


def test_descriptor_limit_is_raised_or_refused(start_daemon):
    """limits.connections beyond the hard limit of descriptors is said at the start, not found out later."""
    d = start_daemon("limits.connections=1000000", ready=False)
    try:
        d.wait_ready()
    except AssertionError:
        assert d.wait() == 1
        assert "connections" in d.stderr() or "descriptor" in d.stderr()


def test_a_closed_port_is_not_a_hang(start_daemon):
    """A connection that is over the limit does not have to send anything to be told."""
    d = start_daemon("limits.connections=1", "threads=1")
    with d.connect() as first:
        assert first.ask("PING").kind == "PONG"
        with socket.create_connection((d.host, d.port)) as second:
            second.settimeout(20)
            assert second.recv(1000).startswith(b"ERROR too-many-connections ")
        with pytest.raises(Closed):
            with d.connect() as third:
                third.reply()
                third.reply()
