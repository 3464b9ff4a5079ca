"""Reasoning items, read: the texts that they show, and what they hold encrypted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from headway.wire.form.parts import Reasoning
from headway.wire.openai_responses import carried
from headway.wire.openai_responses.vocabulary import DIALECT


class _Text(Protocol):
    @property
    def text(self) -> str | None: ...


def thoughts(
    summary: Iterable[_Text] | None, content: Iterable[_Text] | None, encrypted: str | None, item: str | None
) -> list[Reasoning]:
    """One part for each text of an item; what is encrypted goes with the last of them."""
    texts = [(each.text or "", True) for each in summary or ()]
    texts += [(each.text or "", False) for each in content or ()]
    found = [Reasoning(text=text, id=item, summary=summarised) for text, summarised in texts[:-1]]
    text, summarised = texts[-1] if texts else ("", False)
    if encrypted is None:
        return [*found, Reasoning(text=text, id=item, summary=summarised)]
    return [*found, secret(encrypted, text, item, summary=summarised)]


def secret(encrypted: str, text: str, item: str | None, *, summary: bool) -> Reasoning:
    """The part with the encrypted content: its signature where there is a text, all there is where there is none."""
    borne = carried.read(encrypted)
    if borne is None or borne.bearing in ("next", "previous"):
        redacted, origin = not text, DIALECT
    else:
        redacted, origin, encrypted = borne.bearing == "redacted", borne.origin, borne.text
    return Reasoning(
        text=text,
        signature=None if redacted else encrypted,
        redacted=encrypted if redacted else None,
        id=item,
        summary=summary,
        origin=origin,
    )
