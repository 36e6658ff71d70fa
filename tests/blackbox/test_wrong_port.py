"""Whoever speaks the wrong protocol to a port is told so or cut off, and nothing that it sent is executed."""

import socket

import pytest

from daemon import patience

# What a browser sends for a form that some web page has made for it.
POST = (b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\n\r\n"
        b"PUT evil 30m 1\r\nSET evil 1\r\nset evil 0 0 1\r\n1\r\n")
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\n\r\n" * 20  # how TLS begins
BINARY = b"\x80\x00\x00\x01" + b"\x00" * 20 + b"a"  # a get of memcached's binary protocol


@pytest.fixture
def listeners(start_daemon):
    d = start_daemon("threads=1", others=("resp", "memcached"))
    yield d
    with d.connect() as client:
        assert client.get("evil").kind == "NOT_FOUND"


def answer(d, listener, data):
    """All that comes back until the daemon closes, which it does without our side being closed."""
    with socket.create_connection((d.host, d.port_of(listener)), timeout=patience(20)) as s:
        s.sendall(data)
        received = b""
        while block := s.recv(4096):
            received += block
    return received


@pytest.mark.parametrize("listener, said", [("text", b"ERROR bad-request"), ("resp", b""), ("memcached", b"")])
def test_a_browser(listeners, listener, said):
    reply = answer(listeners, listener, POST)
    assert reply.startswith(said) and reply.count(b"\n") == (1 if said else 0)


def test_http_in_the_middle(listeners):
    """After commands that are all right, and in any case of letters, as in Redis."""
    assert answer(listeners, "resp", b"PING\r\nhOST: a\r\nSET evil 1\r\n") == b"+PONG\r\n"
    assert answer(listeners, "resp", b"*1\r\n$4\r\npost\r\nSET evil 1\r\n") == b""
    assert answer(listeners, "memcached", b"version\r\nPUT /x HTTP/1.1\r\nset evil 0 0 1\r\n1\r\n").count(b"\n") == 1


def test_tls(listeners):
    assert answer(listeners, "text", HELLO).startswith(b"ERROR bad-request")


def test_memcached_binary(listeners):
    reply = answer(listeners, "memcached", BINARY)
    assert reply[:8] == b"\x81\x00\x00\x00\x00\x00\x00\x81"  # as memcached answers an unknown command
    assert b"switch the client to text" in reply[24:]
