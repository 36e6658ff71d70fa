"""Clients that take what they can get, and a polite one that asks for one thing at a time: it must be served.

Every operation takes the daemon a quarter of a millisecond or so, and greedy clients never wait before they ask
again, so that there is always more than it can do. What is counted is how many of the polite client's requests are
refused; how long they take is not.
"""

import socket
import threading
import time
from contextlib import contextmanager

from client import put_bytes
from conftest import running
from speakers import command, connect

WORK = ("work.iterations=30000", "queue.bound=64", "threads=2")
DAEMONS = {
    "reject": ("backend=backpressure", "queue.policy=reject"),
    "drop-oldest": ("backend=backpressure", "queue.policy=drop-oldest"),
    "codel": ("backend=backpressure", "queue.policy=codel"),
    "adaptive": ("backend=backpressure", "queue.policy=adaptive"),
    "mutex": ("backend=mutex", "mutex.workers=2", "queue.policy=reject"),
    "shards": ("backend=backpressure", "shards=2", "owner.placement=thread", "queue.policy=reject"),
}
GIVEN_UP = 0.1  # the share of a polite client's requests that may be refused three times
LESS_FAIR = {"adaptive": 0.8}  # where that does not hold
ATTEMPTS = 3
REQUESTS = 70
ROUNDS = 10000  # after so many a greedy client gives up, whatever becomes of the polite one


def pipelines(daemon):
    """Small pipelines, sent again at once."""
    with daemon.connect("unix") as client:
        while True:
            client.send(b"GET shared\r\n" * 32)
            yield client.replies(32)


def large_values(daemon):
    with daemon.connect() as client:
        while True:
            client.send(b"".join(b"PUT large 1h $100000\r\n" + b"x" * 100000 + b"\r\n" for _ in range(4)))
            yield client.replies(4)


def walks(daemon):
    """What looks at all sessions, or has long answers of its own."""
    client = connect(daemon, "resp")
    with client:
        while True:
            client.send((command(b"KEYS", b"*") + command(b"SCAN", b"0", b"COUNT", b"1000") + command(b"DBSIZE")
                         + command(b"INFO") + command(b"COMMAND", b"COUNT")) * 4)
            yield [client.any() for _ in range(20)]


def crowd(daemon):
    """Connections that are closed at once, with requests in flight."""
    while True:
        with daemon.connect("unix") as client:
            client.send_if_open(b"GET shared\r\n" * 8)  # there may be too many connections
        yield


def slow_readers(daemon):
    """Much is asked for, and little is taken at a time."""
    with daemon.connect() as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        while True:
            client.send(b"GET fat\r\n" * 64)
            for _ in range(64):
                yield client.reply()


@contextmanager
def greedy(daemon, kind, count):
    """`count` clients that go on until the block is through."""
    enough = threading.Event()
    wrong = []
    started = threading.Barrier(count + 1)

    def run():
        try:
            rounds = kind(daemon)
            next(rounds)
            started.wait()
            for _, _ in zip(range(ROUNDS), rounds):
                if enough.is_set():
                    break
            rounds.close()
        except Exception as e:
            wrong.append(e)
            started.abort()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        started.wait()
        yield
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert not wrong, wrong


def ask(client, request):
    """(the reply, how often the request was refused): as docs/protocol.md tells clients to, three attempts, each after
    the time that the refusal says."""
    for refused in range(ATTEMPTS):
        client.send(request)
        reply = client.reply()
        if reply.kind != "OVERLOADED":
            return reply, refused
        time.sleep(max(reply.number, 0) / 1000)
    return reply, ATTEMPTS


def polite(client, requests):
    """(refusals, requests given up) of a client that asks for one thing at a time. What it is told must be right."""
    value, refusals, given_up = None, 0, 0
    for i in range(requests):
        reply, refused = ask(client, put_bytes("mine", b"%d" % i) if i % 3 == 0 else b"GET mine\r\n")
        refusals += refused
        given_up += refused == ATTEMPTS
        if reply.kind == "OK":
            value = b"%d" % i
        else:
            assert reply.kind == "OVERLOADED" or (reply.body if reply.kind == "VALUE" else None) == value
    return refusals, given_up


KINDS = {pipelines: 8, large_values: 8, walks: 4, crowd: 4, slow_readers: 8}  # how many of them at once


def pytest_generate_tests(metafunc):
    """Each kind meets each daemon; in a short run, those that take seconds meet one of them."""
    cases = [(name, kind) for name in DAEMONS for kind in KINDS
             if metafunc.config.getoption("--long") or kind in (pipelines, large_values) or name == "reject"]
    metafunc.parametrize("name, kind", cases, ids=[f"{name}-{kind.__name__}" for name, kind in cases])


def test_a_polite_client_is_served(name, kind, long):
    with running(*WORK, *DAEMONS[name]) as daemon:
        client = daemon.connect()
        assert client.put("shared", b"v").kind == client.put("fat", b"f" * 50000).kind == "OK"
        requests = REQUESTS * (20 if long else 1)
        with greedy(daemon, kind, KINDS[kind]):
            refusals, given_up = polite(client, requests)
        assert given_up <= LESS_FAIR.get(name, GIVEN_UP) * requests, f"{refusals} refusals"
        client.close()
