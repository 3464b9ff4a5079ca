"""A client's request to /v1/messages, in the form.

Settings that the form has no place for stay raw in the request's extra fields, nested ones under a name with a dot.
What the answer would be wrong without is in its needs. Whether a model can do all of it, the target's dialect says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from headway.wire.anthropic.messages_read import Conversation
from headway.wire.anthropic.parts_read import begins, fields_decoder
from headway.wire.anthropic.tools_read import read_tool_choice, read_tools
from headway.wire.anthropic.vocabulary import TIERS_ASKED
from headway.wire.complaints import RefusedError, absent, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.request import Output, Request, Thinking
from headway.wire.malformed import Malformed

_NEEDED = ("mcp_servers", "container", "thread", "compaction")
"""A server of tools that Anthropic calls, a place where it runs code, a conversation that it keeps, and a request that
is no question.
"""
_ASIDE = frozenset(
    {
        "anthropic_beta",
        "anthropic_version",
        "billing_policy",
        "block_binding",
        "cache_control",
        "caller",
        "defer_loading",
        "diagnostics",
        "eager_input_streaming",
        "fallback_credit_token",
        "source",
    }
)
"""Last parts of names of what nobody misses elsewhere: wishes about caching and billing, ways of other APIs to the same
models, the bounds of blocks within a document, and tools that are to be there only once they were searched for.
"""
_ANYWHERE = frozenset({b"null", b'"global"', b'"not_available"'})
"""Wishes for where an answer is made that any place fulfils."""


class _Format(msgspec.Struct):
    type: str
    schema: msgspec.Raw = msgspec.Raw()


class _OutputConfig(msgspec.Struct):
    effort: str | None = None
    format: msgspec.Raw = msgspec.Raw()


class _Edit(msgspec.Struct):
    type: str


class _ContextManagement(msgspec.Struct):
    edits: list[_Edit]


class _Thinking(msgspec.Struct):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


_SIMPLE: dict[str, tuple[str, msgspec.json.Decoder[Any]]] = {
    "max_tokens": ("max_output", msgspec.json.Decoder(int | None)),
    "temperature": ("temperature", msgspec.json.Decoder(float | None)),
    "top_p": ("top_p", msgspec.json.Decoder(float | None)),
    "top_k": ("top_k", msgspec.json.Decoder(int | None)),
    "stream": ("stream", msgspec.json.Decoder(bool | None)),
    "stop_sequences": ("stop", msgspec.json.Decoder(tuple[str, ...] | None)),
}
_text = msgspec.json.Decoder(str)
_text_or_none = msgspec.json.Decoder(str | None)
_format_decoder = msgspec.json.Decoder(_Format | None)
_output_config_decoder = msgspec.json.Decoder(_OutputConfig | None)
_edits_decoder = msgspec.json.Decoder(_ContextManagement)
_thinking_decoder = msgspec.json.Decoder(_Thinking | None)


class _Reading:
    """The request so far: the fields of the form, and those that have no place in it."""

    def __init__(self, fields: Mapping[str, msgspec.Raw]) -> None:
        self.fields = fields
        self.found: dict[str, Any] = {}
        self.extra: dict[str, msgspec.Raw] = {}
        self.aside: dict[str, msgspec.Raw] = {}
        self.needs: list[str] = []

    def decode(self, name: str, decoder: msgspec.json.Decoder[Any], raw: msgspec.Raw) -> Any:
        try:
            return decoder.decode(raw)
        except UNREADABLE as error:
            raise RefusedError(explain(error, name)) from None

    def keep(self, prefix: str, raw: msgspec.Raw, known: frozenset[str]) -> None:
        """Nested settings of which the form knows but some."""
        for name, value in self.decode(prefix, fields_decoder, raw).items():
            if name not in known:
                self.put(f"{prefix}.{name}", value)

    def put(self, name: str, raw: msgspec.Raw) -> None:
        """What has no place in the form, where it can be found again."""
        (self.aside if name.rpartition(".")[2] in _ASIDE else self.extra)[name] = raw.copy()


def read_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    reading = _Reading(fields)
    try:
        return _read(reading, said)
    except RefusedError as refused:
        return refused.malformed


def _read(reading: _Reading, said: Said) -> Request:
    fields, found = reading.fields, reading.found
    conversation = Conversation()
    raw = fields.get("messages")
    if raw is None:
        raise RefusedError(absent("messages"))
    for problem in (_system(conversation, fields.get("system")), conversation.read_messages(raw)):
        if problem is not None:
            raise RefusedError(problem)
    if not any(message.role != "system" for message in conversation.messages):
        raise RefusedError(Malformed("messages must hold at least one message", "messages"))
    for name, value in fields.items():
        simple = _SIMPLE.get(name)
        if simple is not None:
            read = reading.decode(name, simple[1], value)
            if read is not None:
                found[simple[0]] = read
        elif (special := _SPECIAL.get(name)) is not None:
            special(reading, value)
        elif name not in ("messages", "system", "model"):
            _other(reading, name, value)
    _settle_thinking(reading)
    for name, value in conversation.extra.items():
        reading.put(name, value)
    model = reading.decode("model", _text, fields["model"]) if "model" in fields else said.model
    found.setdefault("stream", said.stream)
    return Request(
        dialect="anthropic",
        model=model,
        messages=tuple(conversation.messages),
        extra=reading.extra,
        aside=reading.aside,
        needs=tuple(reading.needs),
        **found,
    )


def _system(conversation: Conversation, raw: msgspec.Raw | None) -> Malformed | None:
    return None if raw is None or bytes(raw) == b"null" else conversation.read_system(raw)


def _settle_thinking(reading: _Reading) -> None:
    """Where thinking is off, effort says how much is written, which the form does not know."""
    thinking: Thinking | None = reading.found.get("thinking")
    if thinking is not None and thinking.budget == 0 and thinking.effort is not None:
        reading.extra["output_config.effort"] = msgspec.Raw(msgspec.json.encode(thinking.effort))
        reading.found["thinking"] = msgspec.structs.replace(thinking, effort=None)


def _other(reading: _Reading, name: str, raw: msgspec.Raw) -> None:
    told = bytes(raw)
    if told == b"null":
        return
    if (name in _NEEDED and told != b"[]") or (name == "inference_geo" and told not in _ANYWHERE):
        reading.needs.append(name)
    if name == "context_management" and _is_about_thoughts(raw):
        reading.aside[name] = raw.copy()
    else:
        reading.put(name, raw)


def _is_about_thoughts(raw: msgspec.Raw) -> bool:
    """Claude's own thoughts are to be cleared away, and nothing else: nobody else is sent them."""
    try:
        return all(edit.type.startswith("clear_thinking_") for edit in _edits_decoder.decode(raw).edits)
    except UNREADABLE:
        return False


def _tools(reading: _Reading, raw: msgspec.Raw) -> None:
    read = read_tools(raw)
    if isinstance(read, Malformed):
        raise RefusedError(read)
    reading.found["tools"] = read.tools
    for name, value in read.extra.items():
        reading.put(name, value)


def _tool_choice(reading: _Reading, raw: msgspec.Raw) -> None:
    read = read_tool_choice(raw)
    if isinstance(read, Malformed):
        raise RefusedError(read)
    if read is not None:
        reading.found["tool_choice"] = read.choice
        reading.found["parallel_tool_calls"] = read.parallel


def _thinking(reading: _Reading, raw: msgspec.Raw) -> None:
    read: _Thinking | None = reading.decode("thinking", _thinking_decoder, raw)
    if read is None:
        return
    match read.type:
        case "enabled":
            if read.budget_tokens is None:
                raise RefusedError(absent("thinking.budget_tokens"))
            budget = read.budget_tokens
        case "adaptive":
            budget = -1
        case "disabled":
            budget = 0
        case _:
            reading.extra["thinking"] = raw.copy()
            return
    show = {"summarized": True, "omitted": False}.get(read.display or "")
    known = {"type", "budget_tokens"} if show is None and read.display else {"type", "budget_tokens", "display"}
    reading.keep("thinking", raw, frozenset(known))
    before: Thinking | None = reading.found.get("thinking")
    effort = None if before is None else before.effort
    reading.found["thinking"] = Thinking(effort=effort, budget=budget, show=show)


def _output_config(reading: _Reading, raw: msgspec.Raw) -> None:
    read: _OutputConfig | None = reading.decode("output_config", _output_config_decoder, raw)
    if read is None:
        return
    reading.keep("output_config", raw, frozenset({"effort", "format"}))
    if read.effort is not None:
        before: Thinking = reading.found.get("thinking") or Thinking()
        reading.found["thinking"] = msgspec.structs.replace(before, effort=read.effort)
    if read.format:
        _format(reading, read.format, "output_config.format")


def _output_format(reading: _Reading, raw: msgspec.Raw) -> None:
    _format(reading, raw, "output_format")


def _format(reading: _Reading, raw: msgspec.Raw, name: str) -> None:
    read: _Format | None = reading.decode(name, _format_decoder, raw)
    if read is None:
        return
    if read.type != "json_schema":
        reading.extra[name] = raw.copy()
        reading.needs.append(name)
        return
    if not begins(read.schema, b"{"):
        raise RefusedError(Malformed(f"{name}.schema must be an object", f"{name}.schema"))
    reading.keep(name, raw, frozenset({"type", "schema"}))
    reading.found["output"] = Output(schema=read.schema.copy(), strict=True)


def _metadata(reading: _Reading, raw: msgspec.Raw) -> None:
    if bytes(raw) == b"null":
        return
    for name, value in reading.decode("metadata", fields_decoder, raw).items():
        if name == "user_id":
            reading.found["user"] = reading.decode("metadata.user_id", _text_or_none, value)
        else:
            reading.extra[f"metadata.{name}"] = value.copy()


def _service_tier(reading: _Reading, raw: msgspec.Raw) -> None:
    tier = reading.decode("service_tier", _text_or_none, raw)
    if tier is not None:
        reading.found["service_tier"] = TIERS_ASKED.get(tier, tier)


_SPECIAL = {
    "tools": _tools,
    "tool_choice": _tool_choice,
    "thinking": _thinking,
    "output_config": _output_config,
    "output_format": _output_format,
    "metadata": _metadata,
    "service_tier": _service_tier,
}
