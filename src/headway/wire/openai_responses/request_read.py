"""A client's request, read into the form. The conversation in it is `input_read`'s, tools are `tools`' business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from headway.wire.complaints import explain
from headway.wire.foreign_json import UNREADABLE, Decode, decoder
from headway.wire.form.codec import Said
from headway.wire.form.parts import Message, Text
from headway.wire.form.request import Output, Request, Thinking
from headway.wire.malformed import Malformed
from headway.wire.openai_responses.asked import IDENTIFIER, INSTRUCTIONS
from headway.wire.openai_responses.input_read import Beside, Conversation
from headway.wire.openai_responses.tools import read_choice, read_tools
from headway.wire.openai_responses.vocabulary import DIALECT, ENCRYPTED, LOGPROBS, NULL, TRUE

_SCALARS: dict[str, tuple[str, Decode]] = {
    "max_output_tokens": ("max_output", decoder(int)),
    "temperature": ("temperature", decoder(float)),
    "top_p": ("top_p", decoder(float)),
    "top_logprobs": ("top_logprobs", decoder(int)),
    "parallel_tool_calls": ("parallel_tool_calls", decoder(bool)),
    "user": ("user", decoder(str)),
    "prompt_cache_key": ("cache_key", decoder(str)),
    "service_tier": ("service_tier", decoder(str)),
}
"""Fields with a place of their own in the form."""
_STATE = frozenset({"previous_response_id", "conversation", "prompt"})
"""What the provider is to know from elsewhere."""
_SAID_OUTSIDE = frozenset({"model", "stream"})
_FALSE = msgspec.Raw(b"false")
_MEANT_ANYWAY = {"store": _FALSE, "background": _FALSE, "truncation": msgspec.Raw(b'"disabled"')}
"""Values that change nothing anywhere else."""
_ABOUT_THE_CLIENT = "client_metadata"
"""What agents tell OpenAI of themselves."""
_FULFILLED = frozenset({ENCRYPTED, LOGPROBS})


class _Format(msgspec.Struct):
    type: str = "text"
    name: str | None = None
    schema: msgspec.Raw = msgspec.Raw()
    description: str | None = None
    strict: bool | None = None


class _Obfuscation(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    include_obfuscation: bool | None = None


_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_texts = msgspec.json.Decoder(list[str]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_format = msgspec.json.Decoder(_Format).decode
_decode_obfuscation = msgspec.json.Decoder(_Obfuscation).decode
_decode_summary = msgspec.json.Decoder(Literal["auto", "concise", "detailed"]).decode
_encode = msgspec.json.Encoder().encode


class _Reading:
    """What has been read so far: `values` of the form's fields, and what stands beside them."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.extra: dict[str, msgspec.Raw] = {}
        self.aside: dict[str, msgspec.Raw] = {}
        self.needs: list[str] = []
        self.messages: list[Message] = []
        self.instructions: str | None = None

    def field(self, name: str, raw: msgspec.Raw) -> Malformed | None:
        scalar = _SCALARS.get(name)
        try:
            if scalar is not None:
                self.values[scalar[0]] = scalar[1](raw)
                return None
            special = _SPECIAL.get(name)
            if special is not None:
                return special(self, raw)
        except UNREADABLE as error:
            return explain(error, name)
        if _MEANT_ANYWAY.get(name) == raw or name == _ABOUT_THE_CLIENT:
            self.aside[name] = raw
            return None
        self.extra[name] = raw
        if name in _STATE or (name == "background" and raw == TRUE):
            self.needs.append(name)
        return None

    def read_input(self, raw: msgspec.Raw) -> Malformed | None:
        conversation = Conversation()
        wrong = conversation.read(raw)
        if wrong is not None:
            return wrong
        self.messages = conversation.messages
        self.needs += conversation.needs
        _put(conversation.extra, self.extra)
        _put(conversation.aside, self.aside)
        return None

    def read_instructions(self, raw: msgspec.Raw) -> None:
        self.instructions = _decode_text(raw)
        self.aside[INSTRUCTIONS] = raw

    def read_tools(self, raw: msgspec.Raw) -> Malformed | None:
        read = read_tools(raw)
        if isinstance(read, Malformed):
            return read
        self.values["tools"] = read.tools
        _put(read.extra, self.extra)
        return None

    def read_choice(self, raw: msgspec.Raw) -> Malformed | None:
        choice = read_choice(raw)
        if isinstance(choice, Malformed):
            return choice
        if isinstance(choice, str):
            self.extra["tool_choice"] = raw
            self.needs.append("tool_choice")
        else:
            self.values["tool_choice"] = choice
        return None

    def read_text(self, raw: msgspec.Raw) -> Malformed | None:
        for name, value in _decode_object(raw).items():
            if value == NULL:
                continue
            if name == "verbosity":
                try:
                    self.values["verbosity"] = _decode_text(value)
                except UNREADABLE as error:
                    return explain(error, "text.verbosity")
            elif name == "format":
                wrong = self._read_format(value)
                if wrong is not None:
                    return wrong
            else:
                self.extra[f"text.{name}"] = value
        return None

    def _read_format(self, raw: msgspec.Raw) -> Malformed | None:
        try:
            read = _decode_format(raw)
        except UNREADABLE as error:
            return explain(error, "text.format")
        match read.type:
            case "text":
                pass
            case "json_object":
                self.values["output"] = Output()
            case "json_schema":
                if bytes(read.schema)[:1] != b"{":
                    return Malformed("text.format.schema must be an object", "text.format.schema")
                self.values["output"] = Output(
                    schema=read.schema, name=read.name, description=read.description, strict=read.strict
                )
            case _:
                self.extra["text.format"] = raw
                self.needs.append("text.format")
        return None

    def read_reasoning(self, raw: msgspec.Raw) -> Malformed | None:
        effort: str | None = None
        summary: str | None = None
        for name, value in _decode_object(raw).items():
            if value == NULL:
                continue
            try:
                match name:
                    case "effort":
                        effort = _decode_text(value)
                    case "summary":
                        summary = _decode_summary(value)
                    case "generate_summary":
                        summary = summary or _decode_summary(value)
                    case _:
                        self.extra[f"reasoning.{name}"] = value
            except UNREADABLE as error:
                return explain(error, f"reasoning.{name}")
        if effort is not None or summary is not None:
            self.values["thinking"] = Thinking(effort=effort, summary=summary, show=None if summary is None else True)
        return None

    def read_include(self, raw: msgspec.Raw) -> None:
        wanted = _decode_texts(raw)
        if LOGPROBS in wanted:
            self.values["logprobs"] = True
        where = self.aside if _FULFILLED.issuperset(wanted) else self.extra
        where["include"] = raw

    def read_metadata(self, raw: msgspec.Raw) -> None:
        if _decode_object(raw):
            self.values["metadata"] = raw
        else:
            self.aside["metadata"] = raw

    def read_stream_options(self, raw: msgspec.Raw) -> None:
        try:
            _decode_obfuscation(raw)  # it is never added here
        except UNREADABLE:
            _decode_object(raw)
            self.extra["stream_options"] = raw
        else:
            self.aside["stream_options"] = raw

    def read_identifier(self, raw: msgspec.Raw) -> None:
        """Where there is no `user`, it takes that place."""
        identifier = _decode_text(raw)
        if "user" in self.values:
            self.extra[IDENTIFIER] = raw
        else:
            self.values["user"] = identifier
            self.aside[IDENTIFIER] = raw


_SPECIAL: dict[str, Callable[[_Reading, msgspec.Raw], Malformed | None]] = {
    "input": _Reading.read_input,
    "instructions": _Reading.read_instructions,
    "tools": _Reading.read_tools,
    "tool_choice": _Reading.read_choice,
    "text": _Reading.read_text,
    "reasoning": _Reading.read_reasoning,
    "include": _Reading.read_include,
    "metadata": _Reading.read_metadata,
    "stream_options": _Reading.read_stream_options,
}


def _put(beside: Beside, into: dict[str, msgspec.Raw]) -> None:
    for name, values in beside.items():
        into[name] = msgspec.Raw(_encode(values))


def read_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    reading = _Reading()
    for name, raw in fields.items():
        if name in _SAID_OUTSIDE or name == IDENTIFIER or raw == NULL:
            continue
        wrong = reading.field(name, raw)
        if wrong is not None:
            return wrong
    identifier = fields.get(IDENTIFIER)
    if identifier is not None and identifier != NULL:
        try:
            reading.read_identifier(identifier)
        except UNREADABLE as error:
            return explain(error, IDENTIFIER)
    messages = reading.messages
    if not messages and not reading.needs and fields.get("input") in (None, NULL):
        return Malformed("you must provide an input", "input")
    if reading.instructions:
        messages = [Message("system", (Text(reading.instructions),)), *messages]
    return Request(
        dialect=DIALECT,
        model=said.model,
        messages=tuple(messages),
        stream=said.stream,
        extra=reading.extra,
        aside=reading.aside,
        needs=tuple(dict.fromkeys(reading.needs)),
        **reading.values,
    )
