"""Fixtures and options of the tests that attack the daemon.

    --long      by many more seeds
    --seed N    that seed alone: what a failed test's name ends in, as in test_one_after_the_other[owner-t2-17]
A module says how many seeds it runs: SEEDS = (short, long).
"""

import os
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "blackbox")]

import daemon as harness  # noqa: E402

POINTS = ("backpressure-t2", "owner-t2", "mutex-w0-t2", "mutex-w2-t2", "backpressure-s2-t1", "owner-s2-t2")


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="attack for long")
    parser.addoption("--seed", type=int, help="attack by this seed alone")


def pytest_generate_tests(metafunc):
    option = metafunc.config.getoption
    if "long" in metafunc.fixturenames:
        metafunc.parametrize("long", [option("--long")], ids=[""], scope="session")
    if "seed" in metafunc.fixturenames:
        few, many = metafunc.module.SEEDS
        one, count = option("--seed"), many if option("--long") else few
        metafunc.parametrize("seed", [one] if one is not None else range(1, count + 1))


class running:
    """A daemon for a with statement: it must end with 0 on SIGTERM, and no sanitizer may have spoken."""

    def __init__(self, *sets, env=None):
        self.daemon = harness.Daemon(sets, env=env, others=("resp", "memcached"))

    def __enter__(self):
        try:
            return self.daemon.wait_ready()
        except BaseException:
            self.daemon.close()
            raise

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.daemon.stop()
        finally:
            self.daemon.close()


@pytest.fixture(params=POINTS)
def daemon(request):
    """One with all three listeners, per test and concurrency design, that refuses nobody."""
    with running(*harness.MATRIX[request.param], "queue.bound=10000") as d:
        yield d
