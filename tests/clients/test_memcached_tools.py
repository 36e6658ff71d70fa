"""memccapable, which tests servers for what the protocol promises, and the other programs of libmemcached-tools."""

import re
import subprocess

import pytest
from conftest import needs

PATIENCE = 60
CAPABILITIES = 27


def run(program, *args, status=0):
    done = subprocess.run([needs(program), *args], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_memccapable(sluiced):
    out = run("memccapable", "-h", "127.0.0.1", "-p", str(sluiced.memcached_port), "-a")
    assert len(re.findall(r"\[pass\]", out)) == CAPABILITIES and "[FAIL]" not in out, out
    assert "All tests passed" in out


@pytest.fixture
def tool(sluiced):
    """A function: runs one of the programs on this server."""
    return lambda name, *args, **more: run(name, f"--servers=127.0.0.1:{sluiced.memcached_port}", *args, **more)


def test_files_in_and_out(tool, tmp_path):
    tool("memcflush")
    names = [f"file{i}" for i in range(20)]
    for i, name in enumerate(names):
        (tmp_path / name).write_text("some text\n" * i * 1000)
    tool("memccp", "--set", *[str(tmp_path / name) for name in names])
    for i, name in enumerate(names):
        assert tool("memccat", name).rstrip("\n") == ("some text\n" * i * 1000).rstrip("\n")
    tool("memcexist", "file7")
    tool("memctouch", "--expire=1000", "file7")
    tool("memcrm", "file7")
    tool("memcexist", "file7", status=1)


def test_statistics(tool):
    out = tool("memcstat")
    assert re.search(r"version: 1\.6\.", out) and re.search(r"curr_items: \d+", out)
    tool("memcping")
