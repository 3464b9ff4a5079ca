"""Where ids, texts and numbers come from: a hash of what was asked, so that equal requests get equal answers."""

from __future__ import annotations

import hashlib
from random import Random

import msgspec

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Identity:
    """A seed that can be split: each kind of use takes its own child, so no two share their randomness."""

    __slots__ = ("_digest",)

    def __init__(self, *parts: object) -> None:
        self._digest = hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).digest()

    def child(self, *parts: object) -> Identity:
        return Identity(self._digest.hex(), *parts)

    def letters(self, prefix: str, length: int) -> str:
        """`prefix` and so many letters and digits."""
        return prefix + "".join(_LETTERS[byte % len(_LETTERS)] for byte in self.stream(prefix, length))

    def hexadecimal(self, prefix: str, length: int) -> str:
        return prefix + self.stream(prefix, (length + 1) // 2).hex()[:length]

    def stream(self, purpose: str, length: int) -> bytes:
        """So many bytes, different for each purpose."""
        return hashlib.shake_256(self._digest + purpose.encode()).digest(length)

    def rng(self) -> Random:
        return Random(int.from_bytes(self._digest[:8], "big"))
