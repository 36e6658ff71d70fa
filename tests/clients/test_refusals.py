"""What clients of Redis and memcached tell their users when Sluice is overloaded, or another protocol is spoken."""

import http.client
import json
import re
import subprocess

import pytest
import web
from conftest import Sluiced, needs, needs_module
from daemon import poll
from wire import Resp, Wire

try:
    import redis
except ImportError:
    redis = None
try:
    from pymemcache.client.base import Client
    from pymemcache.exceptions import MemcacheServerError, MemcacheUnknownError
except ImportError:
    Client = None

# A second or so for each key: a MGET of very many is worked on for as long as a test lasts, one request more may wait,
# and there is room for no more.
FULL = ("queue.bound=1", "work.iterations=1000000000", "threads=1")
REFUSING = {
    "backpressure": ("backend=backpressure",),
    "owner": ("backend=owner", "queue.policy=reject"),
    "mutex": ("backend=mutex", "mutex.workers=1", "queue.policy=reject"),
}


@pytest.fixture(scope="module", params=REFUSING)
def full(request):
    """A daemon whose queue is full, and stays so until it is killed."""
    d = Sluiced(*REFUSING[request.param], *FULL)
    try:
        with Resp(d.resp_port) as busy, Resp(d.resp_port) as waiting, d.connect() as other:
            def queue():
                return json.loads(other.ask("STATS").body)["queue"]

            busy.send(Resp.command("MGET", *["a"] * 10000))
            poll(lambda: queue()["ring_max"] > 0 and queue()["depth"] == 0, 20, "the first is worked on")
            waiting.send(Resp.command("GET", "a"))
            poll(lambda: queue()["depth"] == 1, 20, "the second waits")
            yield d
    finally:
        d.close()


def cli(port, *args):
    done = subprocess.run([needs("redis-cli"), "-p", str(port), *args], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.stdout + done.stderr


def test_redis_cli(full):
    assert re.fullmatch(r"\(error\) OVERLOADED retry after \d+ ms\n", cli(full.resp_port, "--no-raw", "GET", "a"))
    assert re.fullmatch(r"\(error\) OVERLOADED retry after \d+ ms\n", cli(full.resp_port, "-3", "--no-raw", "GET", "a"))
    assert cli(full.resp_port, "PING") == "PONG\n", "what needs no session is answered all the same"
    assert "redis_version" in cli(full.resp_port, "INFO")


def test_transactions_are_refused_whole(full):
    with Resp(full.resp_port) as wire:
        assert wire.ask("MULTI") == b"+OK\r\n"
        assert wire.ask("SET", "a", "1") == wire.ask("SET", "b", "1") == b"+QUEUED\r\n"
        assert re.fullmatch(rb"-OVERLOADED retry after \d+ ms\r\n", wire.ask("EXEC"))
        assert re.fullmatch(rb"-OVERLOADED retry after \d+ ms\r\n", wire.ask("MSET", "a", "1", "b", "1"))


def test_memcached(full):
    with Wire(full.memcached_port) as wire:
        wire.send(b"get a\r\nset a 0 0 3\r\nget\r\nmg a v\r\nversion\r\n")
        for _ in range(3):
            assert re.fullmatch(rb"SERVER_ERROR overloaded, retry after \d+ ms\r\n", wire.line())
        assert wire.line().startswith(b"VERSION"), "the refused value is skipped in step"


@needs_module("redis", "python3-redis")
def test_python_redis(full):
    with pytest.raises(redis.ResponseError, match=r"^OVERLOADED retry after \d+ ms$"):
        redis.Redis(port=full.resp_port).get("a")


@needs_module("pymemcache", "python3-pymemcache")
def test_python_pymemcache(full):
    client = Client(("127.0.0.1", full.memcached_port))
    with pytest.raises(MemcacheServerError, match=r"overloaded, retry after \d+ ms"):
        client.get("a")
    client.close()


@needs_module("flask_session", "python3-flask-session")
@needs_module("redis", "python3-redis")
def test_a_web_shop(full):
    """The request fails, and that is all: the cookie stays, and with it the session."""
    with web.python_shop("flask", "redis", full) as app:
        connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
        connection.request("GET", "/me", headers={"Cookie": "session=0123456789"})
        answer = connection.getresponse()
        assert answer.status == 500 and not answer.headers["Set-Cookie"]
        connection.close()


@needs_module("django", "python3-django")
@needs_module("django_redis", "python3-django-redis")
def test_django_is_better_off_waiting(start_sluiced):
    """It would take a refusal for "no such session" and log the user out; docs/clients.md says what to do."""
    d = start_sluiced("backend=backpressure", "queue.policy=wait", "queue.bound=1", "work.iterations=10000000")
    with web.python_shop("django", "redis", d) as app, Resp(d.resp_port) as busy, Resp(d.resp_port) as waiting:
        alice = web.Person(app.port)
        alice.post("/login?user=alice")
        busy.send(Resp.command("MGET", *["a"] * 100))
        waiting.send(Resp.command("GET", "a") * 3)
        assert alice.me() == {"user": "alice", "cart": []}
        assert busy.reply() and [waiting.reply() for _ in range(3)] == [b"$-1\r\n"] * 3


def test_wrong_ports(sluiced):
    """redis-cli where another protocol is spoken: it says that this is no Redis, at once."""
    assert "Protocol error" in cli(sluiced.port, "PING")
    assert "Protocol error" in cli(sluiced.memcached_port, "PING")


@needs_module("pymemcache", "python3-pymemcache")
def test_memcached_client_on_the_redis_port(sluiced):
    client = Client(("127.0.0.1", sluiced.resp_port), timeout=20)
    with pytest.raises(MemcacheUnknownError):
        client.get("a")
    client.close()
