"""Express keeps its sessions in Sluice, and the clients for Node speak to it."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import web
from conftest import Process, free_port, needs
from daemon import BUILD

NODE = Path(__file__).parent / "node"
MODULES = BUILD / "node/node_modules"
OLDEST = 18  # Debian 12's


@pytest.fixture(scope="module")
def node():
    """The command and environment that run a script."""
    program = needs("node")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(re.match(r"v(\d+)", version).group(1)) < OLDEST:
        pytest.skip(f"node is {version}, and the npm packages need {OLDEST} or later")
    if not (MODULES.parent / "installed").exists():
        pytest.skip("the npm packages are not installed")
    return program, {"NODE_PATH": str(MODULES)}


@pytest.fixture(scope="module", params=["redis", "memcached"])
def shop(request, sluiced, node):
    port = free_port()
    listener = sluiced.port_of("resp" if request.param == "redis" else "memcached")
    with Process([node[0], str(NODE / "app.js"), str(port), request.param, str(listener)], port, node[1]) as app:
        app.store = web.Store(sluiced)
        yield app


@pytest.mark.parametrize("tale", [web.story, web.same_session_everywhere, web.two_at_once, web.expiry])
def test_express_sessions(shop, tale):
    tale(shop.port, shop.store)


@pytest.mark.parametrize("name", ["redis", "ioredis", "memcached"])
def test_client(sluiced, node, name):
    """Each script asserts for itself what its client gets."""
    listener = sluiced.port_of("memcached" if name == "memcached" else "resp")
    done = subprocess.run([node[0], str(NODE / f"client_{name}.js"), str(listener)], env={**os.environ, **node[1]},
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
