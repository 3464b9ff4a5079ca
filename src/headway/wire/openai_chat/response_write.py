"""Whole answers for clients.

A message has one text, one list of calls and one text of reasoning, whatever the order in which the model came by them.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headway.wire.form.codec import Show
from headway.wire.form.media import url_of
from headway.wire.form.parts import Audio, Image, Part, Reasoning, Refusal, Source, Text, ToolCall
from headway.wire.form.reply import Choice, Reply
from headway.wire.openai_chat.citations import annotations_of
from headway.wire.openai_chat.reasoning import details_of
from headway.wire.openai_chat.signatures import content_with
from headway.wire.openai_chat.vocabulary import finish_reason, shown_usage

Wire = dict[str, object]

_encode = msgspec.json.Encoder().encode


def write_reply(reply: Reply, show: Show) -> bytes:
    legacy = is_legacy(show)
    body: Wire = {
        "id": reply.id or show.request_id,
        "object": "chat.completion",
        "created": show.created if reply.created is None else reply.created,
        "model": reply.model or show.model,
        "choices": [_choice(choice, legacy) for choice in reply.choices],
    }
    if reply.usage is not None:
        body["usage"] = shown_usage(reply.usage)
    if reply.service_tier is not None:
        body["service_tier"] = reply.service_tier
    if reply.fingerprint is not None:
        body["system_fingerprint"] = reply.fingerprint
    return _encode(body)


def is_legacy(show: Show) -> bool:
    """Did the client ask in the older form, with functions for tools?"""
    return "functions" in show.request.aside


def _choice(choice: Choice, legacy: bool) -> Wire:
    message = _message(choice.parts, legacy)
    calls = "tool_calls" in message or "function_call" in message
    refused = message["refusal"] is not None
    return {
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs or None,
        "finish_reason": finish_reason(choice.stop, calls=calls, refused=refused, legacy=legacy),
    }


def _message(parts: Iterable[Part], legacy: bool) -> Wire:
    message: Wire = {"role": "assistant", "content": None, "refusal": None}
    texts: list[str] = []
    length = 0
    annotations: list[object] = []
    calls: list[Wire] = []
    thoughts: list[Reasoning] = []
    images: list[Wire] = []
    for part in parts:
        match part:
            case Text():
                texts.append(part.text)
                end = length + len(part.text)
                annotations += annotations_of(part.citations, length, end) if part.citations else ()
                length = end
                if part.signature is not None:
                    message["extra_content"] = content_with(part.signature)
            case ToolCall():
                calls.append(called(part))
            case Reasoning():
                thoughts.append(part)
            case Image():
                images.append(picture(part))
            case Refusal():
                message["refusal"] = f"{message['refusal'] or ''}{part.text}"
            case Audio():
                message["audio"] = sound(part)
            case _:
                pass
    if texts or not (calls or message["refusal"] or images or "audio" in message):
        message["content"] = "".join(texts)
    for name, told in (("annotations", annotations), ("images", images), ("tool_calls", calls)):
        if told:
            message[name] = told
    if thoughts:
        _think(message, thoughts)
    if calls and legacy:
        message["function_call"] = calls[0].get("function")
        del message["tool_calls"]
    return message


def _think(message: Wire, thoughts: list[Reasoning]) -> None:
    words = "".join([thought.text for thought in thoughts])
    if words:
        message["reasoning_content"] = words
    if any(thought.signature is not None or thought.redacted is not None for thought in thoughts):
        details: list[Wire] = []
        for thought in thoughts:
            details.extend(details_of(thought, len(details)))
        message["reasoning_details"] = details


def called(call: ToolCall) -> Wire:
    """A whole tool call."""
    if call.custom:
        wire: Wire = {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    else:
        function = {"name": call.name, "arguments": call.arguments or "{}"}
        wire = {"id": call.id, "type": "function", "function": function}
    if call.signature is not None:
        wire["extra_content"] = content_with(call.signature)
    return wire


def picture(part: Image) -> Wire:
    """A picture that a model made."""
    return {"type": "image_url", "image_url": {"url": address(part.source)}}


def address(source: Source) -> str:
    return url_of(source, "image/png") or ""


def sound(part: Audio) -> Wire:
    """A sound that a model made. It is kept at no provider for the client to name again, so it expires at once."""
    return {
        "id": part.id or "",
        "data": part.source.data or "",
        "expires_at": 0,
        "transcript": part.transcript or "",
    }
