"""The shop of web.py with Django: shop_django.py PORT redis|memcached STORE_PORT"""

import sys
import threading
from importlib.util import find_spec

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import JsonResponse
from django.urls import path

PORT, KIND, STORE_PORT = sys.argv[1:]
if KIND == "memcached":
    CACHE = {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache", "LOCATION": f"127.0.0.1:{STORE_PORT}"}
else:  # Django has a backend for Redis of its own from 4.0 on
    own = find_spec("django.core.cache.backends.redis")
    CACHE = {"BACKEND": "django.core.cache.backends.redis.RedisCache" if own else "django_redis.cache.RedisCache",
             "LOCATION": f"redis://127.0.0.1:{STORE_PORT}"}
settings.configure(
    SECRET_KEY="of the tests", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], CACHES={"default": CACHE},
    SESSION_ENGINE="django.contrib.sessions.backends.cache", INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    DEFAULT_AUTO_FIELD="django.db.models.AutoField", USE_TZ=True)
meeting = threading.Barrier(2)


def login(request):
    request.session.flush()
    request.session.update({"user": request.GET["user"], "cart": []})
    if "ttl" in request.GET:
        request.session.set_expiry(int(request.GET["ttl"]))
    return JsonResponse({})


def me(request):
    if "user" not in request.session:
        return JsonResponse({}, status=401)
    return JsonResponse({name: request.session[name] for name in ("user", "cart")})


def add(request):
    cart = request.session["cart"]
    if "meet" in request.GET:
        meeting.wait()
    request.session["cart"] = cart + [request.GET["item"]]
    return JsonResponse({})


def logout(request):
    request.session.flush()
    return JsonResponse({})


urlpatterns = [path("login", login), path("me", me), path("add", add), path("logout", logout)]

if __name__ == "__main__":
    execute_from_command_line([sys.argv[0], "runserver", "--noreload", f"127.0.0.1:{PORT}"])
