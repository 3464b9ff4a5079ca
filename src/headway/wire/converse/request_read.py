"""A client's Converse request read into the form.

The model and whether to stream stand in the path. What the form has no place for is kept under its own name, nested
settings with a dot; the words of the model's own fields are `thinking`'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

import msgspec

from headway.wire.complaints import RefusedError, explain
from headway.wire.converse import shapes, thinking
from headway.wire.converse.parts_read import NEEDED, Unread, attach, part_of, signed_calls
from headway.wire.converse.vocabulary import PATHS, wants_sequence_only
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.parts import (
    Audio,
    Cache,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import NO_FIELDS, HostedTool, Output, Request, Thinking, Tool, ToolChoice
from headway.wire.malformed import Malformed

T = TypeVar("T")

_ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_KNOWN = frozenset(
    {
        "messages",
        "system",
        "toolConfig",
        "inferenceConfig",
        "outputConfig",
        "requestMetadata",
        "serviceTier",
        "additionalModelRequestFields",
    }
)
_NEEDED_FIELDS = ("guardrailConfig", "promptVariables")
_KEYS = {
    "inferenceConfig": frozenset({"maxTokens", "temperature", "topP", "stopSequences"}),
    "toolConfig": frozenset({"tools", "toolChoice"}),
    "outputConfig": frozenset({"textFormat", "effort"}),
}
_messages: Callable[[msgspec.Raw], list[shapes.Message] | None] = msgspec.json.Decoder(
    list[shapes.Message] | None
).decode
_blocks: Callable[[msgspec.Raw], list[shapes.Block] | None] = msgspec.json.Decoder(list[shapes.Block] | None).decode
_tool_config = msgspec.json.Decoder(shapes.ToolConfig | None).decode
_inference = msgspec.json.Decoder(shapes.InferenceConfig | None).decode
_output = msgspec.json.Decoder(shapes.OutputConfig | None).decode
_typed = msgspec.json.Decoder(shapes.Typed | None).decode
_texts = msgspec.json.Decoder(dict[str, str] | None).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _RawMessage(msgspec.Struct):
    content: list[msgspec.Raw]


class _RawTools(msgspec.Struct):
    tools: list[msgspec.Raw]


_raw_messages = msgspec.json.Decoder(list[_RawMessage]).decode
_raw_tools = msgspec.json.Decoder(_RawTools).decode


class _Reading(msgspec.Struct):
    """What has been set aside so far."""

    extra: dict[str, msgspec.Raw] = {}
    aside: dict[str, msgspec.Raw] = {}
    needs: dict[str, None] = {}


class _Originals:
    """The blocks of all messages as they were written, read once and only if anybody asks."""

    def __init__(self, raw: msgspec.Raw) -> None:
        self._raw = raw
        self._messages: list[_RawMessage] | None = None

    def block(self, message: int, number: int) -> msgspec.Raw:
        if self._messages is None:
            self._messages = _raw_messages(self._raw)
        return self._messages[message].content[number]


def read_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    """Read the fields of a request's body."""
    try:
        return _read(fields, said)
    except RefusedError as refused:
        return refused.malformed


def _read(fields: Mapping[str, msgspec.Raw], said: Said) -> Request:
    reading = _Reading()
    messages = _system(fields.get("system"), reading)
    messages += _conversation(fields.get("messages"), reading)
    inference = _decoded(fields, "inferenceConfig", _inference, reading) or shapes.InferenceConfig()
    tools, choice = _tools(fields, reading)
    additional = _additional(fields.get(thinking.FIELDS), reading)
    output, effort = _outputs(fields, reading)
    if effort is not None and additional.thinking is not None and additional.thinking.effort is not None:
        reading.extra["outputConfig.effort"] = msgspec.Raw(msgspec.json.encode(effort))
    tier = _decoded(fields, "serviceTier", _typed, reading)
    metadata = _decoded(fields, "requestMetadata", _texts, reading)
    for name, raw in fields.items():
        if name not in _KNOWN and not _is_null(raw):
            reading.extra[name] = raw
    _set_aside(reading)
    for name in _NEEDED_FIELDS:
        if name in reading.extra:
            reading.needs[name] = None
    return Request(
        dialect="converse",
        model=said.model,
        messages=tuple(messages),
        tools=tools,
        tool_choice=choice,
        output=output,
        thinking=_thinking(additional.thinking, effort),
        max_output=inference.max_tokens,
        temperature=inference.temperature,
        top_p=inference.top_p,
        top_k=additional.top_k,
        stop=tuple(inference.stop_sequences or ()),
        metadata=shapes.NOTHING if metadata is None else fields["requestMetadata"],
        service_tier=None if tier is None else tier.type,
        stream=said.stream,
        extra=reading.extra or NO_FIELDS,
        aside=reading.aside or NO_FIELDS,
        needs=tuple(reading.needs),
    )


def _decoded(
    fields: Mapping[str, msgspec.Raw], name: str, decode: Callable[[msgspec.Raw], T | None], reading: _Reading
) -> T | None:
    """A field of the request; what it holds beyond what we know goes to the extra fields."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        value = decode(raw)
    except UNREADABLE as error:
        raise RefusedError(explain(error, name)) from None
    known = _KEYS.get(name)
    if known is not None and value is not None:
        for key, inner in _object(raw).items():
            if key not in known and not _is_null(inner):
                reading.extra[f"{name}.{key}"] = inner
    return value


def _set_aside(reading: _Reading) -> None:
    """A client that asks to be told of the stop sequence, and of nothing else, is told whoever answers."""
    raw = reading.extra.get(PATHS)
    if raw is not None and wants_sequence_only(raw):
        reading.aside[PATHS] = reading.extra.pop(PATHS)


def _is_null(raw: msgspec.Raw) -> bool:
    return len(memoryview(raw)) == 4 and bytes(raw) == b"null"


# --- messages ---


def _system(raw: msgspec.Raw | None, reading: _Reading) -> list[Message]:
    if raw is None:
        return []
    try:
        blocks = _blocks(raw) or []
    except UNREADABLE as error:
        raise RefusedError(explain(error, "system")) from None
    parts = _parts(blocks, "system", lambda number: _raw_list(raw)[number], reading)
    return [Message("system", tuple(parts))] if parts else []


def _conversation(raw: msgspec.Raw | None, reading: _Reading) -> list[Message]:
    if raw is None:
        return []
    try:
        told = _messages(raw) or []
    except UNREADABLE as error:
        raise RefusedError(explain(error, "messages")) from None
    originals = _Originals(raw)
    messages: list[Message] = []
    for number, message in enumerate(told):
        role = _ROLES.get(message.role)
        if role is None:
            place = f"messages[{number}].role"
            raise RefusedError(Malformed(f"{place} must be user, assistant or system", place))
        parts = _parts(message.content, f"messages[{number}].content", partial(originals.block, number), reading)
        if role == "user":
            messages += _told_apart(parts)
        else:
            messages.append(Message(role, tuple(signed_calls(parts))))
    return messages


def _told_apart(parts: list[Part]) -> list[Message]:
    """A user's message as those of the tools and of the user that it holds."""
    if len(parts) == 1:
        return [Message("tool" if type(parts[0]) is ToolResult else "user", tuple(parts))]
    messages: list[Message] = []
    run: list[Part] = []
    tools = False
    for part in parts:
        if isinstance(part, ToolResult) is not tools and run:
            messages.append(Message("tool" if tools else "user", tuple(run)))
            run = []
        tools = isinstance(part, ToolResult)
        run.append(part)
    if run or not messages:
        messages.append(Message("tool" if tools else "user", tuple(run)))
    return messages


def _parts(
    blocks: list[shapes.Block], place: str, original: Callable[[int], msgspec.Raw], reading: _Reading
) -> list[Part]:
    parts: list[Part] = []
    for number, block in enumerate(blocks):
        if block.text is not None:
            parts.append(Text(block.text))
            continue
        if block.cache_point is not None:
            if not attach(block.cache_point, parts):
                parts.append(Opaque("converse", "cachePoint", original(number)))
            continue
        part = part_of(block, partial(original, number))
        if isinstance(part, Unread):
            where = f"{place}[{number}]{part.at}"
            raise RefusedError(Malformed(f"{where} {part.why}", where))
        if type(part) not in _PLAIN:
            _note_needs(part, reading.needs)
        parts.append(part)
    return parts


_PLAIN = frozenset({Text, ToolCall, Reasoning})


def _note_needs(part: Part, needs: dict[str, None]) -> None:
    match part:
        case Opaque() if part.kind in NEEDED:
            needs[part.kind] = None
        case Image() | Audio() | Video() | File() if part.source.url is not None:
            needs["s3Location"] = None
        case ToolResult():
            for inner in part.parts:
                if type(inner) not in _PLAIN:
                    _note_needs(inner, needs)
        case _:
            pass


# --- tools and output ---


def _tools(
    fields: Mapping[str, msgspec.Raw], reading: _Reading
) -> tuple[tuple[Tool | HostedTool, ...], ToolChoice | None]:
    config = _decoded(fields, "toolConfig", _tool_config, reading)
    if config is None:
        return (), None
    tools: list[Tool | HostedTool] = []
    for number, told in enumerate(config.tools):
        if told.tool_spec is not None:
            tools.append(_tool(told.tool_spec))
        elif told.cache_point is not None:
            _cache_tools(told.cache_point, tools, reading)
        else:
            tools.append(_hosted(_raw_tools(fields["toolConfig"]).tools[number], number))
    return tuple(tools), _choice(config.tool_choice)


def _tool(spec: shapes.ToolSpec) -> Tool:
    return Tool(name=spec.name, description=spec.description, parameters=spec.input_schema.json, strict=spec.strict)


def _cache_tools(cache: shapes.CachePoint, tools: list[Tool | HostedTool], reading: _Reading) -> None:
    last = tools[-1] if tools else None
    if isinstance(last, Tool) and last.cache is None and cache.type == "default":
        tools[-1] = msgspec.structs.replace(last, cache=Cache(cache.ttl))
    else:
        words = {"type": cache.type} if cache.ttl is None else {"type": cache.type, "ttl": cache.ttl}
        reading.extra["toolConfig.cachePoint"] = msgspec.Raw(msgspec.json.encode(words))


class _SystemTool(msgspec.Struct, rename="camel"):
    system_tool: shapes.Named


_system_tool = msgspec.json.Decoder(_SystemTool).decode


def _hosted(raw: msgspec.Raw, number: int) -> HostedTool:
    try:
        return HostedTool("converse", _system_tool(raw).system_tool.name[:64], raw)
    except UNREADABLE:
        pass
    kind = next(iter(_object(raw)), None)
    if kind is None:
        place = f"toolConfig.tools[{number}]"
        raise RefusedError(Malformed(f"{place} holds nothing", place))
    return HostedTool("converse", kind[:64], raw)


def _choice(choice: shapes.Choice | None) -> ToolChoice | None:
    if choice is None:
        return None
    if choice.tool is not None:
        return ToolChoice("required", (choice.tool.name,))
    if choice.any is not None:
        return ToolChoice("required")
    return ToolChoice("auto") if choice.auto is not None else None


def _outputs(fields: Mapping[str, msgspec.Raw], reading: _Reading) -> tuple[Output | None, str | None]:
    config = _decoded(fields, "outputConfig", _output, reading)
    if config is None:
        return None, None
    if config.text_format is None:
        return None, config.effort
    told = config.text_format.structure.json_schema
    schema = told.schema_.encode(errors="replace")
    try:
        _object(schema)
    except UNREADABLE:
        place = "outputConfig.textFormat.structure.jsonSchema.schema"
        raise RefusedError(Malformed(f"{place} must be the text of a JSON object", place)) from None
    return Output(schema=msgspec.Raw(schema), name=told.name, description=told.description), config.effort


def _additional(raw: msgspec.Raw | None, reading: _Reading) -> thinking.Additional:
    if raw is None or _is_null(raw):
        return thinking.Additional(None, None, {})
    read = thinking.read(raw)
    if read is None:
        raise RefusedError(Malformed(f"{thinking.FIELDS} must be an object", thinking.FIELDS))
    for name, value in read.rest.items():
        reading.extra[thinking.PREFIX + name] = value
    return read


def _thinking(told: Thinking | None, effort: str | None) -> Thinking | None:
    if effort is None or (told is not None and told.effort is not None):
        return told
    return Thinking(effort=effort) if told is None else msgspec.structs.replace(told, effort=effort)
