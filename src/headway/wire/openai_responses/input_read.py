"""The conversation of a client's request: items, read as messages.

Items of the model's turn that stand together (reasoning, words, calls) become one message, outputs of tools another.
Most requests hold nothing but items and fields that are known here and are decoded at once; the others are read item by
item, and what is not known is kept beside.
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from headway.wire.complaints import absent, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Message, Opaque, Part, Text, ToolCall, ToolResult
from headway.wire.malformed import Malformed
from headway.wire.openai_responses import carried, parts
from headway.wire.openai_responses.groups import joined
from headway.wire.openai_responses.thoughts import thoughts
from headway.wire.openai_responses.vocabulary import DIALECT, NULL

_Kind = Literal[
    "message",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "reasoning",
]
_KINDS = frozenset(get_args(_Kind))
_CALLS = frozenset({"function_call", "custom_tool_call"})


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    """Any of the items that are known here."""

    type: _Kind = "message"
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: str | list[parts.Content] | None = None
    id: str | None = None
    status: str | None = None
    phase: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None
    output: str | list[parts.Content] | None = None
    summary: list[parts.Content] | None = None
    encrypted_content: str | None = None


class _Any(msgspec.Struct, gc=False):
    type: str | None = None


_FIELDS = frozenset(_Item.__struct_fields__)
_CONTENT_FIELDS = frozenset(parts.Content.__struct_fields__)
_CONTENTS = ("content", "output")
_NEEDED = frozenset({"item_reference", "compaction", "additional_tools", "mcp_approval_response"})
"""Items that the conversation cannot be understood without."""
CONTENT = "content."
"""Stands before the kind of an opaque part that is a content of a message, not an item."""

_decode_text = msgspec.json.Decoder(str).decode
_decode_items = msgspec.json.Decoder(list[_Item]).decode
_decode_item = msgspec.json.Decoder(_Item).decode
_decode_content = msgspec.json.Decoder(parts.Content).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_kind = msgspec.json.Decoder(_Any).decode
_encode = msgspec.json.Encoder().encode

Beside = dict[str, dict[str, msgspec.Raw]]
"""Fields of items, by name and the item's number."""


class Conversation:
    """Reads the items of one request. `extra` and `aside` are what the messages have no place for, see `asked`."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.extra: Beside = {}
        self.aside: Beside = {}
        self.needs: list[str] = []
        self._number = 0
        self._turn: list[Part] = []
        """What the model said, as far as it has been read."""
        self._results: list[Part] = []
        self._signature: str | None = None
        """Of the call that comes next."""

    def read(self, raw: msgspec.Raw) -> Malformed | None:
        """Take in `input`."""
        if bytes(raw)[:1] == b'"':
            try:
                self.messages.append(Message("user", (Text(_decode_text(raw)),)))
            except UNREADABLE as error:
                return explain(error, "input")
            return None
        wrong = self._read_items(raw)
        self._flush_results()
        self._flush_turn()
        return wrong

    def _read_items(self, raw: msgspec.Raw) -> Malformed | None:
        try:
            items = _decode_items(raw)
        except UNREADABLE:
            return self._read_slowly(raw)
        for item in items:
            if item.role is None and item.type == "message":
                return self._read_slowly(raw)
        for index, item in enumerate(items):
            wrong = self._take(item, index)
            if wrong is not None:
                return wrong
        return None

    # --- items that hold what is not known ---

    def _read_slowly(self, raw: msgspec.Raw) -> Malformed | None:
        try:
            each = _decode_list(raw)
        except UNREADABLE:
            return Malformed("input must be a string or a list", "input")
        for index, item in enumerate(each):
            try:
                read = _decode_item(item)
            except UNREADABLE:
                wrong = self._sift(item, index)
            else:
                named = read.type != "message" or read.role is not None
                wrong = self._take(read, index) if named else self._sift(item, index)
            if wrong is not None:
                return wrong
        return None

    def _sift(self, raw: msgspec.Raw, index: int) -> Malformed | None:
        place = f"input[{index}]"
        try:
            fields = _decode_object(raw)
            kind = _decode_kind(raw).type
        except UNREADABLE as error:
            return explain(error, place)
        if kind is None:
            kind = "message" if "role" in fields or "id" not in fields else "item_reference"
        if kind not in _KINDS:
            self._keep_whole(kind, raw)
            return None
        known: dict[str, msgspec.Raw] = {}
        said: dict[str, tuple[Part, ...]] = {}
        for name, value in fields.items():
            if name not in _FIELDS:
                self._keep(self.extra, name, value)
            elif name in _CONTENTS and kind != "reasoning" and bytes(value)[:1] == b"[":
                contents = self._sift_contents(value, f"{place}.{name}", name)
                if isinstance(contents, Malformed):
                    return contents
                said[name] = contents
            else:
                known[name] = value
        try:
            item = _decode_item(_encode(known))
        except UNREADABLE as error:
            return explain(error, place)
        return self._take(item, index, said.get("content" if kind == "message" else "output"))

    def _sift_contents(self, raw: msgspec.Raw, place: str, field: str) -> tuple[Part, ...] | Malformed:
        try:
            each = _decode_list(raw)
        except UNREADABLE as error:
            return explain(error, place)
        found: list[Part] = []
        for number, content in enumerate(each):
            here = f"{place}[{number}]"
            try:
                part = parts.read(_decode_content(content))
            except UNREADABLE:
                part = self._sift_content(content, here, f"{field}[{number}]")
            if isinstance(part, str):
                return absent(f"{here}.{part}")
            if isinstance(part, Malformed):
                return part
            found.append(part)
        return tuple(found)

    def _sift_content(self, raw: msgspec.Raw, place: str, field: str) -> Part | str | Malformed:
        try:
            fields = _decode_object(raw)
            kind = _decode_kind(raw).type
        except UNREADABLE as error:
            return explain(error, place)
        if kind is None:
            return "type"
        if kind not in parts.KINDS:
            return Opaque(DIALECT, CONTENT + kind, raw)
        for name in fields.keys() - _CONTENT_FIELDS:
            self._keep(self.extra, f"{field}.{name}", fields[name])
        try:
            known = _encode({name: value for name, value in fields.items() if name in _CONTENT_FIELDS})
            return parts.read(_decode_content(known))
        except UNREADABLE as error:
            return explain(error, place)

    def _keep_whole(self, kind: str, raw: msgspec.Raw) -> None:
        self._flush_results()
        self._turn.append(Opaque(DIALECT, kind, raw))
        self._number += 1
        if kind in _NEEDED and kind not in self.needs:
            self.needs.append(kind)

    def _keep(self, where: Beside, name: str, value: msgspec.Raw | str | None) -> None:
        """Beside the item that is being read."""
        if value is None or value == NULL:
            return
        raw = msgspec.Raw(_encode(value)) if isinstance(value, str) else value
        where.setdefault(f"input[].{name}", {})[str(self._number)] = raw

    # --- items that are known ---

    def _take(self, item: _Item, index: int, said: tuple[Part, ...] | None = None) -> Malformed | None:
        if item.phase is not None:
            self._keep(self.extra, "phase", item.phase)
        if item.namespace is not None:
            self._keep(self.aside, "namespace", item.namespace)
        if item.status is not None:
            self._keep(self.aside, "status", item.status)
        kind = item.type
        if kind == "message":
            wrong = self._take_message(item, index, said)
        elif kind in _CALLS:
            wrong = self._take_call(item, index)
        elif kind == "reasoning":
            return self._take_reasoning(item)
        else:
            wrong = self._take_output(item, index, said)
        self._number += 1
        return wrong

    def _take_message(self, item: _Item, index: int, said: tuple[Part, ...] | None) -> Malformed | None:
        role = item.role
        if role is None:
            return absent(f"input[{index}].role")
        if said is None:
            content = item.content
            found = (Text(content),) if isinstance(content, str) else _parts_of(content, index, "content")
            if isinstance(found, Malformed):
                return found
            said = found
        if item.id is not None:
            self._keep(self.aside, "id", item.id)
        if self._results:
            self._flush_results()
        if role == "assistant":
            if self._turn and self._has_spoken():
                self._flush_turn()
            self._turn += said
            return None
        if self._turn:
            self._flush_turn()
        self.messages.append(Message(role, said))
        return None

    def _take_call(self, item: _Item, index: int) -> Malformed | None:
        custom = item.type == "custom_tool_call"
        arguments = item.input if custom else item.arguments
        if item.call_id is None or item.name is None:
            return absent(f"input[{index}].{'call_id' if item.call_id is None else 'name'}")
        name = item.name
        if item.namespace is not None:
            self._keep(self.aside, "name", name)
            name = joined(item.namespace, name)
        if self._results:
            self._flush_results()
        self._turn.append(
            ToolCall(
                id=item.call_id,
                name=name,
                arguments=arguments or "",
                custom=custom,
                signature=self._signature,
                item=item.id,
            )
        )
        self._signature = None
        return None

    def _take_output(self, item: _Item, index: int, said: tuple[Part, ...] | None) -> Malformed | None:
        if item.call_id is None:
            return absent(f"input[{index}].call_id")
        if said is None:
            found = _parts_of(item.output or "", index, "output")
            if isinstance(found, Malformed):
                return found
            said = found
        if item.id is not None:
            self._keep(self.aside, "id", item.id)
        self._flush_turn()
        self._results.append(
            ToolResult(call_id=item.call_id, parts=said, name=item.name, custom=item.type == "custom_tool_call_output")
        )
        return None

    def _take_reasoning(self, item: _Item) -> None:
        borne = None if item.encrypted_content is None else carried.read(item.encrypted_content)
        if borne is not None and borne.bearing == "next":
            self._signature = borne.text
        elif borne is not None and borne.bearing == "previous":
            self._sign_last(borne.text)
        else:
            self._flush_results()
            content = item.content if isinstance(item.content, list) else None
            self._turn += thoughts(item.summary, content, item.encrypted_content, item.id)
            self._number += 1

    def _sign_last(self, signature: str) -> None:
        last = self._turn[-1] if self._turn else None
        if isinstance(last, Text | ToolCall):
            self._turn[-1] = msgspec.structs.replace(last, signature=signature)

    def _has_spoken(self) -> bool:
        """Has the model said something in this turn, and not called anything yet, so that more is another message?
        Calls stay in one message with all that comes before their outputs.
        """
        kinds = [type(part) for part in self._turn]
        return Text in kinds and ToolCall not in kinds

    def _flush_turn(self) -> None:
        if self._turn:
            self.messages.append(Message("assistant", tuple(self._turn)))
            self._turn = []

    def _flush_results(self) -> None:
        if self._results:
            self.messages.append(Message("tool", tuple(self._results)))
            self._results = []


def _parts_of(content: str | list[parts.Content] | None, index: int, field: str) -> tuple[Part, ...] | Malformed:
    if isinstance(content, str):
        return (Text(content),)
    if content is None:
        return absent(f"input[{index}].{field}")
    found: list[Part] = []
    for number, each in enumerate(content):
        part = parts.read(each)
        if isinstance(part, str):
            return absent(f"input[{index}].{field}[{number}].{part}")
        found.append(part)
    return tuple(found)
