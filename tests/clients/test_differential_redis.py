"""Long random sequences of commands, to sluiced and to Debian's redis-server: every reply the same, byte for byte.

What differs on purpose is in DIFFERENCES, with the reason. What cannot be the same (times left, order, identities) is
compared as far as it can be: see comparable().
"""

import io
import random
import re
import socket

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from resp_commands import FAR, KEYS, PATTERNS, VALUES, sequences
from wire import Resp

# Why a reply of ours is not Redis's: (command, what Redis says, what we say). First match excuses.
DIFFERENCES = [
    # No access times are kept, so nothing can be told.
    (rb"(?i)object idletime .*", rb":\d+\r\n", rb"-ERR An LFU .*\r\n"),
    # Redis shares small integers.
    (rb"(?i)object refcount .*", rb":\d+\r\n", rb":1\r\n"),
    # A value that was appended to, or whose key was renamed, keeps another encoding in Redis; here it goes by the value.
    (rb"(?i)object encoding .*", rb"\$\d+\r\n(raw|embstr|int)\r\n", rb"\$\d+\r\n(raw|embstr|int)\r\n"),
    (rb"(?i)object help", rb"\*\d+\r\n.*", rb"\*1\r\n.*"),
    # The configuration is a file; what a daemon runs with cannot be changed from a connection.
    (rb"(?i)config (set|resetstat|rewrite).*", rb".*", rb"-ERR the configuration is in the YAML file.*"),
    # There is no Lua.
    (rb"(?i)(eval|script load) .*", rb".*", rb"-ERR scripts are not supported.*"),
    (rb"(?i)function .*", rb".*", rb"-ERR unknown subcommand .*"),
    # A walk keeps its pattern, so that others come in between: it has room for 512 bytes.
    (rb"(?i)(keys|scan) .{512,}", rb".*", rb"-ERR the pattern is longer than 512 bytes\r\n"),
    # Redis's names of commands end at a NUL.
    (rb"(?i)[^ ]*\x00.*", rb"-ERR .*", rb"-ERR .*"),
]


def encoded(command):
    return [w.encode("latin-1") for w in command]


def excused(command, theirs, ours):
    line = b" ".join(command)
    return any(re.fullmatch(c, line, re.S) and re.fullmatch(t, theirs, re.S) and re.fullmatch(o, ours, re.S)
               for c, t, o in DIFFERENCES)


NEAR_S = 20  # seconds that a test takes at most between two commands


def moment(name, reply):
    """A time left, or a time of day: when it counts from now, only that it is to come."""
    n = int(reply[1:]) // (1000 if name.startswith(b"P") else 1)
    is_time_of_day = name.endswith(b"EXPIRETIME")
    return reply if n < NEAR_S or (is_time_of_day and n > FAR - NEAR_S) else b"to come"


def comparable(command, reply):
    """The reply without what cannot be the same: order, identity, versions, time that goes on."""
    name = command[0].upper()
    if reply[:1] in b"-+" and name != b"EVAL":
        return reply
    if name == b"HELLO":
        return re.sub(rb"(\$2\r\nid\r\n):\d+", rb"\1:0", reply)
    if name in (b"KEYS", b"SCAN"):
        return sorted(re.findall(rb"\$\d+\r\n(.*?)\r\n", reply, re.S))
    if name in (b"TTL", b"PTTL", b"EXPIRETIME", b"PEXPIRETIME"):
        return moment(name, reply)
    if name in (b"RANDOMKEY", b"TIME") or (name == b"COMMAND" and command[1].upper() == b"COUNT"):
        return reply[:1]
    if name == b"CLIENT" and command[1].upper() in (b"ID", b"INFO", b"LIST"):
        return reply[:1], reply[1:2] == b"0"
    return reply


class Stream(Resp):
    """Replies that are there already."""

    def __init__(self, data):  # no socket
        self.file = io.BytesIO(data)

    @classmethod
    def parts(cls, array):
        """The replies in an array, or None where it is none."""
        if not array.startswith(b"*"):
            return None
        stream = cls(array)
        return [stream.reply() for _ in range(int(stream.line()[1:]))]


def pairs(command, queued, theirs, ours):
    """What is to be compared: (command, Redis's reply, ours), of EXEC for each command in it."""
    if command[0].upper() != b"EXEC" or not queued:
        return [(command, theirs, ours)]
    split = [Stream.parts(reply) for reply in (theirs, ours)]
    if any(part is None or len(part) != len(queued) for part in split):
        return [(command, theirs, ours)]
    return list(zip(queued, *split))


AT_ONCE = 500  # commands in a pipeline: fewer than our queue has room for


def outcome(commands, redis, sluice, split):
    """What differs first, or None."""
    queued = []
    for at in range(0, len(commands), AT_ONCE):
        some = commands[at:at + AT_ONCE]
        data = b"".join(Resp.command(*c) for c in some)
        redis.send(data)
        sluice.send(data, split)
        for command in some:
            problem = one_outcome(command, queued, redis.reply(), sluice.reply())
            if problem:
                return problem
    return None


def one_outcome(command, queued, theirs, ours):
    """The same of one command; `queued` are those of the open transaction, kept up to date."""
    for c, t, o in pairs(command, queued, theirs, ours):
        if comparable(c, t) != comparable(c, o) and not excused(c, t, o):
            return f"{command}: {c}\n  redis  {t!r}\n  sluice {o!r}"
    if theirs == b"+QUEUED\r\n":
        queued.append(command)
    elif command[0].upper() in (b"MULTI", b"EXEC", b"DISCARD", b"RESET"):
        queued.clear()
    return None


@pytest.fixture(scope="module")
def pair(sluiced, peer_redis):
    return peer_redis.port, sluiced.resp_port


def compare(pair, commands, split=0):
    with Resp(pair[0]) as redis, Resp(pair[1]) as sluice:
        for wire in (redis, sluice):
            wire.ask("FLUSHALL")
        problem = outcome([encoded(c) for c in commands], redis, sluice, split)
        if problem is None:  # and what is left is the same, too
            rest = [["DISCARD"], ["HELLO", "2"]] + [c for db in ("0", "1", "15") for c in [
                ["SELECT", db], ["DBSIZE"], ["KEYS", "*"], *[["PEXPIRETIME", k] for k in KEYS], ["MGET", *KEYS]]]
            problem = outcome([encoded(c) for c in rest], redis, sluice, 0)
        assert problem is None, problem


@settings(max_examples=800, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck), phases=(Phase.generate, Phase.shrink))
@given(sequences, st.sampled_from([0, 0, 0, 7]))
def test_sequences(pair, commands, split):
    compare(pair, commands, split)


def test_a_long_walk(pair):
    """One connection, thousands of commands."""
    rng = random.Random(7)
    pool = [[rng.choice(["SET", "GET", "DEL", "APPEND", "INCR", "GETSET", "STRLEN", "SETNX", "EXISTS", "TYPE"]),
             rng.choice(KEYS)] for _ in range(5000)]
    commands = [c + [rng.choice(VALUES)] if c[0] in ("SET", "APPEND", "GETSET", "SETNX") else c for c in pool]
    compare(pair, commands)


@pytest.mark.parametrize("p", [*PATTERNS, "h[ae]llo", "h[^e]llo", "h[a-b]llo", "*l*l*", "[]", "[]a", "a[", "[a-", "[-a]",
                               "\\*", "[\\]]", "*]", "??", "[a-c-e]", "[^^]", "[--a]", "***a", "*\\", "[b-a]"])
def test_patterns(pair, p):
    texts = ["a", "b", "k:1", "hello", "hallo", "hbllo", "]", "-", "*", "", "aa", "[", "\\", "l", "ll", "z"]
    commands = [["MSET", *[w for t in texts for w in (t, "v")]], ["KEYS", p], ["SCAN", "0", "MATCH", p, "COUNT", "1000"]]
    compare(pair, commands)


PING = b"*1\r\n$4\r\nPING\r\n"
FRAMES = [
    # whole commands, blanks between them
    PING + PING, b"PING\r\n", b"PING\n", b"\r\n\r\nPING\r\n", b"*0\r\nPING\r\n", b"*-1\r\nPING\r\n", b"*-5\r\n" + PING,
    b"\n" + PING, b"   PING   \r\n", b"\tPING\t\r\n", b" \r\n" + PING, b"nonsense a b\r\nPING\r\n", b"GET\r\n",
    # quoting
    b"SET a \"x y\"\r\nGET a\r\n", b"SET a 'it\\'s'\r\nGET a\r\n", b"SET a \"\\x41\\n\\t\"\r\nGET a\r\n",
    b"SET a \"\\xzz\\q\\\"\\\\\"\r\nGET a\r\n", b"SET a '\\x41\\n'\r\nGET a\r\n", b"ECHO \"\"\r\n", b"ECHO ''\r\n", b"ECHO a\"b\"\r\n",
    b"ECHO a'b c'\r\n", b"ECHO \"\\r\\a\\b\\x0D\"\r\n", b"GET \"a\r\n", b"GET \"a\"b\r\n", b"GET 'a\r\n", b"GET 'a'b\r\n", b"ECHO \\x41\r\n",
    b"\"PING\"\r\n", b"\"\"\r\n", b"ECHO \"\\x4\"\r\n", b"ECHO \"a\\",
    # counts and lengths that are none
    b"*x\r\n", b"*1\r\n+PING\r\n", b"*1\r\n$x\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$999999999999\r\n", b"*99999999999999\r\n",
    b"*2\r\n$3\r\nGET\r\n:1\r\n", b"*1\r\n$0\r\n\r\n", b"*1\r\n$00\r\n\r\n", b"*+1\r\n" + PING, b"*01\r\n" + PING, b"* 1\r\n" + PING,
    b"*\r\n" + PING, b"*1\r\n$\r\n", b"*1\r\n$+4\r\nPING\r\n", b"*1\r\n$4 \r\nPING\r\n", b"*-0\r\n" + PING, b"*1\r\n\r\n",
    b"*2147483648\r\n", b"*1\r\n$536870913\r\n", b"*1\r\n$-536870913\r\n", b"*1.0\r\n", b"*1\r\n*1\r\n", b"$4\r\nPING\r\n", b":1\r\n",
    b"*" + b"1" * 70000, b"*1\r\n$" + b"1" * 70000, b"x" * 70000, b"*9223372036854775808\r\n",
    # whatever sits where CR LF is looked for
    b"*1\rx$4\rxPING\r\n" + PING, b"GET /index.html HTTP/1.1\r\nAccept: text/html\r\n\r\n",
    b"Host: here\r\n\r\nSET a b\r\n", b"POST / HTTP/1.1\r\n\r\nSET a b\r\n",
]


@pytest.mark.parametrize("raw", FRAMES, ids=lambda raw: repr(raw[:40])[2:-1])
def test_framing(pair, raw):
    """The same replies, and the connection kept or closed alike."""
    answers = [all_that_comes(port, raw) for port in pair]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("raw", FRAMES, ids=lambda raw: repr(raw[:40])[2:-1])
def test_framing_byte_by_byte(sluiced, raw):
    if len(raw) < 1000:
        # what is sent to a connection that was closed may cost the last reply
        assert all_that_comes(sluiced.resp_port, raw, split=1) in (all_that_comes(sluiced.resp_port, raw), "reset")


def all_that_comes(port, raw, split=0):
    quits = b"" if len(raw) > 60000 else b"*1\r\n$4\r\nQUIT\r\n"  # too long a line: it depends on reads what Redis does with its end
    with Resp(port) as wire:
        try:
            wire.send(raw + quits, split)
            wire.socket.shutdown(socket.SHUT_WR)
        except OSError:  # it has closed already
            if split:
                return "reset"
        try:
            return wire.file.read()
        except ConnectionResetError:
            return "reset"


@pytest.mark.parametrize("raw, ours", [
    (b"*1\r\n$4\r\nPINGxx", b"-ERR Protocol error: expected CRLF behind a bulk string\r\n"),
    (b"*1048577\r\n", b"-ERR Protocol error: invalid multibulk length\r\n"),
])
def test_refused_where_redis_goes_on(sluiced, raw, ours):
    assert all_that_comes(sluiced.resp_port, raw) == ours


def scan_all(wire, *options, during=lambda: None):
    cursor, keys = b"0", []
    while True:
        reply = wire.ask("SCAN", cursor, *options)
        parts = re.findall(rb"\$\d+\r\n(.*?)\r\n", reply, re.S)
        cursor, found = parts[0], parts[1:]
        keys += found
        during()
        if cursor == b"0":
            return keys


def test_scan_returns_everything_that_stays(sluiced):
    with Resp(sluiced.resp_port) as wire:
        wire.ask("FLUSHALL")
        stay = {b"stay:%d" % i for i in range(3000)}
        for k in stay:
            wire.ask("SET", k, "v")
        count = 0

        def change():  # grows the table, then shrinks it
            nonlocal count
            count += 1
            for i in range(40):
                name = b"go:%d" % (count * 40 + i if count < 120 else (count - 120) * 40 + i)
                wire.ask("SET", name, "v") if count < 120 else wire.ask("DEL", name)

        found = scan_all(wire, "COUNT", "20", during=change)
        assert stay <= set(found)
        assert {k for k in scan_all(wire, "MATCH", "stay:*", "COUNT", "100")} == stay


def test_lifetimes_from_now(pair):
    """TTL and its kin agree within the time that the test takes."""
    values = []
    for port in pair:
        with Resp(port) as wire:
            wire.ask("FLUSHALL")
            wire.ask("SET", "a", "v", "EX", "1000")
            wire.ask("SET", "b", "v", "PX", "1000000")
            wire.ask("SETEX", "c", "1000", "v")
            wire.ask("SET", "d", "v")
            wire.ask("EXPIRE", "d", "1000")
            values.append([int(wire.ask("TTL", k)[1:]) for k in "abcd"] + [int(wire.ask("TTL", "none")[1:])])
    for theirs, ours in zip(*values):
        assert abs(theirs - ours) <= 20, values


@pytest.mark.parametrize("server", ["redis", "sluice"])
def test_a_session_expires(pair, server):
    with Resp(pair[server == "sluice"]) as wire:
        wire.ask("SET", "a", "v", "PX", "50")
        while wire.ask("GET", "a") != b"$-1\r\n":
            pass
        assert wire.ask("TTL", "a") == b":-2\r\n"
