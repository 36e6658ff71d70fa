"""Rails' session store on its Redis cache store keeps sessions in Sluice."""

import subprocess
from pathlib import Path

import pytest
import web
from conftest import Process, free_port, needs

SHOP = Path(__file__).parent / "apps/shop.rb"


@pytest.fixture(scope="module")
def shop(sluiced):
    ruby = needs("ruby")
    for gem in ("actionpack", "redis"):
        if subprocess.run([ruby, "-e", f"gem '{gem}'"], capture_output=True, check=False).returncode:
            pytest.skip(f"ruby-{gem} is not installed")
    port = free_port()
    with Process([ruby, str(SHOP), str(port), "redis", str(sluiced.resp_port)], port) as app:
        app.store = web.Store(sluiced)
        yield app


@pytest.mark.parametrize("tale", [web.story, web.same_session_everywhere, web.two_at_once, web.expiry])
def test_rails_sessions(shop, tale):
    tale(shop.port, shop.store)
