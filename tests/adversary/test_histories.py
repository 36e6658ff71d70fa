"""Many connections at once on few keys, over all three protocols: is there an order that explains every reply?

Pipelines go out on connections that wait for nothing, and replies are read from those that do, in an order that the
seed chooses. Some connections are reset with requests in flight. What is recorded is then searched key by key
(linear.py). How requests meet in the daemon is not the seed's choice, so a failure may take several runs to come back.
"""

import random
from collections import defaultdict

from linear import NEVER, Event, explained
from model import Session
from programs import KEYS, Maker
from speakers import SPEAKERS, command, connect

SEEDS = (3, 150)
STEPS = 150
PROTOCOLS = list(SPEAKERS) * 2
SHARED = KEYS[:3]


class Line:
    """One connection and what it waits for."""

    def __init__(self, daemon, protocol, name):
        self.client, self.name = connect(daemon, protocol), name
        self.waiting = []  # (number, unit, when it was sent)


class Recorder:
    def __init__(self, daemon, seed):
        self.daemon, self.rng = daemon, random.Random(seed)
        self.newest = defaultdict(int)  # versions by key, as told
        self.maker = Maker(self.rng, self.newest.__getitem__, SHARED)
        self.history = {key: [] for key in SHARED}
        self.now = self.number = self.names = 0
        self.lines = [self.open(protocol) for protocol in PROTOCOLS]

    def open(self, protocol):
        self.names += 1
        return Line(self.daemon, protocol, self.names)

    def moment(self):
        self.now += 1
        return self.now

    def record(self, line, sent, unit, replies):
        returned = NEVER if replies is None else self.moment()
        for i, request in enumerate(unit):
            reply = None if replies is None else replies[i]
            if reply is not None and reply.version is not None:
                self.newest[request.key] = max(self.newest[request.key], reply.version)
            self.history[request.key].append(Event(line.name, sent, returned, request, reply))

    def send(self, line, simple=False):
        verbs = ("put", "delete") if simple else [v for v in line.client.VERBS if v not in ("bad", "len")]
        units = [self.maker.unit(type(line.client), verbs) for _ in range(self.rng.randrange(1, 6))]
        if simple:
            units = [(unit[0]._replace(condition=None),) for unit in units]
        numbers = range(self.number, self.number + len(units))
        self.number += len(units)
        line.waiting = [(number, unit, self.moment()) for number, unit in zip(numbers, units)]
        line.client.send(b"".join(line.client.encode(unit, number) for number, unit, _ in line.waiting))

    def read(self, line):
        for number, unit, sent in line.waiting:
            self.record(line, sent, unit, line.client.read(unit, number))
        line.waiting = []

    def step(self):
        at = self.rng.randrange(len(self.lines))
        line = self.lines[at]
        if line.waiting:
            self.read(line)
        elif self.rng.random() < 0.97:
            self.send(line)
        else:
            self.send(line, simple=True)
            line.client.reset()
            for _, unit, sent in line.waiting:
                self.record(line, sent, unit, None)
            self.lines[at] = self.open(PROTOCOLS[at])

    def finish(self):
        for line in self.lines:
            self.read(line)
            assert line.client.finish() == b"", "one reply a request"
            line.client.close()


def sessions_and_count(daemon, keys):
    """Values and the number of sessions, of one moment."""
    client = connect(daemon, "resp")
    client.send(command(b"MULTI") + command(b"MGET", *keys) + command(b"DBSIZE") + command(b"EXEC"))
    _, _, _, (values, count) = (client.any() for _ in range(4))
    client.close()
    return values, count


def test_an_order_explains_every_reply(daemon, seed):
    recorder = Recorder(daemon, seed)
    for _ in range(STEPS):
        recorder.step()
    recorder.finish()
    values, count = sessions_and_count(daemon, SHARED)
    assert count == sum(value is not None for value in values)
    for key, now in zip(SHARED, values):
        ends = explained(recorder.history[key], Session())
        assert ends, "no order explains\n" + "\n".join(map(str, recorder.history[key]))
        assert now in {session.value for session in ends}
