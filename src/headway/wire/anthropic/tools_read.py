"""The tools of a request and which of them the model may use.

A tool whose type is none, or custom, is the client's own. Any other is one that Anthropic describes itself, wherever it
runs, and only its own dialect can say.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.wire.anthropic.blocks import CacheControl
from headway.wire.anthropic.parts_read import begins, cache_of, fields_decoder, list_decoder
from headway.wire.complaints import absent, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.request import HostedTool, Tool, ToolChoice
from headway.wire.malformed import Malformed


class _Tool(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    input_schema: msgspec.Raw
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    type: Literal["custom"] | None = None


class _Kind(msgspec.Struct):
    type: str | None = None


class _Choice(msgspec.Struct):
    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class ReadTools(msgspec.Struct):
    tools: tuple[Tool | HostedTool, ...]
    extra: dict[str, msgspec.Raw]


class ReadChoice(msgspec.Struct):
    choice: ToolChoice
    parallel: bool | None


_KNOWN = frozenset(_Tool.__struct_fields__)
_tools = msgspec.json.Decoder(list[_Tool] | None)
_tool = msgspec.json.Decoder(_Tool)
_kind = msgspec.json.Decoder(_Kind)
_cache = msgspec.json.Decoder(CacheControl | None)
_choice = msgspec.json.Decoder(_Choice | None)
_encode = msgspec.json.Encoder().encode


def read_tools(raw: msgspec.Raw) -> ReadTools | Malformed:
    try:
        found = _tools.decode(raw) or ()
    except UNREADABLE:
        return _read_carefully(raw)
    tools = [_of(tool) for tool in found]
    for number, tool in enumerate(tools):
        if not tool.parameters:
            return _no_schema(f"tools[{number}]")
    return ReadTools(tuple(tools), {})


def _of(tool: _Tool) -> Tool:
    """With no parameters where they are no object."""
    schema = tool.input_schema.copy()
    return Tool(
        name=tool.name,
        description=tool.description,
        parameters=schema if begins(schema, b"{") else msgspec.Raw(),
        strict=tool.strict,
        cache=cache_of(tool.cache_control),
    )


def _no_schema(place: str) -> Malformed:
    return Malformed(f"{place}.input_schema must be an object", f"{place}.input_schema")


def _read_carefully(raw: msgspec.Raw) -> ReadTools | Malformed:
    try:
        raws = list_decoder.decode(raw)
    except UNREADABLE as error:
        return explain(error, "tools")
    read = ReadTools((), {})
    tools: list[Tool | HostedTool] = []
    for number, each in enumerate(raws):
        tool = _read_tool(each, f"tools[{number}]", read.extra)
        if isinstance(tool, Malformed):
            return tool
        tools.append(tool)
    read.tools = tuple(tools)
    return read


def _read_tool(raw: msgspec.Raw, place: str, extra: dict[str, msgspec.Raw]) -> Tool | HostedTool | Malformed:
    try:
        kind = _kind.decode(raw).type
        if kind is not None and kind != "custom":
            return HostedTool("anthropic", kind, raw.copy())
        known: dict[str, msgspec.Raw] = {}
        for name, value in fields_decoder.decode(raw).items():
            if name in _KNOWN and not (name == "cache_control" and _is_odd(value)):
                known[name] = value
            else:
                extra[f"{place}.{name}"] = value.copy()
        tool = _of(_tool.decode(_encode(known)))
    except UNREADABLE as error:
        return explain(error, place)
    return tool if tool.parameters else _no_schema(place)


def _is_odd(control: msgspec.Raw) -> bool:
    try:
        _cache.decode(control)
    except UNREADABLE:
        return True
    return False


def read_tool_choice(raw: msgspec.Raw) -> ReadChoice | Malformed | None:
    try:
        found = _choice.decode(raw)
    except UNREADABLE as error:
        return explain(error, "tool_choice")
    if found is None:
        return None
    match found.type:
        case "auto":
            choice = ToolChoice("auto")
        case "none":
            choice = ToolChoice("none")
        case "any":
            choice = ToolChoice("required")
        case "tool":
            if not found.name:
                return absent("tool_choice.name")
            choice = ToolChoice("required", (found.name,))
        case _:
            return Malformed("tool_choice.type must be auto, any, tool or none", "tool_choice.type")
    disabled = found.disable_parallel_tool_use
    return ReadChoice(choice, None if disabled is None else not disabled)
