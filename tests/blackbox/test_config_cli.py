"""The daemon's command line and configuration, through the real binary."""

import json
import os
import re
import socket
import subprocess

import pytest

from daemon import ROOT, SLUICED, patience


def run(*args, expect=0):
    done = subprocess.run([str(SLUICED), *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=patience(20), check=False)
    assert done.returncode == expect, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def check_config(tmp_path, text, expect):
    path = tmp_path / "test.yaml"
    path.write_text(text)
    done = run("--check-config", path, expect=expect)
    return path, done.stderr.splitlines()


GOOD = """
listen:
  text: [127.0.0.1:0, "[::1]:0", "unix:/tmp/sluice.sock?mode=0600"]
threads: 2
backend: mutex
mutex: {workers: 4, stripes: 8, lock: rwlock}
queue:
  bound: 2048
ttl: {default: 1h, sweep_interval: 500ms, max_lifetime: 7d}
work: {iterations: 100, where: outside}
limits: {connections: 500, value: 2MiB, output_soft: 64KiB, memory: 1GiB, idle_timeout: off}
log: {level: warn, format: json}
shutdown: {grace: 1m}
"""


def test_good_file(tmp_path):
    check_config(tmp_path, GOOD, 0)


def test_empty_file_means_the_defaults(tmp_path):
    check_config(tmp_path, "", 0)


def test_shipped_file():
    path = ROOT / "config/sluice.yaml"
    if not path.exists():
        pytest.skip("no config/sluice.yaml")
    run("--check-config", path)


@pytest.mark.parametrize("text, line", [
    ("threads: 2\nthread: 3\n", 2),
    ("threads: 2\nbackend: owner\nthreads: 3\n", 3),
    ("threads: many\n", 1),
    ("threads: 0\n", 1),
    ("threads: [1, 2]\n", 1),
    ("backend: mutexx\n", 1),
    ("queue:\n  bound: -5\n", 2),
    ("queue:\n  bound: 99999999999999999999\n", 2),
    ("queue: 7\n", 1),
    ("ttl:\n  default: 5 parsecs\n", 2),
    ("limits:\n  value: 1MB?\n", 2),
    ("listen:\n  text: 127.0.0.1\n", 2),
    ("a: &x 1\nthreads: *x\n", 1),
    ("threads: 2\n---\nthreads: 3\n", 2),
    ("threads: [1\n", None),
    ("- threads\n", 1),
])
def test_bad_file(tmp_path, text, line):
    """Each mistake is reported with its place, and what was expected."""
    path, errors = check_config(tmp_path, text, 1)
    assert errors, "an error must be said"
    where = rf"{re.escape(str(path))}:{line if line else '[0-9]+'}:\d+: "
    assert any(re.search(where, error) for error in errors), errors


def test_all_errors_of_a_file_are_listed(tmp_path):
    path, errors = check_config(tmp_path, "threads: x\nbackend: y\nqueue: {bound: 0}\nlogg: 1\n", 1)
    for line in (1, 2, 3, 4):
        assert any(error.startswith(f"{path}:{line}:") for error in errors), (line, errors)


def test_keys_that_contradict_each_other(tmp_path):
    _, errors = check_config(tmp_path, "limits: {output_soft: 8MiB, output_hard: 4MiB}\n", 1)
    assert any("output_hard" in error for error in errors)


@pytest.mark.parametrize("text, said", [
    ("backend: mutex\nshards: 4\n", ("shards is 4", "backend is mutex", "mutex.stripes")),
    ("shards: 2\nthreads: 3\nowner: {placement: loop}\n", ("threads is 3", "shards is 2", "as many threads as shards")),
    ("threads: 2\nowner: {placement: loop}\n", ("threads is 2", "shards is 1", "as many threads as shards")),
])
def test_shards_that_cannot_be(tmp_path, text, said):
    _, errors = check_config(tmp_path, text, 1)
    assert len(errors) == 1
    for words in said:
        assert words in errors[0]


def one_clear_line(stderr, *words):
    """Exactly one line complains, and it has the words."""
    complaints = [line for line in stderr.splitlines() if not re.search(r"level=(debug|info)", line)]
    assert len(complaints) == 1, stderr
    for word in words:
        assert str(word) in complaints[0], stderr


def test_missing_file(tmp_path):
    path = tmp_path / "nowhere.yaml"
    one_clear_line(run("--config", path, expect=1).stderr, path, "No such file")
    one_clear_line(run("--check-config", path, expect=1).stderr, path, "No such file")


def test_unreadable_file(tmp_path):
    path = tmp_path / "secret.yaml"
    path.write_text("threads: 1\n")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("whoever runs this (root) may read everything")
    one_clear_line(run("--config", path, expect=1).stderr, path, "ermission")


def test_directory_in_place_of_a_file(tmp_path):
    one_clear_line(run("--config", tmp_path, expect=1).stderr, tmp_path)


def test_binary_file(tmp_path):
    path = tmp_path / "noise.yaml"
    path.write_bytes(bytes(range(256)) * 10)
    assert str(path) in run("--check-config", path, expect=1).stderr


def test_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        one_clear_line(run("--set", f"listen.text={address}", expect=1).stderr, address, "in use")


def test_port_in_use_by_another_daemon(start_daemon):
    d = start_daemon()
    address = f"127.0.0.1:{d.port}"
    one_clear_line(run("--set", f"listen.text={address}", expect=1).stderr, address, "in use")


def test_address_of_another_machine():
    one_clear_line(run("--set", "listen.text=192.0.2.1:7811", expect=1).stderr, "192.0.2.1:7811")


def test_name_that_does_not_resolve():
    one_clear_line(run("--set", "listen.text=no-such-host.invalid:7811", expect=1).stderr, "no-such-host.invalid")


def test_unix_socket_in_a_folder_that_is_not_there(tmp_path):
    path = tmp_path / "none" / "s"
    address = f"unix:{path}" if len(str(path)) < 100 else "unix:/nonexistent/folder/s"
    one_clear_line(run("--set", f'listen.text="{address}"', expect=1).stderr, address[5:])


def test_first_listener_is_closed_when_the_second_fails(unix_directory):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = unix_directory / "s"
        run("--set", f'listen.text=["unix:{path}", "127.0.0.1:{port}"]', expect=1)
        assert not path.exists()


def test_privileged_port():
    if os.geteuid() == 0:
        pytest.skip("root may bind every port")
    limit = int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read())
    if limit <= 81:
        pytest.skip("every port may be bound here")
    one_clear_line(run("--set", "listen.text=127.0.0.1:81", expect=1).stderr, "127.0.0.1:81", "ermission")


@pytest.mark.parametrize("assignment", ["queue.bound=0", "queue.bound=x", "queue.bond=1", "queue.bound", "=1", "",
                                        "queue=1", "threads=99999"])
def test_bad_set(assignment):
    done = run("--set", assignment, expect=1)
    assert "--set" in done.stderr, done.stderr


def test_set_overrides_the_file(start_daemon):
    d = start_daemon("queue.bound=64", config="queue: {bound: 7}\nthreads: 2\n")
    with d.connect() as client:
        config = json.loads(client.ask("CONFIG").body)
    assert config["queue"]["bound"] == 64 and config["threads"] == 2


def test_config_over_the_wire(start_daemon):
    d = start_daemon("limits.value=2MiB", "limits.output_hard=32MiB", "backend=owner", "ttl.default=45m")
    with d.connect() as client:
        config = json.loads(client.ask("CONFIG").body)
    assert config["backend"] == "owner"
    assert str(config["ttl"]["default"]) in ("45m", "2700s", "2700000", "2700000ms")
    assert set(config) >= {"listen", "threads", "backend", "mutex", "queue", "ttl", "work", "limits", "log", "shutdown"}


def test_settings_take_effect_from_a_file(start_daemon, unix_directory):
    path = unix_directory / "s"
    d = start_daemon(listen=(), config=f'listen: {{text: "unix:{path}"}}\nlimits: {{key: 4}}\n')
    d.unix_path = str(path)
    with d.connect("unix") as client:
        assert client.put("four", b"x").kind == "OK"
        assert client.put("fives", b"x").code == "bad-key"


def test_version():
    out = run("--version").stdout
    assert re.fullmatch(r"sluiced? \d+\.\d+\.\d+.*\n", out), out


def test_help():
    out = run("--help").stdout
    for word in ("--config", "--set", "--check-config", "--print-config", "--version", "queue.bound", "limits.memory"):
        assert word in out


def test_print_config_can_be_read_back(tmp_path):
    printed = run("--print-config", "--set", "queue.bound=77", "--set", "ttl.default=3h").stdout
    path, _ = check_config(tmp_path, printed, 0)
    assert "77" in printed
    assert run("--config", path, "--print-config").stdout == printed


@pytest.mark.parametrize("args", [["--nonsense"], ["stray"], ["--config"], ["--set"]])
def test_usage_errors(args):
    done = subprocess.run([str(SLUICED), *args], capture_output=True, text=True, timeout=patience(20), check=False)
    assert done.returncode in (1, 2)
    assert done.stderr.strip() and not done.stdout
