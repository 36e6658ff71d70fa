"""python3-redis and python3-pymemcache, and Django's caches on top of them."""

import pytest
from conftest import needs_module
from daemon import poll

try:
    import redis
except ImportError:
    redis = None
try:
    from pymemcache.client.base import Client
    from pymemcache.client.hash import HashClient
    from pymemcache.exceptions import MemcacheClientError
    from pymemcache.serde import pickle_serde
except ImportError:
    Client = None

with_redis = needs_module("redis", "python3-redis")
with_pymemcache = needs_module("pymemcache", "python3-pymemcache")
with_django = needs_module("django", "python3-django")
with_django_redis = needs_module("django_redis", "python3-django-redis")


@pytest.fixture
def r(sluiced):
    with redis.Redis(port=sluiced.resp_port, decode_responses=True, client_name="tests") as client:
        client.flushall()
        yield client


@pytest.fixture
def m(sluiced):
    client = Client(("127.0.0.1", sluiced.memcached_port), serde=pickle_serde, default_noreply=False)
    client.flush_all()
    yield client
    client.close()


@with_redis
class TestRedis:
    def test_strings(self, r):
        assert r.set("a", "1", ex=1000) is True and r.get("a") == "1" and 900 < r.ttl("a") <= 1000
        assert r.set("a", "2", nx=True) is None and r.set("a", "2", xx=True, keepttl=True, get=True) == "1"
        assert r.setex("b", 100, "x") and r.getex("b", persist=True) == "x" and r.ttl("b") == -1
        assert r.mget("a", "nothing", "b") == ["2", None, "x"]
        assert r.incr("a", 5) == 7 and r.append("b", "yz") == 3 and r.strlen("b") == 3 and r.getdel("b") == "xyz"
        assert r.exists("a", "b") == 1 and r.delete("a", "b") == 1
        assert r.msetnx({"a": "1", "b": "2"}) and not r.msetnx({"b": "1", "c": "2"})

    def test_bytes_go_round(self, sluiced):
        with redis.Redis(port=sluiced.resp_port) as client:
            for value in (b"", bytes(range(256)) * 100, b"\r\n", b"x" * 1_000_000):
                client.set(b"k\x00\xff", value)
                assert client.get(b"k\x00\xff") == value

    def test_pipelines(self, r):
        with r.pipeline(transaction=False) as pipeline:
            for i in range(500):
                pipeline.set(f"k{i}", i).get(f"k{i}")
            assert pipeline.execute() == [x for i in range(500) for x in (True, str(i))]
        with r.pipeline() as pipeline:  # MULTI ... EXEC
            assert pipeline.incr("n").expire("n", 100).ttl("n").execute() == [1, True, 100]

    def test_keys(self, r):
        r.mset({f"sess:{i}": "x" for i in range(1000)} | {"other": "y"})
        assert set(r.scan_iter(match="sess:*", count=37)) == {f"sess:{i}" for i in range(1000)}
        assert r.dbsize() == 1001 and r.randomkey() and r.type("other") == "string"
        assert r.rename("other", "sess:0") and r.get("sess:0") == "y"

    def test_connection(self, r, sluiced):
        assert r.ping() and r.client_getname() == "tests" and r.echo("x") == "x"
        assert r.info()["redis_version"].startswith("7.0.") and r.config_get("databases") == {"databases": "16"}
        assert r.time()[0] > 1_600_000_000 and [c["name"] for c in r.client_list()] == ["tests"]
        with redis.Redis.from_url(f"redis://127.0.0.1:{sluiced.resp_port}/5") as other:
            other.set("only", "there")
        assert r.exists("only") == 0
        r.flushall()

    def test_errors(self, r, sluiced):
        r.set("a", "text")
        with pytest.raises(redis.ResponseError, match="^value is not an integer or out of range$"):
            r.incr("a")
        with pytest.raises(redis.ResponseError, match="^unknown command 'HSET', with args beginning with: 'h' 'a'"):
            r.hset("h", "a", 1)
        with pytest.raises(redis.ResponseError, match="^DB index is out of range$"):
            redis.Redis(port=sluiced.resp_port, db=16).ping()
        with pytest.raises(redis.RedisError, match="without any password configured"):
            redis.Redis(port=sluiced.resp_port, password="secret").ping()
        assert r.ping()

    def test_expiry(self, r):
        r.set("a", "x", px=50)
        poll(lambda: r.get("a") is None, 20, "it expires")
        assert r.ttl("a") == -2 and list(r.scan_iter()) == []


@with_pymemcache
class TestMemcached:
    def test_storage(self, m):
        assert m.set("a", {"cart": [1, 2]}, expire=1000) and m.get("a") == {"cart": [1, 2]}
        assert m.add("a", 1) is False and m.replace("none", 1) is False and m.add("b", b"1") is True
        assert m.append("b", b"2") and m.prepend("b", b"0") and m.get("b") == b"012"
        assert m.incr("b", 30) == 42 and m.decr("b", 100) == 0 and m.incr("none", 1) is None
        assert m.touch("b", 1000) and not m.touch("none", 1000)
        assert m.delete("b") and not m.delete("b") and m.get("b", "default") == "default"

    def test_cas(self, m):
        m.set("a", "one")
        value, cas = m.gets("a")
        assert value == "one" and m.cas("a", "two", cas) is True and m.cas("a", "three", cas) is False
        assert m.cas("none", "x", cas) is None and m.get("a") == "two"

    def test_many(self, m):
        values = {f"k{i}": "x" * i for i in range(300)}
        assert m.set_many(values) == [] and m.get_many([*values, "none"]) == values
        assert m.delete_many(values) and m.get_many(values) == {}

    def test_without_replies(self, m):
        for i in range(200):
            m.set("n", str(i).encode(), noreply=True)
        m.incr("n", 1, noreply=True)
        m.delete("none", noreply=True)
        assert m.get("n") == b"200"

    def test_expiry(self, m):
        m.set("past", "x", expire=-1)
        assert m.get("past") is None
        m.set("soon", "x", expire=1)
        poll(lambda: m.get("soon") is None, 20, "it expires")

    def test_connection(self, m, sluiced):
        assert m.version().startswith(b"1.6.") and m.stats()[b"pid"] == sluiced.pid
        with pytest.raises(MemcacheClientError):
            m.incr("text" if m.set("text", "no number") else "", 1)
        assert m.get("text") == "no number"

    def test_hashing_over_two(self, sluiced):
        """Two names of one server: every key is found again."""
        client = HashClient([("127.0.0.1", sluiced.memcached_port), ("localhost", sluiced.memcached_port)])
        client.set_many({f"k{i}": str(i) for i in range(100)})
        assert len(client.get_many([f"k{i}" for i in range(100)])) == 100
        client.close()


@with_django
class TestDjangoCache:
    @pytest.fixture(params=[pytest.param("redis", marks=with_django_redis),
                            pytest.param("memcached", marks=with_pymemcache)])
    def cache(self, request, sluiced):
        from django.conf import settings
        if not settings.configured:
            settings.configure()
        if request.param == "memcached":
            from django.core.cache.backends.memcached import PyMemcacheCache
            cache = PyMemcacheCache([f"127.0.0.1:{sluiced.memcached_port}"], {})
        else:
            try:
                from django.core.cache.backends.redis import RedisCache
            except ImportError:  # Django 3
                from django_redis.cache import RedisCache
            cache = RedisCache(f"redis://127.0.0.1:{sluiced.resp_port}", {})
        cache.clear()
        yield cache
        cache.close()

    def test_everything(self, cache):
        assert cache.get("a") is None and cache.get("a", 7) == 7
        cache.set("a", {"x": [1, None]}, 1000)
        assert cache.get("a") == {"x": [1, None]} and "a" in cache
        assert cache.add("a", 1) is False and cache.add("b", 1, None) is True
        assert cache.get_or_set("c", lambda: "made", 1000) == "made"
        cache.set_many({f"k{i}": i for i in range(50)}, 1000)
        assert cache.get_many([f"k{i}" for i in range(50)]) == {f"k{i}": i for i in range(50)}
        assert cache.incr("b", 4) == 5 and cache.decr("b") == 4
        assert cache.touch("b", 1000) and not cache.touch("none", 1000)
        assert cache.delete("a") and not cache.delete("a")
        cache.delete_many([f"k{i}" for i in range(50)])
        assert cache.get("k1") is None and cache.incr_version("b") == 2 and cache.get("b", version=2) == 4
        cache.clear()
        assert cache.get("c") is None

    def test_lifetimes(self, cache):
        cache.set("zero", 1, 0)
        assert cache.get("zero") is None
        cache.set("soon", 1, 1)
        poll(lambda: cache.get("soon") is None, 20, "it expires")
        cache.set("always", 1, None)
        assert cache.get("always") == 1


@with_redis
@with_pymemcache
def test_one_session_through_three_listeners(sluiced, r, m):
    with sluiced.connect() as text:
        r.set("s", "by redis", ex=1000)
        assert m.get("s") == b"by redis" and text.get("s").body == b"by redis"
        m.set("s", b"by memcached", expire=1000)
        assert r.get("s") == "by memcached" and text.get("s").body == b"by memcached"
        version = text.put("s", "by text", "1000s").version
        assert r.get("s") == "by text" and m.gets("s") == (b"by text", b"%d" % version)
        assert 900 < r.ttl("s") <= 1000
        assert m.cas("s", b"again", b"%d" % version) and not m.cas("s", b"no", b"%d" % version)
        assert text.get("s").version > version
        r.persist("s")
        assert text.get("s").number == -1
        assert m.delete("s") and r.get("s") is None and text.get("s").kind == "NOT_FOUND"
        r.select(1)
        r.set("s", "elsewhere")
        assert m.get("s") is None and text.get("s").kind == "NOT_FOUND", "they see database 0"


@with_redis
@with_pymemcache
def test_max_lifetime_caps_never(start_sluiced):
    d = start_sluiced("ttl.max_lifetime=1h")
    with d.connect() as text, redis.Redis(port=d.resp_port) as r:
        m = Client(("127.0.0.1", d.memcached_port), default_noreply=False)
        r.set("by redis", "x")
        r.set("persisted", "x", ex=10)
        r.persist("persisted")
        r.set("long", "x", ex=1_000_000)
        m.set("memcached", "x")
        text.put("text", "x", "never")
        for key in ("by redis", "persisted", "long", "memcached", "text"):
            assert 3000 < r.ttl(key) <= 3600, key
        m.close()
