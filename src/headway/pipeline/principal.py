"""Who asks: a client, by the key that it shows. Keys are not checked here, and no more than a digest of one is told."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, sha256

from headway.pipeline.conversation import Headers

CLIENT_KEYS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"})
ANONYMOUS = "anonymous"
"""What settings call those that show no key."""
MOST_REMEMBERED = 4096
"""Keys whose names are remembered, which spares their digest."""
_BEARER = b"bearer "
_SIGNED = b"AWS4-"
_ACCESS_KEY = b"Credential="


def tenant_of(headers: Headers) -> bytes:
    """Who shares with others what there is, as a digest; empty: those that show no key."""
    key = _shown(headers)
    return b"" if key is None else blake2b(key, digest_size=16).digest()


def principal_of(headers: Headers) -> str | None:
    """Who asks, as it may be told: `key-` and the first eight digits of the SHA-256 of the key. None: it shows none."""
    key = _shown(headers)
    return None if key is None else _named(key)


def _shown(headers: Headers) -> bytes | None:
    for name, value in headers:
        if name in CLIENT_KEYS:
            if name == b"authorization":
                return _of_authorization(value)
            return value
    return None


def _of_authorization(value: bytes) -> bytes:
    """The key without its scheme; of a signed request, whose signature is never the same, the access key's id."""
    if value[: len(_BEARER)].lower() == _BEARER:
        return value[len(_BEARER) :].strip()
    if value.startswith(_SIGNED):
        return value.partition(_ACCESS_KEY)[2].partition(b"/")[0] or value
    return value


@lru_cache(MOST_REMEMBERED)
def _named(key: bytes) -> str:
    return f"key-{sha256(key).hexdigest()[:8]}"
