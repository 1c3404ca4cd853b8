"""Who a client is, and the pseudonym under which the journal knows it.

Threat model: a client that claims to be another by a forwarding header. X-Forwarded-For is read only
where the peer is a trusted proxy, from the right, up to the first address that isn't trusted.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from functools import lru_cache

from guard.asgi import RequestHeaders, Scope
from guard.errors import ConfigError
from guard.settings import GuardSettings

__all__ = ["ClientResolver"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNKNOWN = "unknown"

# Long enough that two of a million clients share a pseudonym with probability below 1e-7.
_PSEUDONYM_CHARS = 16

# A header is the client's to choose; longer identities are cut, so that they can't fill the memory.
_IDENTITY_CHARS = 128


class ClientResolver:
    """Tells a request's client by address or by a header, and hashes it for the journal."""

    def __init__(self, settings: GuardSettings) -> None:
        self._header = settings.client.partition(":")[2].lower().encode() or None
        self._trusted = _networks(settings.trusted_proxies)
        secret = settings.client_secret
        self._secret = secret.get_secret_value().encode() if secret else secrets.token_bytes(32)
        self._is_trusted = lru_cache(maxsize=4096)(self._in_trusted_network)

    def identity(self, scope: Scope, headers: RequestHeaders) -> str:
        """The client's address, or the value of the header that GUARD_CLIENT names."""
        if self._header is not None:
            value = headers.text(self._header)
            if value:
                return value[:_IDENTITY_CHARS]
        client = scope.get("client")
        address: str = client[0] if client else UNKNOWN
        if self._trusted and self._is_trusted(address):
            return self._forwarded_for(headers) or address
        return address

    def pseudonym(self, identity: str) -> str:
        """A keyed hash of the identity: the same client, the same text; no way back without the key."""
        digest = hmac.new(self._secret, identity.encode("utf-8", "surrogateescape"), hashlib.sha256)
        return digest.hexdigest()[:_PSEUDONYM_CHARS]

    def _forwarded_for(self, headers: RequestHeaders) -> str | None:
        value = headers.text(b"x-forwarded-for") or ""
        for part in reversed(value.split(",")):
            address = _without_port(part.strip()[:_IDENTITY_CHARS])
            if address and not self._is_trusted(address):
                return address
        return None

    def _in_trusted_network(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network for network in self._trusted)


def _without_port(text: str) -> str:
    """An address as proxies write it, less its port: `1.2.3.4:5`, `[::1]:5`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    host, colon, _ = text.partition(":")
    return host if colon and "." in host else text


def _networks(texts: tuple[str, ...]) -> tuple[_Network, ...]:
    networks, faults = [], []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            faults.append(f"GUARD_TRUSTED_PROXIES holds {text!r}; expected addresses or networks such as 10.0.0.0/8")
    if faults:
        raise ConfigError(faults)
    return tuple(networks)
