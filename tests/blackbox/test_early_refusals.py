"""`refuse=early`: a refusal comes when it is decided, ahead of the answers to requests that were sent before it; all other
answers keep the order of the requests."""

import random

import pytest

from client import put_bytes
from daemon import poll
from test_admission import Busy, stats


def early(tag):
    return f"@tag={tag};refuse=early "


def told(client, count):
    return [(reply.tag, reply.kind) for reply in client.replies(count)]


def test_it_comes_before_the_answers_of_those_who_were_let_in(start_daemon):
    busy = Busy(start_daemon, "queue.bound=2")
    client, mixed = (busy.daemon.connect_accepted("unix") for _ in range(2))
    client.send(b"".join(put_bytes(f"k{i}", b"v" * 100, modifiers=early(i)) for i in range(5)))
    assert told(client, 3) == [("2", "OVERLOADED"), ("3", "OVERLOADED"), ("4", "OVERLOADED")]
    # Only who asks for it; a large value passes by first.
    client.send(b"@tag=a GET k\n@tag=b;refuse=early GET k\n@tag=c;refuse=early PING\n@tag=d;refuse=early NO\n"
                b"@tag=e;deadline=1ms;refuse=early GET k\n@tag=f;deadline=1ms GET k\n"
                + put_bytes("victim", b"PUT victim 30m x\n" * 20_000, modifiers=early("g"))
                + put_bytes("victim", b"PUT victim 30m x\n" * 20_000, modifiers="@tag=h "))
    assert told(client, 3) == [("b", "OVERLOADED"), ("e", "LATE"), ("g", "OVERLOADED")]
    mixed.send(b"@tag=a PING\n@tag=b;refuse=early GET k\n@tag=c PING\n")
    assert told(mixed, 3) == [("a", "PONG"), ("b", "OVERLOADED"), ("c", "PONG")]
    assert busy.waiting() == 2, "those who were let in are still waiting"
    assert told(client, 7) == [("0", "OK"), ("1", "OK"), ("a", "OVERLOADED"), ("c", "PONG"), ("d", "ERROR"),
                               ("f", "LATE"), ("h", "OVERLOADED")]
    assert [client.get(f"k{i}").kind for i in range(5)] == ["VALUE"] * 2 + ["NOT_FOUND"] * 3
    assert client.get("victim").kind == "NOT_FOUND"


def test_who_had_been_let_in_is_told_at_once(start_daemon):
    busy = Busy(start_daemon, "queue.bound=4")
    client = busy.daemon.connect_accepted("unix")
    client.send(b"".join(f"{early(i) if i != 2 else '@tag=2 '}PUT k{i} 30m v\n".encode() for i in range(4)))
    poll(lambda: busy.waiting() == 4, 20, "all wait")
    logouts = []
    for _ in range(2):  # each takes the newest one's place
        logouts.append(busy.ask_later(b"DELETE k0"))
        poll(lambda: stats(busy.admin)["queue"]["supplanted"] == len(logouts), 20, "somebody had to go")
    assert told(client, 1) == [("3", "OVERLOADED")]
    assert told(client, 3) == [("0", "OK"), ("1", "OK"), ("2", "OVERLOADED")]
    assert [logout.reply().kind for logout in logouts] == ["OK", "NOT_FOUND"]


def test_before_goodbye(start_daemon):
    busy = Busy(start_daemon, "queue.bound=1", "shutdown.grace=1h")
    client, half = (busy.daemon.connect_accepted("unix") for _ in range(2))
    client.send(b"@tag=a GET k\n@tag=b;refuse=early GET k\n@tag=c;refuse=early QUIT\n@tag=d;refuse=early GET k\n")
    assert told(client, 1) == [("b", "OVERLOADED")]
    half.send(b"@tag=a PING\n@tag=b;refuse=early GET k\n")
    half.half_close()
    assert told(half, 2) == [("a", "PONG"), ("b", "OVERLOADED")]
    half.expect_eof()
    busy.daemon.signal()
    assert told(client, 2) == [("a", "NOT_FOUND"), ("c", "BYE")]
    client.expect_eof()


def test_nobody_is_there_any_more(start_daemon):
    busy = Busy(start_daemon, "queue.bound=3")
    gone = busy.daemon.connect_accepted("tcp")
    gone.send(b"".join(f"{early(i)}PUT k{i} 30m v\n".encode() for i in range(3)))
    poll(lambda: busy.waiting() == 3, 20, "all wait")
    gone.reset()
    poll(lambda: stats(busy.admin)["connections"]["open"] == 2, 20, "it has gone")
    logout = busy.ask_later(b"DELETE k0")  # takes the place of one that nobody waits for
    assert logout.reply().kind == "OK"
    assert [busy.admin.get(f"k{i}").kind for i in range(3)] == ["NOT_FOUND", "VALUE", "NOT_FOUND"]


CONNECTIONS, REQUESTS = 24, 120
LINES = {
    "reject": ("queue.policy=reject", "threads=2"),
    "reject-in-place": ("queue.policy=reject", "threads=1", "backend=mutex", "mutex.workers=0"),
    "drop-oldest": ("queue.policy=drop-oldest", "threads=2"),
    "codel": ("queue.policy=codel", "threads=2"),
    "adaptive-mutex": ("queue.policy=adaptive", "threads=2", "backend=mutex", "mutex.workers=2", "mutex.stripes=3"),
    "wait": ("queue.policy=wait", "threads=2"),
}


def pipeline(dice, number):
    """Requests of all kinds, tagged by their numbers; and which of them may be refused early."""
    bytes_, may = [], []
    for j in range(REQUESTS):
        may.append(dice.random() < 0.5)
        modifiers = f"@tag={j}" + ";refuse=early" * may[j] + dice.choice(["", ";class=sheddable", ";deadline=20ms"]) + " "
        key = f"k{number}-{j}"
        bytes_.append(dice.choice([put_bytes(key, b"v%d" % j, modifiers=modifiers),
                                   f"{modifiers}PUT {key} 30m v{j}\n".encode(),
                                   put_bytes(key, b"v%d" % j * 2000, modifiers=modifiers),
                                   f"{modifiers}GET {key}\n".encode(), f"{modifiers}PING\n".encode()]))
    return b"".join(bytes_), may


@pytest.mark.parametrize("sets", LINES.values(), ids=LINES)
def test_one_answer_each(start_daemon, sets):
    """Whatever becomes of a request: it is answered once, and what may not overtake keeps its place."""
    d = start_daemon("queue.bound=8", "work.iterations=30000", *sets)
    dice = random.Random(7)
    clients = [d.connect("unix" if i % 2 else "tcp", timeout=60) for i in range(CONNECTIONS)]
    may = []
    for i, client in enumerate(clients):
        requests, early_ones = pipeline(dice, i)
        client.send(requests)
        may.append(early_ones)
    refused, checks = 0, []
    for i, client in enumerate(clients):
        replies = client.replies(REQUESTS)
        assert client.finish() == b""
        assert sorted(int(reply.tag) for reply in replies) == list(range(REQUESTS))
        overtake = [r.kind in ("OVERLOADED", "LATE") and may[i][int(r.tag)] for r in replies]
        in_order = [int(reply.tag) for reply, early_one in zip(replies, overtake) if not early_one]
        assert in_order == sorted(in_order)
        refused += sum(overtake)
        checks += [(f"k{i}-{r.tag}", r.kind == "OK") for r in replies if r.kind in ("OK", "OVERLOADED", "LATE")]
    assert refused > 0 or "queue.policy=wait" in sets
    with d.connect() as control:  # all is answered by now: nobody is refused for others' sake
        for key, stored in checks:
            assert control.get(key).kind == ("VALUE" if stored else "NOT_FOUND")
