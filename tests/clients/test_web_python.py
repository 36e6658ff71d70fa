"""Django and Flask keep their sessions in Sluice."""

import pytest
import web
from conftest import needs_module

django_redis = [needs_module("django", "python3-django"), needs_module("django_redis", "python3-django-redis")]
pymemcache = [needs_module("django", "python3-django"), needs_module("pymemcache", "python3-pymemcache")]
flask = [needs_module("flask_session", "python3-flask-session"), needs_module("redis", "python3-redis")]


@pytest.fixture(scope="module", params=[
    pytest.param(("django", "redis"), marks=django_redis, id="django-redis"),
    pytest.param(("django", "memcached"), marks=pymemcache, id="django-memcached"),
    pytest.param(("flask", "redis"), marks=flask, id="flask-redis")])
def shop(request, sluiced):
    with web.python_shop(*request.param, sluiced) as app:
        app.store = web.Store(sluiced)
        yield app


@pytest.mark.parametrize("tale", [web.story, web.same_session_everywhere, web.two_at_once, web.expiry])
def test_sessions(shop, tale):
    tale(shop.port, shop.store)
