"""What reading JSON that others wrote may raise, so that nothing which arrives is a crash.

Deep nesting is among it: the decoder refuses it with a recursion error, which is no decode error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

Decode = Callable[[msgspec.Raw], Any]


def decoder(kind: Any) -> Decode:
    """Of JSON into this type, which may be a union."""
    return msgspec.json.Decoder(kind).decode


def is_text(body: bytes) -> bool:
    """Is it UTF-8, as JSON must be? The decoder does not look into strings that it passes over."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
