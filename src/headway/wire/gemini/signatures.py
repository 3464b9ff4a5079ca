"""Signatures in `thoughtSignature`, which holds bytes and so goes as base64, in either alphabet.

One that another dialect wrote is shown to a Gemini client sealed, together with what else that dialect needs to
recognise its reasoning, and comes back the same way.
"""

from __future__ import annotations

import base64
from binascii import Error as NotBase64
from typing import Any

import msgspec

from headway.types import Dialect
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Reasoning
from headway.wire.form.seals import seal, unseal

SKIP = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""`skip_thought_signature_validator`: what Google has for calls that no Gemini made. Gemini 3 refuses unsigned ones."""

_SKIPS = frozenset({SKIP, "skip_thought_signature_validator"})

_SEALED = "aHcxL"
"""How the base64 of every seal begins."""
_MORE = "+["
"""In front of a list of signature, redaction and id, where there is more than a signature."""

_decode_more = msgspec.json.Decoder(tuple[str | None, str | None, str | None]).decode
_encode = msgspec.json.Encoder().encode
_TO_STANDARD = str.maketrans("-_", "+/")


def standard(data: str) -> str:
    """Base64 in the alphabet that everybody reads, with its padding."""
    if "-" in data or "_" in data:
        data = data.translate(_TO_STANDARD)
    return data if len(data) % 4 == 0 else data + "=" * (-len(data) % 4)


def is_mark(signature: str) -> bool:
    """Does it say that there is no signature?"""
    return signature in _SKIPS


def mark(parts: list[dict[str, Any]]) -> None:
    """Mark the first call of a turn that no Gemini made, so that a Gemini 3 takes it."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", SKIP)


def shown(signature: str | None, redacted: str | None, id: str | None, origin: Dialect | None) -> str | None:  # noqa: A002
    """What a Gemini client is given for a signature; None: there is nothing to give."""
    if origin is None or origin == "gemini":
        return signature if origin == "gemini" else None
    if redacted is None and id is None:
        if signature is None:
            return None
        told = signature
    else:
        told = "+" + _encode((signature, redacted, id)).decode()
    return base64.b64encode(seal(told, origin, "gemini").encode()).decode()


def reasoning(text: str, signature: str | None) -> Reasoning:
    """Reasoning as a client sent it, or as Gemini gave it."""
    if signature is None:
        return Reasoning(text=text, summary=True)
    if not signature.startswith(_SEALED):
        return Reasoning(text=text, signature=signature, origin="gemini", summary=True)
    told, origin = _opened(signature)
    if origin == "gemini":
        return Reasoning(text=text, signature=signature, origin=origin, summary=True)
    if not told.startswith(_MORE):
        return Reasoning(text=text, signature=told, origin=origin)
    try:
        inner, redacted, id = _decode_more(told[1:])  # noqa: A001
    except UNREADABLE:
        return Reasoning(text=text)
    return Reasoning(text=text, signature=inner, redacted=redacted, id=id, origin=origin)


def _opened(signature: str) -> tuple[str, Dialect]:
    try:
        sealed = base64.b64decode(standard(signature)).decode()
    except (NotBase64, UnicodeDecodeError, ValueError):
        return signature, "gemini"
    return unseal(sealed, "gemini")
