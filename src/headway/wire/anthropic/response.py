"""Whole answers: a message of Claude's read into the form, and an answer of anybody's shown as such a message.

Blocks that only Anthropic knows, such as a search that it ran, are kept raw for clients of this dialect. What such a
client has no block for (pictures, sounds, another dialect's own parts, signatures of texts) it is not shown.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headway.types import Usage
from headway.wire.anthropic.citations import read_citation, write_citation
from headway.wire.anthropic.parts_read import kind_decoder
from headway.wire.anthropic.signatures import sealed
from headway.wire.anthropic.vocabulary import (
    STOPS,
    WireUsage,
    reason_of,
    tier_given,
    usage_of,
    write_full_usage,
)
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Show
from headway.wire.form.parts import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop


class _Text(msgspec.Struct, tag="text", tag_field="type"):
    text: str
    citations: list[msgspec.Raw] | None = None


class _Thinking(msgspec.Struct, tag="thinking", tag_field="type", gc=False):
    thinking: str = ""
    signature: str | None = None


class _Redacted(msgspec.Struct, tag="redacted_thinking", tag_field="type", gc=False):
    data: str


class _ToolUse(msgspec.Struct, tag="tool_use", tag_field="type"):
    id: str
    name: str
    input: msgspec.Raw = msgspec.Raw()


_Block = _Text | _Thinking | _Redacted | _ToolUse
_KNOWN = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})


class _Message(msgspec.Struct):
    content: list[_Block]
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage | None = None


class _OddMessage(msgspec.Struct):
    content: list[msgspec.Raw]
    id: str | None = None
    model: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: WireUsage | None = None


class _Error(msgspec.Struct):
    type: str | None = None
    error: msgspec.Raw = msgspec.Raw()


_message = msgspec.json.Decoder(_Message)
_odd_message = msgspec.json.Decoder(_OddMessage)
_block = msgspec.json.Decoder(_Block)
_error = msgspec.json.Decoder(_Error)
_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOTHING = msgspec.Raw(b"{}")
_BLANK = Text("")


def read_reply(body: bytes) -> Reply | NoReply:
    try:
        message = _message.decode(body)
        parts: list[Part] = []
        for block in message.content:
            if type(block) is not _Text or block.citations:
                parts.append(_part(block))
            elif block.text:
                parts.append(Text(block.text))
    except UNREADABLE:
        return _read_carefully(body)
    return _reply(message, parts)


def _reply(message: _Message | _OddMessage, parts: list[Part]) -> Reply:
    reason = message.stop_reason
    return Reply(
        id=message.id,
        model=message.model,
        choices=[
            Choice(
                parts=parts,
                stop=None if reason is None else STOPS.get(reason, Stop.END),
                sequence=message.stop_sequence,
            )
        ],
        usage=None if message.usage is None else usage_of(message.usage),
        service_tier=tier_given(message.usage),
    )


def _read_carefully(body: bytes) -> Reply | NoReply:
    try:
        told = _error.decode(body)
        if told.type == "error" or bytes(told.error) not in (b"", b"null"):
            return NoReply("the body is an error", is_error=True)
        message = _odd_message.decode(body)
        parts = [part for raw in message.content if (part := read_block(raw)) != _BLANK]
    except UNREADABLE:
        return NoReply("the body is no message that can be read")
    return _reply(message, parts)


def read_block(raw: msgspec.Raw) -> Part:
    """A block of an answer; raises what `UNREADABLE` lists."""
    kind = kind_decoder.decode(raw).type
    return _part(_block.decode(raw)) if kind in _KNOWN else Opaque("anthropic", kind, raw.copy())


def _part(block: _Block) -> Part:
    match block:
        case _Text():
            if not block.citations:
                return Text(block.text)
            found = [read_citation(raw) for raw in block.citations]
            return Text(block.text, tuple(each for each in found if each is not None))
        case _ToolUse():
            return ToolCall(id=block.id, name=block.name, arguments=str(block.input, "utf-8") if block.input else "")
        case _Thinking():
            return Reasoning(
                text=block.thinking,
                signature=block.signature or None,
                origin="anthropic" if block.signature else None,
            )
        case _Redacted():
            return Reasoning(redacted=block.data, origin="anthropic")


def write_reply(reply: Reply, show: Show) -> bytes:
    choice = reply.choices[0] if reply.choices else None
    message = message_head(reply.id, reply.model, show)
    if choice is not None:
        for part in choice.parts:
            message["content"].extend(blocks_of(part))
        message["stop_reason"] = reason_of(choice.stop, calls=any(type(part) is ToolCall for part in choice.parts))
        message["stop_sequence"] = choice.sequence
    message["usage"] = write_full_usage(reply.usage or Usage(), reply.service_tier)
    return _encode(message)


def message_head(id: str | None, model: str | None, show: Show) -> dict[str, Any]:  # noqa: A002
    return {
        "id": id or show.request_id,
        "type": "message",
        "role": "assistant",
        "model": model or show.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def blocks_of(part: Part) -> list[dict[str, Any] | msgspec.Raw]:
    """What a client of this dialect is shown of a part."""
    match part:
        case Text():
            return [_text_block(part)] if part.text or part.citations else []
        case ToolCall():
            call: dict[str, Any] = {"type": "tool_use", "id": part.id, "name": part.name, "input": _input(part)}
            return [call] if part.signature is None else [signature_block(part.signature), call]
        case Reasoning():
            return [reasoning_block(part)]
        case Refusal():
            return [{"type": "text", "text": part.text}]
        case Opaque():
            return [part.raw] if part.dialect == "anthropic" else []
        case _:
            return []


def _text_block(part: Text) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": part.text}
    if part.citations:
        found = [shown for each in part.citations if (shown := write_citation(each)) is not None]
        if found:
            block["citations"] = found
    return block


def reasoning_block(part: Reasoning) -> dict[str, Any]:
    field = sealed(part.origin, part.signature, part.redacted, part.id)
    if part.redacted is not None and not part.text:
        return {"type": "redacted_thinking", "data": field}
    return {"type": "thinking", "thinking": part.text, "signature": field}


def signature_block(signature: str) -> dict[str, Any]:
    """Gemini signs calls, which have no field for it here: it rides before the call, as thoughts without words."""
    return {"type": "thinking", "thinking": "", "signature": sealed("gemini", signature)}


def _input(call: ToolCall) -> msgspec.Raw | dict[str, str]:
    """Arguments that are no object, as a model may write them, stay readable."""
    text = call.arguments.strip()
    if not text:
        return _NOTHING
    if not call.custom and text[0] == "{":
        raw = msgspec.Raw(text.encode())
        try:
            _fields.decode(raw)
        except UNREADABLE:
            return {"input": call.arguments}
        return raw
    return {"input": call.arguments}
