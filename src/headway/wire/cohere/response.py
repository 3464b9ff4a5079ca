"""Whole answers of Cohere's, read and written.

The plan that a model makes before it calls tools is reasoning, and shows as such; an answer that Cohere itself calls
failed is none.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headway.wire.cohere import citations, vocabulary
from headway.wire.cohere.messages_write import Call, Function
from headway.wire.cohere.vocabulary import Likely, Used
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Show
from headway.wire.form.parts import Audio, Citation, Part, Reasoning, Refusal, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop


class _Function(msgspec.Struct, gc=False):
    name: str
    arguments: str | None = None


class _Call(msgspec.Struct, gc=False):
    function: _Function
    id: str | None = None


class _Block(msgspec.Struct, gc=False):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None


class _Message(msgspec.Struct):
    content: list[_Block] | str | None = None
    tool_calls: list[_Call] | None = None
    tool_plan: str | None = None
    citations: list[msgspec.Raw] | None = None


class _Body(msgspec.Struct):
    id: str | None = None
    message: _Message | str | None = None
    finish_reason: str | None = None
    usage: Used | None = None
    logprobs: list[Likely] | None = None


class _TextBlock(msgspec.Struct, tag_field="type", tag="text", gc=False):
    text: str


class _ThinkingBlock(msgspec.Struct, tag_field="type", tag="thinking", gc=False):
    thinking: str


class _WrittenMessage(msgspec.Struct, omit_defaults=True, tag_field="role", tag="assistant"):
    content: list[_TextBlock | _ThinkingBlock] | None = None
    tool_calls: list[Call] | None = None
    citations: list[object] | None = None


class _WrittenBody(msgspec.Struct, omit_defaults=True):
    id: str
    finish_reason: str
    message: _WrittenMessage
    usage: object = None
    logprobs: tuple[Likely, ...] = ()


_read = msgspec.json.Decoder(_Body).decode
_encode = msgspec.json.Encoder().encode


def call_id(given: str | None, reply_id: str | None, index: int, name: str) -> str:
    """Cohere gives each call an id; should one lack it, it gets one of its own within its answer."""
    return given or f"call_{reply_id or ''}_{index}_{name}"


def read_reply(body: bytes) -> Reply | NoReply:
    try:
        read = _read(body)
    except UNREADABLE:
        return NoReply("the reply is not one of Cohere's")
    message = read.message
    if isinstance(message, str):
        return NoReply("the reply is an error", is_error=True)
    if message is None:
        return NoReply("the reply holds no message")
    if read.finish_reason in vocabulary.FAILED:
        return NoReply("the generation failed", is_error=True)
    parts = _parts(message, read.id)
    stop = vocabulary.stop_of(read.finish_reason, calls=bool(message.tool_calls))
    logprobs = vocabulary.logprobs_of(read.logprobs) if read.logprobs else msgspec.Raw()
    return Reply(
        id=read.id,
        choices=[Choice(parts=parts, stop=stop, logprobs=logprobs)],
        usage=vocabulary.usage_of(read.usage),
    )


def _parts(message: _Message, reply_id: str | None) -> list[Part]:
    parts: list[Part] = []
    if message.tool_plan:
        parts.append(Reasoning(text=message.tool_plan, summary=True, origin="cohere"))
    content = message.content
    blocks = [_Block(text=content)] if isinstance(content, str) else content or ()
    cited = _cited(message.citations or (), blocks)
    for number, block in enumerate(blocks):
        if block.thinking is not None:
            parts.append(Reasoning(text=block.thinking, origin="cohere"))
        elif block.text is not None:
            parts.append(Text(block.text, tuple(cited.get(number, ()))))
    for index, call in enumerate(message.tool_calls or ()):
        name = call.function.name
        parts.append(
            ToolCall(id=call_id(call.id, reply_id, index, name), name=name, arguments=call.function.arguments or "")
        )
    return parts


def _cited(raws: Sequence[msgspec.Raw], blocks: Sequence[_Block]) -> dict[int, list[Citation]]:
    """The citations of each block of text; those that name none are of the first."""
    found: dict[int, list[Citation]] = {}
    if raws:
        texts = [number for number, block in enumerate(blocks) if block.text is not None]
        for placed in filter(None, map(citations.read_citation, raws)):
            if placed.of_text and texts:
                number = placed.block if placed.block in texts else texts[0]
                found.setdefault(number, []).extend(placed.citations)
    return found


def write_reply(reply: Reply, show: Show) -> bytes:
    choice = reply.choices[0] if reply.choices else Choice(parts=[])
    message = _message(choice.parts)
    stop = choice.stop or (Stop.TOOLS if message.tool_calls else Stop.END)
    return _encode(
        _WrittenBody(
            id=reply.id or show.request_id,
            finish_reason=vocabulary.REASONS[stop],
            message=message,
            usage=None if reply.usage is None else vocabulary.written_usage(reply.usage),
            logprobs=vocabulary.written_logprobs(choice.logprobs) if choice.logprobs else (),
        )
    )


def _message(parts: list[Part]) -> _WrittenMessage:
    content: list[_TextBlock | _ThinkingBlock] = []
    calls: list[Call] = []
    cited: list[object] = []
    for part in parts:
        match part:
            case Text():
                for citation in part.citations:
                    written = citations.write_citation(citation, len(cited), len(content), part.text)
                    if written is not None:
                        cited.append(written)
                content.append(_TextBlock(part.text))
            case Reasoning(text=text) if text:
                content.append(_ThinkingBlock(text))
            case Refusal():
                content.append(_TextBlock(part.text))
            case Audio(transcript=str() as transcript):
                content.append(_TextBlock(transcript))
            case ToolCall():
                calls.append(Call(part.id, Function(part.name, part.arguments or "{}")))
            case _:
                pass
    return _WrittenMessage(content=content or None, tool_calls=calls or None, citations=cited or None)
