"""Long random sequences of commands, to sluiced and to Debian's memcached: every reply the same, byte for byte.

cas values are numbers of each server's own: what is compared is that they change and stay the same together. Lifetimes
lie far away, and are compared roughly.

What differs on purpose, and therefore is not drawn:
- mg's flags h and l are refused: when a session was last used is not known. me tells less, the limit of cache_memlimit is
  not changed, the crawler is disabled, there are no slabs; bget, lru and watch are unknown.
- ms takes N with the modes A and P, and ms, ma and md take E, as later versions of memcached do.
- Flags, and lengths, of more than 32 bits are refused; memcached takes their lower 32 bits.
- Keys that are no base64 are refused; memcached leaves out the letters that are not.
- ma with T sets the lifetime; memcached does not where the number grows longer.
- t tells the lifetime after T, wherever it stands; memcached the one before, if t comes first. What is left of a
  lifetime that is over is 0; memcached subtracts beyond that.
- ms with I and a cas value, and ma with C and N, on a key that is absent; ma with q and N that creates.
- md with I, and what comes of it, leaves the lease alone that someone has; memcached hands out a new one.
"""

import itertools
import re
import socket

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from resp_commands import flat, joined, many, pick
from wire import Wire

KEYS = ["key1", "key2", "key3", "d" * 60]  # none is also a flag
VALUES = ["", "x", "0", "1", "10", "99", "007", "-1", " 5", "5 ", "+5", "5 x", "18446744073709551615", "18446744073709551616",
          "a value", "\x00\xff\r\n", "END", "y" * 300, "1" + " " * 40]
key, value = st.sampled_from(KEYS), st.sampled_from(VALUES)
flags = pick("0", "1", "4294967295", "65536", "007", "+3")
exptime = pick("0", "0", "0", "1000", "2592000", "2000000000", "-1", "2592001", "-2147483648", "+1000",
               "2147483648", "4294967295", "4294968296", "99999999999", "-4294966296")
bad_number = pick("abc", "", "-1", "1.5", "0x1", "18446744073709551616", "1x")
noreply = pick([], [], [], ["noreply"], ["foo"])
number = pick("0", "1", "5", "100", "18446744073709551615", "18446744073709551614", "+5")


def line(*parts):
    """A line of words."""
    return st.tuples(*[p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts]).map(
        lambda drawn: (" ".join(flat(drawn)), None))


def store(*parts):
    """A line with a data block: LEN stands for its length."""
    return st.tuples(line(*parts), value).map(lambda drawn: (drawn[0][0], drawn[1]))


cas_of = key.map(lambda k: f"CAS:{k}")  # the value last seen
classic = [
    line("get", many(key, 1, 3)), line("gets", many(key, 1, 3)), line(pick("gat", "gats"), exptime, many(key, 0, 3)),
    store(pick("set", "set", "add", "replace"), key, flags, exptime, "LEN", noreply),
    store(pick("append", "prepend"), key, flags, exptime, "LEN", noreply),
    key.flatmap(lambda k: store("cas", k, flags, exptime, "LEN", pick(f"CAS:{k}", f"CAS:{k}", "999999999"), noreply)),
    store("cas", key, flags, exptime, "LEN", cas_of, noreply),
    line("touch", key, exptime, noreply), line("delete", key, pick([], ["0"], ["5"]), noreply),
    line(pick("incr", "decr"), key, number, noreply), line(pick("incr", "decr"), key, number, noreply),
]
odd = [
    line("version"), line("verbosity", pick("0", "1", "x"), noreply), line("mn"), line("shutdown"), line("nonsense", key),
    line("flush_all", pick([], ["x"], ["1000"]), pick([], ["noreply"], ["noreply", "x"])), line("stats", "nonsense"),
    line(pick("get", "gets", "gat", "gats", "touch", "incr", "decr", "delete", "set", "cas", "verbosity", "mg", "ms",
              "md", "ma"), many(pick("key1", "1", "x", "noreply", "-1"), 0, 4).filter(lambda w: not (len(w) > 1 and w[1].isdigit()))),
    line("set", key, bad_number, "0", "1"), line("set", key, "0", bad_number.filter(lambda n: n != "-1"), "1"), line("set", key, "0", "0", bad_number),
    line(pick("touch", "gat"), key, bad_number), line(pick("incr", "decr"), key, bad_number, noreply),
    line("k" * 251), line(pick("delete", "incr", "touch", "mg", "md", "ma"), "k" * 251, "1"), line("", pick("", " ")),
    line("stats", pick(["detail", "on"], ["detail", "off"], ["detail"], ["cachedump"], ["cachedump", "64", "0"], ["cachedump", "x", "0"])),
    line("slabs", pick([], ["automove", "x"], ["automove", "0"], ["reassign", "x", "1"], ["reassign"])), line("me"), line("me", "k" * 251),
    line("cache_memlimit", pick([], ["x"], ["7"], ["7", "noreply"])), line("lru_crawler", pick([], ["sleep", "100"], ["x"])),
    line("get", "k" * 250, "k" * 250), store("set", "k" * 250, "0", "0", "LEN"),
]
replied = pick("k", "Oabc", "O", "O" + "o" * 31, "u")
wrong_flag = pick("z", "Tx", "T", "Nx", "Rx", "Mxx", "M", "Dx", "Jx", "Cx", "Fx", "k", "k", "!", "q")
quiet = pick([], [], [], ["q"])
seen = pick("v", "s", "t", "f", "c")


def flags_of(*strategies):
    """Flags, each letter once, those that are for the reply at the end (see above: t)."""
    return st.tuples(joined(st.one_of(*strategies), 4), joined(st.one_of(seen, replied).map(lambda f: [f]), 4)).map(
        lambda drawn: distinct(drawn[0] + drawn[1]))


def distinct(words):
    found = list({w[:1]: w for w in words}.values())
    is_over = any(w in ("T-1", "T2592001", "T-2147483648", "T2147483648", "T4294967295", "T99999999999") for w in found)
    return [w for w in found if w not in "tc" or not is_over]


touches = exptime.map(lambda t: ["T" + t])
meta = [
    line("mg", key, flags_of(touches, pick("R5", "R100000").map(lambda f: [f]), quiet)),
    line("mg", key, pick(["N1000"], ["N0"]), flags_of(quiet)),
    store("ms", key, "LEN", flags_of(touches, pick(["MS"], ["ME"], ["MR"], ["MA"], ["MP"], ["F5"], ["F4294967295"], ["MX"]), quiet)),
    key.flatmap(lambda k: store("ms", k, "LEN", pick(f"CCAS:{k}", f"CCAS:{k}", "C999999999"), flags_of(touches, quiet))),
    line("md", key, flags_of(quiet)), key.flatmap(lambda k: line("md", k, pick(f"CCAS:{k}", "C999999999"), flags_of(quiet))),
    line("ma", key, "D0", flags_of(touches, quiet)),
    line("ma", key, flags_of(pick(["MI"], ["MD"], ["M+"], ["M-"], ["MX"]), number.map(lambda n: ["D" + n]), quiet)),
    line("ma", key, "N0", pick([], ["J13"], ["J0"]), flags_of(number.map(lambda n: ["D" + n]))),
    line("mg", key, "O" + "o" * 32), line(pick("mg", "md", "ma"), key, many(wrong_flag, 1, 3)), store("ms", key, "LEN", many(wrong_flag, 1, 3)),
    line(pick("mg", "md", "ma"), key, [f"{c}" for c in "abcdefghijklmnopqr"]),
    store("ms", key, "LEN", [f"{c}" for c in "abcdefghijklmnop"]),
]
stale = [
    line("md", key, "I", pick([], ["T1000"])), line("mg", key, "s", "v", "c"), line("mg", key, "t"),
    store("ms", key, "LEN"),
]
one = st.one_of(*classic, *classic, *meta, *meta, *stale, *odd)
sequences = st.lists(one, min_size=1, max_size=40)
numbers = itertools.count()


class Server(Wire):
    """A connection that knows the cas values it was told."""

    def __init__(self, port, prefix):
        super().__init__(port)
        self.prefix = prefix
        self.cas = {}

    def bytes_of(self, command):
        text, data = command
        words = []
        for w in text.split(" "):
            front, _, name = w.partition("CAS:")
            if name:
                w = front + self.cas.get(name, "1")
            elif w in KEYS or w == "k" * 250:
                w = (self.prefix + w)[:250]
            words.append(w)
        out = " ".join(words).encode("latin-1") + b"\r\n"
        if data is None:
            return out
        block = data.encode("latin-1")
        return out.replace(b"LEN", b"%d" % len(block)) + block + b"\r\n"

    def ask(self, commands):
        """Sends them, each with another behind it that is always answered."""
        self.send(b"".join(self.bytes_of(c) + b"mn\r\n" for c in commands))

    def answer(self, command):
        """All that the command brings, up to the answer of the one behind it; without the keys' prefix."""
        out = []
        while True:
            got = self.line()
            if got == b"MN\r\n" and (out or command[0] != "mn" or self.skipped):
                break
            self.skipped = got == b"MN\r\n"
            assert got, f"closed after {out}"
            out.append(got)
            size = re.match(rb"(?:VALUE [^ ]* \d+|VA) (\d+)", got)
            if size:
                out.append(self.file.read(int(size[1]) + 2))
        return [part.replace(self.prefix.encode(), b"") for part in out]

    skipped = False

    def learn(self, found):
        """Notes a cas value, of a VALUE line or a flag; the line without it, and the value."""
        values = []
        lines = []
        for part in found:
            m = re.match(rb"VALUE ([^ ]*) \d+ \d+ (\d+)\r\n", part) or re.match(rb"(?:HD|VA)()[^\r]* c([1-9]\d*)", part)
            if m:
                values.append(m[2])
                part = part[:m.start(2)] + b"#" + part[m.end(2):]
                if m[1]:
                    self.cas[m[1].decode()] = m[2].decode()
            lines.append(re.sub(rb" t(\d+)", lambda t: b" tSOME" if int(t[1]) > 100 else t[0], part))
        return lines, values


class Pair(tuple):
    unique = True  # ours never gives two keys the same cas value; shards count each for itself


@pytest.fixture(scope="module")
def pair(sluiced, peer_memcached):
    ports = Pair((peer_memcached.port, sluiced.memcached_port))
    ports.unique = "-s2-" not in sluiced.point
    return ports


def groups(commands):
    """Runs of commands that can be sent together: before one with a cas value that value is asked for."""
    group = []
    for command in commands:
        if "CAS:" in command[0]:
            name = command[0].split("CAS:")[1].split(" ")[0]
            yield [*group, (f"gets {name}", None)]
            group = []
        group.append(command)
    yield group


def compare_one(command, memcached, sluice, same):
    (theirs, their_cas), (ours, our_cas) = [s.learn(s.answer(command)) for s in (memcached, sluice)]
    assert theirs == ours, f"{command}\n  memcached {theirs}\n  sluice    {ours}"
    assert len(their_cas) == len(our_cas)
    for t, o in zip(their_cas, our_cas):
        assert same.setdefault(t, o) == o, f"{command}: {t} was {same[t]}, is {o}"


def compare(pair, commands):
    prefix = f"{next(numbers)}."
    with Server(pair[0], prefix) as memcached, Server(pair[1], prefix) as sluice:
        same = {}  # memcached's cas value -> ours
        everything = [*commands, *[("gets " + k, None) for k in KEYS], *[(f"mg {k} t f s", None) for k in KEYS]]
        for group in groups(everything):
            for server in (memcached, sluice):
                server.ask(group)
            for command in group:
                compare_one(command, memcached, sluice, same)
        assert not pair.unique or len(set(same.values())) == len(same)


@settings(max_examples=500, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
          phases=(Phase.generate, Phase.shrink))
@given(sequences)
def test_sequences(pair, commands):
    compare(pair, commands)


LONG = b"k" * 251
FRAMES = [
    # whatever ends lines
    b"set @ 0 0 1\nx\r\nget @\n", b"set @ 0 0 1\r\nx\nget @\r\n", b"get @\r\r\n", b"\r\n\r\n", b"\n", b" \r\n", b" get @\r\n",
    b"get @\0b\r\n", b"get\t@\r\n", b"GET @\r\n", b"set  @  0   0  1 \r\nx\r\nget @\r\n",
    # data that is not as long as was said
    b"set @ 0 0 3\r\nabcde\r\nget @\r\n", b"set @ 0 0 3\r\na\r\nget @\r\n", b"set @ 0 0 3\r\nab\r\nget @\r\n",
    b"set @ 0 0 3 noreply\r\nabcde\r\nget @\r\n", b"ms @ 3\r\nabcde\r\nmg @\r\n", b"ms @ 3 q\r\nabcde\r\nmg @\r\n",
    b"set @ 0 0 0\r\nx\r\nget @\r\n", b"append @ 0 0 2\r\nabcd\r\n", b"set @ 0 0 5\r\n\r\n\r\n\r\nget @\r\n", b"ms @ 0\r\n\r\nmg @ v s\r\n",
    # lengths that are none, or too large
    b"set @ 0 0 -1\r\nx\r\nget @\r\n", b"set @ 0 0 -1 noreply\r\nx\r\nget @\r\n", b"set @ 0 0 2147483646\r\nget @\r\n",
    b"set @ 0 0 2147483648\r\nget @\r\n", b"set @ 0 0 abc\r\nx\r\n", b"set @ 0 0 \r\nx\r\n", b"ms @ abc\r\nx\r\n", b"ms @ -1\r\nx\r\n",
    b"ms @\r\nx\r\n", b"ms @ S1\r\nx\r\n", b"ms @ 2147483647\r\nx\r\n",
    b"set @ 0 0 1048577\r\n" + b"x" * 1048577 + b"\r\nget @\r\n", b"ms @ 1048577 q\r\n" + b"x" * 1048577 + b"\r\nmg @\r\n",
    b"set @ 0 0 2000000 noreply\r\n" + b"x" * 2000000 + b"\r\nget @\r\n",
    # keys and lines that are too long
    b"set " + LONG + b" 0 0 1\r\nx\r\nget @\r\n", b"add " + LONG + b" 0 0 1 noreply\r\nx\r\nget @\r\n", b"get " + LONG + b"\r\n",
    b"ms " + LONG + b" 1\r\nx\r\nmg @\r\n", b"incr " + LONG + b" 1\r\n", b"mg " + LONG + b" v\r\n", b"get " + b"k" * 250 + b"\r\n",
    b"z" * 2047 + b"\r\n", b"z" * 2100 + b"\r\n", b"z" * 70000, b"get " + b" ".join([b"k" * 200] * 30) + b"\r\n",
    b"gets " + b" ".join([b"k"] * 3000) + b"\r\n", b"gat 0 " + b" ".join([b"k" * 200] * 30) + b"\r\n",
    b"mg @ " + b" ".join([b"k" * 200] * 30) + b"\r\n", b"set " + b"k" * 3000,
    # whoever asks first for what has little time left, as the same command leaves it
    b"set @ 0 0 1\r\nx\r\nmg @ R5 T-1\r\nmg @\r\n", b"set @ 0 0 1\r\nx\r\nmg @ R5 T3\r\nmg @ R5\r\n", b"set @ 0 3 1\r\nx\r\nmg @ R5 T9\r\nmg @\r\n",
    b"set @ 0 0 1\r\nx\r\nmg @ T-1 R5\r\nmg @\r\n", b"set @ 0 0 1\r\nx\r\nmg @ T2592001 R5\r\nmg @\r\n", b"set @ 0 0 1\r\nx\r\nmg @ T3 R5\r\nmg @ R5\r\n", b"set @ 0 3 1\r\nx\r\nmg @ T9 R5\r\nmg @\r\n",
    # ends
    b"quit\r\nget @\r\n", b"quit noreply\r\nget @\r\n", b"set @ 0 0 5\r\nab", b"get @", b"shutdown\r\nget @\r\n", b"shutdown x\r\n",
    b"POST / HTTP/1.1\r\n\r\nset @ 0 0 1\r\nx\r\n",
]


def all_that_comes(port, raw, split=0):
    key = b"f%d" % next(numbers)
    with Wire(port) as wire:
        try:
            wire.send(raw.replace(b"@", key), split)
            wire.socket.shutdown(socket.SHUT_WR)
        except OSError:  # it has closed already
            if split:
                return b"reset"
        try:
            return wire.file.read().replace(key, b"@")
        except ConnectionResetError:
            return b"reset"


@pytest.mark.parametrize("raw", FRAMES, ids=lambda raw: repr(raw[:40])[2:-1])
def test_framing(pair, raw):
    """The same replies, and the connection kept or closed alike."""
    theirs, ours = [all_that_comes(port, raw + b"mn\r\n" * (len(raw) < 60000 or raw[:1] != b"z")) for port in pair]
    assert theirs == ours or b"reset" in (theirs, ours)


@pytest.mark.parametrize("raw", FRAMES, ids=lambda raw: repr(raw[:40])[2:-1])
def test_framing_byte_by_byte(sluiced, raw):
    if len(raw) < 5000:
        # what is sent to a connection that was closed may cost the last reply
        assert all_that_comes(sluiced.memcached_port, raw, split=1) in (all_that_comes(sluiced.memcached_port, raw), b"reset")


def asked(wire, text, data=None):
    wire.ask([(text, data)])
    return wire.answer((text, data))


def test_later_versions_flags(sluiced):
    """What memcached learned after the version that is compared with."""
    with Server(sluiced.memcached_port, "e.") as wire:
        assert asked(wire, "ms key1 LEN E1000000000000", "x") == [b"HD\r\n"]
        assert asked(wire, "mg key1 c") == [b"HD c1000000000000\r\n"]
        assert asked(wire, "md key1 I C1000000000000 E1000000000005 T60") == [b"HD\r\n"]
        assert asked(wire, "mg key1 c t v") == [b"VA 1 c1000000000005 t60 X W\r\n", b"x\r\n"]
        assert asked(wire, "ms key3 LEN", "5") == [b"HD\r\n"]
        assert asked(wire, "ma key3 E2000000000000 c") == [b"HD c2000000000000\r\n"]
        assert asked(wire, "ms key2 LEN MA N60", "x") == [b"HD\r\n"]
        assert asked(wire, "mg key2 t v") == [b"VA 1 t60\r\n", b"x\r\n"]


def test_a_session_is_seen_by_all_listeners(sluiced):
    """A cas value is the text protocol's version; a key is a key in the RESP database 0."""
    with Server(sluiced.memcached_port, "") as mc, Wire(sluiced.resp_port) as resp, Wire(sluiced.port) as text:
        asked(mc, "set seen 7 0 LEN", "x")
        found = asked(mc, "gets seen")
        text.send(b"GET seen\r\n")
        assert text.line().split()[0] == b"VALUE" and text.line() == b"x\r\n"
        resp.send(b"GET seen\r\n")
        assert resp.line() + resp.line() == b"$1\r\nx\r\n"
        version = found[0].split()[-1]
        text.send(b"@if=%s DELETE seen\r\n" % version)
        assert text.line().startswith(b"OK")
        assert asked(mc, "get seen") == [b"END\r\n"]
