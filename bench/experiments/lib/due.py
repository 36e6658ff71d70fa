"""Sessions that fall due in one and the same second."""

import time

CHUNK = 200  # in flight at a time: fewer than any queue bound


def put_sessions(daemon, sessions, due, value, early):
    """`sessions` of them, due evenly over the second that begins at monotonic time `due`. All must be stored `early`
    seconds before it."""
    with daemon.connect() as link:
        answers = link.makefile("rb")
        for first in range(0, sessions, CHUNK):
            now = time.monotonic()
            lines = [b"PUT due-%028d %dms %s\r\n" % (i, (due + i / sessions - now) * 1000, value)
                     for i in range(first, min(first + CHUNK, sessions))]
            link.sendall(b"".join(lines))
            for _ in lines:
                if not answers.readline().startswith(b"OK"):
                    raise RuntimeError("a session was not stored")
        if time.monotonic() > due - early:
            raise RuntimeError("storing the sessions took too long on this machine")
