"""A million sessions, ten thousand connections."""

import resource
import time

import pytest

from daemon import poll, sanitizer

MIB = 1 << 20
SESSIONS = 50_000 if sanitizer() else 1_000_000
BATCH = 1000


def in_batches(client, request, expected):
    """Sends request(i) for every session, a batch at a time; every reply must begin with `expected`."""
    for start in range(0, SESSIONS, BATCH):
        client.send(b"".join(request(i) for i in range(start, start + BATCH)))
        lines = 0
        while lines < BATCH:
            if client.buffer.count(b"\n") < BATCH - lines:
                assert client._fill()
                continue
            data = client.read_exactly(client.buffer.rfind(b"\n") + 1)
            assert data.count(b"\n") == data.count(b"\n" + expected) + data.startswith(expected), data[:200]
            lines += data.count(b"\n")


@pytest.mark.parametrize("point", ["backpressure-t1"])
def test_a_million_sessions(start_daemon, point):
    """Put, counted, expired on time, and their memory given back."""
    d = start_daemon(backend=point)
    value = b"v" * 300
    with d.connect(timeout=60) as client, d.connect() as other:
        client.put("warm", value)
        client.ask("DELETE warm")
        before = d.rss()
        in_batches(client, lambda i: b"PUT session:%08d 1h $300\n%s\n" % (i, value), b"OK ")
        assert client.ask("LEN").number == SESSIONS
        full = d.rss()
        if not sanitizer():
            assert (full - before) / SESSIONS < 500, f"{(full - before) / SESSIONS:.0f} bytes a session"
        assert client.get("session:%08d" % (SESSIONS // 2)).body == value

        in_batches(client, lambda i: b"TOUCH session:%08d 2s\n" % i, b"OK ")
        touched = time.monotonic()
        while True:
            asked = time.monotonic()
            if client.ask("LEN").number == 0:
                break
            assert asked < touched + 2.002, "sessions left after their deadline"
            assert other.ask("PING").kind == "PONG"
        assert client.get("session:%08d" % (SESSIONS - 1)).kind == "NOT_FOUND"
        if not sanitizer():
            poll(lambda: other.get("none") and d.rss() - before < (full - before) / 4, 60,
                 "the memory of expired sessions is given back")
        assert client.put("next", b"x").kind == "OK" and client.ask("LEN").number == 1


def test_ten_thousand_idle_connections(start_daemon):
    """At most 30 MB of resident memory for all of them."""
    count = 10_000
    if sanitizer():
        pytest.skip("memory is not measured under a sanitizer")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count + 500:
        pytest.skip(f"the hard limit of open files is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 500, hard))
    clients = []
    try:
        d = start_daemon("limits.connections=10000", "threads=2")
        before = d.rss()
        for i in range(count):
            client = d.connect("unix" if i % 2 else "tcp")
            clients.append(client)
            client.send(b"PING\n")
        for client in clients:
            assert client.reply().kind == "PONG"
        cost = d.rss() - before
        assert cost <= 30_000_000, f"{cost / count:.0f} bytes a connection"
        with d.connect() as extra:
            assert extra.reply().code == "too-many-connections"
        assert clients[0].put("k", b"x").kind == "OK"
        assert clients[-1].get("k").body == b"x"
        for client in clients[1:]:
            client.reset()
        poll(lambda: d.descriptors() < 200, 30, "all connections were let go")
        assert clients[0].get("k").body == b"x"
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
