"""What a model thought, as providers of this dialect say it: `reasoning_content` or `reasoning` for the words alone,
and OpenRouter's `reasoning_details` where a signature or an encrypted part goes with them.

A signature of this dialect's own is kept together with the format that OpenRouter names, since it must be sent back
with it. Those of other dialects come and go sealed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headway.types import Dialect
from headway.wire.form.parts import Reasoning
from headway.wire.form.seals import seal, unseal
from headway.wire.openai_chat.vocabulary import signature_format

CHAT: Dialect = "openai_chat"


class Detail(msgspec.Struct, gc=False):
    """One of `reasoning_details`."""

    type: str | None = None
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None

    @property
    def words(self) -> str:
        return self.text or self.summary or ""

    @property
    def says_nothing(self) -> bool:
        return not (self.text or self.summary or self.data or self.signature)


def opened(sealed: str | None, form: str | None) -> tuple[str | None, Dialect | None]:
    """A signature or redaction as the form keeps it, and whose it is."""
    if not sealed:
        return None, None
    text, origin = unseal(sealed, CHAT)
    return (f"{form or ''}:{text}" if origin == CHAT else text), origin


def reasoning_of(details: Iterable[Detail], words: str | None) -> list[Reasoning]:
    """What was thought, from the details and from the words beside them. Neighbours with the same index are one."""
    found: list[Reasoning] = []
    last: int | None = None
    for detail in details:
        if detail.says_nothing:
            continue
        this = _reasoning(detail)
        before = found[-1] if found and detail.index is not None and detail.index == last else None
        if before is not None and _may_go_on(before, this):
            found[-1] = _joined(before, this)
        else:
            found.append(this)
        last = detail.index
    if not words or any(each.text for each in found):
        return found
    if not found:
        return [Reasoning(text=words)]
    return [msgspec.structs.replace(found[0], text=words), *found[1:]]


def _reasoning(detail: Detail) -> Reasoning:
    signature, signed_by = opened(detail.signature, detail.format)
    redacted, hidden_by = opened(detail.data, detail.format)
    return Reasoning(
        text=detail.words,
        signature=signature,
        redacted=redacted,
        id=detail.id,
        summary=detail.type == "reasoning.summary",
        origin=signed_by or hidden_by,
    )


def _may_go_on(before: Reasoning, this: Reasoning) -> bool:
    if this.text and this.summary != before.summary:
        return False
    return before.redacted is None and (before.signature is None or not (this.text or this.signature))


def _joined(before: Reasoning, this: Reasoning) -> Reasoning:
    return Reasoning(
        text=before.text + this.text,
        signature=this.signature or before.signature,
        redacted=this.redacted,
        id=this.id or before.id,
        summary=before.summary,
        origin=this.origin or before.origin,
    )


def details_of(part: Reasoning, index: int) -> list[dict[str, object]]:
    """The details that say this part, for a provider or a client of this dialect."""
    kind = ("reasoning.summary", "summary") if part.summary else ("reasoning.text", "text")
    shown: list[dict[str, object]] = []
    if part.text or part.signature is not None:
        told: dict[str, object] = {"type": kind[0], kind[1]: part.text}
        _put(told, "signature", part.signature, part.origin)
        if part.redacted is None:
            _finish(told, part, index)
        else:
            told["index"] = index
        shown.append(told)
    if part.redacted is not None:
        told = {"type": "reasoning.encrypted"}
        _put(told, "data", part.redacted, part.origin)
        shown.append(_finish(told, part, index))
    return shown


def _put(told: dict[str, object], name: str, value: str | None, origin: Dialect | None) -> None:
    """A signature or redaction with its format, sealed if it is another dialect's."""
    if value is None:
        return
    if origin == CHAT:
        form, _, value = value.rpartition(":")
        if form:
            told["format"] = form
        told[name] = value
    else:
        told[name] = seal(value, origin, CHAT)
        told["format"] = signature_format(origin)


def _finish(told: dict[str, object], part: Reasoning, index: int) -> dict[str, object]:
    if part.id is not None:
        told["id"] = part.id
    told["index"] = index
    return told
