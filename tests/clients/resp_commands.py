"""Commands of the Redis protocol, drawn at random: hypothesis strategies of lists of words.

Lifetimes lie far away, or are refused, so that replies do not depend on how long a test takes. Those from now are not
compared with each other by GT and LT: which of two equal ones is longer depends on the moment.
"""

from hypothesis import strategies as st

FAR = 2000000000  # 2033-05-18, in seconds: nothing expires while the test runs

KEYS = ["a", "b", "c", "key with space", "", "k:1", "k:2"]
VALUES = ["", "x", "0", "1", "-1", "10", "007", "+5", " 5", "5 ", "9223372036854775807", "-9223372036854775808",
          "9223372036854775808", "1.5", "a value with spaces", "\x00\xff\r\n", "y" * 100]
NUMBERS = ["0", "1", "-1", "5", "100", "-100", "9223372036854775807", "-9223372036854775808",
           "9223372036854775806", "9223372036854775808", "abc", "", "1.5", " 1", "01", "18446744073709551616"]
# What SET takes: an expiry in the past is no lifetime, and Redis counts such keys in DBSIZE until it finds them.
TIMES = [str(FAR), str(FAR + 1), str(FAR - 1), "0", "-1", "abc", "", "9223372036854775807", "99999999999999999999"]
TIMES_MS = [str(FAR * 1000), str(FAR * 1000 + 1), str(FAR * 1000 - 999), "0", "-5", "x", "99999999999999999999"]
DURATIONS = ["0", "-1", "abc", "", "-9223372036854775808", "9223372036854775807", "99999999999999999999"]
PATTERNS = ["*", "?", "k:*", "[a-b]", "[^a]", "\\a", "[", "[a", "a*b*c", "", "*?", "[z-a]", "[\\a-z]", "k:[12]", "*:*",
            "**", "[^", "\\", "k:\\1", "a" * 600]

key, value, number = st.sampled_from(KEYS), st.sampled_from(VALUES), st.sampled_from(NUMBERS)
time_s, time_ms, bad_duration = st.sampled_from(TIMES), st.sampled_from(TIMES_MS), st.sampled_from(DURATIONS)
any_time_s, any_time_ms = st.sampled_from(TIMES + ["1"]), st.sampled_from(TIMES_MS + ["1000"])
pattern = st.sampled_from(PATTERNS)


def words(*parts):
    """A command of fixed words and drawn arguments, as a list."""
    return st.tuples(*[p if isinstance(p, st.SearchStrategy) else st.just(p) for p in parts]).map(flat)


def flat(parts):
    out = []
    for p in parts:
        out.extend(p if isinstance(p, (list, tuple)) else [p])
    return [str(x) for x in out]


def many(strategy, least=1, most=4):
    return st.lists(strategy, min_size=least, max_size=most)


def pick(*options):
    """One of them: words, or lists of words."""
    return st.sampled_from(options)


def joined(options, most=3):
    return st.lists(options, max_size=most).map(lambda found: [w for option in found for w in option])


set_option = st.one_of(pick(["NX"], ["xx"], ["GET"], ["KEEPTTL"], ["foo"], ["EX"], ["persist"]),
                       time_s.map(lambda t: ["EXAT", t]), time_ms.map(lambda t: ["pxat", t]),
                       bad_duration.map(lambda t: ["EX", t]), bad_duration.map(lambda t: ["PX", t]))
getex_option = st.one_of(pick(["PERSIST"], ["NX"], ["EX"], ["KEEPTTL"]), any_time_s.map(lambda t: ["exat", t]),
                         any_time_ms.map(lambda t: ["PXAT", t]), bad_duration.map(lambda t: ["EX", t]))
lasting = pick("1000", "100000")
expire_option = pick("NX", "XX", "gt", "LT", "foo")
scan_option = st.one_of(pattern.map(lambda p: ["match", p]), pick(["COUNT", "1000"], ["COUNT", "0"], ["count", "x"],
                                                                  ["TYPE", "STRING"], ["type", "zset"], ["TYPE"]))

strings = [
    words("GET", key), words("GETDEL", key), words("STRLEN", key), words("TYPE", key), words("INCR", key),
    words("DECR", key), words("SET", key, value), words("SETNX", key, value), words("GETSET", key, value),
    words("APPEND", key, value), words("INCRBY", key, number), words("DECRBY", key, number),
    words("SET", key, value, joined(set_option)), words("GETEX", key, joined(getex_option)),
    words(pick("SETEX", "psetex"), key, bad_duration, value), words("SETEX", key, lasting, value),
    words("SET", key, value, pick("EX", "PX"), lasting, pick([], ["NX"], ["XX", "GET"])), words("PSETEX", key, "90000", value),
    words("GETEX", key, pick("EX", "PX"), lasting),
]
several = [
    words("MGET", many(key)), words(pick("DEL", "UNLINK", "EXISTS", "TOUCH"), many(key)),
    words("MSET", many(st.tuples(key, value)).map(flat)), words("MSETNX", many(st.tuples(key, value)).map(flat)),
    words(pick("MSET", "msetnx"), many(key, 2, 5)), words(pick("RENAME", "RENAMENX"), key, key),
]
lifetimes = [
    words(pick("EXPIRETIME", "PEXPIRETIME", "PERSIST", "TTL", "PTTL"), key),
    words("EXPIREAT", key, any_time_s, st.lists(expire_option, max_size=3)),
    words("PEXPIREAT", key, any_time_ms, st.lists(expire_option, max_size=3)),
    words(pick("EXPIRE", "PEXPIRE"), key, bad_duration, st.lists(expire_option, max_size=2)),
    words(pick("EXPIRE", "PEXPIRE"), key, "90000", pick([], ["NX"], ["xx"])),
]
keyspace = [
    words("SCAN", pick("0", "0", "", "x", "-", "+0", " 0"), "COUNT", "1000", joined(scan_option)),
    words("KEYS", pattern), words("RANDOMKEY"), words("DBSIZE"), words("SELECT", number),
    words("SELECT", pick("0", "1", "15", "16", "99999999999")),
    words(pick("FLUSHDB", "flushall"), pick([], ["ASYNC"], ["sync"], ["foo"], ["sync", "async"])),
    words("OBJECT", pick("ENCODING", "FREQ", "refcount", "IDLETIME", "foo"), key),
    words("OBJECT", pick("encoding", "help", "foo", ""), st.lists(key, max_size=2)),
]
connection = [
    words("ECHO", value), words("PING", value), words("PING"), words("TIME"), words("COMMAND", "COUNT"),
    words("CLIENT", pick("GETNAME", "ID", "INFO", "LIST", "foo", ""), st.lists(pick("x", "", "TYPE"), max_size=2)),
    words("CLIENT", "SETNAME", pick("", "me", "two words", "x" * 20, "\n")),
    words("CLIENT", "LIST", pick(["TYPE", "normal"], ["type", "foo"], ["ID", "x"], ["ID", "0"], ["TYPE", "pubsub"])),
    words("CLIENT", "NO-EVICT", pick("on", "OFF", "maybe")),
    words(pick("AUTH", "auth"), many(pick("default", "other", "p"), 1, 3)),
    words("HELLO", pick("4", "x", "1", "2", "3", ""), joined(pick(["AUTH", "default", "p"], ["AUTH", "other", "p"],
                                                                ["setname", "h"], ["SETNAME", "a b"], ["foo"]), 2)),
]
daemon = [
    words("EVALSHA", pick("b70c2384248f88e6b75b9f89241a180f856ad853", "short"), number, st.lists(key, max_size=3)),
    words(pick("FUNCTION", "SCRIPT"), "FLUSH", pick([], ["ASYNC"], ["sync"], ["foo"])),
    words("SCRIPT", "EXISTS", st.lists(key, max_size=3)), words("SCRIPT", pick("LOAD", "foo", "")),
    words("FUNCTION", pick("foo", "")), words("INFO", "nonsense"),
    words("CONFIG", "GET", pick("appendonly", "SAVE", "databases", "nothing", "maxmemory-pol*"),
          pick([], [], ["nothing"])),
    words("CONFIG", pick("SET", "RESETSTAT", "rewrite", "foo", "GET"), pick([], ["x"])),
    words("COMMAND", pick("DOCS", "INFO"), many(pick("nonsense", "no such"))),
    words("COMMAND", pick("COUNT", "foo", "LIST"), "x"),
]
NAMES = ["GET", "SET", "DEL", "UNLINK", "EXISTS", "MGET", "MSET", "MSETNX", "STRLEN", "APPEND", "INCR", "DECR", "INCRBY",
         "DECRBY", "GETSET", "GETDEL", "GETEX", "SETEX", "PSETEX", "SETNX", "TYPE", "TOUCH", "EXPIRE", "PEXPIRE",
         "EXPIREAT", "PEXPIREAT", "EXPIRETIME", "PEXPIRETIME", "TTL", "PTTL", "PERSIST", "RENAME", "RENAMENX", "SCAN",
         "KEYS", "RANDOMKEY", "DBSIZE", "FLUSHDB", "FLUSHALL", "SELECT", "ECHO", "PING", "TIME", "OBJECT", "CLIENT",
         "CONFIG", "FUNCTION", "AUTH", "EVAL", "EVALSHA", "MULTI", "EXEC", "DISCARD", "RESET"]
UNKNOWN = ["nonsense", "sub scribe", "WRONG\x01", "", "GE\x00T", "GETX", "x" * 200, "new\r\nline", "\xff"]
wrong = words(st.one_of(st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(UNKNOWN)),
              st.lists(pick("a", "b c", "", "1", "x" * 130, "a\nb", "nul\x00"), max_size=5))

one = st.one_of(*strings, *strings, *several, *several, *lifetimes, *lifetimes, *keyspace, *connection, *daemon, wrong)
multi = st.tuples(st.just([["MULTI"]]), st.lists(one, max_size=6),
                  pick([["EXEC"]], [["EXEC"]], [["DISCARD"]], [["MULTI"], ["EXEC"]], [["EXEC", "x"]],
                       [["CLIENT", "foo"], ["EXEC"]])).map(lambda parts: [c for part in parts for c in part])
single = one.map(lambda c: [c])
block = st.one_of(single, single, single, multi,
                  pick([["EXEC"]], [["DISCARD"]], [["HELLO", "3"]], [["HELLO", "2"]], [["RESET"]]))
sequences = st.lists(block, min_size=1, max_size=25).map(lambda blocks: [c for b in blocks for c in b])
