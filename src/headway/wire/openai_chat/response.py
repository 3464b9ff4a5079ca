"""Whole answers of providers, as the form has them.

A provider's message may be text or a list of parts, may carry what was thought under any of three names, and may have
tool calls without ids.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from headway.wire.form.media import source_of
from headway.wire.form.parts import Audio, Image, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import Choice, NoReply, Reply, Stop
from headway.wire.openai.usage import usage_of
from headway.wire.openai_chat import reply_shapes as shapes
from headway.wire.openai_chat.citations import citations_of
from headway.wire.openai_chat.reasoning import reasoning_of
from headway.wire.openai_chat.signatures import sign, signature_in
from headway.wire.openai_chat.vocabulary import is_null, made_id, stop_of

_UNREADABLE = NoReply("it cannot be read as a chat completion")
_ERROR = NoReply("it is an error", is_error=True)
_EMPTY = NoReply("it holds no choice")


def read_reply(body: bytes) -> Reply | NoReply:
    """A body that came with a good status."""
    wire = shapes.read(body)
    if wire is None:
        return _UNREADABLE
    if not wire.choices:
        return _ERROR if says(wire.error) or wire.object == "error" else _EMPTY
    choices = [_choice(each, at, wire.id) for at, each in enumerate(wire.choices)]
    if not any(choice.parts for choice in choices) and any(says(each.error) for each in wire.choices):
        return _ERROR
    usage = wire.usage or (None if wire.x_groq is None else wire.x_groq.usage)
    return Reply(
        id=wire.id or None,
        model=wire.model or None,
        created=int(wire.created) if wire.created else None,
        choices=choices,
        usage=None if usage is None else usage_of(usage),
        service_tier=wire.service_tier or None,
        fingerprint=wire.system_fingerprint or None,
    )


def says(raw: msgspec.Raw) -> bool:
    """Is there an error in an `error` field?"""
    return bool(raw) and bytes(raw) not in (b"null", b"false", b'""', b"{}")


def _choice(wire: shapes.Choice, at: int, reply_id: str | None) -> Choice:
    index = at if wire.index is None else wire.index
    said = wire.message or wire.delta or shapes.Said()
    parts = _parts(said, index, reply_id)
    calls = any(isinstance(part, ToolCall) for part in parts)
    refused = any(isinstance(part, Refusal) for part in parts)
    stop = stop_of(wire.finish_reason or "", calls=calls, refused=refused)
    sequence = wire.stop_reason if isinstance(wire.stop_reason, str) and stop is Stop.END else None
    return Choice(
        index=index,
        parts=parts,
        stop=stop if sequence is None else Stop.SEQUENCE,
        sequence=sequence,
        logprobs=wire.logprobs if has_logprobs(wire.logprobs) else msgspec.Raw(),
    )


def has_logprobs(raw: msgspec.Raw) -> bool:
    """Some send an object whose lists are null."""
    return bool(raw) and not is_null(raw) and b"[" in bytes(raw)


def _parts(said: shapes.Said, choice: int, reply_id: str | None) -> list[Part]:
    parts: list[Part] = []
    words = said.reasoning_content or said.reasoning
    if words or said.reasoning_details:
        parts.extend(reasoning_of(said.reasoning_details or (), words))
    begin = len(parts)
    if isinstance(said.content, str):
        if said.content:
            parts.append(_text(said.content, said.annotations))
    elif said.content:
        parts.extend(_listed(said.content))
    elif said.annotations and (cited := citations_of(said.annotations)):
        parts.append(Text("", tuple(cited)))
    if said.refusal:
        parts.append(Refusal(said.refusal))
    parts.extend(pictures_in(said.images))
    if said.audio is not None and (said.audio.data or said.audio.id):
        parts.append(sound_of(said.audio.data or "", said.audio.transcript, said.audio.id))
    for number, call in enumerate(said.tool_calls or ()):
        parts.append(_call(call, number, choice, reply_id))
    if said.function_call is not None and said.function_call.name:
        parts.append(_call(shapes.Call(function=said.function_call), 0, choice, reply_id))
    signature = signature_in(said.extra_content)
    if signature is not None:
        sign(parts, begin, signature)
    return parts


def _text(text: str, annotations: msgspec.Raw) -> Text:
    return Text(text, tuple(citations_of(annotations))) if annotations else Text(text)


def _listed(content: list[shapes.ContentPart]) -> Iterator[Part]:
    for part in content:
        if part.thought:
            yield Reasoning(text=part.thought)
        elif part.text:
            yield Text(part.text)
        else:
            yield from pictures_in([part])


def pictures_in(parts: list[shapes.ContentPart] | None) -> Iterator[Image]:
    """The pictures that a model made, as OpenRouter sends them."""
    for part in parts or ():
        url = part.picture
        if url:
            yield Image(source_of(url))


def sound_of(data: str, transcript: str | None, sound_id: str | None) -> Audio:
    return Audio(Source(data=data), transcript or None, sound_id or None)


def _call(call: shapes.Call, number: int, choice: int, reply_id: str | None) -> ToolCall:
    name, arguments = call.name or "", call.arguments
    known = (reply_id, str(choice)) if reply_id else (arguments, str(choice))
    return ToolCall(
        id=call.id or made_id(*known, str(number), name),
        name=name,
        arguments=arguments,
        custom=call.is_custom,
        signature=signature_in(call.extra_content),
    )
