"""Long random command sequences, compared with a model in Python.

A program is a list of batches. The requests of one batch go out at once on one connection (pipelined) and are
answered before the next batch goes out, perhaps on another connection: so their effects must be those of the
model, executed one request after the other.
"""

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from daemon import sanitizer

DAEMON_SETS = ("queue.bound=10000",)
KEYS = [b"a", b"b", b"c", b"session:" + b"d" * 60, b"\xc3\xa9\xff", b"k" * 512]
CONNECTIONS = 3
TTLS = [b"-", b"never", b"1h", b"7200", b"90m"]

keys = st.sampled_from(KEYS)
ttls = st.sampled_from(TTLS)
values = st.one_of(st.binary(max_size=40), st.binary(min_size=300, max_size=500),
                   st.sampled_from([b"", b"\r\n", b"$5", b"DELETE a\r\n", b"x" * 20000]))
# A condition on a version is made from what the model knows: the current version, or one off it.
conditions = st.sampled_from([None] * 6 + ["absent", "present", "current", "stale"])
typed = st.text("abcxyz{}\":,. 0123456789", min_size=1, max_size=30).map(str.encode)

commands = st.one_of(
    st.tuples(st.just("GET"), keys),
    st.tuples(st.just("GET"), keys),
    st.tuples(st.just("PUT"), keys, ttls, values, conditions),
    st.tuples(st.just("PUT"), keys, ttls, values, conditions),
    st.tuples(st.just("TYPED"), keys, ttls, typed, conditions),
    st.tuples(st.just("DELETE"), keys, conditions),
    st.tuples(st.just("TOUCH"), keys, ttls, conditions),
    st.tuples(st.just("LEN")),
    st.tuples(st.just("BAD"), st.sampled_from([b"PUT a 0 $3\r\nGET\r\n", b"GET\r\n", b"FLY a\r\n", b"GET a b\r\n"])),
    st.tuples(st.just("PING")),
)
batches = st.tuples(st.integers(0, CONNECTIONS - 1), st.lists(commands, min_size=1, max_size=30))
programs = st.lists(batches, min_size=1, max_size=25)

LIFETIME = {b"-": 1800_000, b"never": -1, b"1h": 3600_000, b"7200": 7200_000, b"90m": 5400_000}


class Model:
    """What the daemon must hold. Versions are not predicted, only bounded: greater than any seen for the key."""

    def __init__(self):
        self.sessions = {}  # key -> [value, version, ttl as sent]
        self.newest = {}  # key -> greatest version ever seen

    def refused(self, key, condition, reply, verb):
        """True when the condition spoke, and the reply says it as it must."""
        current = self.sessions[key][1] if key in self.sessions else 0
        if condition == "absent":
            if current:
                assert (reply.kind, reply.version) == ("CONFLICT", current)
                return True
        elif condition is not None:
            holds = current != 0 and condition in ("present", current)
            if not holds:
                assert (reply.kind, reply.version) == ("CONFLICT", current)
                return True
        return False

    def check(self, command, condition, reply):
        getattr(self, "check_" + command[0].lower())(*command[1:], condition=condition, reply=reply)

    def check_get(self, key, condition, reply):
        if key not in self.sessions:
            assert reply.kind == "NOT_FOUND"
            return
        value, version, ttl = self.sessions[key]
        assert (reply.kind, reply.version, reply.body) == ("VALUE", version, value)
        most = LIFETIME[ttl]
        assert reply.number == most if most == -1 else most - 300_000 < reply.number <= most

    def check_put(self, key, ttl, value, condition, reply):
        if not self.refused(key, condition, reply, "PUT"):
            assert reply.kind == "OK" and reply.version > self.newest.get(key, 0)
            self.sessions[key] = [value, reply.version, ttl]
            self.newest[key] = reply.version

    check_typed = check_put

    def check_delete(self, key, condition, reply):
        if self.refused(key, condition, reply, "DELETE"):
            return
        assert (reply.kind, reply.words) == ("OK", ()) if key in self.sessions else reply.kind == "NOT_FOUND"
        self.sessions.pop(key, None)

    def check_touch(self, key, ttl, condition, reply):
        if self.refused(key, condition, reply, "TOUCH"):
            return
        if key not in self.sessions:
            assert reply.kind == "NOT_FOUND"
            return
        assert (reply.kind, reply.version) == ("OK", self.sessions[key][1])
        self.sessions[key][2] = ttl

    def check_len(self, condition, reply):
        assert (reply.kind, reply.number) == ("LEN", len(self.sessions))

    def check_bad(self, _, condition, reply):
        assert reply.kind == "ERROR" and reply.code in ("bad-request", "bad-ttl", "unknown-verb")

    def check_ping(self, condition, reply):
        assert reply.kind == "PONG"


def resolve(model, command):
    """The condition as it is sent, from what is known before the batch: a version may be stale by then."""
    condition = command[-1] if command[0] in ("PUT", "TYPED", "DELETE", "TOUCH") else None
    if condition in ("current", "stale"):
        known = model.newest.get(command[1], 1)
        return known if condition == "current" else known + 1_000_000_000_000
    return condition


def encode(command, condition, tag):
    verb, *rest = command
    modifiers = [b"tag=t%d" % tag] if tag % 3 == 0 else []
    if condition is not None and verb in ("PUT", "TYPED", "DELETE", "TOUCH"):
        modifiers.insert(tag % 2 if modifiers else 0, b"if=" + str(condition).encode())
    head = b"@" + b";".join(modifiers) + b" " if modifiers else b""
    end = (b"\n", b"\r\n")[tag % 2]
    if verb == "PUT":
        key, ttl, value, _ = rest
        return head + b"PUT %s %s $%d" % (key, ttl, len(value)) + end + value + end
    if verb == "TYPED":
        return head + b"PUT " + rest[0] + b" " + rest[1] + b" " + rest[2] + end
    if verb == "BAD":
        return head + rest[0]
    words = [word for word in rest if isinstance(word, bytes)]
    return head + b" ".join([verb.encode(), *words]) + end


def run_program(clients, model, program):
    tag = 0
    for connection, batch in program:
        client = clients[connection]
        sent, data = [], []
        for command in batch:
            tag += 1
            condition = resolve(model, command)
            sent.append((command, condition, tag))
            data.append(encode(command, condition, tag))
        client.send(b"".join(data))
        for command, condition, tag_sent in sent:
            reply = client.reply()
            assert reply.tag == (f"t{tag_sent}" if tag_sent % 3 == 0 else None)
            if command[0] != "BAD":
                command = tuple(x for i, x in enumerate(command)
                                if not (i == len(command) - 1 and command[0] in ("PUT", "TYPED", "DELETE", "TOUCH")))
            try:
                model.check(command, condition, reply)
            except AssertionError as e:
                raise AssertionError(f"{command} if {condition}: {reply}\nmodel: {model.sessions}\n{e}") from e


def test_against_the_model(daemon):
    @settings(max_examples=15 if sanitizer() else 50, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck), phases=[Phase.generate, Phase.shrink])
    @given(programs)
    def run(program):
        clients = [daemon.connect("unix" if i == 1 else "tcp") for i in range(CONNECTIONS)]
        try:
            clients[0].send(b"".join(b"DELETE %s\n" % key for key in KEYS))
            clients[0].replies(len(KEYS))
            run_program(clients, Model(), program)
            for client in clients:
                assert client.finish() == b""
        finally:
            for client in clients:
                client.close()

    run()


def test_many_connections_on_their_own_keys(daemon):
    """Each connection sees its own keys as if it were alone, however the others interleave."""
    count = 20
    clients = [daemon.connect("unix" if i % 4 == 0 else "tcp") for i in range(count)]
    rounds = 20
    for i, client in enumerate(clients):
        requests = []
        for r in range(rounds):
            key = b"own:%d:%d" % (i, r % 3)
            requests += [b"PUT %s 30m value %d\n" % (key, r), b"GET %s\n" % key, b"TOUCH %s never\n" % key,
                         b"GET %s\n" % key, b"DELETE %s\n" % key, b"GET %s\n" % key]
        client.send(b"".join(requests))
    newest = {}
    for i, client in enumerate(clients):
        for r in range(rounds):
            put, first, touch, second, delete, gone = client.replies(6)
            key = (i, r % 3)
            assert put.kind == "OK" and put.version > newest.get(key, 0)
            newest[key] = put.version
            assert (first.body, first.version) == (b"value %d" % r, put.version)
            assert touch.version == put.version
            assert (second.body, second.version, second.number) == (b"value %d" % r, put.version, -1)
            assert (delete.kind, gone.kind) == ("OK", "NOT_FOUND")
        assert client.finish() == b""
        client.close()


def test_compare_and_set_from_many_connections(daemon):
    """A counter kept with if=<version> loses no step, though all connections fight for it."""
    count, steps = 6, 10
    clients = [daemon.connect() for _ in range(count)]
    assert clients[0].put("counter", b"0").kind == "OK"
    done = [0] * count
    while min(done) < steps:
        busy = [i for i in range(count) if done[i] < steps]
        for i in busy:
            clients[i].send(b"GET counter\n")
        seen = {i: clients[i].reply() for i in busy}
        for i in busy:
            clients[i].send(b"@if=%d PUT counter 30m %d\n" % (seen[i].version, int(seen[i].body) + 1))
        outcomes = {i: clients[i].reply().kind for i in busy}
        assert set(outcomes.values()) <= {"OK", "CONFLICT"}
        # All read the same version at best: exactly one of those may win.
        for version in {seen[i].version for i in busy}:
            assert [outcomes[i] for i in busy if seen[i].version == version].count("OK") <= 1
        assert "OK" in outcomes.values()
        for i in busy:
            done[i] += outcomes[i] == "OK"
    assert clients[0].get("counter").body == b"%d" % (count * steps)
    assert clients[0].ask("DELETE counter").kind == "OK"
    for client in clients:
        client.close()
