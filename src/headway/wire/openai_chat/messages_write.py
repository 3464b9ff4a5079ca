"""A conversation of the form, as messages of Chat Completions.

Results of tools hold text alone here, so their pictures and documents follow in a message of the user's. What a model
thought goes only where it came from. What cannot be said is listed in `dropped`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import (
    Audio,
    File,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headway.wire.form.request import Request, Toward
from headway.wire.openai_chat.citations import annotations_of
from headway.wire.openai_chat.departures import CALL_ID, SHORT, short_id
from headway.wire.openai_chat.parts_write import PartWriter, Wire
from headway.wire.openai_chat.reasoning import CHAT, details_of
from headway.wire.openai_chat.signatures import content_with
from headway.wire.openai_chat.vocabulary import BREAKPOINT

_NOT_TEXT = (Image, File, Audio, Video)
_NO_TEXT = "The result is in the next message of the user."


class _Typed(msgspec.Struct):
    type: msgspec.Raw = msgspec.Raw()


_decode_typed = msgspec.json.Decoder(_Typed).decode
_encode = msgspec.json.Encoder().encode


class MessageWriter:
    """Writes the messages of one request; `dropped` grows by what they lose."""

    __slots__ = ("_dropped", "_held", "_own", "_part_writer", "_renames", "_request", "_written")

    def __init__(self, request: Request, toward: Toward, dropped: list[str]) -> None:
        self._own = request.dialect == CHAT
        self._renames: Mapping[str, str] = toward.renames
        self._dropped = dropped
        self._request = request
        self._part_writer: PartWriter | None = None
        self._written: list[Wire] = []
        self._held: list[Wire] = []
        """Content of tools' results that waits for the end of the results."""

    def write(self, messages: tuple[Message, ...]) -> list[Wire]:
        for at, message in enumerate(messages):
            role = message.role
            if role == "tool":
                self._results(message, at)
                continue
            if self._held:
                self._release()
            if role == "assistant":
                self._assistant(message, at)
            else:
                self._plain(message, at)
        if self._held:
            self._release()
        return self._written

    @property
    def _parts(self) -> PartWriter:
        """Made once there is more than text."""
        if self._part_writer is None:
            self._part_writer = PartWriter(
                self._dropped,
                own=self._own,
                marks=BREAKPOINT in self._request.aside,
                same_files=self._request.dialect in (CHAT, "openai_responses"),
                documents=self._renames.get("file") == "document_url",
                plain_sound=self._renames.get("input_audio") == "text",
            )
        return self._part_writer

    def _release(self) -> None:
        self._written.append({"role": "user", "content": self._held})
        self._held = []

    def _start(self, role: str, message: Message, at: int) -> Wire:
        wire: Wire = {"role": role}
        if message.name is not None:
            if self._renames.get("name") == "":
                self._dropped.append(f"messages[{at}].name")
            else:
                wire["name"] = message.name
        self._written.append(wire)
        return wire

    # --- system, developer, user ---

    def _plain(self, message: Message, at: int) -> None:
        role = message.role
        if role in ("system", "developer"):
            role = self._renames.get("system", "system" if not self._own else role)
        parts = message.parts
        if message.role != "user" and not self._own and any(isinstance(part, _NOT_TEXT) for part in parts):
            self._dropped.append(f"messages[{at}].role")  # instructions are text here
            role = "user"
        if len(parts) == 1 and message.name is None:
            [part] = parts
            if isinstance(part, Text) and part.cache is None:  # most are
                self._written.append({"role": role, "content": part.text})
                return
        self._content(self._start(role, message, at), parts, f"messages[{at}]", "\n\n")

    def _content(self, wire: Wire, parts: tuple[Part, ...], place: str, between: str) -> None:
        content: list[Wire] = []
        for part in parts:
            if isinstance(part, Text | Image | File | Audio | Video):
                found = self._parts.content(part, place)
                if found is not None:
                    content.append(found)
            else:
                self._odd(wire, content, part, place)
        wire["content"] = self._simple(content, between)

    def _simple(self, content: list[Wire], between: str) -> object:
        """Content as one text, which every provider takes, where it is nothing but text."""
        texts = [each["text"] for each in content if len(each) == 2 and "text" in each]
        if len(texts) == len(content) and (len(texts) <= 1 or not self._own):
            return between.join([str(text) for text in texts])
        return content

    def _odd(self, wire: Wire, content: list[Wire], part: Part, place: str) -> None:
        """A part that has no place in this message's content: of another dialect, or of another kind of message."""
        if isinstance(part, Opaque):
            if part.dialect != CHAT:
                self._dropped.append(f"{place}.{part.kind}")
            elif _is_content(part):
                content.append(msgspec.json.decode(part.raw, type=dict[str, object]))
            else:
                wire[part.kind] = part.raw
        elif isinstance(part, Refusal):
            content.append({"type": "refusal" if self._own else "text", "refusal" if self._own else "text": part.text})
        else:
            self._dropped.append(f"{place}.{type(part).__name__.lower()}")

    # --- tool ---

    def _results(self, message: Message, at: int) -> None:
        place = f"messages[{at}]"
        wire: Wire = {}
        for part in message.parts:
            if isinstance(part, ToolResult):
                wire = self._result(part, place)
                self._written.append(wire)
            else:
                self._odd(wire, [], part, place)

    def _result(self, result: ToolResult, place: str) -> Wire:
        wire: Wire = {"role": "tool", "tool_call_id": self._id(result.call_id)}
        if result.name is not None and self._own:
            wire["name"] = result.name
        if result.cache is not None:
            self._dropped.append(f"{place}.cache")
        if result.is_error:
            self._dropped.append(f"{place}.is_error")
        parts = result.parts
        if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].cache is None:
            wire["content"] = parts[0].text
            return wire
        content: list[Wire] = []
        apart: list[Wire] = []
        for part in parts:
            if isinstance(part, Text | Image | File | Audio | Video):
                found = self._parts.content(part, place)
                if found is not None:
                    (content if found["type"] == "text" or self._own else apart).append(found)
            else:
                self._odd({}, content, part, place)
        wire["content"] = self._simple(content, "\n\n")
        if apart:
            wire["content"] = wire["content"] or _NO_TEXT
            self._held.append({"type": "text", "text": f"From the result of the tool call {result.call_id}:"})
            self._held.extend(apart)
        return wire

    # --- assistant ---

    def _assistant(self, message: Message, at: int) -> None:
        wire = self._start("assistant", message, at)
        place = f"messages[{at}]"
        content: list[Wire] = []
        calls: list[Wire] = []
        refusals: list[str] = []
        thoughts: list[Reasoning] = []
        for part in message.parts:
            match part:
                case Text():
                    self._said(wire, content, part, place)
                case ToolCall():
                    calls.append(self._call(part, place))
                case Refusal() if self._own:
                    refusals.append(part.text)
                case Reasoning():
                    thoughts.append(part)
                case _:
                    self._odd(wire, content, part, place)
        if thoughts and self._renames.get("reasoning_content") == "thinking":
            content[:0] = self._thinking(thoughts, place)
        elif thoughts:
            self._thought(wire, thoughts, place)
        if content or not (calls or refusals):
            wire["content"] = self._simple(content, "")
        else:
            wire["content"] = None
        if refusals:
            wire["refusal"] = "".join(refusals)
        if calls:
            wire["tool_calls"] = calls
        if not self._own and len(self._written) > 1 and "tool_calls" in self._written[-2]:
            self._join()

    def _join(self) -> None:
        """Calls must have their results at once, so that nothing more may be said in between."""
        more, wire = self._written.pop(), self._written[-1]
        for name, value in more.items():
            before = wire.get(name)
            if isinstance(before, str) and isinstance(value, str) and name != "role":
                wire[name] = f"{before}\n\n{value}"
            elif isinstance(before, list) and isinstance(value, list):
                wire[name] = cast("list[object]", before) + cast("list[object]", value)
            elif before is None:
                wire[name] = value

    def _said(self, wire: Wire, content: list[Wire], part: Text, place: str) -> None:
        if part.cache is None:
            content.append({"type": "text", "text": part.text})
        elif (found := self._parts.content(part, place)) is not None:
            content.append(found)
        if part.signature is not None:
            self._signed(wire, part.signature, place)
        if part.citations and self._own:
            wire["annotations"] = annotations_of(part.citations, 0, len(part.text))
        elif part.citations:
            self._dropped.append(f"{place}.citations")

    def _call(self, call: ToolCall, place: str) -> Wire:
        if call.custom:
            wire: Wire = {
                "id": self._id(call.id),
                "type": "custom",
                "custom": {"name": call.name, "input": call.arguments},
            }
        else:
            arguments = call.arguments if self._own or call.arguments.strip() else "{}"
            wire = {
                "id": self._id(call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": arguments},
            }
        if call.signature is not None:
            self._signed(wire, call.signature, place)
        if call.cache is not None:
            self._dropped.append(f"{place}.cache")
        return wire

    def _id(self, call_id: str) -> str:
        """Of a call, as this provider takes ids."""
        return short_id(call_id) if self._renames.get(CALL_ID) == SHORT else call_id

    def _signed(self, wire: Wire, signature: str, place: str) -> None:
        """Gemini's signature, for its endpoint of this dialect; others may refuse the field."""
        if self._own or "extra_content" in self._renames:
            wire["extra_content"] = content_with(signature)
        else:
            self._dropped.append(f"{place}.signature")

    def _thinking(self, thoughts: list[Reasoning], place: str) -> list[Wire]:
        """Thoughts as parts of content, for who has them there."""
        parts: list[Wire] = []
        for thought in thoughts:
            if self._own and thought.signature is None and thought.redacted is None:
                parts.append({"type": "thinking", "thinking": [{"type": "text", "text": thought.text}]})
            else:
                self._dropped.append(f"{place}.reasoning")
        return parts

    def _thought(self, wire: Wire, thoughts: list[Reasoning], place: str) -> None:
        details: list[Wire] = []
        words: list[str] = []
        for thought in thoughts:
            signed = thought.signature is not None or thought.redacted is not None
            if signed and thought.origin == CHAT:
                details.extend(details_of(thought, len(details)))
            elif self._own and not signed:
                words.append(thought.text)
            else:
                self._dropped.append(f"{place}.reasoning")
        if words:
            wire[self._renames.get("reasoning_content", "reasoning_content")] = "".join(words)
        if details:
            wire["reasoning_details"] = details


def _is_content(part: Opaque) -> bool:
    """Is this a part of content, rather than a field of its message?"""
    try:
        kind = _decode_typed(part.raw).type
    except UNREADABLE:
        return False
    return bytes(kind) == _encode(part.kind)
