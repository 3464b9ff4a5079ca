"""The conversation of a request, written for Ollama, whose messages have one text and pictures beside it."""

from __future__ import annotations

import msgspec

from headway.wire.form.media import source_of
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
from headway.wire.form.request import Unsupported
from headway.wire.ollama.calls import EMPTY, WrittenCall, WrittenFunction, object_of

_USUAL_DETAIL = (None, "auto")


class _Written(msgspec.Struct, omit_defaults=True):
    role: str
    content: str
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[WrittenCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class _Gathered(msgspec.Struct):
    """What the parts of one message amount to."""

    texts: list[str]
    thoughts: list[str]
    images: list[str]
    calls: list[WrittenCall]

    @property
    def empty(self) -> bool:
        return not (self.texts or self.thoughts or self.images or self.calls)


class Conversation:
    """Writes messages one by one. `written` is what came of them, `dropped` what could not be said."""

    def __init__(self) -> None:
        self.written: list[_Written] = []
        self.dropped: list[str] = []
        self._tools: dict[str, str] = {}
        """The tool of each call, by its id."""

    def add(self, number: int, message: Message) -> Unsupported | None:
        where = f"messages[{number}]"
        if message.name is not None:
            self.dropped.append(f"{where}.name")
        if message.role == "tool":
            return self._add_results(where, message)
        answer = message.role == "assistant"
        role = message.role if answer or message.role == "user" else "system"
        text = _only_text(message.parts)
        if text is not None:
            self.written.append(_Written(role, text))
            return None
        gathered = self._gather(where, message.parts)
        if isinstance(gathered, Unsupported):
            return gathered
        if gathered.empty and message.parts:
            return None
        self.written.append(
            _Written(
                role,
                ("" if answer else "\n\n").join(gathered.texts),
                thinking="".join(gathered.thoughts) or None,
                images=gathered.images or None,
                tool_calls=gathered.calls or None,
            )
        )
        return None

    def _add_results(self, where: str, message: Message) -> Unsupported | None:
        for part in message.parts:
            if not isinstance(part, ToolResult):
                continue
            if part.is_error:
                self.dropped.append(f"{where}.is_error")
            if part.cache is not None:
                self.dropped.append(f"{where}.cache")
            gathered = self._gather(where, part.parts)
            if isinstance(gathered, Unsupported):
                return gathered
            self.written.append(
                _Written(
                    "tool",
                    "\n\n".join(gathered.texts),
                    images=gathered.images or None,
                    tool_name=part.name or self._tools.get(part.call_id),
                    tool_call_id=part.call_id,
                )
            )
        return None

    def _gather(self, where: str, parts: tuple[Part, ...]) -> _Gathered | Unsupported:
        gathered = _Gathered([], [], [], [])
        for part in parts:
            lacking = self._gather_part(where, part, gathered)
            if lacking is not None:
                return lacking
        return gathered

    def _gather_part(self, where: str, part: Part, gathered: _Gathered) -> Unsupported | None:
        self._note(where, part)
        match part:
            case Text() | Refusal():
                gathered.texts.append(part.text)
            case Image():
                return _add_image(part, gathered)
            case Reasoning(text=text) if text and part.origin in (None, "ollama"):
                gathered.thoughts.append(text)
            case Reasoning():
                self.dropped.append(f"{where}.reasoning")
            case ToolCall():
                return self._add_call(where, part, gathered)
            case Opaque():
                self.dropped.append(f"{where}.{part.kind}")
            case Audio():
                return Unsupported("audio", "takes no audio")
            case Video():
                return Unsupported("video", "takes no video")
            case File():
                return Unsupported("files", "takes no files")
            case ToolResult():
                self.dropped.append(f"{where}.tool")
        return None

    def _note(self, where: str, part: Part) -> None:
        """What is beside the content of a part and cannot be said."""
        if isinstance(part, Text | Image | ToolCall) and part.cache is not None:
            self.dropped.append(f"{where}.cache")
        if isinstance(part, Text) and part.citations:
            self.dropped.append(f"{where}.citations")
        if isinstance(part, Image) and part.detail not in _USUAL_DETAIL:
            self.dropped.append(f"{where}.detail")

    def _add_call(self, where: str, call: ToolCall, gathered: _Gathered) -> Unsupported | None:
        if call.custom:
            return Unsupported("tools", "takes no calls of tools with free text")
        arguments = object_of(call.arguments)
        if arguments is None:
            self.dropped.append(f"{where}.arguments")
        self._tools[call.id] = call.name
        index = len(gathered.calls)
        gathered.calls.append(WrittenCall(call.id, WrittenFunction(index, call.name, arguments or EMPTY)))
        return None


def _only_text(parts: tuple[Part, ...]) -> str | None:
    """The text that is all of a message, as it mostly is."""
    if len(parts) == 1 and type(part := parts[0]) is Text and part.cache is None and not part.citations:
        return part.text
    return None


def _add_image(image: Image, gathered: _Gathered) -> Unsupported | None:
    """Pictures are base64 and nothing else."""
    source = image.source
    data = source.data if source.url is None else source_of(source.url).data
    if data is None:
        return Unsupported("images", "takes no images but those in the request itself")
    gathered.images.append(data)
    return None
