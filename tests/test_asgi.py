"""What a request's headers say before its body is read."""

from typing import Any

import pytest

from guard.asgi import check_headers, may_have_body, read_headers, replace_headers, strip_spoofed
from guard.errors import RequestError
from guard.settings import GuardSettings

Headers = list[tuple[bytes, bytes]]


def settings(**variables: str) -> GuardSettings:
    return GuardSettings.from_environ({f"GUARD_{name.upper()}": value for name, value in variables.items()})


@pytest.mark.parametrize(
    ("headers", "version", "expected"),
    [
        ([], "1.1", False),
        ([(b"content-length", b"0")], "1.1", False),
        ([(b"content-length", b"5")], "1.1", True),
        ([(b"Content-Length", b"5")], "1.0", True),
        ([(b"transfer-encoding", b"chunked")], "1.1", True),
        ([], "2", True),
        ([(b"content-length", b"0")], "2", True),
        ([(b"content-length", b"0"), (b"transfer-encoding", b"chunked")], "1.1", True),
    ],
)
def test_body_is_expected_by_headers_or_version(headers: Headers, version: str, *, expected: bool) -> None:
    scope = {"headers": headers, "http_version": version}

    assert may_have_body(scope, read_headers(scope)) is expected


@pytest.mark.parametrize(
    ("headers", "rule"),
    [
        ([(b"content-length", b"5"), (b"transfer-encoding", b"chunked")], "G117"),
        ([(b"content-length", b"5"), (b"Content-Length", b"6")], "G117"),
        ([(b"content-length", b"-5")], "G117"),
        ([(b"content-length", b"5x")], "G117"),
        ([(b"content-length", b"99999999")], "G101"),
        ([(b"content-length", b"9" * 5000)], "G101"),
    ],
)
def test_headers_that_can_t_hold_are_refused_before_the_body(headers: Headers, rule: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_headers(read_headers({"headers": headers}), settings())

    assert caught.value.rule == rule


def test_headers_like_guard_s_own_are_stripped_from_a_copy() -> None:
    scope = {
        "headers": [(b"X-Guard-Verdict", b"allow"), (b"x_guard_score", b"0"), (b"x-guardian", b"kept"), (b"a", b"b")]
    }

    assert read_headers(scope).spoofed
    assert strip_spoofed(scope)["headers"] == [(b"x-guardian", b"kept"), (b"a", b"b")]
    assert len(scope["headers"]) == 4


@pytest.mark.parametrize("kind", [tuple, iter, lambda pairs: (pair for pair in pairs)])
def test_headers_may_be_any_iterable_and_stay_readable(kind: Any) -> None:
    scope = {"headers": kind([(b"a", b"1"), (b"b", b"2")])}

    assert read_headers(scope).values == {b"a": b"1", b"b": b"2"}
    assert list(scope["headers"]) == [(b"a", b"1"), (b"b", b"2")]


def test_headers_are_replaced_dropped_and_added_in_a_copy() -> None:
    pairs = [(b"Content-Length", b"3"), (b"x", b"1"), (b"content-length", b"3"), (b"digest", b"d"), (b"x", b"2")]
    scope = {"type": "http", "headers": pairs, "state": {}}

    copied = replace_headers(scope, {b"content-length": b"5", b"digest": None, b"content-type": b"a/b"})

    assert copied["headers"] == [(b"x", b"1"), (b"x", b"2"), (b"content-length", b"5"), (b"content-type", b"a/b")]
    assert len(scope["headers"]) == 5
    assert copied["state"] is scope["state"]
