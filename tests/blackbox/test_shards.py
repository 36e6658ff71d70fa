"""Several owners: nobody can tell, except by their numbers in STATS."""

import json
import socket
import threading

import pytest
from client import put_bytes
from daemon import patience, poll

# Two I/O threads that are the owners; owners with threads of their own; more of them than anything else.
PLACES = {
    "loops": ("shards=2", "threads=2", "owner.placement=loop"),
    "threads": ("shards=2", "threads=2", "owner.placement=thread"),
    "many": ("shards=5", "threads=1", "owner.placement=thread"),
}
ROUNDS = 150


@pytest.fixture(params=list(PLACES))
def sharded(request, start_daemon):
    return start_daemon("backend=owner", *PLACES[request.param], others=("resp",))


class Redis:
    """Just enough of the Redis protocol."""

    def __init__(self, daemon):
        self.socket = socket.create_connection(("127.0.0.1", daemon.port_of("resp")), patience(20))
        self.file = self.socket.makefile("rb")

    def reply(self):
        line = self.file.readline()[:-2]
        if line[:1] == b"*":
            return [self.reply() for _ in range(int(line[1:]))]
        if line[:1] == b"$":
            return None if line == b"$-1" else self.file.read(int(line[1:]) + 2)[:-2]
        assert line[:1] in b"+:", line
        return line[1:]

    def ask(self, *commands):
        """Sends them in one go; returns the last one's reply."""
        self.socket.sendall(b"".join(c.encode() + b"\r\n" for c in commands))
        return [self.reply() for _ in commands][-1]

    def close(self):
        self.file.close()
        self.socket.close()


def stats(client):
    return json.loads(client.ask("STATS").body)


class Watched:
    """Calls `look` again and again, on a thread of its own, while the block runs; raises what that raised."""

    def __init__(self, look):
        self.look, self.ended, self.error = look, threading.Event(), None
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            while True:
                last = self.ended.is_set()
                self.look()
                if last:
                    return
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        if self.error:
            raise self.error


def test_others_see_effects_in_the_order_sent(sharded):
    """Pairs of sessions, some of them on different shards, written by one connection, read the other way round."""
    pairs = 8
    with sharded.connect() as writer, sharded.connect() as reader:

        def write(n):
            return b"".join(put_bytes(f"first{i}", str(n)) + put_bytes(f"second{i}", str(n)) for i in range(pairs))

        def look():
            for i in range(pairs):
                second = int(reader.get(f"second{i}").body)
                first = int(reader.get(f"first{i}").body)
                assert first >= second, f"pair {i}: the second was written, and the first was not"

        writer.send(write(0))
        writer.replies(2 * pairs)
        with Watched(look):
            for n in range(1, ROUNDS):
                writer.send(write(n))
                if n % 2:
                    writer.replies(2 * pairs * 2 if n > 1 else 2 * pairs)


def test_what_is_written_together_is_read_together(sharded):
    keys = [f"k{i}" for i in range(6)]
    writers, reader, counter = [Redis(sharded), Redis(sharded)], Redis(sharded), Redis(sharded)

    def look():
        values = reader.ask("MGET " + " ".join(keys))
        assert len(set(values)) == 1, values
        assert counter.ask("DBSIZE") in (b"0", b"6")

    def clear_and_count():
        writers[1].ask("MULTI", *(f"DEL {key}" for key in keys), "EXEC")

    writers[0].ask("MSET " + " ".join(f"{key} start" for key in keys))
    with Watched(look), Watched(clear_and_count):
        for n in range(ROUNDS):
            if n % 2:
                writers[0].ask("MSET " + " ".join(f"{key} {n}" for key in keys))
            else:
                writers[0].ask("MULTI", *(f"SET {key} {n}" for key in reversed(keys)), "EXEC")
    for redis in (*writers, reader, counter):
        redis.close()


def test_a_session_moves_to_another_shard(sharded):
    redis = Redis(sharded)
    with sharded.connect() as client:
        client.put("name0", "value")
        for i in range(50):
            assert redis.ask(f"RENAME name{i} name{i + 1}") == b"OK"
            assert client.ask("LEN").number == 1
        assert client.get("name50").body == b"value"
    redis.close()


def test_all_keys_are_found(sharded):
    redis = Redis(sharded)
    redis.ask(*(f"SET key{i} x" for i in range(300)))
    cursor, seen = "0", set()
    while True:
        cursor, keys = redis.ask(f"SCAN {cursor} COUNT 20")
        seen.update(keys)
        cursor = cursor.decode()
        if cursor == "0":
            break
    assert seen == {b"key%d" % i for i in range(300)}
    assert set(redis.ask("KEYS *")) == seen
    assert redis.ask("FLUSHALL") == b"OK"
    assert redis.ask("DBSIZE") == b"0"
    redis.close()


def test_stats_tell_how_even_they_are(sharded):
    with sharded.connect() as client:
        client.send(b"".join(put_bytes(f"s{i}", "x") for i in range(400)))
        assert {reply.kind for reply in client.replies(400)} == {"OK"}
        seen = stats(client)
    shards = seen["shards"]
    assert sum(shard["sessions"] for shard in shards.values()) == seen["sessions"]["stored"] == 400
    assert all(shard["sessions"] > 400 / len(shards) / 2 for shard in shards.values())
    assert sum(shard["executed"] for shard in shards.values()) == 400


def test_without_shards_nothing_is_said_of_them(start_daemon):
    with start_daemon("backend=owner").connect() as client:
        assert "shards" not in stats(client)


@pytest.mark.parametrize("place", list(PLACES))
def test_sessions_expire_wherever_they_are(start_daemon, place):
    """Also where an owner has nothing else to do, and others stored them."""
    d = start_daemon("backend=owner", "ttl.sweep_interval=5ms", *PLACES[place], others=("resp",))
    redis = Redis(d)
    for _ in range(3):
        redis.ask("MULTI", *(f"SET e{i} x PX 30" for i in range(60)), "EXEC")
        with d.connect() as client:
            poll(lambda c=client: stats(c)["sessions"]["stored"] == 0, 20, "all have expired and been swept")
    redis.close()


def test_memory_is_limited_over_all(start_daemon):
    d = start_daemon("backend=owner", "limits.memory=8MiB", *PLACES["loops"])
    with d.connect() as client:
        client.send(b"".join(put_bytes(f"m{i}", b"x" * 8000) for i in range(2000)))
        kinds = [reply.kind for reply in client.replies(2000)]
        assert kinds.count("OK") in range(500, 1050)
        seen = stats(client)["memory"]
        assert seen["slabs"] + seen["buckets"] <= 8 << 20
