"""The events of Cohere's streams, as far as they are read: one type for each kind of event, and what they hold."""

from __future__ import annotations

import msgspec

from headway.wire.cohere.vocabulary import Likely, Used


class Content(msgspec.Struct, gc=False):
    text: str | None = None
    thinking: str | None = None


class ContentMessage(msgspec.Struct, gc=False):
    content: Content | None = None


class ContentDelta(msgspec.Struct, gc=False):
    message: ContentMessage | None = None


class Plan(msgspec.Struct, gc=False):
    tool_plan: str | None = None


class PlanDelta(msgspec.Struct, gc=False):
    message: Plan | None = None


class Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class Call(msgspec.Struct, gc=False):
    id: str | None = None
    function: Function | None = None


class Calls(msgspec.Struct, gc=False):
    tool_calls: Call | list[Call] | None = None


class CallsDelta(msgspec.Struct, gc=False):
    message: Calls | None = None


class Citations(msgspec.Struct):
    citations: msgspec.Raw = msgspec.Raw()


class CitationsDelta(msgspec.Struct):
    message: Citations | None = None


class End(msgspec.Struct, gc=False):
    finish_reason: str | None = None
    usage: Used | None = None
    error: str | None = None


class MessageStart(msgspec.Struct, tag_field="type", tag="message-start", gc=False):
    id: str | None = None


class ContentStart(msgspec.Struct, tag_field="type", tag="content-start", gc=False):
    index: int | None = None
    delta: ContentDelta | None = None


class ContentPiece(msgspec.Struct, tag_field="type", tag="content-delta"):
    index: int | None = None
    delta: ContentDelta | None = None
    logprobs: Likely | None = None


class ContentEnd(msgspec.Struct, tag_field="type", tag="content-end", gc=False):
    index: int | None = None


class PlanPiece(msgspec.Struct, tag_field="type", tag="tool-plan-delta", gc=False):
    delta: PlanDelta | None = None


class CallStart(msgspec.Struct, tag_field="type", tag="tool-call-start", gc=False):
    index: int | None = None
    delta: CallsDelta | None = None


class CallPiece(msgspec.Struct, tag_field="type", tag="tool-call-delta", gc=False):
    index: int | None = None
    delta: CallsDelta | None = None


class CallEnd(msgspec.Struct, tag_field="type", tag="tool-call-end", gc=False):
    index: int | None = None


class CitationStart(msgspec.Struct, tag_field="type", tag="citation-start"):
    delta: CitationsDelta | None = None


class CitationEnd(msgspec.Struct, tag_field="type", tag="citation-end", gc=False):
    index: int | None = None


class MessageEnd(msgspec.Struct, tag_field="type", tag="message-end", gc=False):
    delta: End | None = None


Known = (
    MessageStart
    | ContentStart
    | ContentPiece
    | ContentEnd
    | PlanPiece
    | CallStart
    | CallPiece
    | CallEnd
    | CitationStart
    | CitationEnd
    | MessageEnd
)


class Unknown(msgspec.Struct):
    type: str | None = None
    message: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


read_known = msgspec.json.Decoder(Known).decode
read_unknown = msgspec.json.Decoder(Unknown).decode

TYPES = frozenset(
    f"{what}-{step}"
    for what, steps in {
        "message": ("start", "end"),
        "content": ("start", "delta", "end"),
        "tool-plan": ("delta",),
        "tool-call": ("start", "delta", "end"),
        "citation": ("start", "end"),
    }.items()
    for step in steps
)
"""The kinds that are known here."""
