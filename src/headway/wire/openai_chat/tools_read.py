"""A client's tools and what it says of their use, as the form has them.

Tools of unknown type are run by its provider.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Cache
from headway.wire.form.request import HostedTool, Tool, ToolChoice
from headway.wire.openai_chat import shapes
from headway.wire.openai_chat.complaints import bad, complaint
from headway.wire.openai_chat.reasoning import CHAT
from headway.wire.openai_chat.sieve import items, sift
from headway.wire.openai_chat.vocabulary import is_null

_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",  # Mistral
}


class _Typed(msgspec.Struct):
    type: str | None = None


_decode = msgspec.json.Decoder(list[shapes.Tool]).decode
_decode_functions = msgspec.json.Decoder(list[shapes.FunctionTool]).decode
_decode_typed = msgspec.json.Decoder(_Typed).decode
_decode_choice = msgspec.json.Decoder(str | shapes.Choice).decode


def read_tools(raw: msgspec.Raw, aside: dict[str, msgspec.Raw]) -> tuple[Tool | HostedTool, ...]:
    """The tools. What a tool of a known type has beside the fields that the form knows is added to `aside`."""
    try:
        wires = _decode(raw)
    except msgspec.ValidationError:
        wires = None
    except UNREADABLE as error:
        raise complaint(error, "tools") from None
    if wires is not None and all(wire.function or wire.custom for wire in wires):
        return tuple([_tool(wire, at) for at, wire in enumerate(wires)])
    return tuple([_any_tool(each, at, aside) for at, each in enumerate(items(raw, "tools"))])


def _any_tool(raw: msgspec.Raw, at: int, aside: dict[str, msgspec.Raw]) -> Tool | HostedTool:
    path = f"tools[{at}]"
    try:
        kind = _decode_typed(raw).type
    except UNREADABLE as error:
        raise complaint(error, path) from None
    if kind is None or kind in ("function", "custom"):
        return _tool(sift(raw, shapes.Tool, path, aside), at)
    return HostedTool(CHAT, kind[:64], raw)


def _tool(wire: shapes.Tool, at: int) -> Tool:
    cache = None if wire.cache_control is None else Cache(wire.cache_control.ttl)
    if wire.function is not None and wire.type != "custom":
        return _function(wire.function, cache)
    if wire.custom is not None:
        custom = wire.custom
        return Tool(name=custom.name, description=custom.description, custom=True, format=custom.format, cache=cache)
    raise bad(f"tools[{at}].{'custom' if wire.type == 'custom' else 'function'}", "is missing")


def _function(wire: shapes.FunctionTool, cache: Cache | None = None) -> Tool:
    return Tool(
        name=wire.name,
        description=wire.description,
        parameters=msgspec.Raw() if is_null(wire.parameters) else wire.parameters,
        strict=wire.strict,
        cache=cache,
    )


def read_functions(raw: msgspec.Raw) -> tuple[Tool, ...]:
    """The tools of OpenAI's older form."""
    try:
        return tuple([_function(wire) for wire in _decode_functions(raw)])
    except UNREADABLE as error:
        raise complaint(error, "functions") from None


def read_choice(raw: msgspec.Raw, field: str) -> ToolChoice:
    """What `tool_choice`, or `function_call` of the older form, asks for."""
    try:
        choice = _decode_choice(raw)
    except UNREADABLE as error:
        raise complaint(error, field) from None
    if isinstance(choice, str):
        mode = _MODES.get(choice)
        if mode is None:
            raise bad(field, "must be one of auto, none, required, or an object")
        return ToolChoice(mode)
    allowed = choice.allowed_tools
    if allowed is not None:
        mode = _MODES.get(allowed.mode)
        names = tuple([tool.name for tool in allowed.tools if tool.name is not None])
        if mode is None or mode == "none" or not names:
            raise bad(f"{field}.allowed_tools", "must have a mode of auto or required, and tools with names")
        return ToolChoice(mode, names)
    named = choice.function or choice.custom
    name = choice.name if named is None else named.name
    if name is None:
        raise bad(field, "must name a function")
    return ToolChoice("required", (name,))
