"""A person with a browser, and what such a person does at a web shop.

Every application under test (apps/, node/app.js) is the same shop, which keeps its sessions in Sluice:

    POST /login?user=NAME[&ttl=SECONDS]   begins a session           GET /me   {"user": NAME, "cart": [...]}, or 401
    POST /add?item=X[&meet=WORD]          changes it; with `meet` two requests of that word wait for each other after
                                          both have loaded the session
    POST /logout                          ends it
"""

import http.client
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from pathlib import Path

from conftest import Process, free_port
from daemon import poll
from wire import Resp, Wire

PATIENCE = 60
APPS = Path(__file__).parent / "apps"


def python_shop(framework, kind, sluiced):
    """The shop with "django" or "flask", on the "redis" or "memcached" listener: a running Process."""
    listener = sluiced.port_of("resp" if kind == "redis" else kind)
    port = free_port()
    return Process([sys.executable, str(APPS / f"shop_{framework}.py"), str(port), kind, str(listener)], port)


class Person:
    """Keeps cookies as a browser does, but longer: that a session is over is for the server to know."""

    def __init__(self, port, cookies=None):
        self.port = port
        self.cookies = {} if cookies is None else cookies

    def ask(self, method, path):
        """Returns (status, the JSON of the answer)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} if self.cookies else {}
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        assert answer.status in (200, 401), f"{method} {path}: {answer.status} {body.decode(errors='replace')}"
        for header in answer.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                if morsel.value and "1970" not in morsel["expires"]:
                    self.cookies[name] = morsel.coded_value
                else:
                    self.cookies.pop(name, None)
        return answer.status, json.loads(body)

    def post(self, path):
        status, answer = self.ask("POST", path)
        assert status == 200, f"{path}: {status}"
        return answer

    def me(self):
        """Who I am, says the shop: {"user": ..., "cart": [...]}; None: nobody it knows."""
        status, answer = self.ask("GET", "/me")
        return answer if status == 200 else None


class Store:
    """The sessions as they lie in Sluice, seen through each of its listeners."""

    def __init__(self, sluiced):
        self.sluiced = sluiced

    def keys(self):
        with Resp(self.sluiced.resp_port) as resp:
            return sorted(line for line in resp.ask("KEYS", "*").split(b"\r\n")[2::2])

    def clear(self):
        with Resp(self.sluiced.resp_port) as resp:
            assert resp.ask("FLUSHALL") == b"+OK\r\n"

    def seen(self, key):
        """What each listener gives for the key: {"text": bytes or None, ...}."""
        with self.sluiced.connect() as text:
            text.send(b"GET %s\n" % key)
            in_text = text.reply().body
        with Resp(self.sluiced.resp_port) as resp:
            reply = resp.ask("GET", key)
            in_resp = None if reply == b"$-1\r\n" else reply.partition(b"\r\n")[2][:-2]
        with Wire(self.sluiced.memcached_port) as memcached:
            memcached.send(b"get %s\r\n" % key)
            line = memcached.line()
            in_memcached = None if line == b"END\r\n" else memcached.file.read(int(line.split()[3]))
        return {"text": in_text, "resp": in_resp, "memcached": in_memcached}


def story(port, store):
    """Log in, change the session, see it in the next request, log out, be logged out; and nobody else notices."""
    store.clear()
    alice, bob = Person(port), Person(port)
    assert alice.me() is None
    alice.post("/login?user=alice")
    assert alice.me() == {"user": "alice", "cart": []}
    alice.post("/add?item=apple")
    alice.post("/add?item=pear")
    assert alice.me() == {"user": "alice", "cart": ["apple", "pear"]}
    assert bob.me() is None
    bob.post("/login?user=bob")
    bob.post("/add?item=nut")
    assert alice.me() == {"user": "alice", "cart": ["apple", "pear"]}
    had = dict(alice.cookies)
    alice.post("/logout")
    assert alice.me() is None
    alice.cookies = had
    assert alice.me() is None, "the session is gone, not only the cookie"
    assert bob.me() == {"user": "bob", "cart": ["nut"]}


def same_session_everywhere(port, store):
    """What the framework has stored is the same bytes through every listener, and gone from all after a log-out."""
    store.clear()
    alice = Person(port)
    alice.post("/login?user=alice")
    alice.post("/add?item=apple")
    found = [(key, store.seen(key)) for key in store.keys()]
    sessions = [(key, seen) for key, seen in found if seen["text"] and b"apple" in seen["text"]]
    assert len(sessions) == 1, found
    key, seen = sessions[0]
    assert seen["text"] == seen["resp"] == seen["memcached"]
    alice.post("/logout")
    assert b"apple" not in b"".join(value for value in store.seen(key).values() if value)


def at_once(*calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        for future in [pool.submit(call) for call in calls]:
            future.result()


def two_at_once(port, store, other_port=None):
    """Two requests load one session before either saves it: both are answered, and the last to save wins. The other
    one may go to another process of the shop."""
    store.clear()
    alice = Person(port)
    alice.post("/login?user=alice")
    tab = Person(other_port or port, alice.cookies)
    at_once(lambda: alice.post("/add?item=apple&meet=here"), lambda: tab.post("/add?item=pear&meet=here"))
    assert alice.me() in ({"user": "alice", "cart": ["apple"]}, {"user": "alice", "cart": ["pear"]})


def two_at_once_locked(port, store, other_port=None):
    """Requests of one session at once, where the framework locks it: no change is lost, and no lock stays behind."""
    store.clear()
    alice = Person(port)
    alice.post("/login?user=alice")
    tab = Person(other_port or port, alice.cookies)

    def fill(person, prefix):
        for i in range(10):
            person.post(f"/add?item={prefix}{i}")

    at_once(lambda: fill(alice, "a"), lambda: fill(tab, "b"))
    cart = alice.me()["cart"]
    assert [item for item in cart if item[0] == "a"] == [f"a{i}" for i in range(10)]
    assert [item for item in cart if item[0] == "b"] == [f"b{i}" for i in range(10)]
    assert not [key for key in store.keys() if b"lock" in key.lower()]


def expiry(port, store):
    """The session's time runs out: it is gone from Sluice, and the person is logged out."""
    store.clear()
    alice = Person(port)
    alice.post("/login?user=alice&ttl=1")
    poll(lambda: not store.keys(), 60, "the session expires")
    assert alice.me() is None
