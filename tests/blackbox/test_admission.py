"""Who is let in, who is turned away, and changing the rules while the daemon runs.

`Busy`: the owner works a good while on one request, so what comes then waits, and nothing depends on how fast anything is.
"""

import json
import signal
import socket

import pytest

from client import put_bytes
from daemon import patience, poll

# A millisecond or two for each key: a MGET of very many keeps the owner busy for seconds, and what comes after it is done
# soon enough.
ONE_THREAD = ("threads=1", "work.iterations=1000000", "backend=backpressure")
KEYS = 2000


def stats(client):
    return json.loads(client.ask("STATS").body)


def settings(client):
    return json.loads(client.ask("CONFIG").body)


class Busy:
    """A daemon whose owner is at work on the first request of `.first`, and connections that the daemon has."""

    def __init__(self, start_daemon, *sets):
        self.daemon = start_daemon(*ONE_THREAD, *sets, others=("resp",))
        self.admin = self.daemon.connect_accepted("unix")
        self.first = socket.create_connection(("127.0.0.1", self.daemon.port_of("resp")), patience(60))
        self.first.sendall(b"MULTI\r\nMGET" + b" a" * KEYS + b"\r\nEXEC\r\n")
        poll(lambda: self.taken() == 1, 20, "the owner works on the first request")

    def is_answered(self):
        with self.first, self.first.makefile("rb") as answer:
            return [answer.readline() for _ in range(4)] == [b"+OK\r\n", b"+QUEUED\r\n", b"*1\r\n", b"*%d\r\n" % KEYS]

    def taken(self):
        queue = stats(self.admin)["queue"]
        return queue["ring_max"] - queue["depth"]

    def waiting(self):
        return stats(self.admin)["queue"]["depth"]

    def ask_later(self, request, waiting=None):
        """A connection that has sent the request; returns when so many wait, or when it was answered."""
        client = self.daemon.connect_accepted("unix")
        client.send(request + b"\n")
        if waiting is not None:
            poll(lambda: self.waiting() == waiting, 20, f"{waiting} wait")
        return client


def test_what_may_change_changes(start_daemon):
    d = start_daemon("backend=backpressure", others=("resp",))
    with d.connect() as client:
        for key, value in (("queue.bound", "7"), ("queue.policy", "codel"), ("queue.target", "2500us")):
            assert client.ask(f"CONFIG SET {key} {value}").kind == "OK"
        now = settings(client)["queue"]
        assert (now["bound"], now["policy"], now["target"]) == (7, "codel", "2500us")
        queue = stats(client)["queue"]
        assert (queue["bound"], queue["policy"], queue["target_ns"]) == (7, "codel", 2_500_000)
        assert client.ask("config set queue.policy auto").kind == "OK"
        assert stats(client)["queue"]["policy"] == "reject"
    with socket.create_connection(("127.0.0.1", d.port_of("resp")), 20) as redis:
        redis.sendall(b"CONFIG SET queue.bound 9\r\nCONFIG SET queue.bound many\r\nQUIT\r\n")
        answers = redis.makefile("rb").read().split(b"\r\n")
    assert answers[0] == b"+OK" and answers[1].startswith(b"-ERR ") and b"expected 1 to 1048576" in answers[1]
    d.wait_line(r'msg="setting changed" key=queue.bound value=9')


@pytest.mark.parametrize("line, code, text", [
    ("CONFIG SET queue.bound 0", "bad-request", "too small, expected 1 to 1048576"),
    ("CONFIG SET queue.policy fair", "bad-request", "unknown word, expected auto, wait"),
    ("CONFIG SET queue.bond 5", "bad-request", 'did you mean "queue.bound"?'),
    ("CONFIG SET threads 2", "bad-request", "cannot be changed while the daemon runs"),
    ("CONFIG SET queue 2", "bad-request", "is a section"),
    ("CONFIG SET queue.bound", "bad-request", "CONFIG SET queue.bound 64"),
    ("CONFIG SET", "bad-request", "CONFIG SET queue.bound 64"),
    ("CONFIG GET queue.bound", "bad-request", "CONFIG SET queue.bound 64"),
    ("CONFIG SET queue.bound 5\x01", "bad-request", ""),
])
def test_what_may_not_says_why(start_daemon, line, code, text):
    d = start_daemon("queue.bound=64")
    with d.connect() as client:
        reply = client.ask(line)
        assert reply.kind == "ERROR" and reply.words[0] == code and text in " ".join(reply.words)
        assert settings(client)["queue"]["bound"] == 64


def test_the_file_is_read_again(start_daemon):
    d = start_daemon(config="queue: {bound: 7}\nthreads: 1\n")
    file = d.directory / "sluice.yaml"
    file.write_text("queue: {bound: 8, policy: adaptive, target: 3ms}\nthreads: 2\n")
    d.process.send_signal(signal.SIGHUP)
    d.wait_line(r'msg="settings read again"')
    d.wait_line(r'msg="setting takes effect when the daemon is started anew" key=threads value=2')
    with d.connect() as client:
        now = settings(client)
        assert now["queue"] == {"bound": 8, "policy": "adaptive", "target": "3ms"} and now["threads"] == 1
        file.write_text("queue: {bound: 0}\n")
        d.process.send_signal(signal.SIGHUP)
        d.wait_line(r"not taken over.*sluice.yaml:1:16: .*queue.bound.*too small")
        assert settings(client)["queue"]["bound"] == 8


def test_a_switch_of_policy_loses_nothing(start_daemon):
    d = start_daemon("threads=2", "backend=owner", "queue.bound=3", "work.iterations=20000")
    count = 200
    clients = [d.connect("unix") for _ in range(8)]
    for i, client in enumerate(clients):
        client.send(b"".join(put_bytes(f"k{i}-{j}", b"v", modifiers=f"@tag={j} ") for j in range(count)))
    with d.connect("unix") as admin:
        for policy in ("reject", "wait", "drop-oldest", "codel", "adaptive", "codel-rfc", "wait"):
            assert admin.ask(f"CONFIG SET queue.policy {policy}").kind == "OK"
    for i, client in enumerate(clients):
        replies = client.replies(count)
        assert [reply.tag for reply in replies] == [str(j) for j in range(count)]
        assert {reply.kind for reply in replies} <= {"OK", "OVERLOADED"}
        for j, reply in enumerate(replies):
            stored = clients[0].get(f"k{i}-{j}") if i == 0 else None
            assert stored is None or stored.kind in ("VALUE" if reply.kind == "OK" else "NOT_FOUND", "OVERLOADED")


def test_held_connections_go_on_when_the_bound_is_raised(start_daemon):
    busy = Busy(start_daemon, "queue.bound=1", "queue.policy=wait")
    waits = busy.ask_later(b"PUT a 30m 1", waiting=1)
    held = [busy.ask_later(b"PUT b%d 30m 1" % i) for i in range(3)]
    assert busy.waiting() == 1
    assert busy.admin.ask("CONFIG SET queue.bound 100").kind == "OK"
    poll(lambda: busy.waiting() >= 3 or stats(busy.admin)["operations"]["put"]["ok"] > 0, 20, "they are let in")
    assert [client.reply().kind for client in (waits, *held)] == ["OK"] * 4


def test_a_logout_takes_the_place_of_the_newest(start_daemon):
    busy = Busy(start_daemon, "queue.bound=3")
    waiting = [busy.ask_later(b"PUT k%d 30m v" % i, waiting=i + 1) for i in range(3)]
    refused = busy.ask_later(b"GET x")
    assert refused.reply().kind == "OVERLOADED"
    logout = busy.ask_later(b"DELETE k0")
    assert waiting[2].reply().kind == "OVERLOADED"  # answered at once, though it had been let in
    assert [c.reply().kind for c in (waiting[0], waiting[1], logout)] == ["OK"] * 3
    assert busy.is_answered()
    assert busy.admin.get("k2").kind == "NOT_FOUND"
    assert stats(busy.admin)["queue"]["supplanted"] == 1


def test_a_class_of_ones_own(start_daemon):
    busy = Busy(start_daemon, "queue.bound=2", "class.get=sheddable")
    waiting = [busy.ask_later(b"GET k%d" % i, waiting=i + 1) for i in range(2)]
    assert busy.ask_later(b"GET x").reply().kind == "OVERLOADED"
    important = busy.ask_later(b"@class=critical GET k0")
    assert waiting[1].reply().kind == "OVERLOADED"
    assert busy.ask_later(b"@class=normal DELETE x").reply().kind == "OVERLOADED"  # nobody lower is left in the line
    assert important.reply().kind == "NOT_FOUND"


def test_drop_oldest(start_daemon):
    busy = Busy(start_daemon, "queue.bound=3", "queue.policy=drop-oldest")
    waiting = [busy.ask_later(b"GET k%d" % i, waiting=i + 1) for i in range(3)]
    newest = busy.ask_later(b"GET x")
    assert waiting[1].reply().kind == "OVERLOADED"  # the backend has the one before it already
    assert [c.reply().kind for c in (waiting[0], waiting[2], newest)] == ["NOT_FOUND"] * 3


def test_past_its_deadline_nothing_is_executed(start_daemon):
    busy = Busy(start_daemon, "queue.bound=10")
    late = [busy.ask_later(b"@deadline=1ms;tag=t%d PUT late 30m v" % i) for i in range(3)]
    for i, client in enumerate(late):
        reply = client.reply()
        assert (reply.kind, reply.tag) == ("LATE", f"t{i}")
    in_time = busy.ask_later(b"@deadline=1h GET late")
    assert in_time.reply().kind == "NOT_FOUND"
    assert stats(busy.admin)["queue"]["late"] == 3
    assert stats(busy.admin)["operations"]["put"]["late"] == 3
