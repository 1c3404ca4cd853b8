"""The bytes of a declaration: from a URL, a file or standard input.

Threat model: a server that isn't the operator's own, or answers slowly, endlessly, or with a redirection to a file or
another scheme. Length, time and schemes are bounded; nothing is opened but http, https and the file that the operator
named. Out of scope: which hosts this machine may reach, which the operator's command decides.
"""

from __future__ import annotations

import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, NamedTuple

from guard.contract.written import escape
from guard.errors import ContractError

__all__ = ["Source", "read_source"]

MOST_BYTES = 8 * 1024 * 1024
TIMEOUT_S = 10.0

_SCHEMES = ("http", "https")
_CHUNK_BYTES = 65_536

# The standard input takes what another client, which has them, fetched.
_CREDENTIALS = "a name and a password, or a token, are never sent; fetch it yourself, and give - as the source"

_HINTS = {
    300: ", which leads in a circle, or to something else than http and https",
    401: f"; {_CREDENTIALS}",
    403: f"; {_CREDENTIALS}",
    404: "; for V2 metadata, expected .../v2/models/NAME",
}

# A name and a password before the host.
_SECRET = re.compile(r"//[^/]*@")


class Source(NamedTuple):
    """A declaration, and where it is from, without credentials."""

    content: bytes
    label: str


def read_source(source: str, *, timeout_s: float = TIMEOUT_S) -> Source:
    """Read a URL, a file, or standard input for `-`; raises ContractError."""
    if source == "-":
        return Source(_bounded(sys.stdin.buffer.read(MOST_BYTES + 1), "standard input"), "standard input")
    if "://" in source:
        return _read_url(source, timeout_s)
    try:
        with Path(source).open("rb") as file:
            return Source(_bounded(file.read(MOST_BYTES + 1), source), escape(source))
    except OSError as error:
        raise ContractError(f"{source} can't be read: {error.strerror}") from None


def _bounded(content: bytes, label: str) -> bytes:
    if len(content) > MOST_BYTES:
        raise ContractError(f"{label} is longer than {MOST_BYTES:,} bytes")
    return content


def _read_url(url: str, timeout_s: float) -> Source:
    label = escape(_SECRET.sub("//", url.partition("?")[0]))
    try:
        _check_url(url)
        request = urllib.request.Request(url, headers={"Accept": "application/json, */*;q=0.5"})  # noqa: S310 - checked
        with _opener().open(request, timeout=timeout_s) as response:
            return Source(_read_in_time(response, label, time.monotonic() + timeout_s), label)
    except urllib.error.HTTPError as error:
        error.close()
        hint = _HINTS.get(error.code // 100 * 100 if error.code // 100 == 3 else error.code, "")
        raise ContractError(f"{label} can't be read: the answer is {error.code}{hint}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise ContractError(f"{label} can't be read: {reason}") from None


def _read_in_time(response: IO[bytes], label: str, deadline: float) -> bytes:
    """Read all; the socket's own timeout bounds each wait alone."""
    content = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):  # type: ignore[attr-defined]
        content += chunk
        if len(content) > MOST_BYTES:
            break
        if time.monotonic() > deadline:
            raise ContractError(f"{label} takes too long to answer")
    return _bounded(bytes(content), label)


def _check_url(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES:
        raise ValueError(f"the scheme is {scheme!a}; expected http or https")
    # The standard library would take them for a part of the host's name.
    if "@" in parts.netloc:
        raise ValueError(_CREDENTIALS)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to http and https alone: the standard library's own follow them to ftp, too."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        _check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
