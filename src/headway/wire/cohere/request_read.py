"""What a client asks of Cohere, read from its request.

Documents given beside the conversation have no place in the form, and the answer would be wrong without them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from headway.wire.cohere.messages_read import read_messages
from headway.wire.complaints import absent, explain
from headway.wire.foreign_json import UNREADABLE, Decode, decoder
from headway.wire.form.codec import Said
from headway.wire.form.request import HostedTool, Output, Request, Thinking, Tool, ToolChoice
from headway.wire.malformed import Malformed

_PLAIN: Mapping[str, tuple[str, Decode]] = MappingProxyType(
    {
        "max_tokens": ("max_output", decoder(int | None)),
        "temperature": ("temperature", decoder(float | None)),
        "p": ("top_p", decoder(float | None)),
        "k": ("top_k", decoder(int | None)),
        "seed": ("seed", decoder(int | None)),
        "frequency_penalty": ("frequency_penalty", decoder(float | None)),
        "presence_penalty": ("presence_penalty", decoder(float | None)),
        "logprobs": ("logprobs", decoder(bool | None)),
    }
)
"""Fields that the form has too: its name for each."""

_TOOLS_LAST = "tools"

_NEEDED = frozenset({"documents"})
"""What else the answer would be wrong without."""


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _Function | None = None


class _Thinking(msgspec.Struct):
    type: str
    token_budget: int | None = None


class _Format(msgspec.Struct):
    type: str
    json_schema: msgspec.Raw = msgspec.Raw()


_read_text = msgspec.json.Decoder(str | None).decode
_read_texts = msgspec.json.Decoder(tuple[str, ...] | None).decode
_read_flag = msgspec.json.Decoder(bool | None).decode
_read_tools = msgspec.json.Decoder(list[_Tool] | None).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_thinking = msgspec.json.Decoder(_Thinking | None).decode
_read_format = msgspec.json.Decoder(_Format | None).decode

_CHOICES: Mapping[str, ToolChoice] = MappingProxyType({"REQUIRED": ToolChoice("required"), "NONE": ToolChoice("none")})


def read_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    """The model is the one in the body; `said` stands in where there is none."""
    if "messages" not in fields:
        return absent("messages")
    read = read_messages(fields["messages"])
    if isinstance(read, Malformed):
        return read
    found: dict[str, Any] = {"model": said.model, "messages": read.messages}
    found["aside"] = aside = read.kept
    extra: dict[str, msgspec.Raw] = {}
    # How strict the tools are stands apart from them, and may come after them.
    for name in sorted(fields, key=_TOOLS_LAST.__eq__) if "strict_tools" in fields else fields:
        raw = fields[name]
        try:
            taken = _take(name, raw, found)
        except UNREADABLE as error:
            return explain(error, name)
        if isinstance(taken, Malformed):
            return taken
        if not taken and bytes(raw) != b"null":
            extra[name] = raw
    if "strict_tools" in found:
        del found["strict_tools"]
        if not found.get("tools"):
            aside["strict_tools"] = fields["strict_tools"]
    needs = tuple(name for name in extra if name in _NEEDED and bytes(extra[name]) != b"[]")
    return Request(dialect="cohere", extra=extra, needs=needs, **found)


def _take(name: str, raw: msgspec.Raw, found: dict[str, Any]) -> Malformed | bool:
    """Whether the form has a place for it."""
    plain = _PLAIN.get(name)
    if plain is not None:
        found[plain[0]] = plain[1](raw)
        return True
    reader = _OTHERS.get(name)
    return False if reader is None else reader(raw, found)


def _take_model(raw: msgspec.Raw, found: dict[str, Any]) -> bool:
    found["model"] = _read_text(raw) or found["model"]
    return True


def _take_stream(raw: msgspec.Raw, found: dict[str, Any]) -> bool:
    found["stream"] = bool(_read_flag(raw))
    return True


def _take_messages(raw: msgspec.Raw, found: dict[str, Any]) -> bool:
    del raw, found
    return True  # They were read first.


def _take_strict(raw: msgspec.Raw, found: dict[str, Any]) -> bool:
    found["strict_tools"] = _read_flag(raw)
    return True


def _take_stop(raw: msgspec.Raw, found: dict[str, Any]) -> bool:
    found["stop"] = _read_texts(raw) or ()
    return True


def _take_tools(raw: msgspec.Raw, found: dict[str, Any]) -> Malformed | bool:
    tools: list[Tool | HostedTool] = []
    strict: bool | None = found.get("strict_tools")
    for index, tool in enumerate(_read_tools(raw) or ()):
        if tool.type != "function":
            tools.append(HostedTool("cohere", tool.type, _split(raw)[index].copy()))
        elif tool.function is None:
            return absent(f"tools[{index}].function")
        else:
            function = tool.function
            tools.append(
                Tool(
                    name=function.name,
                    description=function.description,
                    parameters=function.parameters,
                    strict=strict,
                )
            )
    found["tools"] = tuple(tools)
    return True


def _take_choice(raw: msgspec.Raw, found: dict[str, Any]) -> Malformed | bool:
    word = _read_text(raw)
    if word is not None:
        choice = _CHOICES.get(word)
        if choice is None:
            return Malformed("tool_choice must be REQUIRED or NONE", "tool_choice")
        found["tool_choice"] = choice
    return True


def _take_thinking(raw: msgspec.Raw, found: dict[str, Any]) -> Malformed | bool:
    thinking = _read_thinking(raw)
    if thinking is None:
        return True
    match thinking.type:
        case "enabled":
            found["thinking"] = Thinking(budget=-1 if thinking.token_budget is None else thinking.token_budget)
        case "disabled":
            found["thinking"] = Thinking(budget=0)
        case _:
            return Malformed("thinking.type must be enabled or disabled", "thinking.type")
    return True


def _take_format(raw: msgspec.Raw, found: dict[str, Any]) -> Malformed | bool:
    output = _read_format(raw)
    if output is None:
        return True
    match output.type:
        case "text":
            found["aside"]["response_format"] = raw
        case "json_object":
            found["output"] = Output(schema=msgspec.Raw() if output.json_schema == b"null" else output.json_schema)
        case _:
            return Malformed("response_format.type must be text or json_object", "response_format.type")
    return True


_Take = Callable[[msgspec.Raw, dict[str, Any]], Malformed | bool]

_OTHERS: Mapping[str, _Take] = MappingProxyType(
    {
        "messages": _take_messages,
        "model": _take_model,
        "strict_tools": _take_strict,
        "stream": _take_stream,
        "stop_sequences": _take_stop,
        "tools": _take_tools,
        "tool_choice": _take_choice,
        "thinking": _take_thinking,
        "response_format": _take_format,
    }
)
