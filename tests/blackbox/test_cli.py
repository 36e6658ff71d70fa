"""The command-line client as a user drives it: arguments, pipes, a terminal; and the example of the C library."""

import base64
import json
import os
import pty
import re
import select
import socket
import stat
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build")).resolve()
SLUICE = str(BUILD / "sluice")
PATIENCE = 60  # only bounds how late a failure is seen
OK, NOT_FOUND, USAGE, CANNOT_CONNECT, OVERLOADED, REFUSED, SERVER_ERROR = range(7)


def a_name_of_this_machine():
    """A bare container may lack even the name "localhost"."""
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        return "127.0.0.1"
    return "localhost"


def environment(folder, **extra):
    env = {k: v for k, v in os.environ.items() if k not in ("SLUICE_URL", "XDG_STATE_HOME", "LC_ALL")}
    env.update(HOME=str(folder), TERM="xterm", LC_ALL="C.UTF-8", **extra)
    return env


class Cli:
    """sluice, told where the server is by SLUICE_URL unless `url` is None."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url

    def env(self):
        known = self.folder / "lsan"
        known.write_text("leak:wcsdup\n")  # libedit never frees the names given to EL_ADDFN and EL_BIND
        lsan = f"suppressions={known}:print_suppressions=0"
        return environment(self.folder, LSAN_OPTIONS=lsan, **({"SLUICE_URL": self.url} if self.url else {}))

    def __call__(self, *args, input=b"", code=OK, stdout=subprocess.PIPE):
        done = subprocess.run([SLUICE, *args], input=input, stdout=stdout, stderr=subprocess.PIPE, env=self.env(),
                              timeout=PATIENCE)
        self.err = done.stderr.decode()
        assert "Sanitizer" not in self.err and "runtime error" not in self.err, self.err
        assert done.returncode == code, (args, done.stdout, self.err)
        return done.stdout

    def json(self, *args, **kw):
        return json.loads(self(*args, "--json", **kw))


@pytest.fixture
def cli(start_daemon, tmp_path):
    d = start_daemon()
    c = Cli(tmp_path, f"sluice://{d.host}:{d.port}")
    c.daemon = d
    return c


class Fake:
    """A server that gives a fixed answer to the first bytes of every connection: for what sluiced rarely says."""

    def __init__(self, answer, connections=1, hold=False):
        self.answer, self.connections, self.hold = answer, connections, hold
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "sluice://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.ended = threading.Semaphore(0)  # connections that are closed: their peer knows
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        for _ in range(self.connections):
            conn, _ = self.listener.accept()
            with conn:
                conn.settimeout(PATIENCE)
                conn.recv(65536)
                conn.sendall(self.answer)
                while self.hold and conn.recv(65536):
                    pass
            self.ended.release()

    def close(self):
        self.thread.join(PATIENCE)
        self.listener.close()
        assert not self.thread.is_alive()


class Scripted(Fake):
    """The same for one connection, with the next of its answers for each request line."""

    def __init__(self, answers):
        self.asked = 0
        super().__init__(answers)

    def run(self):
        conn, _ = self.listener.accept()
        with conn, conn.makefile("rb") as lines:
            conn.settimeout(PATIENCE)
            for _ in lines:
                conn.sendall(self.answer[self.asked])
                self.asked += 1


# ---- one-shot ----


def test_conversation(cli):
    assert cli("put", "alice", "--ttl", "30m", '{"user":"alice"}') == b"OK 1\n"
    assert cli("get", "alice") == b'{"user":"alice"}'
    assert cli("len") == b"1\n"
    assert re.fullmatch(rb"OK \d+\n", cli("touch", "alice", "1h"))
    assert cli("GET", "alice") == b'{"user":"alice"}'
    assert cli("delete", "alice") == b"OK\n"
    assert cli("ping") == b"PONG\n"
    assert cli("version").startswith(b"sluice ")
    assert b"TOUCH" in cli("help")
    assert cli.err == ""


def test_not_found(cli):
    for args in (("get", "nobody"), ("delete", "nobody"), ("touch", "nobody", "5m")):
        assert cli(*args, code=NOT_FOUND) == b""
        assert cli.err == "sluice: no session nobody\n"


@pytest.mark.parametrize("value", [b"", b"\n", b"plain", b"two\nlines\n", b"\x00\xff\r\n$5\r\n" + bytes(range(256)),
                                   bytes(range(256)) * 4096], ids=lambda v: f"{len(v)} bytes")
def test_values_byte_for_byte(cli, value):
    cli("put", "k", "-", input=value)
    assert cli("get", "k") == value


def test_value_arguments(cli):
    for value in ("", " ", "$5", "--", "-", "ä€😀", "x" * 100000, "-5"):
        cli("put", "k", "--", value, input=b"not this")
        assert cli("get", "k") == value.encode()
    cli("put", "--ttl=5m", "k", "-", "--if", "present", "--tag", "t", input=b"this")
    assert cli("get", "k") == b"this"
    cli("put", "--", "-k", "-", input=b"this, too")
    assert cli("get", "--", "-k") == b"this, too"
    cli("delete", "--", "-k")
    key = "k" * 512
    cli("put", key, "v")
    assert cli("get", key) == b"v"


def test_lifetimes(cli):
    assert cli("put", "k", "v", "--ttl", "never") == b"OK 1\n"
    assert cli.json("get", "k")["ttl_ms"] == -1
    cli("touch", "k", "10s")
    assert 0 < cli.json("get", "k")["ttl_ms"] <= 10000
    cli("get", "k", "--verbose")
    assert re.fullmatch(r"version \d+, expires in \d\.\ds\n", cli.err)
    cli("touch", "k", "-")
    assert 10000 < cli.json("get", "k")["ttl_ms"] <= 1800000
    cli("touch", "k", "never")
    cli("get", "k", "-v")
    assert re.fullmatch(r"version \d+, never expires\n", cli.err)


def test_conditions(cli):
    assert cli("put", "k", "a", "--if", "absent") == b"OK 1\n"
    cli("put", "k", "b", "--if", "absent", code=REFUSED)
    assert cli.err == "sluice: put refused: the session k has version 1\n"
    cli("put", "k", "b", "--if", "2", code=REFUSED)
    cli("put", "k", "b", "--if", "1")
    cli("delete", "k", "--if", "1", code=REFUSED)
    cli("delete", "k", "--if=present")
    cli("touch", "k", "5m", "--if", "present", code=REFUSED)
    assert cli.err == "sluice: touch refused: there is no session k\n"
    assert cli.json("touch", "k", "5m", "--if", "present", code=REFUSED) == {
        "status": "conflict", "key": "k", "version": 0}


def test_json(cli):
    put = cli.json("put", "k", 'say "ä"\n', "--tag", "t-1")
    assert put == {"status": "ok", "key": "k", "tag": "t-1", "version": put["version"]}
    got = cli.json("get", "k")
    assert (got["value"], got["version"]) == ('say "ä"\n', put["version"]) and "value_encoding" not in got
    cli("put", "k", "-", input=b"a\x00b")
    assert cli.json("get", "k")["value"] == "a\0b"
    for raw in (b"\xff", b"\xff\x00", b"\xfe\xff\xfd", bytes(range(256)), b"ok\xc0\x80"):
        cli("put", "k", "-", input=raw)
        got = cli.json("get", "k")
        assert got["value_encoding"] == "base64" and base64.b64decode(got["value"]) == raw
    assert cli.json("len") == {"status": "ok", "len": 1}
    assert cli.json("delete", "k") == {"status": "ok", "key": "k"}
    assert cli.json("get", "k", code=NOT_FOUND) == {"status": "not-found", "key": "k"}
    assert cli.json("ping") == {"status": "ok"}
    for text in (cli.json("help")["text"], cli("help").decode()):
        assert "TOUCH" in text and text.count("\n") > 5 and "\r" not in text
    assert "operations" in cli.json("stats") and "limits" in cli.json("config")


def test_documents_for_people(cli):
    for verb in ("stats", "config"):
        text = cli(verb)
        assert isinstance(json.loads(text), dict) and text.count(b"\n") > 5


def test_server_error(cli):
    cli("put", "k", "-", input=b"x" * ((1 << 20) + 1), code=SERVER_ERROR)
    assert "too-large" in cli.err and "refused" in cli.err
    error = cli.json("put", "k", "-", input=b"x" * ((1 << 20) + 1), code=SERVER_ERROR)
    assert (error["status"], error["error"]) == ("server-error", "too-large")


@pytest.mark.parametrize("answer, code, words", [
    (b"OVERLOADED 12\r\n", OVERLOADED, "overloaded; try again in 12 ms"),
    (b"OVERLOADED -1\r\n", OVERLOADED, "asks not to be tried again"),
    (b"LATE\r\n", OVERLOADED, "deadline"),
    (b"ERROR internal oh dear\r\n", SERVER_ERROR, "internal: oh dear"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", CANNOT_CONNECT, "is it a Sluice server?"),
    (b"PONG\r\n", CANNOT_CONNECT, "reply to something else"),
    (b"VALUE 5 1 $5\r\nhel", CANNOT_CONNECT, "closed the connection; nothing was changed: try again"),
    (b"", CANNOT_CONNECT, "closed the connection; nothing was changed: try again"),
])
def test_other_answers(tmp_path, answer, code, words):
    fake = Fake(answer, connections=2)
    cli = Cli(tmp_path, fake.url)
    assert cli("get", "k", "--retries", "0", code=code) == b""
    assert words in cli.err and fake.url[9:] in cli.err
    assert cli.json("get", "k", "--retries", "0", code=code)["status"] not in ("ok", "not-found")
    fake.close()


@pytest.mark.parametrize("args, answers, code, asked", [
    ((), [b"OVERLOADED 1\r\n", b"OVERLOADED 1\r\n", b"NOT_FOUND\r\n"], NOT_FOUND, 3),
    ((), [b"OVERLOADED 1\r\n"] * 4, OVERLOADED, 3),
    ((), [b"OVERLOADED -1\r\n"] * 4, OVERLOADED, 1),
    (("--retries", "1"), [b"OVERLOADED 1\r\n"] * 4, OVERLOADED, 2),
    (("--retries", "0"), [b"OVERLOADED 1\r\n"] * 4, OVERLOADED, 1),
])
def test_tries_again(tmp_path, args, answers, code, asked):
    fake = Scripted(answers)
    cli = Cli(tmp_path, fake.url)
    cli("get", "k", *args, code=code)
    fake.close()
    assert fake.asked == asked


@pytest.mark.parametrize("args", [("put", "k", "v"), ("touch", "k", "5m"), ("delete", "k")], ids=lambda a: a[0])
def test_lost_connection(tmp_path, args):
    fake = Fake(b"")
    cli = Cli(tmp_path, fake.url)
    cli(*args, code=CANNOT_CONNECT)
    assert f"closed the connection; whether it did the {args[0]} is unknown: look with get" in cli.err
    fake.close()


def test_no_answer_in_time(tmp_path):
    fake = Fake(b"", hold=True)
    cli = Cli(tmp_path, fake.url)
    cli("put", "k", "v", "--timeout", "50ms", code=CANNOT_CONNECT)
    assert "whether it did the put is unknown" in cli.err and "--timeout" in cli.err
    fake.close()


def test_output_that_cannot_be_written(cli):
    cli("put", "k", "hello")
    with open("/dev/full", "wb") as full:
        for args in (("get", "k"), ("get", "k", "--json"), ("stats",), ("watch", "--count", "2", "--interval", "1ms")):
            cli(*args, code=SERVER_ERROR, stdout=full)
            assert "cannot write" in cli.err and "No space left on device" in cli.err
        cli(code=SERVER_ERROR, stdout=full, input=b"GET k\n")
        assert "cannot write" in cli.err and "No space left on device" in cli.err
        for args in (("--help",), ("--version",), ("watch", "--count", "1")):
            cli(*args, code=SERVER_ERROR, stdout=full)
            assert "cannot write" in cli.err and "No space left on device" in cli.err


# ---- where the server is ----


def test_places(cli):
    d = cli.daemon
    places = [["--host", d.host, "--port", str(d.port)], ["-P", str(d.port)], ["--socket", d.unix_path],
              ["--url", f"sluice://{d.host}:{d.port}"], ["--url", f"unix:{d.unix_path}"],
              ["--host", a_name_of_this_machine(), "-P", str(d.port)]]
    cli.url = "sluice://127.0.0.1:1"  # options beat it
    for place in places:
        assert cli(*place, "ping") == b"PONG\n"
        assert cli("ping", *place) == b"PONG\n"
    cli.url = f"unix:{d.unix_path}"
    assert cli("ping") == b"PONG\n"


def test_options_replace_parts_of_sluice_url(tmp_path):
    """Nobody listens anywhere here: the message tells where it went."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        for url, args, where in (
                ("sluice://127.0.0.9:7812", ["--port", str(port)], f"127.0.0.9:{port}"),
                ("sluice://127.0.0.9", ["--port", str(port)], f"127.0.0.9:{port}"),
                ("sluice://127.0.0.9/", ["--port", str(port)], f"127.0.0.9:{port}"),
                (f"sluice://127.0.0.9:{port}", ["--host", "127.0.0.1"], f"127.0.0.1:{port}"),
                (f"sluice://127.0.0.9:{port}/", ["--host", "127.0.0.1"], f"127.0.0.1:{port}"),
                ("sluice://[::2]:7812", ["--host", "127.0.0.1", "--port", str(port)], f"127.0.0.1:{port}"),
                ("unix:/nowhere", ["--host", "127.0.0.1", "--port", str(port)], f"127.0.0.1:{port}")):
            cli = Cli(tmp_path, url)
            cli("ping", *args, code=CANNOT_CONNECT)
            assert f"cannot connect to {where}: " in cli.err, (url, args)
        cli = Cli(tmp_path, "sluice://[::1]:1")
        cli("ping", "--port", str(port), "--timeout", "1s", code=CANNOT_CONNECT)
        assert f"cannot connect to [::1]:{port}: " in cli.err
        cli = Cli(tmp_path, f"sluice://127.0.0.1:{port}")
        cli("ping", "--host", "::1", "--timeout", "1s", code=CANNOT_CONNECT)
        assert f"cannot connect to [::1]:{port}: " in cli.err
    for url, args, words in (("unix:/nowhere", ["--port", "1"], "SLUICE_URL is unix:/nowhere, which has no host"),
                             ("unix:/nowhere", ["--host", "h"], "SLUICE_URL is unix:/nowhere, which has no port"),
                             ("127.0.0.1:7811", ["--port", "1"], "SLUICE_URL: expected sluice://"),
                             ("sluice://h:x", ["--host", "h"], "SLUICE_URL: bad port, expected 0 to 65535: 'sluice://h:x'"),
                             ("sluice://", ["--port", "1"], "the URL names no host"),
                             ("sluice://" + "h" * 400, ["--port", "1"], "SLUICE_URL: host name too long")):
        cli = Cli(tmp_path, url)
        cli("ping", *args, code=USAGE)
        assert words in cli.err


def test_unknown_name(tmp_path):
    cli = Cli(tmp_path, None)
    cli("ping", "--host", "x" * 64 + ".invalid", code=CANNOT_CONNECT)
    assert "is the name right?" in cli.err and "is sluiced running" not in cli.err and "--host" in cli.err


def test_cannot_connect(tmp_path):
    cli = Cli(tmp_path, None)
    with socket.socket() as bound:  # bound, not listening: nobody else can take the port
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        for args in (["ping"], ["watch", "--count", "1"], []):
            cli(*args, "--port", str(port), code=CANNOT_CONNECT)
            assert f"cannot connect to 127.0.0.1:{port}: Connection refused; is sluiced running?" in cli.err
            assert "--host" in cli.err
    cli("ping", "--socket", str(tmp_path / "none"), code=CANNOT_CONNECT)
    assert "No such file" in cli.err


# ---- usage ----


@pytest.mark.parametrize("args, words", [
    (["frobnicate"], "unknown verb 'frobnicate'"),
    (["get"], "usage: sluice get KEY"),
    (["get", "a", "b"], "quote"),
    (["put", "a"], "usage: sluice put KEY [TTL] VALUE, or with --ttl TTL\n"),
    (["put", "a", "b", "c"], "got 'b' (quote a value that contains spaces)"),
    (["put", "a", "5m", "c", "--ttl", "6m"], "the lifetime is given twice"),
    (["put", "a", "5m", "c", "d"], "quote"),
    (["config", "get", "x"], "usage: sluice config (it takes no arguments)"),
    (["config", "set", "x"], "usage: sluice config set KEY VALUE"),
    (["get", "a b"], "a key is"),
    (["get", "a\nDELETE b"], "a key is"),
    (["get", ""], "a key is"),
    (["get", "k" * 513], "512"),
    (["len", "x"], "usage: sluice len (it takes no arguments)\n"),
    (["touch", "a", "soon"], "never or - (the server's), at most 3650d, got 'soon'"),
    (["touch", "a", "--ttl", "5m"], "sluice touch KEY TTL"),
    (["put", "a", "b", "--ttl", "0"], "--ttl: expected"),
    (["put", "a", "b", "--ttl", "3651d"], "never or - (the server's), at most 3650d, got '3651d'"),
    (["put", "a", "b", "--if", "sometimes"], "--if: expected"),
    (["put", "a", "b", "--tag", "a b"], "--tag: expected"),
    (["put", "a", "b", "--class", "gold"], "--class: expected"),
    (["get", "a", "--if", "absent"], "--if does not go with get"),
    (["len", "--ttl", "5m"], "--ttl does not go with len"),
    (["get", "a", "--count", "5"], "--count does not go with get"),
    (["watch", "--json"], "--json does not go with watch"),
    (["put", "a", "-5"], "write --"),
    (["get", "a", "--nope"], "--nope"),
    (["get", "a", "--json=1"], "--json takes no value"),
    (["get", "a", "--port"], "--port needs a value"),
    (["get", "a", "--port", "65536"], "1 to 65535"),
    (["get", "a", "--timeout", "never"], "--timeout: expected a time"),
    (["len", "--socket", "/x", "--port", "1"], "--socket goes with neither"),
    (["len", "--url", "unix:/x", "--port", "1"], "--url goes with none"),
    (["len", "--url", "http://x"], "--url: expected sluice://host:port or unix:/path"),
    (["--ttl", "5m"], "--ttl needs a verb"),
    (["--json"], "need a verb"),
])
def test_usage(tmp_path, args, words):
    cli = Cli(tmp_path, None)
    assert cli(*args, code=USAGE) == b""
    assert words in cli.err and cli.err.startswith("sluice: ")


def test_bad_sluice_url(tmp_path):
    cli = Cli(tmp_path, "127.0.0.1:7811")
    cli("len", code=USAGE)
    assert cli.err.startswith("sluice: SLUICE_URL: expected sluice://")


def test_help_and_version(tmp_path):
    cli = Cli(tmp_path, None)
    text = cli("--help").decode()
    for word in ("get", "put", "delete", "touch", "len", "ping", "stats", "config", "help", "version", "watch", "--host",
                 "--port", "--socket", "--url", "--ttl", "--if", "--json", "--timeout", "--version", "--interval",
                 "SLUICE_URL", "3 cannot connect"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 116
    assert re.fullmatch(rb"sluice \d+\.\d+\.\d+\n", cli("--version"))


# ---- pipe ----


def test_pipe(cli):
    out = cli(input=b"PUT a never hello\nGET a\r\n\n@tag=t1 LEN\nPUT b - $3\nx\ny\nDELETE b\nPING")
    assert out == b"OK 1\r\nVALUE -1 1 $5\r\nhello\r\n@tag=t1 LEN 1\r\nOK 2\r\nOK\r\nPONG\r\n"
    assert cli(input=b"") == b""
    assert cli.err == ""


@pytest.mark.parametrize("lines, code", [
    (b"GET none\nPING\n", NOT_FOUND),
    (b"@if=present PUT none - x\nGET none\n", REFUSED),
    (b"GET none\nNONSENSE\nPING\n", SERVER_ERROR),
    (b"PING\nQUIT\nNONSENSE\n", OK),
])
def test_pipe_exits_with_the_worst(cli, lines, code):
    cli(input=lines, code=code)
    assert cli("len") == b"0\n"


@pytest.mark.parametrize("lines, missing", [
    (b"PING\nPUT k - $5\nabc", "2 bytes of its value are missing"),
    (b"PUT k - $5\nabc\n", "1 bytes of its value are missing"),
    (b"PUT k - $5\n", "5 bytes of its value are missing"),
    (b"PUT k\x01 - $5\nabc", "in the middle of a request"),
])
def test_pipe_that_ends_in_a_value(cli, lines, missing):
    cli(input=lines, code=CANNOT_CONNECT)
    assert missing in cli.err and "not executed" in cli.err
    assert cli("len") == b"0\n"


@pytest.mark.parametrize("value", [b"hello", b"hell\n", b"hell\r", b""])
def test_pipe_adds_the_last_line_end_after_a_value(cli, value):
    for end in (b"", b"\r", b"\n", b"\r\n"):
        cli(input=b"PUT k - $%d\n%s%s" % (len(value), value, end))
        assert cli.err == ""
        assert cli("get", "k") == value


@pytest.mark.parametrize("answer, code, summary", [
    (b"OVERLOADED 5\r\nPONG\r\n", OVERLOADED, "sluice: 2 requests: 1 executed, 1 overloaded\n"),
    (b"LATE\r\nNOT_FOUND\r\n", OVERLOADED, "sluice: 2 requests: 1 executed, 1 late\n"),
    (b"ERROR internal oh\r\nCONFLICT 5\r\n", SERVER_ERROR,
     "sluice: 2 requests: 0 executed, 1 in conflict, 1 in error\n"),
    (b"OVERLOADED 5\r\n", OVERLOADED, "sluice: 2 requests: 0 executed, 1 overloaded, 1 without an answer\n"),
    (b"CONFLICT 5\r\nPONG\r\n", REFUSED, ""),
])
def test_pipe_counts_refusals(tmp_path, answer, code, summary):
    fake = Fake(answer)
    cli = Cli(tmp_path, fake.url)
    assert cli(input=b"PING\nPING\n", code=code) == answer
    assert cli.err.endswith(summary) if "without" in summary else cli.err == summary
    fake.close()


@pytest.mark.parametrize("answer, missing", [
    (b"PONG\r\n", 1), (b"", 2), (b"SSH-2.0-OpenSSH\r\n", 0), (b"VALUE 1 1 $9\r\nabc", 2)])
def test_pipe_without_all_replies(tmp_path, answer, missing):
    fake = Fake(answer)
    cli = Cli(tmp_path, fake.url)
    out = cli(input=b"PING\nPING\n", code=CANNOT_CONNECT)
    assert out == (answer if answer == b"PONG\r\n" else b"")
    assert (f"the last {missing} of 2 requests were executed is unknown" in cli.err) == (missing > 0)
    assert cli.err != ""
    fake.close()


def test_pipe_knows_how_many_replies_it_is_owed(cli):
    """Lines and values of every kind, malformed ones too: none makes it wait for a reply that never comes."""
    for lines in (b"\n\r\n \nPING\n", b"PUT k - $3\nabc\nPING\n", b"PUT k - $3\r\nabc\r\n", b"PUT k - $0\n\n",
                  b"PUT a\x01 - $5\nPING\nPING\n", b"PUT k - $2000000\n" + b"x" * 2000000 + b"\nPING\n",
                  b"PUT k - $2\nabc\nPING\n", b"PUT k - $x\nPING\n", b"GET / HTTP/1.1\r\n\r\nPING\n",
                  b"x" * 70000 + b"\nPING\n", b"\x16\x03\x01\x02\x00", b"@nope=1 GET k\nPING\n", b"QUIT\nPING\n"):
        done = subprocess.run([SLUICE], input=lines, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=cli.env(),
                              timeout=PATIENCE)
        assert done.returncode in (OK, NOT_FOUND, SERVER_ERROR), (lines[:50], done)
        if done.returncode != SERVER_ERROR:
            assert done.stderr == b""
        else:
            assert re.search(rb"sluice: \d+ requests: \d+ executed, \d+ in error", done.stderr)


def test_pipe_of_any_length(cli):
    """Far more than all buffers hold, both ways; nothing is lost, reordered or stuck."""
    value = b"v" * 5000
    lines = b"".join(b"PUT k%d - %s\nGET k%d\n" % (i, value, i) for i in range(2000))
    out = cli(input=lines)
    assert re.sub(rb"\d+ \d+ \$", b"$", re.sub(rb"OK \d+", b"OK", out)) == b"OK\r\nVALUE $5000\r\n" + value + b"\r\n" \
        + (b"OK\r\nVALUE $5000\r\n" + value + b"\r\n") * 1999


# ---- watch ----


def test_watch_without_a_terminal(cli):
    cli("put", "k", "v")
    lines = cli("watch", "--count", "3", "--interval", "1ms").decode().splitlines()
    assert len(lines) == 3
    for line in lines:
        fields = dict(pair.split("=") for pair in line.split())
        assert fields["sessions"] == "1" and int(fields["connections"]) >= 1
        assert float(fields["done_per_s"]) >= 0 and int(fields["put_p99_ns"]) > 0 and int(fields["memory_bytes"]) > 0


class Terminal:
    """sluice on a terminal of its own. Control keys only mean something once the prompt is there: expect it first."""

    def __init__(self, cli, *args):
        self.output = b""
        self.seen = 0
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(SLUICE, [SLUICE, *args], cli.env())

    def _read(self, deadline):
        ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"nothing more after {self.output[-500:]!r}"
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other side has gone
            data = b""
        self.output += data
        return bool(data)

    def expect(self, words):
        """Waits for these bytes behind those found before; returns what was in between."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.output.find(words, self.seen)) < 0:
            assert self._read(deadline), f"{words!r} never came: {self.output[-2000:]!r}"
        between, self.seen = self.output[self.seen:at], at + len(words)
        return between

    def send(self, keys):
        os.write(self.fd, keys)

    def end(self, code=OK):
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        assert b"Sanitizer" not in self.output, self.output.decode(errors="replace")
        assert os.waitstatus_to_exitcode(status) == code, self.output[-2000:]


@pytest.mark.parametrize("key", [b"q", b"\x03"], ids=["q", "ctrl-c"])
def test_watch_on_a_terminal(cli, key):
    terminal = Terminal(cli, "watch", "--interval", "20ms")
    before = terminal.expect(b"\033[?1049h")
    assert before == b""
    terminal.expect(b"sessions 0")
    terminal.expect(b"queue ")
    terminal.expect(b"99.9")
    assert not termios.tcgetattr(terminal.fd)[3] & termios.ICANON
    cli("put", "k", "v")
    terminal.expect(b"sessions 1")
    terminal.send(key)
    terminal.expect(b"\033[?1049l")
    terminal.end()


def test_watch_lives_through_a_lost_connection(cli, tmp_path):
    terminal = Terminal(cli, "watch", "--interval", "20ms")
    terminal.expect(b"sessions 0")
    cli.daemon.stop()
    terminal.expect(b"trying again")
    terminal.send(b"q")
    terminal.expect(b"\033[?1049l")
    terminal.end()


def test_value_on_a_terminal_ends_its_line(cli):
    cli("put", "k", "hello")
    terminal = Terminal(cli, "get", "k")
    terminal.expect(b"hello\r\n")
    terminal.end()
    cli("put", "k", "hello\n")
    terminal = Terminal(cli, "get", "k")
    terminal.expect(b"hello\r\n")
    terminal.end()
    assert terminal.output == b"hello\r\n"


# ---- the prompt ----

PROMPT = b"sluice> "


def prompt(cli, *args):
    terminal = Terminal(cli, *args)
    terminal.expect(PROMPT)
    return terminal


def test_prompt(cli):
    terminal = prompt(cli)
    assert b"protocol 1" in terminal.output
    for line, answer in (("PUT alice 30m {\"n\": \"ä\"}", "OK 1\r\n"), ("get alice", "{\"n\": \"ä\"}\r\n"),
                         ("@if=absent PUT alice - x", "put refused: the session alice has version 1"),
                         ("len", "1\r\n"), ("GET bob", "no session bob"),
                         ("frob", "unknown verb 'frob' (help lists the verbs)\r\n"),
                         ("@tag=q frob now", "unknown verb 'frob'"), ("exit now", "exit and quit take no arguments\r\n"),
                         ("watch 3", "watch takes no arguments here"), ("len 5", "LEN takes no arguments\r\n"),
                         ("@tag=q get alice", "@tag=q {"), ("@tag=q-1 get bob", "@tag=q-1 sluice: no session bob"),
                         ("@tag=q len", "@tag=q 1\r\n"), ("?", "TOUCH"),
                         ("put bare hello", "OK 2\r\n"), ("get bare", "hello\r\nversion 2, expires in "),
                         ("put bare never mind this", "OK 3\r\n"), ("get bare", "mind this\r\nversion 3, never expires"),
                         ("delete bare", "OK\r\n"), ("config set queue.bound 77", "OK\r\n"),
                         ("CONFIG SET queue.bound 78", "OK\r\n"), ("config set threads 2", "threads cannot be changed"),
                         ("PUT a - $5", "counted values"), ("PUT a soon x", "bad-ttl"), ("", ""),
                         ("config", "\"limits\""), ("delete alice", "OK\r\n")):
        terminal.send(line.encode() + b"\n")
        terminal.expect(b"\r\n")  # the echo of the line
        terminal.expect(answer.encode())
        terminal.expect(PROMPT)
    terminal.send(b"quit\n")
    terminal.end()
    assert cli("len") == b"0\n"


def test_config_set(cli):
    cli("config", "set", "queue.bound", "99")
    assert json.loads(cli("config"))["queue"]["bound"] == 99


def test_lifetime_of_a_put(cli):
    for args in (("a", "5m", "x"), ("a", "x", "--ttl", "5m")):
        cli("put", *args)
        assert 290_000 < json.loads(cli("get", "a", "--json"))["ttl_ms"] <= 300_000
    cli("put", "a", "x")
    assert json.loads(cli("get", "a", "--json"))["ttl_ms"] > 1_700_000


def test_values_do_not_control_a_terminal(cli):
    value = b"a\x1b[31m\xff \xc3\xa4\tb\nc\r\x00"
    cli("put", "v", "-", input=value)
    assert cli("get", "v") == value
    terminal = prompt(cli)
    terminal.send(b"get v\n")
    terminal.expect(b"a\\x1b[31m\\xff \xc3\xa4\tb\r\nc\\x0d\\x00\r\n")
    terminal.expect(PROMPT)
    terminal.send(b"quit\n")
    terminal.end()
    terminal = prompt(cli, "--raw")
    terminal.send(b"get v\n")
    terminal.expect(b"a\x1b[31m\xff")
    terminal.expect(PROMPT)
    terminal.send(b"quit\n")
    terminal.end()


def test_prompt_json(cli):
    terminal = prompt(cli, "--json")
    for line, answer in (("put k - v", '{"status": "ok", "key": "k", "version": 1}'),
                         ("@tag=q get k", '"tag": "q", "value": "v"'),
                         ("frob", '{"status": "bad-argument", "text": "unknown verb \'frob\' (help lists the verbs)"}'),
                         ("put k soon v", '{"status": "bad-argument", "text": "bad-ttl: '),
                         ("get x", '{"status": "not-found", "key": "x"}')):
        terminal.send(line.encode() + b"\n")
        terminal.expect(b"\r\n")
        terminal.expect(answer.encode())
        terminal.expect(PROMPT)
    cli.daemon.stop()
    terminal.send(b"len\n")
    terminal.expect(b'{"status": "cannot-connect", "text": "cannot connect to ')
    terminal.expect(PROMPT)
    terminal.send(b"\x04")
    terminal.end()


def test_prompt_completes(cli):
    terminal = prompt(cli)
    terminal.send(b"pu\tk - some\n")
    terminal.expect(b"OK 1\r\n")
    terminal.expect(PROMPT)
    terminal.send(b"DEL\tk\n")
    terminal.expect(b"OK\r\n")
    terminal.expect(PROMPT)
    terminal.send(b"p\t")
    terminal.expect(b"put  ping")
    terminal.send(b"in\t\n")
    terminal.expect(b"PONG")
    terminal.expect(PROMPT)
    terminal.send(b"config s\tqueue.bound 50\n")
    terminal.expect(b"OK\r\n")
    terminal.expect(PROMPT)
    terminal.send(b"\x04")
    terminal.end()


def test_prompt_history(cli, tmp_path):
    terminal = prompt(cli)
    for line in (b"put k never secret", b" put hidden never x"):
        terminal.send(line + b"\n")
        terminal.expect(b"OK ")
        terminal.expect(PROMPT)
    terminal.send(b"exit\n")
    terminal.end()
    history = tmp_path / ".local/state/sluice/history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600 and stat.S_IMODE(history.parent.stat().st_mode) == 0o700
    assert b"secret" in history.read_bytes() and b"hidden" not in history.read_bytes()
    cli("delete", "k")
    terminal = prompt(cli)
    terminal.send(b"\x10\x10\n")  # back twice, over `exit`
    terminal.expect(b"OK ")
    terminal.expect(PROMPT)
    terminal.send(b"\x04")
    terminal.end()
    assert cli("get", "k") == b"secret"


def test_prompt_interrupt_gives_up_the_line(cli):
    terminal = prompt(cli)
    terminal.send(b"put k - no")
    terminal.expect(b"no")
    terminal.send(b"\x03")
    terminal.expect(PROMPT)
    terminal.send(b"len\n")
    terminal.expect(b"0\r\n")
    terminal.expect(PROMPT)
    terminal.send(b"\x04")
    terminal.end()


def test_prompt_watch(cli):
    terminal = prompt(cli)
    terminal.send(b"watch\n")
    terminal.expect(b"sessions 0")
    terminal.send(b"\x03")
    terminal.expect(b"\033[?1049l")
    terminal.expect(PROMPT)
    terminal.send(b"ping\n")
    terminal.expect(b"PONG")
    terminal.expect(PROMPT)
    terminal.send(b"\x04")
    terminal.end()


def test_prompt_connects_again(tmp_path):
    """Every connection answers one request, then closes."""
    fake = Fake(b"PONG\r\n", connections=3)
    cli = Cli(tmp_path, fake.url)
    terminal = prompt(cli)  # the greeting uses up the first: it asks for the version
    for _ in range(2):
        assert fake.ended.acquire(timeout=PATIENCE)
        terminal.send(b"ping\n")
        terminal.expect(b"again)")
        terminal.expect(b"PONG")
        terminal.expect(PROMPT)
    fake.close()
    terminal.send(b"ping\n")
    terminal.expect(b"cannot connect")
    terminal.expect(PROMPT)
    terminal.send(b"\x04")
    terminal.end()


# ---- the C library's example ----


def compiler_flags():
    """The library may have been built with a sanitizer, and what is linked to it must be, too."""
    symbols = (BUILD / "libsluice.a").read_bytes()
    flags = ["-fsanitize=thread"] if b"__tsan_init" in symbols else []
    return flags + (["-fsanitize=address,undefined"] if b"__asan_init" in symbols else [])


def test_example_program(cli, tmp_path):
    program = tmp_path / "session"
    compile_ = [os.environ.get("CC", "cc"), "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
                f"-I{ROOT / 'clients/c'}", str(ROOT / "docs/examples/session.c"), str(BUILD / "libsluice.a"),
                *compiler_flags(), "-o", str(program)]
    subprocess.run(compile_, check=True, timeout=PATIENCE)
    done = subprocess.run([program, cli.url], stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    assert done.stdout.decode().splitlines() == ['session: {"user":"alice","cart":[]}',
                                                 'session: {"user":"alice","cart":[7,9]}', "logged out"]
    cli("put", "session-4711", "taken")
    done = subprocess.run([program, cli.url], stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    assert done.stdout.startswith(b"there is such a session already\nsession: taken\n")


def test_example_in_the_documentation_is_the_program():
    program = (ROOT / "docs/examples/session.c").read_text()
    assert program in (ROOT / "docs/client-c.md").read_text()


def test_header_serves_cxx_too(tmp_path):
    compiler = os.environ.get("CXX", "c++")
    if subprocess.run(["sh", "-c", f"command -v {compiler}"], stdout=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no C++ compiler")
    source = tmp_path / "x.cc"
    source.write_text("#include <sluice.h>\nint main() { sluice_result r; struct sluice *s = nullptr;\n"
                      "return sluice_put(s, sluice_text(\"k\"), sluice_bytes(\"v\", 1), SLUICE_TTL_NEVER, nullptr, &r); }\n")
    subprocess.run([compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", f"-I{ROOT / 'clients/c'}", "-fsyntax-only",
                    str(source)], check=True, timeout=PATIENCE)
