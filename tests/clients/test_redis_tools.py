"""Debian's redis-cli and redis-benchmark, as a person uses them."""

import os
import pty
import re
import select
import subprocess
import time

import pytest
from conftest import needs
from daemon import patience
from wire import Resp

PATIENCE = 60


@pytest.fixture
def cli(sluiced):
    """A function: runs redis-cli with these arguments and standard input, returns its output. The store is empty."""
    program = needs("redis-cli")
    with Resp(sluiced.resp_port) as wire:
        wire.ask("FLUSHALL")

    def run(*args, given=b""):
        done = subprocess.run([program, "-p", str(sluiced.resp_port), *args], input=given, capture_output=True,
                              timeout=PATIENCE, check=False)
        return (done.stdout + done.stderr).decode()

    return run


class Terminal:
    """redis-cli at its prompt, on a terminal without colours."""

    def __init__(self, port):
        self.prompt = f"127.0.0.1:{port}"
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="dumb", REDISCLI_HISTFILE="/dev/null")
            os.execlp("redis-cli", "redis-cli", "-p", str(port))
        self.seen = ""

    def until(self, pattern):
        """Reads on until the pattern has come; returns what came before it."""
        deadline = time.monotonic() + patience(20)
        while not (match := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {pattern} in {self.seen!r}"
            self.seen += os.read(self.fd, 4096).decode().replace("\r", "")
        before, self.seen = self.seen[:match.start()], self.seen[match.end():]
        return before

    def say(self, line, prompt="> "):
        """What the terminal shows between the line typed and the next prompt."""
        os.write(self.fd, line.encode() + b"\n")
        return self.until(re.escape(self.prompt + prompt)).partition("\n")[2]

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def test_at_its_prompt(sluiced, cli):
    assert cli("PING") == "PONG\n"
    terminal = Terminal(sluiced.resp_port)
    try:
        terminal.until(re.escape(terminal.prompt + "> "))
        assert terminal.say('set greeting "hello world" EX 1000') == "OK\n"
        assert terminal.say("get greeting") == '"hello world"\n'
        assert terminal.say("get nothing") == "(nil)\n"
        assert terminal.say("incr n") == "(integer) 1\n"
        assert terminal.say("mget n nothing") == '1) "1"\n2) (nil)\n'
        assert terminal.say("lpush l 1").startswith("(error) ERR unknown command 'lpush', with args beginning with: 'l'")
        assert terminal.say("get").startswith("(error) ERR wrong number of arguments for 'get' command\n")
        assert terminal.say("multi", "(TX)> ") == "OK\n"
        assert terminal.say("incr n", "(TX)> ") == "QUEUED\n"
        assert terminal.say("exec") == "1) (integer) 2\n"
        assert terminal.say("select 3", "[3]> ") == "OK\n"
        assert terminal.say("dbsize", "[3]> ") == "(integer) 0\n"
        assert terminal.say("select 0") == "OK\n"
        assert "1# \"server\" => \"redis\"" in terminal.say("hello 3")
        assert terminal.say("get nothing") == "(nil)\n"
        os.write(terminal.fd, b"quit\n")
    finally:
        terminal.close()


def test_scan(cli):
    names = {f"k{i}" for i in range(1000)} | {"other"}
    cli("--pipe", given=b"".join(Resp.command("SET", name, "v") for name in names))
    assert set(cli("--scan").split()) == names
    assert set(cli("--scan", "--pattern", "k*").split()) == names - {"other"}


def test_pipe_mode(cli):
    out = cli("--pipe", given=b"".join(Resp.command("SET", f"k{i}", "v" * i) for i in range(2000)))
    assert out.endswith("errors: 0, replies: 2000\n"), out
    assert cli("DBSIZE") == "2000\n"
    out = cli("--pipe", given=b"SET a 1\r\nNONSENSE\r\nSET b 2\r\n")
    assert "errors: 1, replies: 3\n" in out
    assert cli("MGET", "a", "b") == "1\n2\n"


def test_standard_input(cli):
    assert cli(given=b"set a 1\nget a\ndel a\n") == "OK\n1\n1\n"
    assert cli("-x", "SET", "big", given=b"\x00\r\n" * 50000) == "OK\n"
    assert cli("STRLEN", "big") == "150000\n"


def test_info(sluiced, cli):
    cli("SET", "a", "1")
    cli("-n", "9", "SET", "b", "1")
    info = dict(line.split(":", 1) for line in cli("INFO").replace("\r", "").split("\n") if ":" in line)
    assert info["redis_version"].startswith("7.0.") and info["redis_mode"] == "standalone"
    assert info["role"] == "master" and info["loading"] == "0" and info["cluster_enabled"] == "0"
    assert int(info["process_id"]) == sluiced.pid and int(info["tcp_port"]) == sluiced.resp_port
    assert info["db0"].startswith("keys=1,") and info["db9"].startswith("keys=1,")
    keyspace = cli("INFO", "keyspace")
    assert "# Keyspace" in keyspace and "# Server" not in keyspace


@pytest.mark.parametrize("options", [(), ("-3",)], ids=["resp2", "resp3"])
def test_forms_of_output(cli, options):
    cli("MSET", "a", "1", "b", "x\ny")
    assert cli(*options, "--no-raw", "MGET", "a", "b", "c") == '1) "1"\n2) "x\\ny"\n3) (nil)\n'
    assert cli(*options, "--csv", "MGET", "a", "b", "c").startswith('"1","x\\ny",')
    assert cli("--json", "MGET", "a", "c") == '["1",null]\n'


def test_what_it_does_on_its_own(cli):
    """--bigkeys looks at every key; -u and -a, as people connect; and a server that asks for no password says so."""
    cli("MSET", "small", "1", "large", "x" * 999)
    assert "Biggest string found '\"large\"' has 999 bytes" in cli("--bigkeys")
    assert "AUTH failed: ERR AUTH <password> called without any password configured" in cli("-a", "secret", "PING")
    assert cli("-r", "3", "INCR", "n") == "1\n2\n3\n"


def test_no_scripts_and_no_replication(cli):
    """What is not there is refused in words that these programs understand."""
    assert "ERR scripts are not supported" in cli("EVAL", "return 1", "0")
    assert "SYNC with master failed" in cli("--rdb", "/dev/null")
    assert "ERR unknown command 'SUBSCRIBE'" in cli("SUBSCRIBE", "channel")


@pytest.mark.parametrize("options", [(), ("-P", "16"), ("-P", "16", "-r", "1000", "-d", "2000"), ("-3",)],
                         ids=lambda options: " ".join(options) or "plain")
def test_benchmark(sluiced, options):
    done = subprocess.run([needs("redis-benchmark"), "-p", str(sluiced.resp_port), "-t", "get,set", "-n", "20000", "-q",
                           *options], capture_output=True, text=True, timeout=PATIENCE, check=False)
    said = done.stdout.replace("\r", "\n")
    assert done.returncode == 0 and not done.stderr, done.stderr
    for name in ("SET", "GET"):
        assert re.search(rf"^{name}: [\d.]+ requests per second", said, re.M), said
    with Resp(sluiced.resp_port) as wire:
        assert int(wire.ask("DBSIZE")[1:]) > 0
