"""All three protocols at once, one request after the other, against one model.

Connections send batches in turn. Most are well-formed; some come in pieces, hold malformed requests, or end in the
middle of one, by half a close or by a reset. Each reply must be what the model says, whoever changed the session.
"""

import json
import random

from daemon import poll
from model import Model
from programs import KEYS, Maker
from speakers import SPEAKERS, connect

SEEDS = (3, 400)
STEPS = 80
ENDINGS = ("open",) * 12 + ("quit", "half", "partial", "fatal", "reset")


class Attack:
    def __init__(self, daemon, seed):
        self.daemon, self.rng = daemon, random.Random(seed)
        self.model = Model(KEYS)
        self.maker = Maker(self.rng, lambda key: self.model.sessions[key].newest)
        self.watcher = daemon.connect()
        self.protocols = list(SPEAKERS) * 2
        self.clients = [connect(daemon, protocol) for protocol in self.protocols]
        self.number = 0

    def connections(self):
        return json.loads(self.watcher.ask("STATS").body)["connections"]["open"]

    def close(self):
        for client in [*self.clients, self.watcher]:
            client.close()

    def send(self, client, data):
        """Whole, or cut at random bytes, with time for the daemon to read each piece."""
        if self.rng.random() < 0.7:
            client.send(data)
            return
        cuts = sorted(self.rng.randrange(len(data) + 1) for _ in range(3))
        for start, end in zip([0, *cuts], [*cuts, len(data)]):
            client.send(data[start:end])
            self.watcher.ask("PING")

    def step(self):
        at = self.rng.randrange(len(self.clients))
        client, ending = self.clients[at], self.rng.choice(ENDINGS)
        units = [self.maker.unit(type(client)) for _ in range(self.rng.randrange(1, 12))]
        numbers = range(self.number, self.number + len(units))
        self.number += len(units)
        last = self.ending(client, ending)
        self.send(client, b"".join(client.encode(u, n) for u, n in zip(units, numbers)) + last)
        if ending in ("half", "partial"):
            client.half_close()
        for unit, number in zip(units, numbers):
            for request, reply in zip(unit, client.read(unit, number)):
                self.model.check(request, reply)
        if ending == "open":
            return
        self.check_end(client, ending)
        client.close()
        self.clients[at] = connect(self.daemon, self.protocols[at])

    def ending(self, client, how):
        """What is sent behind the batch."""
        if how in ("partial", "reset"):
            whole = client.encode((self.maker.request(type(client), ("put", "delete")),), 0)
            return whole[:self.rng.randrange(1, len(whole) - 1)]
        if how == "fatal":
            return self.rng.choice(client.FATAL or client.QUIT[:1])
        return client.QUIT[0] if how == "quit" else b""

    @staticmethod
    def check_end(client, how):
        if how == "reset":
            client.reset()
            return
        rest = client.rest()
        if how == "fatal" and client.FATAL:
            assert rest.startswith((b"ERROR ", b"-ERR Protocol error")) and rest.count(b"\n") == 1, rest
        elif how != "partial":
            assert rest == (client.QUIT[1] if how == "quit" else b""), rest
        else:
            assert rest == b"" or rest.startswith(b"ERROR ") and rest.count(b"\n") == 1, rest

def test_one_after_the_other(daemon, seed):
    attack = Attack(daemon, seed)
    try:
        for _ in range(STEPS):
            attack.step()
        assert attack.watcher.ask("LEN").number == attack.model.count()
        poll(lambda: attack.connections() == len(attack.clients) + 1, 20, "connections that have ended are let go")
    finally:
        attack.close()
