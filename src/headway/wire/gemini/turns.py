"""Messages of the form as the contents of a request.

Neighbours of one role become one content. What cannot be said is noted by its place; a part that must not be left out
and cannot be said is why the request is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

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
from headway.wire.form.request import NO_FIELDS, Unsupported
from headway.wire.gemini import media, signatures
from headway.wire.gemini.beside import Beside

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NOTHING = msgspec.Raw(b"{}")
_IN_RESULTS = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
Wire = dict[str, Any]


def object_of(text: str) -> msgspec.Raw | None:
    """The text as the JSON object that it is; None if it is none, and an empty object for nothing."""
    if text in {"", "{}"}:
        return _NOTHING
    document = text.encode(errors="replace")
    try:
        _decode_object(document)
    except UNREADABLE:
        return _NOTHING if not text.strip() else None
    return msgspec.Raw(document)


def arguments_of(text: str) -> msgspec.Raw | Wire:
    """Arguments of a call; text that is no object, as custom tools take it, becomes one."""
    made = object_of(text)
    return {"input": text} if made is None else made


class Turns:
    """Takes messages in; `system` and `contents` are what they come to."""

    """`beside`: what is said beside parts, by their places."""

    def __init__(self, *, own: bool, version: tuple[int, int] | None, beside: Beside) -> None:
        self.system: list[Wire] = []
        self.contents: list[Wire] = []
        self._dropped: dict[str, None] = {}
        self.unsupported: Unsupported | None = None
        self._own = own
        self._newest = version is not None and version >= (3, 0)
        self._names: dict[str, str] = {}
        self._beside = beside

    def take(self, messages: tuple[Message, ...]) -> None:
        leading = True
        last = len(messages) - 1
        for index, message in enumerate(messages):
            role = message.role
            if leading and role in {"system", "developer"} and (index < last or self._own):
                self._write(message.parts, index, self.system)
            elif role == "assistant":
                leading = False
                self._model(message, index)
            else:
                leading = False
                if role in {"system", "developer"}:
                    self._drop(index, "role")
                self._write(message.parts, index, self._of("user"))
            if message.name is not None:
                self._drop(index, "name")
        self.contents = [content for content in self.contents if content["parts"]]
        if self.system and not self.contents and not self._own:  # only the instructions say a word
            self._drop(last, "role")
            self.contents = [{"role": "user", "parts": self.system}]
            self.system = []

    @property
    def dropped(self) -> list[str]:
        return list(self._dropped)

    def _of(self, role: str) -> list[Wire]:
        """Where the parts of this role go next."""
        if self.contents and self.contents[-1]["role"] == role:
            return self.contents[-1]["parts"]
        parts: list[Wire] = []
        self.contents.append({"role": role, "parts": parts})
        return parts

    def _model(self, message: Message, index: int) -> None:
        """Gemini 3 wants the first call of each turn signed."""
        parts = self._of("model")
        self._write(message.parts, index, parts)
        if self._newest and not self._own:
            signatures.mark(parts)

    def _write(self, parts: tuple[Part, ...], index: int, into: list[Wire]) -> None:
        alone = len(parts) == 1 and into is not self.system
        for number, part in enumerate(parts):
            made = self._text(part, index, alone=alone) if isinstance(part, Text) else self._part(part, index)
            if made is None:
                continue
            if self._beside:
                _put_beside(made[0], self._beside.get(f"messages[{index}].parts[{number}]", NO_FIELDS))
            into.extend(made)

    def _drop(self, index: int, name: str) -> None:
        self._dropped[f"messages[{index}].{name}"] = None

    def _part(self, part: Part, index: int) -> list[Wire] | None:
        match part:
            case ToolCall():
                return [self._call(part)]
            case ToolResult():
                return self._result(part, index)
            case Text():
                return self._text(part, index, alone=True)
            case Image() | Audio() | Video() | File():
                return self._media(part, index)
            case Reasoning():
                return self._reasoning(part, index)
            case Refusal():
                return [{"text": part.text}]
            case Opaque():
                if self._own and part.dialect == "gemini":
                    return [_decode_object(part.raw)]
                self._drop(index, part.kind)
                return None
            case _:
                assert_never(part)

    def _text(self, part: Text, index: int, *, alone: bool) -> list[Wire] | None:
        """Nothing is made of an empty text, unless it is all that a message has."""
        if part.citations:
            self._drop(index, "citations")
        if part.signature is not None:
            return [{"text": part.text, "thoughtSignature": part.signature}]
        return [{"text": part.text}] if part.text or alone or self._own else None

    def _media(self, part: media.Media, index: int) -> list[Wire] | None:
        if isinstance(part, Audio) and part.source.data is None and part.source.url is None and part.transcript:
            self._drop(index, "audio")
            return [{"text": part.transcript}]
        if isinstance(part, Image) and part.detail not in (None, "auto"):
            self._drop(index, "detail")
        if isinstance(part, File):
            for name in ("name", "context", "citations"):
                if getattr(part, name):
                    self._drop(index, name)
        made = media.written(part, own=self._own)
        if made is None:
            self.unsupported = Unsupported("file_id", "cannot read a file that another provider keeps")
            return None
        if isinstance(part, Image) and part.signature is not None:
            made["thoughtSignature"] = part.signature
        return [made]

    def _call(self, part: ToolCall) -> Wire:
        self._names[part.id] = part.name
        made: Wire = {"functionCall": {"id": part.id, "name": part.name, "args": arguments_of(part.arguments)}}
        if part.signature is not None:
            made["thoughtSignature"] = part.signature
        return made

    def _reasoning(self, part: Reasoning, index: int) -> list[Wire] | None:
        if part.origin != "gemini" and not (self._own and part.origin is None):
            self._drop(index, "reasoning")
            return None
        made: Wire = {"text": part.text, "thought": True}
        if part.signature is not None:
            made["thoughtSignature"] = part.signature
        return [made]

    def _result(self, part: ToolResult, index: int) -> list[Wire]:
        texts: list[str] = []
        within: list[Wire] = []
        beside: list[Wire] = []
        for piece in part.parts:
            if isinstance(piece, Text):
                texts.append(piece.text)
                continue
            for made in self._part(piece, index) or ():
                (within if self._own or self._fits(made) else beside).append(made)
        name = part.name or self._names.get(part.call_id) or "tool"
        answer: Wire = {"id": part.call_id, "name": name, "response": self._response(part, "\n".join(texts))}
        if within:
            answer["parts"] = within
        return [{"functionResponse": answer}, *beside]

    def _fits(self, made: Wire) -> bool:
        """Can a result hold it? Others follow the result, as the user's."""
        held = made.get("inlineData")
        return self._newest and held is not None and held["mimeType"] in _IN_RESULTS

    def _response(self, part: ToolResult, text: str) -> Any:
        is_own_text = self._own and not part.json and len(part.parts) == 1
        document = None if is_own_text or not text.lstrip().startswith("{") else object_of(text)
        if part.is_error and not (self._own and document is not None):
            return {"error": document if part.json and document is not None else text}
        return {"result": text} if document is None else document


def _put_beside(part: Wire, beside: Mapping[str, msgspec.Raw]) -> None:
    for name, raw in beside.items():
        outer, _, inner = name.rpartition(".")
        place = part.get(outer, part)
        if isinstance(place, dict):
            place[inner] = raw
