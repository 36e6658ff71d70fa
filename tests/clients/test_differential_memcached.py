"""Long random sequences of commands, to sluiced and to Debian's memcached: every reply the same, byte for byte.

cas values are numbers of each server's own: what is compared is that they change and stay the same together. Lifetimes
lie far away, and are compared roughly.

What differs on purpose, and therefore is not drawn:
- mg's flags h and l are refused: when a session was last used is not known. The commands me, bget, cache_memlimit, slabs,
  lru, watch and stats detail and cachedump are unknown: there are no slabs, and nothing is evicted.
- ms takes N with the modes A and P, and ms, ma and md take E, as later versions of memcached do.
- Flags, and lengths, of more than 32 bits are refused; memcached takes their lower 32 bits. Expiry times of more than 32
  bits mean what they say.
- Keys that are no base64 are refused; memcached leaves out the letters that are not.
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

KEYS = ["a", "b", "c", "d" * 60]
VALUES = ["", "x", "0", "1", "10", "99", "007", "-1", " 5", "5 ", "+5", "5 x", "18446744073709551615", "18446744073709551616",
          "a value", "\x00\xff\r\n", "END", "y" * 300, "1" + " " * 40]
key, value = st.sampled_from(KEYS), st.sampled_from(VALUES)
flags = pick("0", "1", "4294967295", "65536", "007", "+3")
exptime = pick("0", "0", "0", "1000", "2592000", "2000000000", "-1", "2592001", "-2147483648", "+1000")
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
              "md", "ma"), many(pick("a", "1", "x", "noreply", "-1"), 0, 4).filter(lambda w: not (len(w) > 1 and w[1].isdigit()))),
    line("set", key, bad_number, "0", "1"), line("set", key, "0", bad_number.filter(lambda n: n != "-1"), "1"), line("set", key, "0", "0", bad_number),
    line(pick("touch", "gat"), key, bad_number), line(pick("incr", "decr"), key, bad_number, noreply),
    line("k" * 251), line(pick("delete", "incr", "touch", "mg", "md", "ma"), "k" * 251, "1"), line("", pick("", " ")),
    line("get", "k" * 250, "k" * 250), store("set", "k" * 250, "0", "0", "LEN"),
]
replied = pick("k", "Oabc", "O", "O" + "o" * 31, "u")
wrong_flag = pick("z", "Tx", "T", "Nx", "Rx", "O" + "o" * 32, "Mxx", "M", "Dx", "Jx", "Cx", "Fx", "k", "k", "!", "q")
quiet = pick([], [], [], ["q"])
seen = pick("v", "s", "t", "f", "c")


def flags_of(*strategies):
    """Flags, each letter once, those that are for the reply at the end (see above: t)."""
    return st.tuples(joined(st.one_of(*strategies), 4), joined(st.one_of(seen, replied).map(lambda f: [f]), 4)).map(
        lambda drawn: distinct(drawn[0] + drawn[1]))


def distinct(words):
    found = list({w[:1]: w for w in words}.values())
    is_over = any(w in ("T-1", "T2592001", "T-2147483648") for w in found)
    return [w for w in found if w != "t" or not is_over]


touches = exptime.map(lambda t: ["T" + t])
meta = [
    line("mg", key, flags_of(touches, pick("R5", "R100000").map(lambda f: [f]), quiet)),
    line("mg", key, pick(["N1000"], ["N0"]), flags_of(quiet)),
    store("ms", key, "LEN", flags_of(touches, pick(["MS"], ["ME"], ["MR"], ["MA"], ["MP"], ["F5"], ["F4294967295"], ["MX"]), quiet)),
    key.flatmap(lambda k: store("ms", k, "LEN", pick(f"CCAS:{k}", f"CCAS:{k}", "C999999999"), flags_of(touches, quiet))),
    line("md", key, flags_of(quiet)), key.flatmap(lambda k: line("md", k, pick(f"CCAS:{k}", "C999999999"), flags_of(quiet))),
    line("ma", key, flags_of(touches, pick(["MI"], ["MD"], ["M+"], ["M-"], ["MX"]), number.map(lambda n: ["D" + n]), quiet)),
    line("ma", key, "N0", pick([], ["J13"], ["J0"]), flags_of(number.map(lambda n: ["D" + n]))),
    line(pick("mg", "md", "ma"), key, many(wrong_flag, 1, 3)), store("ms", key, "LEN", many(wrong_flag, 1, 3)),
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

    def answer(self, command):
        """All that the command brings, up to the answer of a command behind it; without the keys' prefix."""
        self.send(self.bytes_of(command) + b"mn\r\n")
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


@pytest.fixture(scope="module")
def pair(sluiced, peer_memcached):
    return peer_memcached.port, sluiced.memcached_port


def compare(pair, commands):
    prefix = f"{next(numbers)}."
    with Server(pair[0], prefix) as memcached, Server(pair[1], prefix) as sluice:
        same = {}  # memcached's cas value -> ours
        everything = [*commands, *[("gets " + k, None) for k in KEYS], *[(f"mg {k} t f s", None) for k in KEYS]]
        for command in everything:
            if "CAS:" in command[0]:
                name = command[0].split("CAS:")[1].split(" ")[0]
                for server in (memcached, sluice):
                    server.learn(server.answer((f"gets {name}", None)))
            (theirs, their_cas), (ours, our_cas) = [s.learn(s.answer(command)) for s in (memcached, sluice)]
            assert theirs == ours, f"{command}\n  memcached {theirs}\n  sluice    {ours}"
            assert len(their_cas) == len(our_cas)
            for t, o in zip(their_cas, our_cas):
                assert same.setdefault(t, o) == o, f"{command}: {t} was {same[t]}, is {o}"
        assert len(set(same.values())) == len(same)


@settings(max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
          phases=(Phase.generate, Phase.shrink))
@given(sequences)
def test_sequences(pair, commands):
    compare(pair, commands)
