"""More work than the daemon can do: `backpressure` says so at once, `owner` makes its clients wait.

The load: 64 connections, each with its whole pipeline already sent, against an owner that works a good while on
every operation. Every request has a tag and its own key, so each answer can be told apart and checked later.
"""

import json

import pytest

from client import put_bytes
from daemon import Barrier, poll, sanitizer

CONNECTIONS, REQUESTS = 64, 40
LOAD = ("queue.bound=64", "work.iterations=30000")
MIB = 1 << 20


def request(i, j):
    """PUTs of an own key (typed and counted) and GETs of a shared one, in turn."""
    tag = f"@tag={i}-{j} "
    if j % 4 == 0:
        return put_bytes(f"k{i}-{j}", b"v%d" % j * 50, modifiers=tag)
    if j % 4 == 1:
        return f"{tag}PUT k{i}-{j} 30m v{j}\n".encode()
    return f"{tag}GET shared\n".encode()


def swamp(d):
    """Sends it all before reading anything. Returns {(i, j): reply}, having checked order and number."""
    with d.connect() as client:
        assert client.put("shared", b"shared value", "never").kind == "OK"
    clients = [d.connect("unix" if i % 4 == 0 else "tcp", timeout=60) for i in range(CONNECTIONS)]
    for i, client in enumerate(clients):
        client.send(b"".join(request(i, j) for j in range(REQUESTS)))
    replies = {}
    for i, client in enumerate(clients):
        client.half_close()
        for j in range(REQUESTS):
            reply = client.reply()
            assert reply.tag == f"{i}-{j}", "answers in the order of the requests"
            replies[i, j] = reply
        client.expect_eof()
        client.close()
    return replies


def check_effects(d, replies):
    """OK means executed, OVERLOADED means not executed, and what a GET brought is right."""
    with d.connect() as client:
        for (i, j), reply in replies.items():
            if j % 4 > 1:
                if reply.kind == "VALUE":
                    assert reply.body == b"shared value"
                else:
                    assert reply.kind == "OVERLOADED" and reply.number >= -1
                continue
            assert reply.kind in ("OK", "OVERLOADED")
            found = client.get(f"k{i}-{j}")
            if reply.kind == "OVERLOADED":
                assert found.kind == "NOT_FOUND", f"k{i}-{j} was refused and executed"
            else:
                assert found.body == (b"v%d" % j * 50 if j % 4 == 0 else b"v%d" % j)
                assert found.version == reply.version


REJECTING = {
    "backpressure-t1": ("backend=backpressure", "threads=1"),
    "backpressure-t2": ("backend=backpressure", "threads=2"),
    "mutex": ("backend=mutex", "mutex.workers=2", "queue.policy=reject", "threads=2"),
    "owner-told-to-reject": ("backend=owner", "queue.policy=reject", "threads=2"),
}
WAITING = {
    "owner-t1": ("backend=owner", "threads=1"),
    "owner-t2": ("backend=owner", "threads=2"),
    "mutex": ("backend=mutex", "mutex.workers=2", "mutex.stripes=3", "threads=2"),
    "backpressure-told-to-wait": ("backend=backpressure", "queue.policy=wait", "threads=2"),
}


@pytest.mark.parametrize("sets", REJECTING.values(), ids=REJECTING)
def test_rejecting(start_daemon, sets):
    d = start_daemon(*sets, *LOAD)
    replies = swamp(d)
    refused = sum(reply.kind == "OVERLOADED" for reply in replies.values())
    executed = len(replies) - refused
    assert refused > 0, "this load is more than 64 places can take"
    assert executed >= 64, "all the work that can be done is done"
    check_effects(d, replies)
    with d.connect() as client:
        assert json.loads(client.ask("STATS").body)["queue"]["max"] <= 64 * (2 if "mutex" in sets[0] else 1)


@pytest.mark.parametrize("sets", WAITING.values(), ids=WAITING)
def test_waiting(start_daemon, sets):
    d = start_daemon(*sets, *LOAD)
    before = d.rss()
    replies = swamp(d)
    assert {reply.kind for reply in replies.values()} == {"OK", "VALUE"}, "nobody is refused"
    check_effects(d, replies)
    assert d.rss() - before < (200 if sanitizer() else 24) * MIB


@pytest.mark.parametrize("point", ["owner-t2", "backpressure-t2", "mutex-w2-t2"])
@pytest.mark.parametrize("bound", [1, 3])
def test_smallest_queues(start_daemon, point, bound):
    """A queue of one place, and connections that are held and go on all the time."""
    d = start_daemon(f"queue.bound={bound}", "queue.policy=wait", backend=point)
    clients = [d.connect("unix" if i % 2 else "tcp") for i in range(10)]
    for i, client in enumerate(clients):
        client.send(b"".join(b"@tag=%d PUT k%d 30m %d\nGET k%d\n" % (j, i, j, i) for j in range(300)))
    for client in clients:
        for j in range(300):
            put, get = client.replies(2)
            assert (put.kind, put.tag) == ("OK", str(j)) and get.body == b"%d" % j
        assert client.finish() == b""
        client.close()


def test_after_the_load_is_gone(start_daemon):
    """Nothing of an overload stays behind: the next request is served."""
    d = start_daemon("backend=backpressure", *LOAD)
    swamp(d)
    with d.connect() as client:
        for _ in range(20):
            assert client.get("shared").kind == "VALUE"
        assert json.loads(client.ask("STATS").body)["queue"]["depth"] == 0


def test_ping_and_stats_get_through(start_daemon):
    """What needs no session is answered however full the queue is, on a connection of its own."""
    d = start_daemon("backend=backpressure", "queue.bound=1", "work.iterations=30000000")
    with d.connect() as busy, d.connect() as other:
        busy.send(b"GET a\n" * 20)
        assert other.ask("PING").kind == "PONG"
        assert json.loads(other.ask("STATS").body)["queue"]["bound"] == 1
        kinds = [reply.kind for reply in busy.replies(20)]
        assert set(kinds) == {"NOT_FOUND", "OVERLOADED"}


def test_refused_large_values_stay_in_step(start_daemon):
    """A value that is refused at its header is read and dropped, whether it is all there or still to come."""
    d = start_daemon("backend=backpressure", "queue.bound=1", "work.iterations=400000000", "threads=1")
    value = b"PUT victim 30m x\n" * 40_000
    # Unix sockets: what one end has sent is at the other end at once.
    with d.connect_accepted("unix") as busy, d.connect_accepted("unix") as other:
        def depth():
            return json.loads(other.ask("STATS").body)["queue"]["depth"]

        barrier = Barrier(d, 1)
        busy.send(b"GET a\n")
        barrier.wait()  # it is queued
        barrier.close()
        poll(lambda: depth() == 0, 10, "the owner works on the first")
        busy.send(b"GET a\n")
        poll(lambda: depth() == 1, 10, "the second waits, and there is no more room")
        other.send(put_bytes("whole", b"PUT victim 30m x\n" * 100) + b"@tag=one PING\n")
        other.send(put_bytes("large", value) + b"@tag=two PING\n")
        replies = other.replies(4)
        assert [(reply.kind, reply.tag) for reply in replies] == [
            ("OVERLOADED", None), ("PONG", "one"), ("OVERLOADED", None), ("PONG", "two")]
        assert [reply.kind for reply in busy.replies(2)] == ["NOT_FOUND", "NOT_FOUND"]
    with d.connect() as client:
        assert client.get("victim").kind == "NOT_FOUND"
