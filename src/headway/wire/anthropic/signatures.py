"""Where signatures and redactions of reasoning go in Anthropic's blocks.

A thinking block has one field for all of it, its signature, and a redacted block one for what stands in its place. A
client of this dialect is given those of another one sealed, and where there is more than a signature (an id, a
redaction beside a summary) it is packed as JSON inside the seal. Claude's signatures are the same wherever Claude runs.
"""

from __future__ import annotations

import msgspec

from headway.types import Dialect
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Reasoning
from headway.wire.form.seals import CLAUDES, seal, unseal

UNSIGNED = seal("", "openai_chat", "anthropic")
"""Stands where nobody signed: it tells, when the block comes back, that Claude did not write it."""


class _Packed(msgspec.Struct, omit_defaults=True):
    signature: str | None = None
    redacted: str | None = None
    id: str | None = None


_packed = msgspec.json.Decoder(_Packed)
_encode = msgspec.json.Encoder().encode


def sealed(
    origin: Dialect | None,
    signature: str | None,
    redacted: str | None = None,
    id: str | None = None,  # noqa: A002
) -> str:
    """What stands in the field of a block for a client."""
    if not (signature or redacted or id):
        return UNSIGNED
    if origin is None or origin in CLAUDES:
        return signature or redacted or UNSIGNED
    if redacted is None and id is None:
        return seal(signature or "", origin, "anthropic")
    text = _encode(_Packed(signature=signature, redacted=redacted, id=id)).decode()
    return seal(text, origin, "anthropic")


def unsealed(field: str, *, text: str = "", redacted: bool = False) -> Reasoning:
    """The reasoning that a client's block amounts to; `field` is its signature or what stands for its text."""
    if not field:
        return Reasoning(text=text)
    inner, origin = unseal(field, "anthropic")
    if not inner:
        return Reasoning(text=text)
    if origin in CLAUDES or not inner.startswith("{"):
        if redacted:
            return Reasoning(redacted=inner, origin=origin)
        return Reasoning(text=text, signature=inner, origin=origin)
    try:
        packed = _packed.decode(inner)
    except UNREADABLE:
        return Reasoning(text=text, signature=inner, origin=origin)
    return Reasoning(
        text=text,
        signature=packed.signature,
        redacted=packed.redacted,
        id=packed.id,
        summary=bool(text) and origin == "openai_responses",
        origin=origin,
    )
