"""The checker itself: it finds the order where there is one, and sees what no order explains."""

from linear import NEVER, Event, explained
from model import Reply, Request, Session

K = b"k"
A, B = Request("put", K, b"a"), Request("put", K, b"b")
GET, DELETE = Request("get", K), Request("delete", K)
OK, ABSENT = Reply("ok"), Reply("absent")


def value(v, version=None):
    return Reply("value", v, version)


def can_be(*events):
    return bool(explained([Event(*event) for event in events], Session()))


def test_concurrent_requests_may_take_effect_in_either_order():
    for seen in (b"a", b"b"):
        assert can_be((0, 1, 5, A, OK), (1, 2, 4, B, OK), (2, 6, 7, GET, value(seen)))
    assert can_be((0, 1, 5, A, OK), (1, 2, 4, GET, ABSENT))
    assert can_be((0, 1, 5, A, OK), (1, 2, 4, GET, value(b"a")))


def test_a_reply_that_is_out_of_date_is_seen():
    assert not can_be((0, 1, 2, A, OK), (1, 3, 4, GET, ABSENT))
    assert not can_be((0, 1, 2, A, OK), (1, 3, 4, DELETE, OK), (2, 5, 6, GET, value(b"a")))
    assert not can_be((0, 1, 9, A, OK), (1, 2, 3, GET, value(b"a")), (2, 4, 5, GET, ABSENT))


def test_a_clients_own_requests_keep_their_order():
    assert not can_be((0, 1, 9, A, OK), (0, 1, 9, B, OK), (0, 1, 9, GET, value(b"a")))


def test_a_lost_update_is_seen():
    first = Request("put", K, b"b", condition=1)
    second = Request("put", K, b"c", condition=1)
    put = (0, 1, 2, A, Reply("ok", version=1))
    assert can_be(put, (0, 3, 6, first, Reply("ok", version=2)), (1, 4, 5, second, Reply("conflict", version=2)))
    assert not can_be(put, (0, 3, 6, first, Reply("ok", version=2)), (1, 4, 5, second, Reply("ok", version=3)))


def test_versions_grow_across_a_deletion():
    again = (0, 5, 6, B, Reply("ok", version=3))
    assert not can_be((0, 1, 2, A, Reply("ok", version=3)), (0, 3, 4, DELETE, OK), again)


def test_a_request_without_a_reply_takes_effect_once_or_never():
    cut = (0, 1, NEVER, A, None)
    assert can_be(cut, (1, 2, 3, GET, ABSENT), (1, 4, 5, GET, value(b"a")))
    assert can_be(cut, (1, 2, 3, GET, ABSENT), (1, 4, 5, GET, ABSENT))
    assert not can_be(cut, (1, 2, 3, GET, value(b"a")), (1, 4, 5, DELETE, OK), (1, 6, 7, GET, value(b"a")))
