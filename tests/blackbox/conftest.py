"""Fixtures of the black-box tests.

    daemon        a sluiced per module and point of the matrix; a module may set DAEMON_SETS (more settings) and
                  DAEMON_MATRIX (another choice of points); a test marked small_matrix meets the small one only
    start_daemon  a function that starts one more, for this test alone: start_daemon("queue.bound=4", ...)
Both fail the test when the daemon does not exit 0 on SIGTERM or a sanitizer reported something.
"""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import daemon as harness  # noqa: E402


def pytest_generate_tests(metafunc):
    if "daemon" in metafunc.fixturenames:
        matrix = getattr(metafunc.module, "DAEMON_MATRIX", harness.MATRIX)
        metafunc.parametrize("daemon", list(matrix), ids=list(matrix), indirect=True, scope="module")


def pytest_configure(config):
    config.addinivalue_line("markers", "small_matrix: only on a few of the daemons")


def pytest_collection_modifyitems(config, items):
    def wanted(item):
        return item.get_closest_marker("small_matrix") is None or item.callspec.params["daemon"] in harness.SMALL_MATRIX

    unwanted = [item for item in items if not wanted(item)]
    config.hook.pytest_deselected(items=unwanted)
    items[:] = [item for item in items if wanted(item)]


@pytest.fixture(scope="module")
def daemon(request):
    sets = tuple(getattr(request.module, "DAEMON_SETS", ()))
    d = harness.Daemon(harness.MATRIX[request.param] + sets)
    d.point = request.param
    d.threads = 2 if request.param.endswith("-t2") else 1
    try:
        yield d.wait_ready()
        d.stop()
    finally:
        d.close()


@pytest.fixture
def start_daemon():
    started = []

    def start(*sets, config=None, backend=None, env=None, listen=None, ready=True, others=()):
        """Starts a daemon; `backend` names a point of the matrix. With ready=False it may fail to start."""
        chosen = harness.MATRIX.get(backend) or harness.BACKENDS.get(backend) or ()
        d = harness.Daemon(tuple(chosen) + sets, config, env, listen, others)
        started.append(d)
        return d.wait_ready() if ready else d

    try:
        yield start
        for d in started:
            d.check_reports()
            if d.process.poll() is None and not d.signalled:
                d.stop()
    finally:
        for d in started:
            d.close()


@pytest.fixture(params=["tcp", "unix"])
def kind(request):
    return request.param


@pytest.fixture
def unix_directory():
    """An empty folder with a short name: the path of a Unix socket has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        yield Path(folder)
