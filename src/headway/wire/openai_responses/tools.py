"""Tools and the choice among them, both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from headway.wire.complaints import absent, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.request import HostedTool, Tool, ToolChoice, Unsupported
from headway.wire.malformed import Malformed
from headway.wire.openai_responses.groups import NAMESPACE, GroupedTool, described, joined
from headway.wire.openai_responses.vocabulary import DIALECT, NULL

NO_PARAMETERS = msgspec.Raw(b'{"type":"object","properties":{}}')


class _Tool(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["function", "custom"]
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None
    format: msgspec.Raw = msgspec.Raw()


class _Group(msgspec.Struct):
    name: str
    tools: list[msgspec.Raw]
    description: str | None = None


class _Any(msgspec.Struct, gc=False):
    type: str
    external_web_access: bool = True


class _Chosen(msgspec.Struct):
    type: str
    name: str | None = None
    mode: Literal["auto", "required"] = "auto"
    tools: list[_Chosen] | None = None


class _Grammar(msgspec.Struct, gc=False):
    syntax: str
    definition: str


class _Nested(msgspec.Struct):
    grammar: _Grammar


_decode_tools = msgspec.json.Decoder(list[_Tool]).decode
_decode_tool = msgspec.json.Decoder(_Tool).decode
_decode_kind = msgspec.json.Decoder(_Any).decode
_decode_group = msgspec.json.Decoder(_Group).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_choice = msgspec.json.Decoder(Literal["auto", "none", "required"] | _Chosen).decode
_decode_nested = msgspec.json.Decoder(_Nested).decode
_encode = msgspec.json.Encoder().encode
_FIELDS = frozenset(_Tool.__struct_fields__)
_RUN_BY_CLIENTS = frozenset({"function", "custom"})
_SEARCHES = frozenset({"web_search", "web_search_2025_08_26", "web_search_preview", "web_search_preview_2025_03_11"})
OFFERED = "tools[].web_search"
"""Searches that never leave the provider's own store. Agents offer them in every request, and do without."""


class Tools(msgspec.Struct, frozen=True):
    """`extra`: fields of tools that the form has no place for, by name and the tool's number."""

    tools: tuple[Tool | HostedTool, ...]
    extra: dict[str, dict[str, msgspec.Raw]]


def read_tools(raw: msgspec.Raw) -> Tools | Malformed:
    try:
        return Tools(tuple(map(_tool, _decode_tools(raw))), {})
    except UNREADABLE:
        pass
    try:
        each = _decode_list(raw)
    except UNREADABLE as error:
        return explain(error, "tools")
    slowly = _Slowly()
    for index, one in enumerate(each):
        try:
            slowly.take(one)
        except UNREADABLE as error:
            return explain(error, f"tools[{index}]")
    return Tools(tuple(slowly.found), slowly.extra)


class _Slowly:
    """Reads tools of which some are not the client's own or hold what is not known."""

    def __init__(self) -> None:
        self.found: list[Tool | HostedTool] = []
        self.extra: dict[str, dict[str, msgspec.Raw]] = {}
        self._number = 0

    def take(self, one: msgspec.Raw) -> None:
        sort = _decode_kind(one)
        if sort.type in _RUN_BY_CLIENTS:
            self.found.append(_tool(self._sifted(one, "tools[].")))
        elif sort.type == NAMESPACE:
            group = _decode_group(one)
            if not group.tools:
                return
            self.found += [self._grouped(each, group, one, first=not at) for at, each in enumerate(group.tools)]
        elif sort.type in _SEARCHES and not sort.external_web_access:
            self._keep(OFFERED, one)
        else:
            self.found.append(HostedTool(DIALECT, sort.type, one))
        self._number += 1

    def _sifted(self, one: msgspec.Raw, prefix: str) -> _Tool:
        fields = _decode_object(one)
        for name in [name for name in fields if name not in _FIELDS]:
            value = fields.pop(name)
            if value != NULL:
                self._keep(prefix + name, value)
        return _decode_tool(_encode(fields))

    def _grouped(self, one: msgspec.Raw, group: _Group, raw: msgspec.Raw, *, first: bool) -> GroupedTool:
        tool = _tool(self._sifted(one, "tools[].tools[]."))
        return GroupedTool(
            name=joined(group.name, tool.name),
            description=described(tool.description, group.description, first=first),
            parameters=tool.parameters,
            strict=tool.strict,
            custom=tool.custom,
            format=tool.format,
            group=group.name,
            own=tool.name,
            raw=raw,
        )

    def _keep(self, name: str, value: msgspec.Raw) -> None:
        self.extra.setdefault(name, {})[str(self._number)] = value


def _tool(read: _Tool) -> Tool:
    return Tool(
        name=read.name,
        description=read.description,
        parameters=_unless_null(read.parameters),
        strict=read.strict,
        custom=read.type == "custom",
        format=_unless_null(read.format),
    )


def _unless_null(raw: msgspec.Raw) -> msgspec.Raw:
    return msgspec.Raw() if raw == NULL else raw


def read_choice(raw: msgspec.Raw) -> ToolChoice | str | Malformed:
    """A text names the kind of a choice that only this API can do."""
    try:
        chosen = _decode_choice(raw)
    except UNREADABLE as error:
        return explain(error, "tool_choice")
    if not isinstance(chosen, _Chosen):
        return ToolChoice(chosen)
    if chosen.type in _RUN_BY_CLIENTS:
        if chosen.name is None:
            return absent("tool_choice.name")
        return ToolChoice("required", (chosen.name,))
    allowed = chosen.tools or []
    names = tuple(each.name for each in allowed if each.name is not None and each.type in _RUN_BY_CLIENTS)
    if chosen.type != "allowed_tools" or not names or len(names) < len(allowed):
        return chosen.type
    return ToolChoice(chosen.mode, names)


# --- writing ---


def write_tools(tools: Sequence[Tool | HostedTool], *, own: bool) -> list[object] | Unsupported:
    written: list[object] = []
    for tool in tools:
        if isinstance(tool, GroupedTool) and own:
            if not written or written[-1] is not tool.raw:
                written.append(tool.raw)
        elif isinstance(tool, Tool):
            written.append(_write_tool(tool, own))
        elif tool.dialect == DIALECT:
            written.append(tool.raw)
        else:
            return Unsupported(tool.kind, f"runs no tool {tool.kind!r}")
    return written


def _write_tool(tool: Tool, own: bool) -> dict[str, object]:
    if tool.custom:
        written: dict[str, object] = {"type": "custom", "name": tool.name}
        if tool.description is not None:
            written["description"] = tool.description
        if tool.format:
            written["format"] = _flat(tool.format)
        return written
    strict = tool.strict if own or tool.strict is not None else False  # unsaid, the API takes it for true
    written = {"type": "function", "name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    written["parameters"] = tool.parameters or (NULL if own else NO_PARAMETERS)
    written["strict"] = strict
    return written


def _flat(described: msgspec.Raw) -> object:
    """Chat Completions puts a grammar one level deeper."""
    try:
        grammar = _decode_nested(described).grammar
    except UNREADABLE:
        return described
    return {"type": "grammar", "syntax": grammar.syntax, "definition": grammar.definition}


def write_choice(choice: ToolChoice, tools: Sequence[Tool | HostedTool]) -> object:
    if not choice.names or choice.mode == "none":
        return choice.mode
    custom = {tool.name for tool in tools if isinstance(tool, Tool) and tool.custom}
    named = [{"type": "custom" if name in custom else "function", "name": name} for name in choice.names]
    if choice.mode == "required" and len(named) == 1:
        return named[0]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": named}
