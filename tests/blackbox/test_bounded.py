"""Requests that ask for very much: their work is done in short turns, and what they hold is bounded."""

import socket

import pytest

from daemon import patience, sanitizer

BACKENDS = {
    "backpressure": ("backend=backpressure",),
    "owner-thread": ("backend=owner", "owner.placement=thread"),
    "mutex-w0": ("backend=mutex", "mutex.workers=0"),
    "mutex-w2": ("backend=mutex", "mutex.workers=2"),
    "shards-2": ("backend=owner", "shards=2", "threads=2"),
}
MIB = 1 << 20
LITTLE = (512 if sanitizer() else 64) * MIB  # a sanitizer keeps what was freed for a while
SEVERAL_TURNS = 200000  # keys that no walk sees in one turn


@pytest.fixture(params=BACKENDS)
def bounded(start_daemon, request):
    return start_daemon(*BACKENDS[request.param], others=("resp", "memcached"))


class Redis:
    """A client of RESP2. Errors are returned, as text with their minus."""

    def __init__(self, daemon):
        self.socket = socket.create_connection(("127.0.0.1", daemon.port_of("resp")), patience(60))
        self.replies = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.replies.close()
        self.socket.close()

    def send(self, *words):
        self.socket.sendall(packed(*words))

    def read(self):
        line = self.replies.readline()
        assert line.endswith(b"\r\n"), line[:100]
        kind, rest = line[:1], line[1:-2]
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == b"-1" else self.replies.read(int(rest) + 2)[:-2]
        return int(rest) if kind == b":" else line[:-2].decode()

    def ask(self, *words):
        self.send(*words)
        return self.read()

    def fill(self, count, name=b"key:%d"):
        for at in range(0, count, 5000):
            self.socket.sendall(b"".join(packed(b"MSET", *(w for n in range(i, i + 100) for w in (name % n, b"v")))
                                         for i in range(at, at + 5000, 100)))
            assert {self.read() for _ in range(50)} == {"+OK"}


def packed(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


# ---- walks ----


def test_keys_takes_turns_with_others(bounded):
    """KEYS in many turns: whole, in its place among the connection's requests, and others are answered meanwhile."""
    with Redis(bounded) as client, Redis(bounded) as other:
        client.fill(SEVERAL_TURNS)
        client.socket.sendall(packed("KEYS", "*") + packed("DEL", "key:7") + packed("KEYS", "key:*77777"))
        client.socket.sendall(packed("KEYS", "key:7"))
        assert other.ask("SET", "elsewhere", "1") == "+OK"
        keys = client.read()
        assert {b"key:%d" % n for n in range(SEVERAL_TURNS)} - set(keys) == set()
        assert client.read() == 1
        assert set(client.read()) == {b"key:77777", b"key:177777"}
        assert client.read() == []


def test_a_walk_ends_with_its_connection(bounded):
    with Redis(bounded) as client, Redis(bounded) as other:
        client.fill(SEVERAL_TURNS)
        for _ in range(3):
            with Redis(bounded) as walker:
                walker.send("KEYS", "*" + "a" * 500)
        assert other.ask("PING") == "+PONG"


def test_a_walk_in_a_transaction_is_bounded(bounded):
    with Redis(bounded) as client:
        client.fill(SEVERAL_TURNS)
        client.socket.sendall(packed("MULTI") + packed("KEYS", "*") + packed("SCAN", "0", "COUNT", "16384") * 1000
                              + packed("EXEC"))
        for _ in range(1002):
            client.read()
        keys, *scans = client.read()
        assert keys == "-ERR too many keys to list in a transaction: use SCAN"
        assert all(cursor != b"0" for cursor, _ in scans)  # they end early, and say where to go on


@pytest.mark.parametrize("command", [("KEYS",), ("SCAN", "0", "MATCH")])
def test_patterns_are_bounded(bounded, command):
    with Redis(bounded) as client:
        client.fill(5000, b"a" * 200 + b":%d")
        error = "-ERR the pattern is longer than 512 bytes"
        assert client.ask(*command, b"*[" + b"b" * 500000 + b"]x") == error
        assert client.ask(*command, b"a" * 513) == error
        reply = client.ask(*command, b"*" + b"a" * 250 + b"b")
        assert reply == [] or reply[1] == []
        assert client.ask("KEYS", b"*" + b"a" * 190 + b"*:7") == [b"a" * 200 + b":7"]


# ---- transactions ----

CHANGES = packed("MULTI") + packed("SELECT", 5) + packed("HELLO", 3) + packed("CLIENT", "SETNAME", "n")


def test_a_refused_transaction_leaves_no_trace(start_daemon):
    """What is behind it in the pipeline is read as if it had never been."""
    with Redis(start_daemon("limits.memory=1MiB", others=("resp",))) as client:
        client.ask("SET", "here", "0")
        client.socket.sendall(CHANGES + packed("SET", "big", "v" * MIB) + packed("EXEC") + packed("GET", "here")
                              + packed("GET", "none") + packed("CLIENT", "GETNAME"))
        assert [client.read() for _ in range(5)] == ["+OK"] + ["+QUEUED"] * 4
        assert client.read().startswith("-OOM")
        assert [client.read() for _ in range(3)] == [b"0", None, None]


def test_a_transaction_may_change_the_connection(bounded):
    with Redis(bounded) as client:
        client.socket.sendall(packed("MULTI") + packed("SELECT", 5) + packed("CLIENT", "SETNAME", "n")
                              + packed("SET", "there", 5) + packed("EXEC") + packed("GET", "there")
                              + packed("CLIENT", "GETNAME"))
        assert [client.read() for _ in range(4)] == ["+OK"] + ["+QUEUED"] * 3
        assert [client.read() for _ in range(3)] == [["+OK"] * 3, b"5", b"n"]


def test_settings_are_not_changed_in_a_transaction(bounded):
    with Redis(bounded) as client:
        assert client.ask("MULTI") == "+OK"
        assert client.ask("CONFIG", "SET", "queue.bound", 7) == "-ERR Command not allowed inside a transaction"
        assert client.ask("EXEC") == "-EXECABORT Transaction discarded because of previous errors."
        assert client.ask("CONFIG", "SET", "queue.bound", 1024) == "+OK"


# ---- how much is asked for at once ----


def test_commands_have_so_many_parts(start_daemon):
    error = "-ERR more keys or commands than limits.parts allows to be done as one: send several"
    d = start_daemon("limits.parts=100", others=("resp", "memcached"))
    with Redis(d) as client:
        assert client.ask("MSET", *range(202)) == error
        assert client.ask("MSET", *range(200)) == "+OK"
        assert client.ask("EXISTS", *range(202)) == 100  # these are not done as one
        assert client.ask("DEL", *range(202)) == 100
        assert client.ask("MULTI") == "+OK"
        assert [client.ask("PING") for _ in range(101)] == ["+QUEUED"] * 100 + [error]
        assert client.ask("EXEC").startswith("-EXECABORT")
        assert client.ask("PING") == "+PONG"
    with socket.create_connection(("127.0.0.1", d.port_of("memcached")), patience(20)) as client:
        client.sendall(b"get" + b" k" * 101 + b"\r\n")
        assert client.makefile("rb").readline() == b"END\r\n"


def test_very_many_keys_at_once(bounded):
    """They are looked at in pieces: others come in between, what is behind them waits, and all of them are answered."""
    keys = 60_000
    with Redis(bounded) as client, Redis(bounded) as other:
        for first in range(0, keys, 1000):
            assert client.ask("MSET", *(word for key in range(first, first + 1000) for word in (key, "v"))) == "+OK"
        client.socket.sendall(packed("EXISTS", *range(keys + 6000)) + packed("SET", "behind", "x"))
        assert other.ask("GET", "1") == b"v"
        assert [client.read(), client.read()] == [keys, "+OK"]
        client.socket.sendall(packed("DEL", *range(keys + 6000)) + packed("EXISTS", "1", "59999", "behind"))
        assert [client.read(), client.read()] == [keys, 1]
        assert client.ask("MULTI") == "+OK"
        assert client.ask("DEL", "behind", *range(5000)) == "+QUEUED"
        assert client.ask("EXEC") == [1]


def test_large_requests_share_their_memory(start_daemon):
    """Open transactions of many connections: who comes late is refused, and served when others have gone."""
    d = start_daemon("limits.requests=4MiB", "threads=2", others=("resp",))
    error = "-ERR out of memory for large requests (limits.requests): try again"
    clients = [Redis(d) for _ in range(20)]
    try:
        for client in clients:
            client.socket.sendall(packed("MULTI") + packed("GET", "k") * 500)
        said = [client.read() for client in clients for _ in range(501)]
        assert said.count("+OK") == 20 and error in said
        assert 4000 < said.count("+QUEUED") < 10000
        assert clients[0].ask("SET", "k", "v") == "+QUEUED"
        with Redis(d) as other:
            assert other.ask("SET", "k", "v") == "+OK"
            assert other.ask("MGET", *["k"] * 5000) == error
            for client in clients:
                client.ask("DISCARD")
            assert other.ask("PING") == "+PONG"
            assert other.ask("MGET", *["k"] * 1000) == [b"v"] * 1000
    finally:
        for client in clients:
            client.__exit__()


def test_a_list_of_keys_is_bounded(start_daemon):
    with Redis(start_daemon("limits.requests=1MiB", others=("resp",))) as client:
        client.fill(SEVERAL_TURNS, b"k" * 200 + b":%d")
        assert client.ask("KEYS", "*") == "-ERR the list of keys takes too much memory (limits.requests): use SCAN"
        assert client.ask("KEYS", "*:77777") == [b"k" * 200 + b":77777"]


# ---- how much is answered at once ----


def rest_of(client, size):
    """Reads `size` bytes without keeping them; returns the last ones."""
    while size > 100:
        size -= len(client.read(min(size - 100, MIB)))
    return client.read(size)


@pytest.mark.parametrize("ask", ["mget", "exec", "get"])
def test_large_answers_are_sent_in_parts(bounded, ask):
    """1 GiB of values in one reply: others are served, memory stays small, the next request is understood."""
    count, value = 1024, b"v" * MIB
    with Redis(bounded) as client, Redis(bounded) as other:
        assert client.ask("SET", "k", value) == "+OK"
        before = bounded.rss()
        if ask == "get":
            reader = socket.create_connection(("127.0.0.1", bounded.port_of("memcached")), patience(60))
            reader.sendall(b"get" + b" k" * count + b"\r\nversion\r\n")
            size, end = count * (len("VALUE k 0 1048576\r\n\r\n") + MIB), b"END\r\nVERSION "
        else:
            reader = client.socket
            many = {"mget": packed("MGET", *["k"] * count), "exec": packed("GET", "k") * count + packed("EXEC")}
            if ask == "exec":
                assert client.ask("MULTI") == "+OK"
            reader.sendall(many[ask] + packed("PING"))
            queued = count * len("+QUEUED\r\n") if ask == "exec" else 0
            size, end = queued + len("*1024\r\n") + count * (len("$1048576\r\n\r\n") + MIB), b"+PONG\r\n"
        lines = reader.makefile("rb")
        rest_of(lines, size // 2)
        assert other.ask("SET", "k", "new") == "+OK"
        assert bounded.rss() - before < LITTLE
        assert rest_of(lines, size - size // 2)[-10:-2] == b"v" * 8
        assert lines.read(len(end)) == end
        reader.close()


def test_who_leaves_in_the_middle_of_an_answer_leaves_nothing(bounded):
    with Redis(bounded) as other:
        assert other.ask("SET", "k", b"v" * MIB) == "+OK"
        before = bounded.rss()
        for _ in range(10):
            with Redis(bounded) as client:
                client.send("MGET", *["k"] * 1000)
                client.replies.read(2 * MIB)
        assert other.ask("PING") == "+PONG"
        assert bounded.rss() - before < LITTLE
