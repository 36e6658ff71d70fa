"""Connections over which the differential tests talk: bytes out, whole replies in."""

import socket

PATIENCE = 20


class Wire:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.file = self.socket.makefile("rb")

    def send(self, data, split=0):
        """In one piece, or in pieces of `split` bytes."""
        if not split:
            self.socket.sendall(data)
            return
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), split):
            self.socket.sendall(data[at:at + split])

    def line(self):
        line = self.file.readline()
        if line and not line.endswith(b"\n"):
            raise AssertionError(f"half a line: {line!r}")
        return line

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Resp(Wire):
    """reply() returns the bytes of one whole reply; b"" when the server has closed."""

    @staticmethod
    def command(*args):
        parts = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)

    def reply(self):
        line = self.line()
        if not line or line[:1] in b"+-:_#,(":
            return line
        if line[:1] in b"$=":
            size = int(line[1:])
            return line if size < 0 else line + self.file.read(size + 2)
        if line[:1] in b"*~%>":
            count = int(line[1:]) * (2 if line[:1] == b"%" else 1)
            return line + b"".join(self.reply() for _ in range(max(count, 0)))
        raise AssertionError(f"no reply: {line!r}")

    def ask(self, *args):
        self.send(self.command(*args))
        return self.reply()
