"""The three protocols as one: requests of the model to bytes, and replies to replies of the model.

A unit is a tuple of requests that the daemon executes as one: a single command, or one of many keys, or MULTI ... EXEC.
encode(unit, number) and read(unit, number) go by the same number, which picks among the ways to say the same.
"""

import socket

from client import Client, put_bytes
from daemon import patience
from model import Reply

TTLS = (b"-", b"never", b"1h", b"7200")


class Text(Client):
    VERBS = ("get", "put", "delete", "touch", "len", "bad")
    CONDITIONS = (None, "absent", "present", "version")
    BAD = (b"FLY a\r\n", b"GET\n", b"GET a b\n", b"PUT a 0 $3\r\nGET\r\n", b"@if=1 GET a\n", b"TOUCH a 3x\r\n",
           b"GET " + b"k" * 513 + b"\n")
    FATAL = (b"PUT a 1h $x\r\n", b"PUT a 1h $3\r\nabcd\r\n", b"\x16\x03\x01\r\n", b"GET / HTTP/1.1\r\n")
    QUIT = (b"QUIT\r\n", b"BYE\r\n")

    @staticmethod
    def combines(requests):
        return len(requests) == 1

    @staticmethod
    def encode(unit, number):
        (request,) = unit
        if request.verb == "bad":
            return request.value
        head = b"@tag=t%d" % number
        if request.condition is not None:
            head += b";if=" + str(request.condition).encode()
        ttl = TTLS[number % len(TTLS)]
        if request.verb == "put":
            return put_bytes(request.key, request.value, ttl, head + b" ")
        words = [head, request.verb.upper().encode(), request.key] + [ttl] * (request.verb == "touch")
        return b" ".join(words) + (b"\n", b"\r\n")[number % 2]

    def read(self, unit, number):
        reply = self.reply()
        assert reply.tag == (None if unit[0].verb == "bad" else f"t{number}"), f"{reply} for request {number}"
        if reply.kind == "VALUE":
            return [Reply("value", reply.body, reply.version)]
        if reply.kind == "LEN":
            return [Reply("len", number=reply.number)]
        kind = {"OK": "ok", "NOT_FOUND": "absent", "CONFLICT": "conflict", "OVERLOADED": "refused", "LATE": "refused"}
        version = reply.version if reply.kind in ("OK", "CONFLICT") and reply.words else None
        return [Reply(kind.get(reply.kind, "error"), version=version)]


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


class Resp(Client):
    VERBS = ("get", "put", "delete", "touch", "extend", "len", "bad")
    CONDITIONS = (None, "absent", "present")
    BAD = (command(b"FLY"), command(b"GET"), b"GET\r\n", command(b"SET", b"a", b"b", b"EX", b"x"))
    FATAL = (b"SET 'a\r\n", b"*x\r\n", b"*1\r\n:1\r\n", b"*1\r\n$-5\r\n")
    QUIT = (command(b"QUIT"), b"+OK\r\n")

    @staticmethod
    def combines(requests):
        return all(r.verb not in ("len", "bad") for r in requests)

    @staticmethod
    def single(request, number):
        if request.verb == "bad":
            return request.value
        if request.verb == "put":
            extra = {None: (), "absent": (b"NX",), "present": (b"XX",)}[request.condition]
            return command(b"SET", request.key, request.value, *extra, *((), (b"EX", b"3600"))[number % 2])
        words = {"get": (b"GET",), "delete": ((b"DEL",), (b"UNLINK",), (b"GETDEL",), (b"PEXPIREAT",))[number % 4],
                 "touch": (b"EXPIRE",), "extend": (b"APPEND",), "len": (b"DBSIZE",)}[request.verb]
        last = {b"EXPIRE": (b"3600",), b"APPEND": (request.value,), b"PEXPIREAT": (b"1",)}.get(words[0], ())
        return command(*words, *([request.key] if request.key else []), *last)

    @staticmethod
    def form(unit):
        """How a unit of several is sent."""
        verbs = {(r.verb, r.condition) for r in unit}
        return {frozenset({("get", None)}): b"MGET", frozenset({("put", None)}): b"MSET"}.get(frozenset(verbs), b"EXEC")

    @classmethod
    def encode(cls, unit, number):
        if len(unit) == 1:
            return cls.single(unit[0], number)
        if cls.form(unit) == b"MGET":
            return command(b"MGET", *(r.key for r in unit))
        if cls.form(unit) == b"MSET":
            return command(b"MSET", *(word for r in unit for word in (r.key, r.value)))
        return command(b"MULTI") + b"".join(cls.single(r, number) for r in unit) + command(b"EXEC")

    def any(self):
        """One reply: bytes of a bulk, a list, None, a number, or the line of a status or an error."""
        line = self.line()
        if line[:1] == b"$":
            return None if line == b"$-1" else self.read_exactly(int(line[1:]) + 2)[:-2]
        if line[:1] == b"*":
            return None if line == b"*-1" else [self.any() for _ in range(int(line[1:]))]
        return int(line[1:]) if line[:1] == b":" else line.decode()

    @staticmethod
    def meaning(request, found):
        if isinstance(found, str) and found.startswith("-"):
            return Reply("refused" if found.startswith("-OVERLOADED") else "error")
        if request.verb == "len":
            return Reply("len", number=found)
        if request.verb == "extend":
            return Reply("ok", number=found)
        if request.verb == "get":
            return Reply("absent") if found is None else Reply("value", found)
        if request.verb == "put":
            return Reply("ok") if found == "+OK" else Reply("conflict") if found is None else Reply("error")
        return Reply("absent" if found in (None, 0) else "ok")

    def read(self, unit, number):
        if len(unit) > 1 and self.form(unit) == b"EXEC":
            assert self.any() == "+OK"
            queued = [self.any() for _ in unit]
            found = self.any()
            assert found is not None and (isinstance(found, str) or queued == ["+QUEUED"] * len(unit))
        else:
            found = self.any()
        if not isinstance(found, list):
            found = [found] * len(unit)
        assert len(found) == len(unit)
        return [self.meaning(request, one) for request, one in zip(unit, found)]


class Memcached(Client):
    VERBS = ("get", "put", "delete", "touch", "append", "bad")
    CONDITIONS = (None, "absent", "present", "version")
    BAD = (b"fly\r\n", b"get\r\n", b"touch a\r\n", b"mg\r\n", b"set a 0 x 1\r\n", b"get " + b"k" * 251 + b"\r\n")
    FATAL = ()
    QUIT = (b"quit\r\n", b"")
    META = {None: b"", "absent": b" ME", "present": b" MR"}

    @staticmethod
    def combines(requests):
        return len(requests) == 1 or all(r.verb == "get" for r in requests) and len({*requests}) == len(requests)

    @classmethod
    def encode(cls, unit, number):
        verb, key, value, condition = unit[0]
        if verb == "bad":
            return value
        if verb == "get":
            if len(unit) == 1 and number % 2:
                return b"mg %s v c O%d\r\n" % (key, number)
            return b"gets " + b" ".join(r.key for r in unit) + b"\r\n"
        if verb == "delete":
            return (b"delete %s\r\n", b"md %s\r\n", b"touch %s -1\r\n")[number % 3] % key
        if verb == "touch":
            return b"touch %s 3600\r\n" % key
        if number % 2 and verb == "put":
            mode = cls.META[condition] if condition in cls.META else b" C%d" % condition
            return b"ms %s %d%s O%d\r\n%s\r\n" % (key, len(value), mode, number, value)
        name = {"append": b"append", None: b"set", "absent": b"add", "present": b"replace"}
        name = name["append"] if verb == "append" else name.get(condition, b"cas")
        version = b" %d" % condition if name == b"cas" else b""
        return b"%s %s 0 0 %d%s\r\n%s\r\n" % (name, key, len(value), version, value)

    def read_gets(self, unit):
        found = {}
        while (line := self.line()).startswith(b"VALUE "):
            _, key, _flags, size, version = line.split(b" ")
            found[key] = Reply("value", self.read_exactly(int(size) + 2)[:-2], int(version))
        if line.startswith(b"SERVER_ERROR"):
            return [Reply("refused" if b"overloaded" in line else "error")] * len(unit)
        assert line == b"END", line
        assert list(found) == [r.key for r in unit if r.key in found], "values in the order asked for"
        return [found.get(r.key, Reply("absent")) for r in unit]

    def read(self, unit, number):
        verb, condition = unit[0].verb, unit[0].condition
        if verb == "get" and not (len(unit) == 1 and number % 2):
            return self.read_gets(unit)
        words = self.line().split(b" ")
        if words[0] == b"VA":
            assert words[3] == b"O%d" % number, f"{words} for request {number}"
            return [Reply("value", self.read_exactly(int(words[1]) + 2)[:-2], int(words[2][1:]))]
        if words[0] == b"SERVER_ERROR" and b"overloaded," in words:
            return [Reply("refused")]
        unstored = "absent" if verb == "append" else "conflict"
        missing = Reply("conflict", version=0) if isinstance(condition, int) else Reply("absent")
        kinds = {b"STORED": Reply("ok"), b"HD": Reply("ok"), b"DELETED": Reply("ok"), b"TOUCHED": Reply("ok"),
                 b"EN": Reply("absent"), b"NOT_FOUND": missing, b"NF": missing, b"EXISTS": Reply("conflict"),
                 b"EX": Reply("conflict"), b"NOT_STORED": Reply(unstored), b"NS": Reply(unstored)}
        return [kinds.get(words[0], Reply("error"))]


SPEAKERS = {"text": Text, "resp": Resp, "memcached": Memcached}


def connect(daemon, protocol):
    return SPEAKERS[protocol](socket.create_connection((daemon.host, daemon.port_of(protocol))), patience(20))
