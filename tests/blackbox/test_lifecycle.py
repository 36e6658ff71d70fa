"""Starting, logging and being idle."""

import json
import os
import re
import select
import signal
import subprocess

import pytest

from daemon import MATRIX, SLUICED, SMALL_MATRIX, poll, sanitizer


def test_starts_and_ends(start_daemon):
    d = start_daemon()
    assert len(d.addresses) == 2 and d.port > 0
    with d.connect() as client:
        assert client.ask("PING").kind == "PONG"
    d.stop()
    with pytest.raises(ConnectionError):
        d.connect()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_that_means_nothing_changes_nothing(start_daemon, number):
    d = start_daemon()
    with d.connect() as client:
        os.kill(d.pid, number)
        assert client.ask("PUT k 30m x").kind == "OK" and client.ask("GET k").kind == "VALUE"
    d.stop()


def test_version_over_the_wire(start_daemon):
    d = start_daemon()
    with d.connect() as client:
        words = client.ask("VERSION").words
        assert words[0] == "sluice" and words[2:] == ("protocol", "1")
        assert re.fullmatch(r"\d+\.\d+\.\d+", words[1])
        printed = subprocess.run([SLUICED, "--version"], capture_output=True, text=True, check=True).stdout
        assert words[1] in printed


def test_help_names_every_verb(start_daemon):
    d = start_daemon()
    with d.connect() as client:
        body = client.ask("HELP").body.decode()
        for verb in ("GET", "PUT", "DELETE", "LEN", "TOUCH", "PING", "STATS", "CONFIG", "HELP", "VERSION", "QUIT"):
            assert re.search(rf"^{verb}\b", body, re.M), f"{verb} on a line of its own"


@pytest.mark.parametrize("point", list(SMALL_MATRIX))
def test_idle_daemon_uses_no_cpu(start_daemon, point):
    if sanitizer():
        pytest.skip("a sanitizer's own threads may wake")
    d = start_daemon(backend=point)
    clients = [d.connect() for _ in range(5)]
    for client in clients:
        assert client.put("k", b"x", "1h").kind == "OK"
    before = d.cpu_ticks()
    select.select([], [], [], 1.0)  # a second in which nothing happens; what is measured is its CPU time
    assert d.cpu_ticks() - before <= 3
    for client in clients:
        assert client.ask("PING").kind == "PONG"
        client.close()


def test_log_lines_are_logfmt(start_daemon):
    d = start_daemon("log.level=debug")
    with d.connect() as client:
        client.ask("PING")
    d.stop()
    for line in d.stderr_lines:
        assert re.match(r'ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(debug|info|warn|error) msg=("|\S)', line), line


def test_log_lines_are_json(start_daemon):
    d = start_daemon("log.format=json", ready=False)
    d.wait_line(r'"msg":\s*"ready"')
    d.stop()
    for line in d.stderr_lines:
        entry = json.loads(line)
        assert entry["level"] in ("debug", "info", "warn", "error") and entry["msg"] and entry["ts"]
    listening = [json.loads(line) for line in d.stderr_lines if '"listening"' in line]
    assert [entry["listener"] for entry in listening] == ["text", "text"]


def test_log_level(start_daemon):
    d = start_daemon("log.level=error", ready=False)

    def answers():
        try:
            with d.connect("unix") as client:
                return client.ask("PING").kind == "PONG"
        except OSError:
            return False

    poll(answers, 20, "it listens")
    d.stop()
    assert d.stderr_lines == []


def test_session_keys_are_never_logged(start_daemon):
    d = start_daemon("log.level=debug", "limits.request_timeout=100ms", "limits.memory=1MiB")
    secret = "session-id-nobody-may-see"
    with d.connect() as client:
        assert client.put(secret, b"value-nobody-may-see").kind == "OK"
        client.ask(f"GET {secret}")
        client.ask(f"@if=7 TOUCH {secret} 1h")
        client.ask(f"GET {secret} {secret}")
        client.ask(f"{secret} {secret}")
        client.put(secret, b"x" * 1_000_000)
        client.ask(f"DELETE {secret}")
        client.send(f"PUT {secret} 30m value-nobody-may-see".encode())
        assert client.reply().code == "timeout"
    with d.connect() as client:
        client.send(f"PUT {secret} 30m $x\n".encode())
        client.reply()
    d.stop()
    assert "nobody-may-see" not in d.stderr()


@pytest.mark.parametrize("point", list(MATRIX))
def test_ended_by_sigint_with_sessions_inside(start_daemon, point):
    """A sanitizer would tell what was not freed."""
    d = start_daemon("queue.bound=8000", backend=point)  # whoever shares it
    with d.connect() as client:
        client.send(b"".join(b"PUT k%d %s %s\n" % (i, (b"never", b"1ms", b"1h")[i % 3], b"x" * (i % 700))
                             for i in range(2000)))
        assert {reply.kind for reply in client.replies(2000)} == {"OK"}
        d.signal(signal.SIGINT)
        client.expect_eof()
    d.stop()
