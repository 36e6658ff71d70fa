"""PHP keeps its sessions in Sluice, by the session handlers of php-redis and php-memcached."""

import subprocess
from collections import namedtuple
from pathlib import Path

import pytest
import web
from conftest import Process, free_port, needs

SHOP = Path(__file__).parent / "apps/shop.php"
# A lock is waited for as long as it takes, so that no test depends on how fast the machine is.
HANDLERS = {
    "redis": ("redis.session.locking_enabled=0",),
    "redis-locking": ("redis.session.locking_enabled=1", "redis.session.lock_retries=-1",
                      "redis.session.lock_wait_time=2000", "redis.session.lock_expire=60"),
    "memcached": ("memcached.sess_binary_protocol=0", "memcached.sess_locking=0"),
    "memcached-locking": ("memcached.sess_binary_protocol=0", "memcached.sess_locking=1",
                          "memcached.sess_lock_wait_min=1", "memcached.sess_lock_wait_max=10",
                          "memcached.sess_lock_retries=10000", "memcached.sess_lock_expire=60"),
}


Shop = namedtuple("Shop", "port other_port store locks")


def php_server(php, options, env):
    port = free_port()
    return Process([php, *options, "-S", f"127.0.0.1:{port}", str(SHOP)], port, env)


@pytest.fixture(scope="module", params=HANDLERS)
def shop(request, sluiced, tmp_path_factory):
    """Two PHP processes, each of which answers one request at a time."""
    php = needs("php")
    kind = request.param.partition("-")[0]
    modules = subprocess.run([php, "-m"], capture_output=True, text=True, check=True).stdout.split()
    if kind not in modules:
        pytest.skip(f"php-{kind} is not installed")
    path = f"tcp://127.0.0.1:{sluiced.resp_port}" if kind == "redis" else f"127.0.0.1:{sluiced.memcached_port}"
    settings = (f"session.save_handler={kind}", f"session.save_path={path}", "display_errors=stderr",
                *HANDLERS[request.param])
    options = [word for item in settings for word in ("-d", item)]
    env = {"MEETING": str(tmp_path_factory.mktemp("meeting"))}
    with php_server(php, options, env) as one, php_server(php, options, env) as other:
        yield Shop(one.port, other.port, web.Store(sluiced), "locking" in request.param)


@pytest.mark.parametrize("tale", [web.story, web.same_session_everywhere, web.expiry])
def test_sessions(shop, tale):
    tale(shop.port, shop.store)


def test_two_at_once(shop):
    (web.two_at_once_locked if shop.locks else web.two_at_once)(shop.port, shop.store, shop.other_port)
