"""A whole answer of Converse, read from Bedrock and written for a client."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from headway.wire.converse import shapes
from headway.wire.converse.parts_read import Unread, part_of, signed_calls
from headway.wire.converse.parts_write import Words, answer_blocks
from headway.wire.converse.vocabulary import PATHS, reason_of, stop_of, usage_of, usage_words, wants_sequence
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Show
from headway.wire.form.parts import Opaque, Part, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop


class _Message(msgspec.Struct):
    content: list[shapes.Block] | None = None


class _Output(msgspec.Struct):
    message: _Message | None = None


class Additional(msgspec.Struct):
    """What a client may ask to be told besides: of Claude, which stop sequence ended the answer."""

    stop_sequence: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    output: _Output | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = shapes.NOTHING
    service_tier: msgspec.Raw = shapes.NOTHING
    additional_model_response_fields: msgspec.Raw = shapes.NOTHING
    message: msgspec.Raw = shapes.NOTHING


class _RawMessage(msgspec.Struct):
    content: list[msgspec.Raw]


class _RawOutput(msgspec.Struct):
    message: _RawMessage


class _RawAnswer(msgspec.Struct):
    output: _RawOutput


_answer = msgspec.json.Decoder(_Answer).decode
_raw_answer = msgspec.json.Decoder(_RawAnswer).decode
_additional = msgspec.json.Decoder(Additional | None).decode
_typed = msgspec.json.Decoder(shapes.Typed).decode
_encode = msgspec.json.Encoder().encode


def read_reply(body: bytes) -> Reply | NoReply:
    """An answer of Bedrock's. It names neither itself nor its model."""
    try:
        told = _answer(body)
    except UNREADABLE:
        return NoReply("the answer cannot be read")
    if told.output is None or told.output.message is None:
        return NoReply("it is an error" if told.message else "the answer holds no message", is_error=bool(told.message))
    parts = _parts(told.output.message.content or [], body)
    choice = Choice(parts=parts, stop=stop_of(told.stop_reason))
    if choice.stop is Stop.SEQUENCE:
        choice.sequence = sequence_in(told.additional_model_response_fields)
    return Reply(
        choices=[choice],
        usage=usage_of(told.usage),
        service_tier=_tier(told.service_tier),
    )


def sequence_in(additional: msgspec.Raw) -> str | None:
    if not additional:
        return None
    try:
        fields = _additional(additional)
    except UNREADABLE:
        return None
    return None if fields is None else fields.stop_sequence


def _tier(raw: msgspec.Raw) -> str | None:
    if not raw:
        return None
    try:
        return _typed(raw).type
    except UNREADABLE:
        return None


def _parts(blocks: list[shapes.Block], body: bytes) -> list[Part]:
    parts: list[Part] = []
    for number, block in enumerate(blocks):
        if block.text is not None:
            if block.text:
                parts.append(Text(block.text))
        elif block.cache_point is None:
            part = part_of(block, _original(body, number))
            if isinstance(part, Unread):  # such as a picture that could not be made
                part = Opaque("converse", "unreadable", _block_at(body, number))
            parts.append(part)
    return signed_calls(parts)


def _original(body: bytes, number: int) -> Callable[[], msgspec.Raw]:
    return partial(_block_at, body, number)


def _block_at(body: bytes, number: int) -> msgspec.Raw:
    return _raw_answer(body).output.message.content[number]


# --- writing ---


def write_reply(reply: Reply, show: Show) -> bytes:
    """The first choice as a client of Converse is shown it. How long it took is not ours to know."""
    choice = reply.choices[0] if reply.choices else Choice(parts=[])
    message = {"role": "assistant", "content": answer_blocks(choice.parts)}
    words: Words = {
        "output": {"message": message},
        "stopReason": reason_of(choice.stop, calls=any(isinstance(part, ToolCall) for part in choice.parts)),
        "usage": usage_words(reply.usage),
        "metrics": {"latencyMs": 0},
    }
    if choice.sequence is not None and asks_for_sequence(show):
        words["additionalModelResponseFields"] = {"stop_sequence": choice.sequence}
    return _encode(words)


def asks_for_sequence(show: Show) -> bool:
    """Did the client ask to be told which stop sequence ended the answer?"""
    raw = show.request.aside.get(PATHS) or show.request.extra.get(PATHS)
    return raw is not None and wants_sequence(raw)
