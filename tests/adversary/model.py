"""What one session may become: the model that every protocol's replies are held against.

step(session, request, reply) is the session after that request, if it can have been answered so; None if it cannot.
It is a pure function of one key: a sequential test applies it as replies come, and the search for an order of
concurrent requests (linear.py) tries it.
"""

from typing import NamedTuple, Optional, Union


class Request(NamedTuple):
    verb: str  # get, put, delete, touch, append (nothing if absent), extend (creates), len, bad
    key: bytes = b""
    value: bytes = b""  # of "bad": the malformed request itself
    condition: Union[None, str, int] = None  # "absent", "present" or a version


class Reply(NamedTuple):
    kind: str  # ok, value, absent, conflict, refused, error, len
    value: Optional[bytes] = None
    version: Optional[int] = None  # None: the protocol did not say
    number: Optional[int] = None  # of len: the count; of extend: the value's length


class Session(NamedTuple):
    value: Optional[bytes] = None  # None: there is none
    version: Optional[int] = 0  # 0: there is none; None: not told yet
    newest: int = 0  # the greatest version that was ever told for this key


def seen(session, version):
    """The session once its version is known to be this."""
    if version is None or version == session.version:
        return session
    if session.version is None and version > session.newest:
        return session._replace(version=version, newest=version)
    return None


def changed(session, value, version):
    """With another value, and so with a greater version."""
    if version is None:
        return Session(value, None, session.newest)
    return Session(value, version, version) if version > session.newest else None


def settle_condition(session, request, reply):
    """(session, whether the condition holds). Where its version was not told, the reply says whether it is that one."""
    wanted = request.condition
    if wanted is None:
        return session, True
    if wanted in ("absent", "present"):
        return session, (session.value is None) == (wanted == "absent")
    if session.value is None or session.version is not None:
        return session, session.version == wanted
    if reply.kind == "conflict":
        return (None if reply.version == wanted else session), False
    return seen(session, wanted), True


def step(session, request, reply):
    if reply.kind == "refused":
        return session
    session, holds = settle_condition(session, request, reply)
    if session is None:
        return None
    if not holds or reply.kind == "conflict":
        return seen(session, reply.version) if not holds and reply.kind == "conflict" else None
    if request.verb == "put":
        return changed(session, request.value, reply.version) if reply.kind == "ok" else None
    if request.verb == "extend":
        value = (session.value or b"") + request.value
        return changed(session, value, reply.version) if reply == Reply("ok", number=len(value)) else None
    if session.value is None:
        return session if reply.kind == "absent" else None
    if request.verb == "get":
        return seen(session, reply.version) if (reply.kind, reply.value) == ("value", session.value) else None
    if reply.kind != "ok":
        return None
    if request.verb == "delete":
        return Session(None, 0, session.newest)
    if request.verb == "touch":
        return seen(session, reply.version)
    assert request.verb == "append", request
    return changed(session, session.value + request.value, reply.version)


class Model:
    """All sessions, for requests that are executed one after the other."""

    def __init__(self, keys):
        self.sessions = {key: Session() for key in keys}

    def count(self):
        return sum(session.value is not None for session in self.sessions.values())

    def check(self, request, reply):
        """Takes over what the request did."""
        if request.verb == "bad":
            assert reply.kind == "error", f"{request} was answered {reply}"
            return
        if request.verb == "len":
            assert reply == Reply("len", number=self.count()), f"{reply}, and there are {self.count()}"
            return
        session = self.sessions[request.key]
        after = step(session, request, reply)
        assert after is not None, f"{request} was answered {reply}\nthe session was {session}"
        self.sessions[request.key] = after
