"""Calls to the C library that fail while the daemon serves: the n-th allocation, recv, send, accept.

A conversation with every listener may then be answered with errors or be cut, but not hang; nothing may be stored by
half, leak or crash. When calls succeed again the daemon serves, and holds what it acknowledged.
"""

import errno
import json
import mmap
import os
import random
import struct

import pytest

import daemon as harness
from client import Closed
from conftest import running
from daemon import poll, sanitizer
from linear import NEVER, Event, outcomes
from model import Request, Session
from speakers import SPEAKERS, command, connect

POINTS = ("allocate", "map", "receive", "send", "accept", "watch")  # in the order of faults.c
ERRORS = {"allocate": [errno.ENOMEM], "map": [errno.ENOMEM],
          "receive": [0, errno.ECONNRESET, errno.EAGAIN, errno.EINTR, errno.ENOMEM],
          "send": [0, errno.EPIPE, errno.EAGAIN, errno.EINTR, errno.ENOBUFS],
          "accept": [errno.ECONNABORTED, errno.EINTR, errno.EMFILE, errno.ENOBUFS],
          "watch": [errno.ENOMEM, errno.ENOSPC]}
HARMLESS = (0, errno.EAGAIN, errno.EINTR)  # these are no faults at all: nobody may notice
DAEMONS = ("backpressure-t2", "mutex-w0-t2", "owner-s2-t2")
SHORT, LONG = 12, 100000  # how many of the calls of a conversation fail, one after the other
KEYS = [b"small", b"large", b"huge", b"new"]

pytestmark = pytest.mark.skipif(sanitizer() == "thread", reason="ThreadSanitizer must come before all else")


class Faults:
    """What faults.c reads."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(b"\0" * 32 * len(POINTS))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def env(self):
        return {"FAULTS": str(self.path), "LD_PRELOAD": str(harness.BUILD / "tests/faults.so"),
                "ASAN_OPTIONS": os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}

    def arm(self, point, first, times, error):
        struct.pack_into("4q", self.memory, 32 * POINTS.index(point), 0, first, times, error)

    def disarm(self, point):
        """How many calls there were since it was armed."""
        calls = struct.unpack_from("q", self.memory, 32 * POINTS.index(point))[0]
        self.arm(point, 0, 0, 0)
        return calls


class Conversation:
    """The same requests in each protocol; `sessions` is what each key may hold by then."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.sessions = {key: {Session()} for key in KEYS}
        self.cut = 0

    @staticmethod
    def units(name):
        value = name.encode()
        for key, size in ((b"small", 10), (b"large", 3000), (b"huge", 300_000), (b"new", 100), (b"small", 200)):
            yield (Request("put", key, (value * size)[:size]),)
            yield (Request("get", key),)
        yield (Request("touch", b"large"),)
        yield (Request("delete", b"new"),)
        if name == "resp":
            yield tuple(Request("put", key, b"together") for key in KEYS)

    def talk(self, pipelined):
        for name in SPEAKERS:
            try:
                client = connect(self.daemon, name)
            except OSError:
                self.cut += 1
                continue
            todo = list(self.units(name))
            try:
                if pipelined:
                    client.send(b"".join(client.encode(unit, number) for number, unit in enumerate(todo)))
                for number in range(len(todo)):
                    if not pipelined:
                        client.send(client.encode(todo[0], number))
                    self.take(todo[0], client.read(todo[0], number))
                    todo.pop(0)
                self.ask_for_all(client, name)
            except (Closed, ConnectionError):
                self.cut += 1
                for unit in todo if pipelined else todo[:1]:  # these may have been executed
                    self.take(unit, [None] * len(unit))
            client.close()

    def take(self, unit, replies):
        for request, reply in zip(unit, replies):
            if reply is not None and reply.kind == "error":  # not executed
                self.cut += 1
            elif reply is not None or request.verb in ("put", "delete"):
                self.advance(Event(0, 0, NEVER, request, reply))

    def advance(self, event):
        """What the event may have made of each session that the key may hold."""
        before = self.sessions[event.request.key]
        after = {session for old in before for session in outcomes(old, event)}
        assert after, f"{event.request} was answered {event.reply}\nthe session was {before}"
        self.sessions[event.request.key] = after

    @staticmethod
    def ask_for_all(client, name):
        """What takes memory for its answer."""
        if name == "text":
            client.send(b"STATS\nHELP\n")
            client.replies(2)
        elif name == "resp":
            client.send(command(b"KEYS", b"*") + command(b"INFO") + command(b"MGET", *KEYS))
            for _ in range(3):
                client.any()
        else:
            client.send(b"gets " + b" ".join(KEYS) + b"\r\nstats\r\nmn\r\n")
            while client.line() != b"MN":
                pass


def check_after(daemon, watcher, conversation):
    """It serves, holds what it acknowledged, and has let go of the connections."""
    poll(lambda: json.loads(watcher.ask("STATS").body)["connections"]["open"] == 1, 20, "connections are let go")
    held = 0
    for key, sessions in conversation.sessions.items():
        reply = watcher.get(key)
        value = reply.body if reply.kind == "VALUE" else None
        assert value in {s.value for s in sessions}, f"{key} holds {value and value[:50]!r} of {value and len(value)}"
        held += value is not None
    assert watcher.ask("LEN").number == held
    for key in KEYS:
        watcher.ask(b"DELETE " + key)
    assert watcher.ask("LEN").number == 0


def attack(daemon, faults, watcher, pipelined, point, first, times, error):
    """Returns how many calls there were, and how much of the conversation failed."""
    conversation = Conversation(daemon)
    faults.arm(point, first, times, error)
    conversation.talk(pipelined)
    calls = faults.disarm(point)
    check_after(daemon, watcher, conversation)
    return calls, conversation.cut


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("name", DAEMONS)
def test_calls_that_fail(name, point, long, tmp_path):
    rng, faults = random.Random(point), Faults(tmp_path / "faults")
    with running(*harness.MATRIX[name], env=faults.env()) as daemon:
        watcher = daemon.connect()
        assert watcher.ask("LEN").number == 0
        calls, failed = attack(daemon, faults, watcher, False, point, 0, 0, 0)
        assert failed == 0 and (calls > 0 or point == "map"), "the conversation is one that meets these calls"
        chosen = rng.sample(range(1, calls + 1), min(calls, LONG if long else SHORT))
        for first in chosen:
            for error in ERRORS[point] if long else [rng.choice(ERRORS[point])]:
                times, pipelined = rng.choice((1, 1, 2, 20)), rng.random() < 0.5
                try:
                    _, failed = attack(daemon, faults, watcher, pipelined, point, first, times, error)
                    assert failed == 0 or error not in HARMLESS
                except Exception as e:
                    raise AssertionError(f"{point}: {times} from the {first}. call on fail with {error}, {pipelined=}: "
                                         f"{e!r}\n{daemon.stderr()}") from e
        watcher.close()
