"""Reads a wire transcript (tests/transcripts/README.md) and plays it on a connection."""

import re

PATTERN = re.compile(rb"\{(?:(v)(?:([=>])(\w+))?|ttl<=(\d+)|(text|word|body)|(\w+))\}")
ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)")
SHORT = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"s": b" ", b"\\": b"\\"}


def unescape(raw):
    def one(match):
        what = match.group(1)
        return bytes([int(what[1:], 16)]) if len(what) == 3 else SHORT[what]

    return ESCAPE.sub(one, raw)


def repeat(raw):
    return re.sub(rb"\{(.)\*(\d+)\}", lambda m: m.group(1) * int(m.group(2)), raw)


class Transcript:
    """blocks: [bytes to send, [expected lines]], in the order played."""

    def __init__(self, path):
        self.name = path.stem
        self.keys, self.checks, self.blocks = [], [], [[b"", []]]
        self.half_close = self.server_closes = False
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            self._line(line, f"{path.name}:{number}")

    def _line(self, line, where):
        word, _, rest = line.partition(b" ")
        if word in (b"", b"#"):
            return
        assert not self.server_closes or word == b"check", f"{where}: after eof"
        if word == b"keys":
            self.keys += rest.split()
        elif word in (b">", b">>"):
            self.blocks[-1][0] += unescape(repeat(rest)) + (b"\n" if word == b">" else b"")
        elif word == b"<":
            self.blocks[-1][1].append((where, repeat(rest)))
        elif word == b"--":
            self.blocks.append([b"", []])
        elif word == b"close":
            self.half_close = True
        elif word == b"eof":
            self.server_closes = True
        elif word == b"check":
            key, verb, *value = rest.split(b" ", 2)
            assert verb in (b"is", b"absent"), where
            self.checks.append((key, value[0] if value else None))
        else:
            raise AssertionError(f"{where}: what is {word!r}?")

    def length(self):
        """Bytes sent, about (versions may be longer)."""
        return sum(len(block[0]) for block in self.blocks)

    def play(self, client, send):
        """Plays the conversation. send(client, data, start) sends a block; start is its place in the stream."""
        names, start = {}, 0
        for data, expected in self.blocks:
            data = re.sub(rb"\{(\w+)\}", lambda m: b"%d" % names[m.group(1)], data)
            send(client, data, start)
            start += len(data)
            if self.half_close and data == self.blocks[-1][0]:
                client.half_close()
            for where, line in expected:
                self._expect(client, where, line, names)
        if not self.server_closes:
            client.half_close()
        client.expect_eof()

    @staticmethod
    def _expect(client, where, line, names):
        if line.endswith(b"{body}"):
            head = line[: -len(b"{body}")]
            got = client.line()
            assert got.startswith(unescape(head)), f"{where}: expected {line!r}, got {got[:200]!r}"
            client.read_exactly(int(got[len(unescape(head)):]))
            assert client.read_exactly(2) == b"\r\n", where
            return
        checks, regex, at = [], b"", 0
        for match in PATTERN.finditer(line):
            regex += re.escape(unescape(line[at:match.start()]))
            at = match.end()
            version, relation, name, ttl, free, bound = match.groups()
            if free:
                regex += rb"([^\r\n]+)" if free == b"text" else rb"([^ \r\n]+)"
                checks.append(lambda got: True)
            elif ttl:
                regex += rb"(\d+)"
                checks.append(lambda got, most=int(ttl): most - 120_000 <= int(got) <= most)
            elif version:
                regex += rb"([1-9]\d*)"
                if relation == b"=":
                    checks.append(lambda got, name=name: names.__setitem__(name, int(got)) is None)
                elif relation == b">":
                    checks.append(lambda got, name=name: int(got) > names[name])
                else:
                    checks.append(lambda got: True)
            else:
                regex += b"(%d)" % names[bound]
                checks.append(lambda got: True)
        regex += re.escape(unescape(line[at:])) + rb"\r\n"
        got = b"".join(client.raw_line() for _ in range(unescape(line).count(b"\n") + 1))
        match = re.fullmatch(regex, got, re.DOTALL)
        assert match and all(check(group) for check, group in zip(checks, match.groups())), (
            f"{where}: expected {line!r}, got {got[:300]!r}")
