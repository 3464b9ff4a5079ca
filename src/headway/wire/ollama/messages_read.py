"""The messages of a request to Ollama, read.

A call may have no id, and its result then only names the tool: each result is that of the earliest call of this name
that has none yet. What tells them apart here is made up, and the same each time.
"""

from __future__ import annotations

import msgspec

from headway.wire.complaints import explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Image, Message, Part, Reasoning, Source, Text, ToolCall, ToolResult
from headway.wire.malformed import Malformed
from headway.wire.ollama.calls import Call, arguments_of


class _Message(msgspec.Struct):
    role: str
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[Call] | None = None
    tool_name: str | None = None
    name: str | None = None
    tool_call_id: str | None = None


_read = msgspec.json.Decoder(list[_Message]).decode


class _Pending(msgspec.Struct):
    """The calls that have no result yet, in their order: the id and the tool of each."""

    calls: dict[str, str]
    names: dict[str, str]

    def called(self, identity: str, name: str) -> None:
        self.calls[identity] = self.names[identity] = name

    def settle(self, message: _Message, number: int) -> tuple[str, str | None]:
        """The id of the call that the message answers, and its tool."""
        name = message.tool_name or message.name
        identity = message.tool_call_id
        if identity is None:
            same = (each for each, tool in self.calls.items() if name is None or tool == name)
            identity = next(same, f"call_{number}_{name or 'tool'}")
        self.calls.pop(identity, None)
        return identity, name or self.names.get(identity)


def read_messages(raw: msgspec.Raw) -> tuple[Message, ...] | Malformed:
    try:
        read = _read(raw)
    except UNREADABLE as error:
        return explain(error, "messages")
    pending = _Pending({}, {})
    messages: list[Message] = []
    for number, message in enumerate(read):
        match message.role.lower():
            case "system":
                messages.append(Message("system", tuple(_shown(message))))
            case "user":
                messages.append(Message("user", tuple(_shown(message))))
            case "assistant":
                messages.append(_answer(message, number, pending))
            case "tool":
                call_id, name = pending.settle(message, number)
                result = ToolResult(call_id=call_id, parts=tuple(_shown(message)), name=name)
                messages.append(Message("tool", (result,)))
            case _:
                path = f"messages[{number}].role"
                return Malformed(f"{path} must be system, user, assistant or tool", path)
    return tuple(messages)


def _shown(message: _Message) -> list[Part]:
    """Its words and its pictures, whose kind is not told."""
    images: list[Part] = [Image(Source(data=data)) for data in message.images or ()]
    return [Text(message.content or ""), *images] if message.content or not images else images


def _answer(message: _Message, number: int, pending: _Pending) -> Message:
    parts: list[Part] = []
    if message.thinking:
        parts.append(Reasoning(text=message.thinking, origin="ollama"))
    calls = message.tool_calls or ()
    if message.content or message.images or not (calls or parts):
        parts += _shown(message)
    for index, call in enumerate(calls):
        name = call.function.name
        identity = call.id or f"call_{number}_{index}_{name}"
        pending.called(identity, name)
        parts.append(ToolCall(id=identity, name=name, arguments=arguments_of(call.function.arguments)))
    return Message("assistant", tuple(parts))
