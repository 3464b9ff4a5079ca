"""A client's request in Chat Completions, as the form has it.

Settings that the form has no place for go raw into `extra`; those that an answer would be wrong without are `needs` as
well. What the form says in other words than the client is kept `aside`, so that its provider hears the client's.
Messages and tools are read by modules of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from headway.wire.complaints import RefusedError
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.request import NO_FIELDS, Output, Request, Thinking
from headway.wire.malformed import Malformed
from headway.wire.openai.guiding import GUIDING
from headway.wire.openai_chat.complaints import bad, complaint
from headway.wire.openai_chat.messages_read import read_messages
from headway.wire.openai_chat.reasoning import CHAT
from headway.wire.openai_chat.shapes import ReasoningSettings, ResponseFormat, ThinkingSettings
from headway.wire.openai_chat.tools_read import read_choice, read_functions, read_tools
from headway.wire.openai_chat.vocabulary import is_null

_decode_bool = msgspec.json.Decoder(bool).decode
_decode_int = msgspec.json.Decoder(int).decode
_decode_float = msgspec.json.Decoder(float).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_stop = msgspec.json.Decoder(str | list[str]).decode
_decode_texts = msgspec.json.Decoder(list[str]).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_format = msgspec.json.Decoder(ResponseFormat).decode
_decode_reasoning = msgspec.json.Decoder(ReasoningSettings).decode
_decode_thinking = msgspec.json.Decoder(ThinkingSettings).decode

_NO_THINKING = Thinking()
_SAYS_NO = (b"false", b"[]", b"{}")

_SCALARS: Mapping[str, tuple[str, Callable[[msgspec.Raw], Any]]] = MappingProxyType(
    {
        "temperature": ("temperature", _decode_float),
        "top_p": ("top_p", _decode_float),
        "top_k": ("top_k", _decode_int),
        "seed": ("seed", _decode_int),
        "max_tokens": ("max_output", _decode_int),
        "n": ("n", _decode_int),
        "frequency_penalty": ("frequency_penalty", _decode_float),
        "presence_penalty": ("presence_penalty", _decode_float),
        "logprobs": ("logprobs", _decode_bool),
        "top_logprobs": ("top_logprobs", _decode_int),
        "parallel_tool_calls": ("parallel_tool_calls", _decode_bool),
        "user": ("user", _decode_text),
        "service_tier": ("service_tier", _decode_text),
        "verbosity": ("verbosity", _decode_text),
        "prompt_cache_key": ("cache_key", _decode_text),
    }
)
"""Names here, their names in the form, and how they are read."""

_NEEDS = frozenset(
    {
        "web_search_options",
        "search_parameters",
        "search_settings",
        "enable_search",
        "plugins",
        "documents",
        "preset",
        "moderation",
        *GUIDING,
    }
)
"""Settings that no other dialect can say, and that change what the answer is."""


class _Reading(msgspec.Struct):
    """What has been read so far: values by the form's names, and the rest as `Request` has it."""

    values: dict[str, Any]
    extra: dict[str, msgspec.Raw]
    aside: dict[str, msgspec.Raw]
    needs: list[str]


def read_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    """Read a request's fields. `said` is the model and whether to stream, which stand in the fields too."""
    reading = _Reading({"stream_usage": False}, {}, {}, [])
    values = reading.values
    name = ""
    try:
        for name, raw in fields.items():
            if len(raw) == 4 and bytes(raw) == b"null":
                continue
            scalar = _SCALARS.get(name)
            if scalar is not None:
                values[scalar[0]] = scalar[1](raw)
            elif (reader := _READERS.get(name)) is not None:
                reader(raw, reading)
            elif name not in ("model", "stream"):
                reading.extra[name] = raw
                if name in _NEEDS and bytes(raw) not in _SAYS_NO:
                    reading.needs.append(name)
        if "messages" not in values:
            return Malformed("messages is missing", "messages")
        _settle(reading, fields)
    except RefusedError as refused:
        return refused.malformed
    except UNREADABLE as error:
        return complaint(error, name).malformed
    return Request(
        dialect=CHAT,
        model=said.model,
        stream=said.stream,
        extra=MappingProxyType(reading.extra) if reading.extra else NO_FIELDS,
        aside=MappingProxyType(reading.aside) if reading.aside else NO_FIELDS,
        needs=tuple(reading.needs),
        **values,
    )


def _settle(reading: _Reading, fields: Mapping[str, msgspec.Raw]) -> None:
    """Where two names mean the same, the newer one holds; and the older form of tools knows one call at a time."""
    values = reading.values
    if "max_completion_tokens" in values:
        values["max_output"] = values.pop("max_completion_tokens")
    for older, newer in (("functions", "tools"), ("function_call", "tool_choice")):
        if older in values:
            values.setdefault(newer, values.pop(older))
            values.pop(older, None)
            values.setdefault("parallel_tool_calls", False)
    if ("reasoning" in reading.aside or "thinking" in reading.aside) and "reasoning_effort" in fields:
        reading.aside["reasoning_effort"] = fields["reasoning_effort"]


def _scalar(decode: Callable[[msgspec.Raw], Any], raw: msgspec.Raw, name: str) -> Any:
    try:
        return decode(raw)
    except UNREADABLE as error:
        raise complaint(error, name) from None


def _messages(raw: msgspec.Raw, reading: _Reading) -> None:
    reading.values["messages"] = read_messages(raw, reading.extra, reading.aside)


# --- tools ---


def _tools(raw: msgspec.Raw, reading: _Reading) -> None:
    reading.values["tools"] = read_tools(raw, reading.extra)


def _functions(raw: msgspec.Raw, reading: _Reading) -> None:
    reading.values["functions"] = read_functions(raw)
    reading.aside["functions"] = raw  # the answer is to be in the older form too


def _tool_choice(raw: msgspec.Raw, reading: _Reading) -> None:
    reading.values["tool_choice"] = read_choice(raw, "tool_choice")
    if bytes(raw) == b'"any"':
        reading.aside["tool_choice"] = raw


def _function_call(raw: msgspec.Raw, reading: _Reading) -> None:
    reading.values["function_call"] = read_choice(raw, "function_call")
    reading.aside["function_call"] = raw


# --- bounds and output ---


def _most(raw: msgspec.Raw, reading: _Reading) -> None:
    reading.values["max_completion_tokens"] = _scalar(_decode_int, raw, "max_completion_tokens")
    reading.aside["max_completion_tokens"] = raw


def _stop(raw: msgspec.Raw, reading: _Reading) -> None:
    stop: str | list[str] = _scalar(_decode_stop, raw, "stop")
    reading.values["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)


def _response_format(raw: msgspec.Raw, reading: _Reading) -> None:
    wanted: ResponseFormat = _scalar(_decode_format, raw, "response_format")
    schema = wanted.json_schema
    if wanted.type == "json_object":
        reading.values["output"] = Output()
    elif wanted.type == "json_schema":
        if schema is None:
            raise bad("response_format.json_schema", "is missing")
        reading.values["output"] = Output(
            schema=msgspec.Raw() if is_null(schema.schema) else schema.schema,
            name=schema.name,
            description=schema.description,
            strict=schema.strict,
        )
    elif wanted.type != "text":
        reading.extra["response_format"] = raw
        reading.needs.append("response_format")


def _modalities(raw: msgspec.Raw, reading: _Reading) -> None:
    modalities: list[str] = _scalar(_decode_texts, raw, "modalities")
    if any(each != "text" for each in modalities):
        reading.extra["modalities"] = raw
        reading.needs.append("modalities")
    else:
        reading.aside["modalities"] = raw


def _stream_options(raw: msgspec.Raw, reading: _Reading) -> None:
    options: dict[str, msgspec.Raw] = _scalar(_decode_object, raw, "stream_options")
    for name, value in options.items():
        if name == "include_usage":
            reading.values["stream_usage"] = bytes(value) == b"true"
        elif name == "include_obfuscation":
            reading.aside["stream_options.include_obfuscation"] = value
        else:
            reading.extra[f"stream_options.{name}"] = value


def _metadata(raw: msgspec.Raw, reading: _Reading) -> None:
    _scalar(_decode_object, raw, "metadata")
    reading.values["metadata"] = raw


def _logit_bias(raw: msgspec.Raw, reading: _Reading) -> None:
    _scalar(_decode_object, raw, "logit_bias")
    reading.values["logit_bias"] = raw


# --- thinking ---


def _effort(raw: msgspec.Raw, reading: _Reading) -> None:
    known: Thinking = reading.values.get("thinking", _NO_THINKING)
    reading.values["thinking"] = msgspec.structs.replace(known, effort=_scalar(_decode_text, raw, "reasoning_effort"))


def _reasoning(raw: msgspec.Raw, reading: _Reading) -> None:
    """OpenRouter's `reasoning`, which shows what was thought unless it is told not to."""
    told: ReasoningSettings = _scalar(_decode_reasoning, raw, "reasoning")
    _keep("reasoning", raw, ReasoningSettings, reading)
    known: Thinking = reading.values.get("thinking", _NO_THINKING)
    reading.values["thinking"] = Thinking(
        effort=known.effort or told.effort,
        budget=0 if told.enabled is False else told.max_tokens,
        show=not told.exclude,
        summary=told.summary,
    )


def _thinking(raw: msgspec.Raw, reading: _Reading) -> None:
    """`thinking` of Z.ai, DeepSeek and Moonshot, which took the words over from Anthropic."""
    told: ThinkingSettings = _scalar(_decode_thinking, raw, "thinking")
    _keep("thinking", raw, ThinkingSettings, reading)
    known: Thinking = reading.values.get("thinking", _NO_THINKING)
    if told.type == "disabled":
        reading.values["thinking"] = msgspec.structs.replace(known, budget=0)
    elif told.type is not None:
        reading.values["thinking"] = msgspec.structs.replace(known, budget=told.budget_tokens or -1)


def _keep(name: str, raw: msgspec.Raw, shape: type[msgspec.Struct], reading: _Reading) -> None:
    """Settings of its provider's own, which it must get back word for word, and what of them the form does not know."""
    reading.aside[name] = raw
    for each, value in _scalar(_decode_object, raw, name).items():
        if each not in shape.__struct_fields__ and not is_null(value):
            reading.extra[f"{name}.{each}"] = value


_READERS: Mapping[str, Callable[[msgspec.Raw, _Reading], None]] = MappingProxyType(
    {
        "messages": _messages,
        "tools": _tools,
        "functions": _functions,
        "tool_choice": _tool_choice,
        "function_call": _function_call,
        "max_completion_tokens": _most,
        "stop": _stop,
        "metadata": _metadata,
        "logit_bias": _logit_bias,
        "stream_options": _stream_options,
        "response_format": _response_format,
        "modalities": _modalities,
        "reasoning_effort": _effort,
        "reasoning": _reasoning,
        "thinking": _thinking,
    }
)
"""Fields with a form of their own."""
