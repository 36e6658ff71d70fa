"""How connections begin and end: half-closes, resets, quits, address families, and clients that do not read."""

import json
import os
import socket
import stat

import pytest

from client import Client, put_bytes
from daemon import MATRIX, SMALL_MATRIX, patience, poll, sanitizer

DAEMON_MATRIX = SMALL_MATRIX
# Room for long pipelines of which nothing is to be refused; and no timeout that would hide a forgotten connection.
DAEMON_SETS = ("queue.bound=10000", "limits.request_timeout=off", "limits.idle_timeout=off")
MIB = 1 << 20


def open_connections(client):
    """Open connections by STATS, this one included."""
    return json.loads(client.ask("STATS").body)["connections"]["open"]


def test_half_close_after_a_pipeline(daemon, kind):
    """Whole requests before a half-close are answered, all of them; then the server closes."""
    with daemon.connect(kind) as client:
        client.send(b"".join(b"@tag=%d PUT h%d 30m x\n" % (i, i % 7) for i in range(2000)))
        client.half_close()
        for i in range(2000):
            reply = client.reply()
            assert (reply.kind, reply.tag) == ("OK", str(i))
        client.expect_eof()


def test_half_close_with_big_replies_to_come(daemon, kind):
    value = b"v" * 500_000
    with daemon.connect(kind) as client:
        assert client.put("big", value).kind == "OK"
        client.send(b"GET big\n" * 20)
        client.half_close()
        for _ in range(20):
            assert client.reply().body == value
        client.expect_eof()


def test_large_replies_after_many_small_ones(daemon, kind):
    """Who reads is served in full, however much he asks for at once."""
    value = b"v" * MIB
    with daemon.connect(kind) as client:
        assert client.put("big", value).kind == "OK" and client.put("small", b"s").kind == "OK"
        client.send(b"GET small\n" * 4000)
        for _ in range(4000):
            assert client.reply().body == b"s"
        client.send(b"GET big\n" * 40)
        for _ in range(40):
            assert client.reply().body == value


def test_resets_are_survived(daemon, kind):
    """Resets in every state: idle, in a line, in a value, in a dropped value, with replies to come."""
    beginnings = [b"", b"PI", b"PUT a 30m $100\nabc", b"PUT a 30m $%d\nabc" % (2 * MIB), b"GET none\n" * 1000,
                  b"PUT a 30m " + b"x" * 30000, b"STATS\n" * 50, b"QUIT\n", b"PUT a 30m $x\n"]
    for _ in range(3):
        for beginning in beginnings:
            client = daemon.connect(kind)
            client.send_if_open(beginning)
            client.reset()
    with daemon.connect(kind) as client:
        assert client.ask("PING").kind == "PONG"
        poll(lambda: open_connections(client) == 1, 10, "all of them were let go")


def test_executed_although_the_client_is_gone(daemon, kind):
    """A reply that nobody takes is dropped, and what was accepted is done."""
    client = daemon.connect(kind)
    client.send(put_bytes("orphan", b"x"))
    client.close()
    with daemon.connect(kind) as other:
        poll(lambda: other.get("orphan").kind == "VALUE", 10, "the PUT was executed")
        assert other.ask("DELETE orphan").kind == "OK"


def test_quit_closes_at_once(daemon, kind):
    with daemon.connect(kind) as client:
        client.send_if_open(b"QUIT\n" + b"PUT victim 30m x\n" * 1000)
        assert client.reply().kind == "BYE"
        client.expect_eof()
    with daemon.connect(kind) as client:
        assert client.get("victim").kind == "NOT_FOUND"


def test_error_is_read_although_more_was_sent(daemon):
    """The server closes after an error without throwing the error away: no reset overtakes it."""
    for _ in range(20):
        with daemon.connect() as client:
            client.send_if_open(b"PUT k 30m $nonsense\n" + b"x" * 200_000)
            assert client.reply().code == "bad-request"


def stop_reading(d, kind, value_size, requests):
    """A client that asks for `requests` big values and reads none of them."""
    client = d.connect(kind)
    assert client.put("big", b"v" * value_size).kind == "OK"
    client.sock.setblocking(False)
    data = memoryview(b"GET big\n" * requests)
    try:
        while data:
            data = data[client.sock.send(data):]
    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
        pass
    client.sock.settimeout(patience(20))
    return client


@pytest.mark.parametrize("point", ["mutex-w0-t1", "mutex-w2-t2", "owner-t1", "backpressure-t2"])
def test_slow_readers(start_daemon, kind, point):
    """Clients that never read are contained: others are served, memory stays bounded."""
    d = start_daemon(backend=point)
    readers = [stop_reading(d, kind, 1_000_000, 20_000) for _ in range(4)]
    with d.connect(kind) as other:
        for i in range(200):
            assert other.put(f"k{i}", b"x").kind == "OK"
            assert other.get(f"k{i}").body == b"x"
        # Four readers, each at most at its hard limit, and what one turn makes beyond that.
        limit = 4 * 17 * MIB + 32 * MIB
        assert d.rss() < limit * (3 if sanitizer() else 1), f"{d.rss() / MIB:.0f} MiB"
    # One that begins to read after all gets whole replies, in order.
    reply = readers[0].reply()
    assert reply.kind == "VALUE" and len(reply.body) == 1_000_000
    for reader in readers:
        reader.reset()
    with d.connect(kind) as other:
        poll(lambda: open_connections(other) == 1, 20, "the slow ones were let go")


def test_flood_that_never_reads(start_daemon, kind):
    """Requests by the hundred megabytes, no reply read: contained by the output limit."""
    d = start_daemon("limits.output_soft=64KiB", "limits.output_hard=2MiB")
    flood = d.connect(kind)
    chunk = b"GET nothing-of-this-name-is-stored-here\n" * 25_000  # 1 MB
    sent, wanted = 0, (100 if sanitizer() else 1000) * len(chunk)
    flood.sock.settimeout(0.5)
    try:
        while sent < wanted:
            sent += flood.sock.send(chunk)
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        pass  # it is not read any more, or closed: either will do
    assert sent < wanted, "all was taken although no reply was read"
    with d.connect(kind) as other:
        assert other.ask("PING").kind == "PONG"
        assert d.rss() < (300 if sanitizer() else 64) * MIB, f"{d.rss() / MIB:.0f} MiB"
    flood.reset()


def test_one_greedy_pipeline_does_not_starve_others(daemon):
    """While one client's endless pipeline is worked on, another gets its answers."""
    greedy = daemon.connect()
    greedy.sock.setblocking(False)
    chunk = b"PUT greedy 30m x\n" * 4000
    other = daemon.connect()
    for _ in range(100):
        try:
            greedy.sock.send(chunk)
            greedy.sock.recv(1 << 20)
        except BlockingIOError:
            pass
        assert other.ask("PING").kind == "PONG"
        assert other.get("none").kind in ("NOT_FOUND", "OVERLOADED")
    greedy.reset()
    other.close()


def test_ipv6(start_daemon):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    d = start_daemon(listen=("[::1]:0", "127.0.0.1:0"))
    address = next(a for a in d.addresses if a.startswith("[::1]:"))
    sock = socket.create_connection(("::1", int(address.rpartition(":")[2])), timeout=patience(20))
    with Client(sock, patience(20)) as six, d.connect() as four:
        assert six.put("k", b"from v6").kind == "OK"
        assert four.get("k").body == b"from v6"


def test_several_listeners_of_a_kind(start_daemon):
    d = start_daemon(listen=("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"))
    ports = {int(a.rpartition(":")[2]) for a in d.addresses}
    assert len(ports) == 3
    for port in ports:
        with Client(socket.create_connection((d.host, port)), patience(20)) as client:
            assert client.ask("PING").kind == "PONG"


@pytest.mark.parametrize("mode", ["0600", "0660", "0666"])
def test_unix_socket_mode(start_daemon, unix_directory, mode):
    path = unix_directory / "m"
    start_daemon(listen=(f"unix:{path}?mode={mode}",))
    info = os.stat(path)
    assert stat.S_ISSOCK(info.st_mode) and stat.S_IMODE(info.st_mode) == int(mode, 8)


def test_stale_unix_socket_is_replaced(start_daemon, unix_directory):
    """What a killed daemon left behind does not stop the next one; a live one's socket does."""
    path = unix_directory / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    assert path.exists()
    d = start_daemon(listen=(f"unix:{path}",))
    d.unix_path = str(path)
    with d.connect("unix") as client:
        assert client.ask("PING").kind == "PONG"
        second = start_daemon(listen=(f"unix:{path}",), ready=False)
        assert second.wait() == 1
        assert str(path) in second.stderr()
        assert client.ask("PING").kind == "PONG"
    with d.connect("unix") as client:
        assert client.ask("PING").kind == "PONG", "the socket of the first is still there"
    d.stop()
    assert not path.exists(), "the socket file is removed at the end"


def test_a_file_that_is_no_socket_is_left_alone(start_daemon, unix_directory):
    path = unix_directory / "precious"
    path.write_text("data")
    d = start_daemon(listen=(f"unix:{path}",), ready=False)
    assert d.wait() == 1
    assert path.read_text() == "data" and str(path) in d.stderr()


@pytest.mark.parametrize("sets", [("backend=owner", "owner.placement=thread"), ("backend=mutex", "mutex.workers=2")])
def test_pipelines_on_one_processor(start_daemon, sets):
    """More calls in a turn than are given to another thread at a time, which runs where the I/O thread does."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(processors)})  # of this thread, and of what it starts
    try:
        d = start_daemon(*DAEMON_SETS, "threads=1", *sets)
    finally:
        os.sched_setaffinity(0, processors)
    clients = [d.connect() for _ in range(8)]
    for turn in range(4):
        for n, client in enumerate(clients):
            client.send(b"".join(put_bytes(f"{n}:{i}", b"%d" % (turn + i)) + b"GET %d:%d\n" % (n, i) for i in range(200)))
        for client in clients:
            for i in range(200):
                assert client.reply().kind == "OK"
                assert client.reply().body == b"%d" % (turn + i)
    for client in clients:
        client.close()


@pytest.mark.parametrize("point", list(MATRIX))
def test_many_come_and_go(start_daemon, point):
    """Nothing is left of 300 short conversations: no connection, no descriptor."""
    d = start_daemon(backend=point)
    with d.connect() as watcher:
        assert watcher.ask("PING").kind == "PONG"
        before = d.descriptors()
        for i in range(300):
            with d.connect("unix" if i % 2 else "tcp") as client:
                assert client.put(f"k{i % 10}", b"x").kind == "OK"
        poll(lambda: d.descriptors() == before, 10, "all descriptors were given back")
        assert open_connections(watcher) == 1
