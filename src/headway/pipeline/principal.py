"""Who asks: a client, by the key that it shows. Keys are not checked here, and no more than a digest of one is told."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b, sha256

from headway.pipeline.conversation import Headers

CLIENT_KEYS = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"})
ANONYMOUS = "anonymous"
"""What settings call those that show no key."""
MOST_REMEMBERED = 4096
"""Values of headers of which the digests are remembered."""
_BEARER = b"bearer "
_SIGNED = b"AWS4-"
_ACCESS_KEY = b"Credential="


def tenant_of(headers: Headers) -> bytes:
    """Who shares with others what there is, as a digest; empty: those that show no key."""
    for name, value in headers:
        if name in CLIENT_KEYS:
            return _digest(value)
    return b""


def principal_of(headers: Headers) -> str | None:
    """Who asks, as it may be told: `key-` and the first eight digits of the SHA-256 of the key. None: it shows none."""
    for name, value in headers:
        if name in CLIENT_KEYS:
            return _name(value)
    return None


@lru_cache(MOST_REMEMBERED)
def _digest(value: bytes) -> bytes:
    return blake2b(_key(value), digest_size=16).digest()


@lru_cache(MOST_REMEMBERED)
def _name(value: bytes) -> str:
    return f"key-{sha256(_key(value)).hexdigest()[:8]}"


def _key(value: bytes) -> bytes:
    """Without its scheme; of a signed request, whose signature is never the same, the access key's id."""
    if value[: len(_BEARER)].lower() == _BEARER:
        return value[len(_BEARER) :].strip()
    if value.startswith(_SIGNED):
        return value.partition(_ACCESS_KEY)[2].partition(b"/")[0] or value
    return value
