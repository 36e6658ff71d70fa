"""STATS: what it counts is what was sent."""

import json

from client import put_bytes
from daemon import MATRIX, poll


def stats(client):
    return json.loads(client.ask("STATS").body)


def outcomes(counts, verb):
    """Outcomes of one verb that happened at all."""
    return {name: n for name, n in counts["operations"][verb].items() if isinstance(n, int) and n}


def changed(after, before, verb):
    old = outcomes(before, verb)
    return {name: n - old.get(name, 0) for name, n in outcomes(after, verb).items() if n != old.get(name, 0)}


def test_operations_are_counted_by_outcome(daemon, kind):
    with daemon.connect(kind) as client:
        before = stats(client)
        client.send(b"".join(put_bytes(f"s{i}", b"x" * 100) for i in range(10)))
        client.replies(10)
        for i in range(20):
            client.ask(f"GET s{i}")
        for i in range(5):
            client.ask(f"@if=absent PUT s{i} 30m y")
        for i in range(4):
            client.ask(f"TOUCH s{i} 1h")
        client.ask("TOUCH nothing 1h")
        client.ask("LEN")
        client.ask("PING")
        middle = stats(client)
        for i in range(12):
            client.ask(f"DELETE s{i}")
        after = stats(client)
    assert sum(changed(middle, before, "get").values()) == 20
    assert changed(middle, before, "get") == {"ok": 10, "not_found": 10}
    assert changed(middle, before, "put") == {"ok": 10, "conflict": 5}
    assert changed(middle, before, "touch") == {"ok": 4, "not_found": 1}
    assert changed(middle, before, "len") == {"ok": 1}
    assert changed(middle, before, "ping") == {"ok": 1}
    assert changed(after, middle, "delete") == {"ok": 10, "not_found": 2}
    assert middle["sessions"]["stored"] - before["sessions"]["stored"] == 10
    assert after["sessions"]["stored"] == before["sessions"]["stored"]
    assert middle["memory"]["sessions"] > before["memory"]["sessions"] + 1000


def test_connections_are_counted(daemon):
    with daemon.connect() as client:
        poll(lambda: stats(client)["connections"]["open"] == 1, 10, "those of earlier tests were let go")
        before = stats(client)["connections"]
        others = [daemon.connect("unix" if i % 2 else "tcp") for i in range(7)]
        for other in others:
            assert other.ask("PING").kind == "PONG"
        now = stats(client)["connections"]
        assert now["open"] - before["open"] == 7
        for other in others:
            assert other.finish() == b""
            other.close()


def test_the_rest_is_there(daemon):
    with daemon.connect() as client:
        for _ in range(50):
            client.ask("GET none")
        seen = stats(client)
        assert seen["version"].count(".") == 2
        assert seen["backend"] == dict(s.split("=") for s in MATRIX[daemon.point])["backend"]
        assert seen["uptime_s"] >= 0
        latency = seen["latency_ns"]["get"]
        assert latency["count"] >= 50
        assert 0 < latency["p50"] <= latency["p99"] <= latency["p999"] <= latency["max"]


def test_longest_turns_are_there(daemon):
    with daemon.connect() as client:
        for _ in range(50):
            client.ask("PUT turn 30m x")
        seen = stats(client)
    here = "owner.placement=loop" in MATRIX[daemon.point]  # the I/O threads have rings, and execute
    assert ("worker" in seen) == ("ring_max" in seen["queue"] and not here)
    for room in (seen[name] for name in ("net", "worker") if name in seen):
        assert 0 < room["longest_turn_recent_ns"] <= room["longest_turn_ns"]
    assert seen["sweep"]["longest_recent_ns"] <= seen["sweep"]["longest_ns"]


def test_stats_do_not_disturb(daemon):
    """From many connections, while others work."""
    clients = [daemon.connect() for _ in range(8)]
    for i, client in enumerate(clients):
        client.send(b"STATS\n" * 20 if i % 2 else b"PUT k 30m x\nGET k\n" * 200)
    for i, client in enumerate(clients):
        for reply in client.replies(20 if i % 2 else 400):
            if i % 2:
                json.loads(reply.body)
        client.close()
