"""Django and Flask keep their sessions in Sluice; Django its cache, too."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import web
from conftest import Process, free_port, needs_module

APPS = Path(__file__).parent / "apps"
django_redis = [needs_module("django", "python3-django"), needs_module("django_redis", "python3-django-redis")]
pymemcache = [needs_module("django", "python3-django"), needs_module("pymemcache", "python3-pymemcache")]
flask = [needs_module("flask_session", "python3-flask-session"), needs_module("redis", "python3-redis")]


@pytest.fixture(scope="module", params=[
    pytest.param(("django", "redis"), marks=django_redis, id="django-redis"),
    pytest.param(("django", "memcached"), marks=pymemcache, id="django-memcached"),
    pytest.param(("flask", "redis"), marks=flask, id="flask-redis")])
def shop(request, sluiced):
    framework, kind = request.param
    port = free_port()
    with Process([sys.executable, str(APPS / f"shop_{framework}.py"), str(port), kind, str(sluiced.port_of(
            "resp" if kind == "redis" else kind))], port) as app:
        app.store = web.Store(sluiced)
        yield app


@pytest.mark.parametrize("tale", [web.story, web.same_session_everywhere, web.two_at_once, web.expiry])
def test_sessions(shop, tale):
    tale(shop.port, shop.store)
