"""Session documents as real programs have them come back byte for byte."""

import hashlib
import json
import random

from daemon import SMALL_MATRIX

DAEMON_MATRIX = SMALL_MATRIX


def unicode_document():
    """4 KB of JSON, on one line, with characters of every Unicode plane that has any, and of the private ones."""
    rng = random.Random(7)
    text = "".join(chr((plane << 16) + offset) for plane in range(17)
                   for offset in (0x0041, 0x0402, 0x1F36, 0xFFFD, *rng.sample(range(0x1000, 0xD000), 8)))
    document = {"user": "álice", "planes": text, "cart": [{"id": i, "qty": i % 3} for i in range(40)],
                "escapes": "\"\\\n\r\t\0", "nested": {"a": [None, True, 1.5e300]}}
    encoded = json.dumps(document, ensure_ascii=False).encode()
    document["padding"] = "é" * ((4096 - len(encoded) - 16) // 2)
    return document


def test_json_of_every_plane_typed_and_counted(daemon, kind):
    document = unicode_document()
    encoded = json.dumps(document, ensure_ascii=False).encode()
    assert 4000 <= len(encoded) <= 4200 and b"\n" not in encoded
    with daemon.connect(kind) as client:
        assert client.ask(b"PUT typed 30m " + encoded).kind == "OK"
        assert client.put("counted", encoded).kind == "OK"
        for key in ("typed", "counted"):
            body = client.get(key).body
            assert body == encoded and json.loads(body) == document
            assert client.ask(f"DELETE {key}").kind == "OK"


def test_binary_megabyte(daemon, kind):
    value = random.Random(1).randbytes(1 << 20)
    with daemon.connect(kind) as client:
        assert client.put("blob", value, "never").kind == "OK"
        for _ in range(3):
            body = client.get("blob").body
            assert hashlib.sha256(body).digest() == hashlib.sha256(value).digest()
        assert client.ask("DELETE blob").kind == "OK"


def test_longest_key(daemon, kind):
    key = bytes(c for c in range(0x21, 0x100) if c != 0x7F) * 3
    key = key[:512]
    with daemon.connect(kind) as client:
        assert client.put(key, b"found").kind == "OK"
        assert client.get(key).body == b"found"
        assert client.get(key[:-1]).kind == "NOT_FOUND"
        assert client.ask(b"DELETE " + key).kind == "OK"


def test_every_size_around_the_buffers(daemon):
    """Sizes next to powers of two, where buffers end and copies begin."""
    sizes = sorted({max(0, (1 << bits) + d) for bits in range(0, 18) for d in (-2, -1, 0, 1, 2)})
    filler = random.Random(2).randbytes(sizes[-1])
    with daemon.connect() as client:
        for size in sizes:
            assert client.put("sized", filler[:size]).kind == "OK"
            assert client.get("sized").body == filler[:size], size
        for size in sizes:
            client.send(b"@tag=%d PUT sized 30m $%d\r\n%s\r\nGET sized\r\n" % (size, size, filler[:size]))
        for size in sizes:
            put, get = client.replies(2)
            assert put.tag == str(size) and get.body == filler[:size]
        assert client.ask("DELETE sized").kind == "OK"


def test_a_value_is_a_copy(daemon):
    """What a client got does not change when the session does, even while the answer is still being sent."""
    old, new = b"o" * 900_000, b"n" * 900_000
    with daemon.connect() as reader, daemon.connect() as writer:
        assert writer.put("alias", old).kind == "OK"
        for _ in range(10):
            reader.send(b"GET alias\n" * 4)
            assert writer.put("alias", new).kind == "OK"
            assert writer.ask("DELETE alias").kind == "OK"
            assert writer.put("alias", old).kind == "OK"
            for reply in reader.replies(4):
                assert reply.kind == "NOT_FOUND" or reply.body in (old, new)
        assert writer.ask("DELETE alias").kind == "OK"
