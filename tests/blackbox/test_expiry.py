"""Expired means gone: on time, never early, whether or not the sweep came by."""

import json
import time

import pytest

from daemon import SMALL_MATRIX, poll

DAEMON_MATRIX = SMALL_MATRIX
# Nothing but its deadline can make a session go; and pipelines of thousands are to fit.
DAEMON_SETS = ("ttl.sweep_interval=1h", "ttl.default=2h", "queue.bound=10000")
TICK = 0.001  # deadlines are kept in whole milliseconds


def test_gone_at_its_deadline_and_not_before(daemon):
    with daemon.connect() as client:
        for ttl in (1, 30, 150):
            begin = time.monotonic()
            assert client.put("k", b"x", f"{ttl}ms").kind == "OK"
            end = time.monotonic()
            while True:
                asked = time.monotonic()
                reply = client.get("k")
                if reply.kind == "NOT_FOUND":
                    assert time.monotonic() - begin >= ttl / 1000 - TICK, "gone too early"
                    break
                assert asked - end <= ttl / 1000 + TICK, "still there after its deadline"
                assert 0 < reply.number <= ttl
            assert client.ask("LEN").number == 0


@pytest.mark.parametrize("workers", [0, 4])
def test_slow_work_brings_no_expired_session_back(start_daemon, workers):
    """Requests that came before the deadline and get the lock after it."""
    d = start_daemon("backend=mutex", f"mutex.workers={workers}", "threads=1", "work.iterations=30000000")
    with d.connect() as client:
        client.send(b"PUT k 20ms v\n" + b"GET k\n" * 4 + b"LEN\n")
        assert client.reply().kind == "OK"
        *_, get, length = client.replies(5)
        assert get.kind == "NOT_FOUND" and length.number == 0


def test_what_an_expired_session_answers(daemon):
    with daemon.connect() as client:
        first = client.put("k", b"x", "1ms")
        poll(lambda: client.ask("LEN").number == 0, 10, "it expired")
        assert client.get("k").kind == "NOT_FOUND"
        assert client.ask("TOUCH k 1h").kind == "NOT_FOUND"
        assert client.ask("DELETE k").kind == "NOT_FOUND"
        assert client.ask("@if=present PUT k 1h y").words == ("0",)
        assert client.ask(f"@if={first.version} PUT k 1h y").words == ("0",)
        again = client.ask("@if=absent PUT k 1h y")
        assert again.kind == "OK" and again.version > first.version
        assert client.ask("DELETE k").kind == "OK"


def test_touch_moves_the_deadline(daemon):
    with daemon.connect() as client:
        client.put("short", b"x", "1h")
        client.put("long", b"x", "300ms")
        touched = client.ask("TOUCH long never")
        if touched.kind == "OK":  # unless 300 ms passed in between
            assert client.get("long").number == -1
        assert client.ask("TOUCH short 1ms").kind == "OK"
        poll(lambda: client.get("short").kind == "NOT_FOUND", 10, "the touched one expired")
        assert client.ask("LEN").number == (1 if touched.kind == "OK" else 0)
        client.ask("DELETE long")
        # a PUT brings its own deadline along
        client.put("k", b"x", "1ms")
        client.put("k", b"y", "never")
        assert client.get("k").number == -1
        client.put("k", b"z", "1ms")
        poll(lambda: client.get("k").kind == "NOT_FOUND", 10, "replaced by a short one")


def test_mixed_crowd(daemon):
    """LEN is exact at any time: what is left is what does not expire."""
    with daemon.connect() as client:
        client.send(b"".join(b"PUT m%d %s x\n" % (i, b"1h" if i % 10 == 0 else b"%dms" % (i % 90 + 1))
                             for i in range(5000)))
        assert {reply.kind for reply in client.replies(5000)} == {"OK"}
        last = time.monotonic()
        while True:
            asked = time.monotonic()
            count = client.ask("LEN").number
            assert count >= 500
            if count == 500:
                break
            assert asked - last <= 0.090 + TICK, f"{count} left after the last deadline"
        client.send(b"".join(b"DELETE m%d\n" % i for i in range(5000)))
        kinds = [reply.kind for reply in client.replies(5000)]
        assert kinds.count("OK") == 500 and client.ask("LEN").number == 0


def test_default_lifetime(daemon):
    with daemon.connect() as client:
        client.put("k", b"x", "-")
        assert 7_100_000 < client.get("k").number <= 7_200_000
        client.put("k", b"x", "never")
        client.ask("TOUCH k -")
        assert 7_100_000 < client.get("k").number <= 7_200_000
        client.ask("DELETE k")


def test_longest_lifetime_is_capped(start_daemon):
    d = start_daemon("ttl.max_lifetime=1h", "ttl.default=10m")
    with d.connect() as client:
        for ttl, most in (("never", 3_600_000), ("2h", 3_600_000), ("-", 600_000), ("5m", 300_000)):
            assert client.put("k", b"x", ttl).kind == "OK"
            assert most - 120_000 < client.get("k").number <= most, ttl
            assert client.ask(f"TOUCH k {ttl}").kind == "OK"
            assert most - 120_000 < client.get("k").number <= most, ttl


def test_sweep_gives_memory_back_unasked(start_daemon):
    """Nobody asks for the sessions again; the sweep finds them."""
    d = start_daemon("ttl.sweep_interval=20ms", "queue.bound=10000")
    with d.connect() as client:
        client.send(b"".join(b"PUT s%d 30ms %s\n" % (i, b"x" * 200) for i in range(3000)))
        client.replies(3000)

        def swept():
            stats = json.loads(client.ask("STATS").body)
            return stats["sessions"]["stored"] == 0 and stats["sessions"]["expired"] == 3000

        poll(swept, 20, "all sessions were swept")
