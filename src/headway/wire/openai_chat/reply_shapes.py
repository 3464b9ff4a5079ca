"""The shapes of what providers answer, whole or in pieces, read as loosely as they are kept to.

A message and a delta have the same fields. Where one is not of its kind, it is left out: an odd id or an odd count of
tokens is no reason to lose an answer.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.usage import WireUsage
from headway.wire.openai_chat.mend import leave_out, mended
from headway.wire.openai_chat.reasoning import Detail
from headway.wire.openai_chat.signatures import ExtraContent

_MOST_LEFT_OUT = 16
"""Fields of one reply or chunk."""

# --- a message ---


class Thought(msgspec.Struct, gc=False):
    text: str | None = None


class Url(msgspec.Struct, gc=False):
    url: str | None = None


class ContentPart(msgspec.Struct):
    """Content where it is a list, as Mistral has it; and a picture."""

    type: str | None = None
    text: str | None = None
    thinking: list[Thought] | str | None = None
    image_url: Url | str | None = None

    @property
    def thought(self) -> str:
        if self.thinking is None or isinstance(self.thinking, str):
            return self.thinking or ""
        return "".join([each.text for each in self.thinking if each.text])

    @property
    def picture(self) -> str | None:
        return self.image_url if self.image_url is None or isinstance(self.image_url, str) else self.image_url.url


class Function(msgspec.Struct):
    """Some send the arguments as the object that they are."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Custom(msgspec.Struct, gc=False):
    name: str | None = None
    input: str | None = None


class Call(msgspec.Struct):
    """A tool call, or a piece of one."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    custom: Custom | None = None
    extra_content: ExtraContent | None = None

    @property
    def is_custom(self) -> bool:
        return self.custom is not None and not (self.function is not None and self.function.name)

    @property
    def name(self) -> str | None:
        named = self.custom if self.is_custom else self.function
        return None if named is None else named.name

    @property
    def arguments(self) -> str:
        if self.custom is not None and self.is_custom:
            return self.custom.input or ""
        if self.function is None:
            return ""
        return text_of(self.function.arguments)


class Sound(msgspec.Struct, gc=False):
    id: str | None = None
    data: str | None = None
    transcript: str | None = None


class Said(msgspec.Struct):
    """A message or a delta."""

    content: str | list[ContentPart] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[Call] | None = None
    refusal: str | None = None
    reasoning_details: list[Detail] | None = None
    function_call: Function | None = None
    audio: Sound | None = None
    images: list[ContentPart] | None = None
    annotations: msgspec.Raw = msgspec.Raw()
    extra_content: ExtraContent | None = None


# --- a reply, or a chunk of one ---


class Choice(msgspec.Struct):
    index: int | None = None
    delta: Said | None = None
    message: Said | None = None
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw()
    stop_reason: str | int | None = None
    """vLLM: the stop sequence, or the token, that ended it."""
    error: msgspec.Raw = msgspec.Raw()


class Groq(msgspec.Struct):
    """What Groq adds to the first and the last chunk."""

    usage: WireUsage | None = None
    error: msgspec.Raw = msgspec.Raw()


class Reply(msgspec.Struct):
    id: str | None = None
    model: str | None = None
    created: int | float | None = None
    choices: list[Choice] | None = None
    usage: WireUsage | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    error: msgspec.Raw = msgspec.Raw()
    x_groq: Groq | None = None
    object: str | None = None
    type: str | None = None


class _PlainDelta(msgspec.Struct, gc=False):
    """Words and nothing else: whatever else could be said is None."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: None = None
    refusal: None = None
    reasoning_details: None = None
    function_call: None = None
    audio: None = None
    images: None = None
    annotations: None = None
    extra_content: None = None


class PlainChoice(msgspec.Struct, gc=False):
    delta: _PlainDelta
    index: int = 0
    finish_reason: None = None
    logprobs: None = None
    error: None = None


class Plain(msgspec.Struct, gc=False):
    """A chunk as most are: more words of one choice."""

    choices: tuple[PlainChoice]
    usage: None = None
    error: None = None
    x_groq: None = None


decode_plain = msgspec.json.Decoder(Plain).decode
_decode = msgspec.json.Decoder(Reply).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def read(payload: bytes) -> Reply | None:
    """What a body or the data of an event says; None where it cannot be read as this dialect."""
    try:
        return _decode(payload)
    except msgspec.ValidationError as error:
        return _read_without(payload, error)
    except UNREADABLE:
        pass
    again = mended(payload)
    if again is None:
        return None
    try:
        return _decode(again)
    except msgspec.ValidationError as error:
        return _read_without(again, error)
    except UNREADABLE:
        return None


def _read_without(payload: bytes, error: msgspec.ValidationError) -> Reply | None:
    """The same without the fields that are not of their kind."""
    try:
        document = _decode_any(payload)
        for _ in range(_MOST_LEFT_OUT):
            if not leave_out(document, error):
                return None
            try:
                return _decode(_encode(document))
            except msgspec.ValidationError as another:
                error = another
    except UNREADABLE:
        pass
    return None


def text_of(arguments: str | dict[str, Any] | None) -> str:
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else _encode(arguments).decode()
