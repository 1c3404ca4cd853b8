"""Who a client is."""

import pytest

from guard.asgi import read_headers
from guard.client import ClientResolver
from guard.errors import ConfigError
from guard.settings import GuardSettings


def identity(environ: dict[str, str], headers: list[tuple[bytes, bytes]], client: object) -> str:
    scope = {"client": client, "headers": headers}
    return ClientResolver(GuardSettings.from_environ(environ)).identity(scope, read_headers(scope))


TRUSTED = {"GUARD_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}


@pytest.mark.parametrize(
    ("environ", "headers", "client", "expected"),
    [
        ({}, [], ("1.2.3.4", 5), "1.2.3.4"),
        ({}, [], ("1.2.3.4", "5"), "1.2.3.4"),
        ({}, [], None, "unknown"),
        ({}, [(b"x-forwarded-for", b"9.9.9.9")], ("1.2.3.4", 5), "1.2.3.4"),
        (TRUSTED, [(b"x-forwarded-for", b"9.9.9.9")], ("1.2.3.4", 5), "1.2.3.4"),
        (TRUSTED, [(b"X-Forwarded-For", b"9.9.9.9")], ("10.0.0.1", 5), "9.9.9.9"),
        (TRUSTED, [(b"x-forwarded-for", b"6.6.6.6, 9.9.9.9, 10.0.0.2")], ("10.0.0.1", 5), "9.9.9.9"),
        (TRUSTED, [(b"x-forwarded-for", b"6.6.6.6"), (b"x-forwarded-for", b"9.9.9.9")], ("::1", 5), "9.9.9.9"),
        (TRUSTED, [(b"x-forwarded-for", b"10.0.0.3")], ("10.0.0.1", 5), "10.0.0.1"),
        (TRUSTED, [], ("10.0.0.1", 5), "10.0.0.1"),
        (TRUSTED, [(b"x-forwarded-for", b"9.9.9.9")], ("::ffff:10.0.0.1", 5), "9.9.9.9"),
        (TRUSTED, [(b"x-forwarded-for", b"9.9.9.9:5678")], ("10.0.0.1", 5), "9.9.9.9"),
        (TRUSTED, [(b"x-forwarded-for", b"[2001:db8::1]:5678")], ("10.0.0.1", 5), "2001:db8::1"),
        (TRUSTED, [(b"x-forwarded-for", b"2001:db8::1")], ("10.0.0.1", 5), "2001:db8::1"),
        ({"GUARD_CLIENT": "header:X-User"}, [(b"x-user", b"ann")], ("1.2.3.4", 5), "ann"),
        ({"GUARD_CLIENT": "header:X-User"}, [], ("1.2.3.4", 5), "1.2.3.4"),
    ],
)
def test_client_identity(
    environ: dict[str, str], headers: list[tuple[bytes, bytes]], client: object, expected: str
) -> None:
    assert identity(environ, headers, client) == expected


def test_client_pseudonym_is_stable_under_one_secret_and_tells_nothing() -> None:
    one, same, other = (
        ClientResolver(GuardSettings.from_environ({"GUARD_CLIENT_SECRET": secret})) for secret in ("a", "a", "b")
    )

    assert one.pseudonym("1.2.3.4") == same.pseudonym("1.2.3.4")
    assert one.pseudonym("1.2.3.4") != other.pseudonym("1.2.3.4")
    assert one.pseudonym("1.2.3.4") != one.pseudonym("1.2.3.5")
    assert "1.2.3.4" not in one.pseudonym("1.2.3.4")


def test_client_trusted_proxies_that_are_no_networks_are_a_fault() -> None:
    with pytest.raises(ConfigError, match=r"GUARD_TRUSTED_PROXIES holds 'proxy'"):
        ClientResolver(GuardSettings.from_environ({"GUARD_TRUSTED_PROXIES": "proxy"}))
