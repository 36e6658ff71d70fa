"""SIGTERM and SIGINT: everything accepted is answered, then exit 0. A second signal does not wait."""

import signal
import time

import pytest

from client import Closed
from daemon import MATRIX, Barrier, patience

SLOW = "work.iterations=300000"  # some milliseconds an operation at most
STOPPING = r"(?i)shut|stop|drain|signal"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("point", list(MATRIX))
def test_everything_accepted_is_answered(start_daemon, point, number):
    d = start_daemon(SLOW, "queue.bound=1024", "shutdown.grace=1m", backend=point)
    barrier = Barrier(d, 2)
    clients = [d.connect_accepted("unix" if i % 2 else "tcp") for i in range(30)]
    for i, client in enumerate(clients):
        client.send(b"".join(b"@tag=%d-%d PUT k%d 30m x\n" % (i, j, i) for j in range(10)))
    for client in clients:
        client.wait_delivered()
    barrier.wait()  # all of it has been read
    d.signal(number)
    for i, client in enumerate(clients):
        for j in range(10):
            reply = client.reply()
            assert (reply.kind, reply.tag) == ("OK", f"{i}-{j}")
        client.expect_eof()
        client.close()
    barrier.close()
    d.stop()


@pytest.mark.parametrize("point", ["owner-t2", "backpressure-t1", "mutex-w2-t2", "mutex-w0-t1"])
def test_requests_keep_coming(start_daemon, point):
    """Clients that never pause: each gets whole answers in order, as far as they go, and the daemon ends."""
    d = start_daemon("work.iterations=20000", "queue.bound=64", "shutdown.grace=1m", backend=point)
    clients = [d.connect() for _ in range(16)]
    for i, client in enumerate(clients):
        client.send(b"".join(b"@tag=%d GET k\n" % j for j in range(2000)))
        client.reply()
    d.signal()
    for client in clients:
        client.send_if_open(b"GET late\n" * 100)
        expected = 1
        try:
            while True:
                reply = client.reply()
                if expected < 2000:
                    assert reply.tag == str(expected)
                expected += 1
        except Closed as closed:
            assert "after b''" in str(closed), "ended in the middle of an answer"
        client.close()
    d.stop()


@pytest.mark.parametrize("point", ["owner-t2", "owner-s2-t2", "mutex-w0-t1"])
def test_what_was_sent_before_is_answered(start_daemon, point):
    """Pipelines that lie in the sockets, of clients that go on sending: every reply comes."""
    d = start_daemon("shutdown.grace=1m", backend=point)
    clients = [d.connect_accepted() for _ in range(24)]
    d.process.send_signal(signal.SIGSTOP)
    for i, client in enumerate(clients):
        client.send(b"".join(b"@tag=%d-%d GET k\n" % (i, j) for j in range(2000)))
        client.wait_delivered()
    d.signal()
    d.process.send_signal(signal.SIGCONT)
    for i, client in enumerate(clients):
        for j in range(2000):
            assert client.reply().tag == f"{i}-{j}"
            if j == 0:
                client.send_if_open(b"@tag=late GET k\n" * 100)
        client.close()
    d.stop()


def test_idle_connections_do_not_delay_it(start_daemon):
    d = start_daemon("shutdown.grace=1h", "threads=2")
    clients = [d.connect("unix" if i % 2 else "tcp") for i in range(20)]
    for client in clients[:10]:
        assert client.ask("PING").kind == "PONG"  # some have spoken, some never
    d.signal()
    for client in clients:
        client.expect_eof()
    d.stop()


def test_an_unfinished_request_does_not_delay_it(start_daemon):
    d = start_daemon("shutdown.grace=1h", "threads=2")
    barrier = Barrier(d, 2)
    with d.connect_accepted() as line, d.connect_accepted() as value, d.connect_accepted() as dropped:
        line.send(b"PUT k 30m half a li")
        value.send(b"PUT k 30m $10\nabc")
        dropped.send(b"PUT k 30m $2000000\nabc")
        barrier.wait()
        d.signal()
        for client in (line, value, dropped):
            rest = client.rest()
            assert rest == b"" or rest.startswith(b"ERROR ")
        d.stop()
    barrier.close()


def test_big_answers_are_flushed(start_daemon, kind):
    """What is answered but not yet sent is sent before the end, to a client that reads."""
    d = start_daemon("shutdown.grace=1m", "threads=1")
    value = b"v" * 1_000_000
    barrier = Barrier(d, 1)
    with d.connect_accepted(kind) as client:
        assert client.put("big", value).kind == "OK"
        client.send(b"@tag=0 GET big\n")
        client.wait_delivered()
        barrier.wait()
        d.signal()
        d.wait_line(STOPPING)
        reply = client.reply()
        assert reply.tag == "0" and reply.body == value
        client.expect_eof()
    d.stop()


def test_grace_ends_waiting_for_a_client_that_does_not_read(start_daemon, kind):
    d = start_daemon("shutdown.grace=300ms")
    with d.connect(kind) as client:
        assert client.put("big", b"v" * 1_000_000).kind == "OK"
        client.send(b"GET big\n" * 50)
        d.signal()
        assert d.wait(20) in (0, 1)
        d.check_reports()


@pytest.mark.parametrize("gone", [False, True], ids=["waiting", "gone"])
@pytest.mark.parametrize("backend", ["backend=owner", "backend=mutex"])
def test_grace_ends_work_that_nobody_waits_for(start_daemon, backend, gone):
    """The work that is queued would take minutes; its client has gone, or is cut off when the grace is over."""
    d = start_daemon("work.iterations=1000000000", "shutdown.grace=300ms", backend, "threads=1", "mutex.workers=1")
    barrier = Barrier(d, 1)
    with d.connect_accepted() as client:
        client.send(b"GET k\n" * 100)
        client.wait_delivered()
        barrier.wait()
        if gone:
            client.reset()
        d.signal()
        assert d.wait(20) == 0
    barrier.close()
    d.check_reports()


def test_second_signal_ends_it_at_once(start_daemon):
    """The work that is queued would take minutes."""
    d = start_daemon("work.iterations=1000000000", "shutdown.grace=1h", "backend=owner", "threads=1")
    barrier = Barrier(d, 1)
    with d.connect_accepted() as client:
        client.send(b"GET k\n" * 100)
        client.wait_delivered()
        barrier.wait()
        d.signal()
        d.wait_line(STOPPING)
        begin = time.monotonic()
        d.signal()
        d.wait(20)
        assert time.monotonic() - begin < patience(20)
    barrier.close()
    d.check_reports()


def test_new_connections_are_turned_away_while_it_ends(start_daemon):
    d = start_daemon("work.iterations=100000000", "shutdown.grace=1m", "backend=owner", "threads=1")
    barrier = Barrier(d, 1)
    with d.connect_accepted() as busy:
        busy.send(b"GET k\n" * 5)
        busy.wait_delivered()
        barrier.wait()
        d.signal()
        busy.reply()  # the draining has begun, or has long begun
        d.wait_line(STOPPING)
        try:
            with d.connect() as late:
                late.send_if_open(b"PUT victim 30m x\n")
                with pytest.raises(Closed):
                    late.reply()
        except ConnectionError:
            pass
        assert [r.kind for r in busy.replies(4)] == ["NOT_FOUND"] * 4
        busy.expect_eof()
    barrier.close()
    d.stop()
