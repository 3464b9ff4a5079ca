"""Signatures of reasoning: made here, and recognized when they come back. What nobody made is no signature.

Claude's are good wherever Claude is asked, Gemini's wherever Gemini is, as with the real ones.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Literal

Maker = Literal["claude", "gemini"]

_MARK = b"simulated:"
_KEY = b"known to the simulated provider alone"


def sign(maker: Maker, text: str) -> str:
    """Base64, as both providers write it."""
    return base64.b64encode(_MARK + _digest(maker, text)).decode()


def genuine(maker: Maker, text: str, signature: str) -> bool:
    """Whether it was made for exactly this text."""
    return hmac.compare_digest(_MARK + _digest(maker, text), _decoded(signature))


def made_here(signature: str) -> bool:
    """Whether it is one of ours, for whatever text."""
    return _decoded(signature).startswith(_MARK)


def _decoded(signature: str) -> bytes:
    """In either alphabet, with or without its padding, since it may have passed as bytes."""
    text = signature.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return b""


def _digest(maker: Maker, text: str) -> bytes:
    return hmac.new(_KEY, maker.encode() + b"\0" + text.encode(), hashlib.sha256).digest()
