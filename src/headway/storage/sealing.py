"""Sealing what must not lie open in the database: AES-256-GCM.

A sealed text is `sealed:KEY:DATA`: a name of the key that tells nothing of it, and nonce and ciphertext in base64. It
is bound to no place, so that a document can be brought back and a key can move from one provider to another.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headway.config.published import SEALED
from headway.storage.secret_keys import FILE_VARIABLE, VARIABLE

_NONCE = 12
_PURPOSE = b"headway configuration secret"


class Sealing:
    """The first key seals; whichever did opens."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._by_name = {_name(key): AESGCM(key) for key in reversed(keys)}
        self._first = _name(keys[0])

    def seal(self, secret: str) -> str:
        nonce = secrets.token_bytes(_NONCE)
        data = nonce + self._by_name[self._first].encrypt(nonce, secret.encode(), _PURPOSE)
        return f"{SEALED}{self._first}:{base64.urlsafe_b64encode(data).decode()}"

    def unseal(self, text: str) -> str:
        """Raises ValueError, whose message tells nothing of what is sealed."""
        name, _, data = text.removeprefix(SEALED).partition(":")
        cipher = self._by_name.get(name)
        if cipher is None:
            raise ValueError(f"is sealed with a key that is not here; it must be in {VARIABLE} or {FILE_VARIABLE}")
        try:
            raw = base64.b64decode(data, altchars=b"-_", validate=True)
            return cipher.decrypt(raw[:_NONCE], raw[_NONCE:], _PURPOSE).decode()
        except (binascii.Error, InvalidTag, ValueError):
            raise ValueError("is sealed, and damaged: set it again") from None


def _name(key: bytes) -> str:
    return hashlib.sha256(b"headway key: " + key).hexdigest()[:8]
