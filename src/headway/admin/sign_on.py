"""What is remembered of a single sign-on while its person is with the identity provider: in a sealed cookie."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

import msgspec

from headway.types import Secret

COOKIE = "headway_oidc"
LONGEST = 600.0
"""Seconds that it may take."""
_SIZE = hashlib.sha256().digest_size


class SignOn(msgspec.Struct, frozen=True):
    """`state` comes back with the answer, `nonce` in the ID token; `verifier` is what the code is exchanged with."""

    state: str
    nonce: str
    verifier: str
    expires: float
    """Unix time in seconds."""

    @property
    def challenge(self) -> str:
        """RFC 7636 §4.2."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def begin_sign_on(now: float) -> SignOn:
    return SignOn(
        secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), expires=now + LONGEST
    )


def seal(sign_on: SignOn, secret: Secret) -> str:
    """Nobody else can make it, so that nobody is led into somebody else's session by a cookie of their making."""
    told = msgspec.json.encode(sign_on)
    return base64.urlsafe_b64encode(_mark(told, secret) + told).rstrip(b"=").decode()


def unseal(value: str, secret: Secret, now: float) -> SignOn | None:
    """None: it is not ours, or too old."""
    try:
        content = base64.urlsafe_b64decode(value.encode() + b"==")
    except (binascii.Error, ValueError):
        return None
    mark, told = content[:_SIZE], content[_SIZE:]
    if not hmac.compare_digest(mark, _mark(told, secret)):
        return None
    found = msgspec.json.decode(told, type=SignOn)
    return found if found.expires > now else None


def _mark(told: bytes, secret: Secret) -> bytes:
    return hmac.new(secret.reveal().encode(), b"headway sign-on " + told, hashlib.sha256).digest()
