"""Every wire transcript, however its bytes are split, gives the same answers on every backend."""

import pytest

from client import put_bytes
from daemon import ROOT, Barrier, sanitizer
from transcripts import Transcript

DAEMON_SETS = ("limits.line=1KiB", "limits.value=1KiB")
TRANSCRIPTS = [Transcript(path) for path in sorted((ROOT / "tests/transcripts").glob("*.txt"))]
IDS = [t.name for t in TRANSCRIPTS]


@pytest.fixture(scope="module")
def barrier(daemon):
    b = Barrier(daemon, daemon.threads)
    yield b
    b.close()


@pytest.fixture(scope="module")
def control(daemon):
    with daemon.connect("unix") as client:
        yield client


def forget(control, keys):
    if keys:
        control.send(b"".join(b"DELETE %s\n" % key for key in keys))
        control.replies(len(keys))


def play(daemon, kind, control, transcript, send):
    forget(control, transcript.keys)
    connect = daemon.connect if send is whole else daemon.connect_accepted
    with connect(kind) as client:
        transcript.play(client, send)
    for key, value in transcript.checks:
        reply = control.get(key)
        assert reply.body == value, f"{transcript.name}: {key!r} afterwards: {reply}"
    forget(control, transcript.keys)


def whole(client, data, start):
    client.send_if_open(data)


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=IDS)
def test_whole(daemon, kind, control, transcript):
    play(daemon, kind, control, transcript, whole)


@pytest.mark.small_matrix
@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=IDS)
def test_one_byte_at_a_time(daemon, control, barrier, transcript):
    def bytewise(client, data, start):
        for i in range(len(data)):
            client.send_if_open(data[i:i + 1])
            barrier.wait()  # so that no two bytes are read together

    play(daemon, "unix", control, transcript, bytewise)


@pytest.mark.small_matrix
@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=IDS)
def test_cut_everywhere(daemon, control, barrier, transcript):
    length = transcript.length()
    step = (1 if length < 1000 else 7) * (5 if sanitizer() else 1)
    for cut in range(1, length, step):
        def cut_send(client, data, start):
            at = cut - start
            if not 0 < at < len(data):
                client.send_if_open(data)
                return
            client.send_if_open(data[:at])
            barrier.wait()
            client.send_if_open(data[at:])

        try:
            play(daemon, "tcp" if cut % 2 else "unix", control, transcript, cut_send)
        except Exception as e:
            raise AssertionError(f"cut after byte {cut}: {e}") from e


def test_all_at_once_then_the_same_again(daemon, kind, control):
    """A pipeline of a thousand requests in one write, its replies read only afterwards."""
    with daemon.connect(kind) as client:
        client.send(b"".join(put_bytes(f"p{i % 10}", f"value {i}", modifiers=f"@tag={i} ") + b"GET p%d\n" % (i % 10)
                             for i in range(500)))
        for i in range(500):
            put, get = client.replies(2)
            assert (put.kind, put.tag) == ("OK", str(i))
            assert get.body == b"value %d" % i and get.version == put.version
        client.send(b"".join(b"DELETE p%d\n" % i for i in range(10)))
        assert [r.kind for r in client.replies(10)] == ["OK"] * 10
        assert client.finish() == b""
