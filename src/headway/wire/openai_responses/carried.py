"""What `encrypted_content` of a reasoning item holds for clients, and what it says when it comes back.

Usually that is the signature of the reasoning, sealed if another dialect wrote it. A mark in front tells that it is a
redaction instead, or that the item says nothing itself and only carries the signature of the tool call behind it or of
the text or call before it, for which this API has no place. Clients may drop the ids of such items, so the mark stands
in the content.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.types import Dialect
from headway.wire.form import seals
from headway.wire.openai_responses.vocabulary import DIALECT

Bearing = Literal["signature", "redacted", "next", "previous"]
"""What a content is: of the reasoning itself, or the signature of the part behind or before it."""

_MARKS: dict[Bearing, str] = {"redacted": "hwr.", "next": "hwc.", "previous": "hwp."}
SIGNS_PARTS: Dialect = "gemini"
"""The dialect in which texts and calls are signed."""


class Content(msgspec.Struct, frozen=True, gc=False):
    text: str
    origin: Dialect
    bearing: Bearing


def encrypted(text: str, origin: Dialect | None, bearing: Bearing) -> str:
    """What the client is given."""
    if bearing == "redacted" and origin in (None, DIALECT):
        return text
    return _MARKS.get(bearing, "") + seals.seal(text, origin, DIALECT)


def read(encrypted_content: str) -> Content | None:
    """None where it has no mark and no seal: the provider's own."""
    if not encrypted_content.startswith("hw"):
        return None
    bearing: Bearing = "signature"
    for name, mark in _MARKS.items():
        if encrypted_content.startswith(mark):
            bearing, encrypted_content = name, encrypted_content.removeprefix(mark)
    text, origin = seals.unseal(encrypted_content, DIALECT)
    if origin == DIALECT and bearing == "signature":
        return None
    return Content(text, origin, bearing)
