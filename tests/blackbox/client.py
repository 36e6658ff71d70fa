"""A raw client of the text protocol: it sends exactly the bytes it is given and reads one reply at a time."""

import fcntl
import socket
import struct
import termios
import time
from typing import NamedTuple, Optional


class Closed(Exception):
    """The server closed (or reset) the connection where a reply was expected."""


class Reply(NamedTuple):
    kind: str  # first word: OK, VALUE, NOT_FOUND, ERROR, ...
    words: tuple  # the words after it, as text
    body: Optional[bytes] = None
    tag: Optional[str] = None

    @property
    def version(self):
        """The version that OK, VALUE or CONFLICT carries."""
        return int(self.words[1 if self.kind == "VALUE" else 0])

    @property
    def number(self):
        """LEN's count, VALUE's remaining lifetime, OVERLOADED's retry: the first number."""
        return int(self.words[0])

    @property
    def code(self):
        assert self.kind == "ERROR", self
        return self.words[0]


# kind: number of words after it that are not free text
SHAPES = {"OK": (0, 1), "VALUE": (3,), "NOT_FOUND": (0,), "LEN": (1,), "PONG": (0,), "JSON": (1,), "TEXT": (1,),
          "VERSION": (4,), "BYE": (0,), "OVERLOADED": (1,), "CONFLICT": (1,), "LATE": (0,)}
WITH_BODY = ("VALUE", "JSON", "TEXT")


class Client:
    """One connection. Every read has a timeout, so that a test that hangs fails."""

    def __init__(self, sock, timeout):
        self.sock = sock
        self.sock.settimeout(timeout)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # sending

    def send(self, data):
        self.sock.sendall(data)

    def send_if_open(self, data):
        """Sends, unless the server has closed meanwhile; for requests after one that ends the connection."""
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def wait_delivered(self, deadline=20):
        """Waits until all that was sent is acknowledged by the other end's kernel (TCP) or read (Unix socket)."""
        end = time.monotonic() + deadline
        while struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4))[0]:
            assert time.monotonic() < end, "what was sent is not taken"

    def half_close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:  # the server was faster
            pass

    def reset(self):
        """Closes with a TCP reset (on a Unix socket: just closes)."""
        if self.sock.family != socket.AF_UNIX:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    # receiving

    def _fill(self):
        try:
            data = self.sock.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError):
            data = b""
        self.buffer += data
        return len(data) > 0

    def read_exactly(self, n):
        while len(self.buffer) < n:
            if not self._fill():
                raise Closed(f"end of stream after {bytes(self.buffer[:200])!r}, {n} bytes wanted")
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def raw_line(self):
        """Bytes up to and including the next LF."""
        start = 0
        while (end := self.buffer.find(b"\n", start)) < 0:
            start = len(self.buffer)
            if not self._fill():
                raise Closed(f"end of stream after {bytes(self.buffer[:200])!r}, a line wanted")
        return self.read_exactly(end + 1)

    def line(self):
        """One line without its CRLF; any other line end is an error."""
        line = self.raw_line()
        assert line.endswith(b"\r\n"), f"server line without CRLF: {line[:200]!r}"
        return line[:-2]

    def reply(self):
        words = self.line().decode("ascii").split(" ")
        tag = None
        if words[0].startswith("@tag="):
            tag = words.pop(0)[len("@tag="):]
        kind, rest = words[0], tuple(words[1:])
        if kind == "ERROR":
            assert len(rest) >= 2, f"ERROR without code and text: {words}"
        else:
            assert len(rest) in SHAPES[kind], f"not a reply: {words}"
        body = None
        if kind in WITH_BODY:
            assert rest[-1].startswith("$"), words
            body = self.read_exactly(int(rest[-1][1:]))
            assert self.read_exactly(2) == b"\r\n"
        return Reply(kind, rest, body, tag)

    def replies(self, n):
        return [self.reply() for _ in range(n)]

    def rest(self):
        """Everything up to the end of the stream."""
        while self._fill():
            pass
        data = bytes(self.buffer)
        self.buffer.clear()
        return data

    def expect_eof(self):
        rest = self.rest()
        assert rest == b"", f"bytes where the end of the stream was expected: {rest[:200]!r}"

    def finish(self):
        """Half-closes and returns what is still to come."""
        self.half_close()
        return self.rest()

    # whole requests

    def ask(self, request):
        """Sends one request line (text or bytes) and returns its reply."""
        self.send((request if isinstance(request, bytes) else request.encode()) + b"\r\n")
        return self.reply()

    def put(self, key, value, ttl="30m", modifiers=""):
        self.send(put_bytes(key, value, ttl, modifiers))
        return self.reply()

    def get(self, key):
        return self.ask(b"GET " + as_bytes(key))


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def put_bytes(key, value, ttl="30m", modifiers=""):
    """A PUT in its counted form."""
    value = as_bytes(value)
    return b"%sPUT %s %s $%d\r\n%s\r\n" % (as_bytes(modifiers), as_bytes(key), as_bytes(ttl), len(value), value)
