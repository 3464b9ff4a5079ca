"""The conversation of a request: its system text and its messages.

Words and results of tools that share a message of the user are two messages of the form. What of a block the form has
no place for goes into the request's extra fields, under the place of its part in the form.
"""

from __future__ import annotations

import msgspec

from headway.wire.anthropic.blocks import Block, messages_decoder
from headway.wire.anthropic.parts_read import (
    Odd,
    fields_decoder,
    list_decoder,
    part_of,
    read_blocks,
    text_decoder,
)
from headway.wire.complaints import absent, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import File, Image, Message, Opaque, Part, Reasoning, Role, Text, ToolCall, ToolResult
from headway.wire.malformed import Malformed

_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_NOT_IN: dict[str, dict[type[Part], str]] = {
    "user": {ToolCall: "tool_use", Reasoning: "thinking"},
    "assistant": {ToolResult: "tool_result"},
    "system": {ToolCall: "tool_use", Reasoning: "thinking", ToolResult: "tool_result"},
}
_content = msgspec.json.Decoder(str | list[msgspec.Raw])
_WITH_RESULTS = frozenset({Text, Image, File, Opaque, ToolResult})
_PLAIN: dict[str, frozenset[type[Part]]] = {
    "user": frozenset({Text, Image, File, Opaque}),
    "assistant": frozenset({Text, Image, File, Opaque, ToolCall}),
    "system": frozenset({Text, Image, File, Opaque}),
}
"""Parts that may stand in a message as they come."""


class Conversation:
    """Collects the messages of the form, and the fields of theirs that it has no place for."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.extra: dict[str, msgspec.Raw] = {}

    def read_system(self, raw: msgspec.Raw) -> Malformed | None:
        try:
            content = _content.decode(raw)
        except UNREADABLE as error:
            return explain(error, "system")
        if type(content) is str:
            if content:
                self.messages.append(Message("system", (Text(content),)))
            return None
        found = read_blocks(raw, "system")
        if isinstance(found, Malformed):
            return found
        return self._add_odd("system", found, "system") if found else None

    def read_messages(self, raw: msgspec.Raw) -> Malformed | None:
        try:
            found = messages_decoder.decode(raw)
        except UNREADABLE:
            return self._read_carefully(raw)
        for number, message in enumerate(found):
            content = message.content
            if isinstance(content, str):
                self.messages.append(Message(message.role, (Text(content),)))
            elif (problem := self._add_blocks(message.role, content, number)) is not None:
                return problem
        return None

    def _add_blocks(self, role: Role, blocks: list[Block], number: int) -> Malformed | None:
        found = [part_of(block) for block in blocks]
        parts = [part for part in found if part is not None]
        if len(parts) < len(found):
            place = f"messages[{number}].content[{found.index(None)}].input"
            return Malformed(f"{place} must be an object", place)
        return self._add(role, parts, {}, f"messages[{number}].content")

    def _read_carefully(self, raw: msgspec.Raw) -> Malformed | None:
        try:
            raws = list_decoder.decode(raw)
        except UNREADABLE as error:
            return explain(error, "messages")
        for number, each in enumerate(raws):
            problem = self._read_message(each, f"messages[{number}]")
            if problem is not None:
                return problem
        return None

    def _read_message(self, raw: msgspec.Raw, place: str) -> Malformed | None:
        try:
            fields = fields_decoder.decode(raw)
        except UNREADABLE as error:
            return explain(error, place)
        role = _read_role(fields.pop("role", None), f"{place}.role")
        if isinstance(role, Malformed):
            return role
        content = fields.pop("content", None)
        if content is None and not (role == "system" and fields):
            return absent(f"{place}.content")
        for name, value in fields.items():
            self.extra[f"messages[{len(self.messages)}].{name}"] = value.copy()
        if content is None:
            self.messages.append(Message(role, ()))
            return None
        try:
            said = _content.decode(content)
        except UNREADABLE as error:
            return explain(error, f"{place}.content")
        if type(said) is str:
            self.messages.append(Message(role, (Text(said),)))
            return None
        found = read_blocks(content, f"{place}.content")
        if isinstance(found, Malformed):
            return found
        return self._add_odd(role, found, f"{place}.content")

    def _add_odd(self, role: Role, found: list[Odd], place: str) -> Malformed | None:
        odd = {number: each.fields for number, each in enumerate(found) if each.fields}
        return self._add(role, [each.part for each in found], odd, place)

    def _add(
        self, role: Role, parts: list[Part], odd: dict[int, dict[str, msgspec.Raw]], place: str
    ) -> Malformed | None:
        kinds = list(map(type, parts))
        if not odd and _PLAIN[role].issuperset(kinds):
            self.messages.append(Message(role, tuple(parts)))
            return None
        if not odd and role == "user" and _WITH_RESULTS.issuperset(kinds):
            self.messages.append(Message("tool", tuple([part for part in parts if type(part) is ToolResult])))
            if words := [part for part in parts if type(part) is not ToolResult]:
                self.messages.append(Message("user", tuple(words)))
            return None
        forbidden = _NOT_IN[role]
        results: list[int] = []
        others: list[int] = []
        for number, kind in enumerate(kinds):
            if kind in forbidden:
                where = f"{place}[{number}]"
                return Malformed(f"{where} is a {forbidden[kind]} block, which a {role} message cannot hold", where)
            (results if kind is ToolResult else others).append(number)
        if role == "assistant" and Reasoning in kinds:
            others = _join_signatures(parts, others)
        if results:
            self._append("tool", parts, results, odd)
        if others or not results:
            self._append(role, parts, others, odd)
        return None

    def _append(
        self, role: Role, parts: list[Part], numbers: list[int], odd: dict[int, dict[str, msgspec.Raw]]
    ) -> None:
        if odd:
            index = len(self.messages)
            for at, number in enumerate(numbers):
                for name, value in odd.get(number, {}).items():
                    self.extra[f"messages[{index}].parts[{at}].{name}"] = value
        self.messages.append(Message(role, tuple([parts[number] for number in numbers])))


def _read_role(raw: msgspec.Raw | None, place: str) -> Role | Malformed:
    if raw is None:
        return absent(place)
    try:
        role = _ROLES.get(text_decoder.decode(raw))
    except UNREADABLE as error:
        return explain(error, place)
    return Malformed(f"{place} must be user, assistant or system", place) if role is None else role


def _join_signatures(parts: list[Part], numbers: list[int]) -> list[int]:
    """Gemini signs calls. A client holds such a signature in an empty thinking block that stands before the call."""
    kept: list[int] = []
    for number in numbers:
        part = parts[number]
        if type(part) is ToolCall and kept:
            before = parts[kept[-1]]
            if type(before) is Reasoning and before.origin == "gemini" and before.signature and not before.text:
                parts[number] = msgspec.structs.replace(part, signature=before.signature)
                kept.pop()
        kept.append(number)
    return kept
