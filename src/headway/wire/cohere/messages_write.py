"""The conversation of a request, written for Cohere.

What a model thought is sent back if it is Cohere's or nobody's in particular: as the plan of the calls that it led to,
where it is not known to have been written as thinking.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from headway.wire.cohere import citations
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.media import url_of
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


class _TextBlock(msgspec.Struct, tag_field="type", tag="text", gc=False):
    text: str


class _ThinkingBlock(msgspec.Struct, tag_field="type", tag="thinking", gc=False):
    thinking: str


class _Url(msgspec.Struct, omit_defaults=True, gc=False):
    url: str
    detail: str | None = None


class _ImageBlock(msgspec.Struct, tag_field="type", tag="image_url", gc=False):
    image_url: _Url


class _Data(msgspec.Struct, gc=False):
    data: msgspec.Raw


class _DocumentBlock(msgspec.Struct, tag_field="type", tag="document", gc=False):
    document: _Data


class Function(msgspec.Struct, gc=False):
    name: str
    arguments: str


class Call(msgspec.Struct, tag_field="type", tag="function", gc=False):
    id: str
    function: Function


class _Written(msgspec.Struct, omit_defaults=True):
    role: str
    content: object = None
    tool_calls: list[Call] | None = None
    tool_plan: str | None = None
    tool_call_id: str | None = None
    citations: list[object] | None = None


_read_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Conversation:
    """Writes messages one by one. `written` is what came of them, `dropped` what could not be said."""

    def __init__(self, *, own: bool, kept: Mapping[str, msgspec.Raw]) -> None:
        self.written: list[_Written] = []
        self.dropped: list[str] = []
        self._own = own
        self._kept = kept

    def add(self, number: int, message: Message) -> Unsupported | None:
        where = f"messages[{number}]"
        if message.name is not None:
            self.dropped.append(f"{where}.name")
        match message.role:
            case "tool":
                return self._add_results(where, message)
            case "assistant":
                return self._add_answer(where, message)
            case role:
                return self._add_plain(where, "user" if role == "user" else "system", message)

    def _add_plain(self, where: str, role: str, message: Message) -> Unsupported | None:
        parts = message.parts
        if role == "system" and not self._own and any(isinstance(part, Image) for part in parts):
            self.dropped.append(f"{where}.role")  # instructions are text here
            role = "user"
        if len(parts) == 1 and type(part := parts[0]) is Text and part.cache is None:
            self.written.append(_Written(role, content=part.text))
            return None
        blocks: list[object] = []
        for part in message.parts:
            block = self._block(where, part)
            if isinstance(block, Unsupported):
                return block
            if block is not None:
                blocks.append(block)
        if blocks or not message.parts:
            self.written.append(_Written(role, content=_content(blocks)))
        return None

    def _add_answer(self, where: str, message: Message) -> Unsupported | None:
        blocks: list[object] = []
        calls: list[Call] = []
        plans: list[str] = []
        cited: list[object] = []
        planned = any(isinstance(part, ToolCall) for part in message.parts)
        for part in message.parts:
            match part:
                case ToolCall():
                    if part.custom:
                        return Unsupported("tools", "takes no calls of tools with free text")
                    self._note_cache(where, part)
                    calls.append(Call(part.id, Function(part.name, part.arguments or "{}")))
                case Reasoning() if part.summary if self._own else planned:
                    plans += self._thought(where, part)
                case Reasoning():
                    blocks += map(_ThinkingBlock, self._thought(where, part))
                case Opaque(dialect="cohere", kind="citation"):
                    cited.append(part.raw)
                case _:
                    cited += self._citations(where, part, len(cited), len(blocks))
                    block = self._block(where, part)
                    if isinstance(block, Unsupported):
                        return block
                    if block is not None:
                        blocks.append(block)
        if blocks or calls or not message.parts:
            self.written.append(
                _Written(
                    "assistant",
                    content=_content(blocks) if blocks or not calls else None,
                    tool_calls=calls or None,
                    tool_plan="\n\n".join(plans) or None,
                    citations=cited or None,
                )
            )
            if not self._own and len(self.written) > 1 and self.written[-2].tool_calls:
                self._join()
        return None

    def _join(self) -> None:
        """Calls are followed by their results: what the assistant said in two messages becomes one."""
        more, before = self.written.pop(), self.written[-1]
        blocks = [*_blocks(before.content), *_blocks(more.content)]
        before.content = _content(blocks) if blocks else None
        before.tool_calls = [*(before.tool_calls or ()), *(more.tool_calls or ())]
        before.tool_plan = "\n\n".join(plan for plan in (before.tool_plan, more.tool_plan) if plan) or None

    def _thought(self, where: str, part: Reasoning) -> list[str]:
        """The text of it that may be sent back."""
        if part.origin in (None, "cohere") and part.text:
            return [part.text]
        if part.text or part.redacted is not None or part.signature is not None:
            self.dropped.append(f"{where}.reasoning")
        return []

    def _citations(self, where: str, part: Part, number: int, block: int) -> list[object]:
        if not isinstance(part, Text) or not part.citations:
            return []
        if any(citation.dialect != "cohere" for citation in part.citations):
            self.dropped.append(f"{where}.citations")
        own = [citation for citation in part.citations if citation.dialect == "cohere"]
        written = (citations.write_citation(citation, number, block, part.text) for citation in own)
        return [each for each in written if each is not None]

    def _add_results(self, where: str, message: Message) -> Unsupported | None:
        as_it_was = self._kept.get(f"{where}.documents") if self._own else None
        for part in message.parts:
            if not isinstance(part, ToolResult):
                continue
            if part.is_error:
                self.dropped.append(f"{where}.is_error")
            self._note_cache(where, part)
            blocks: list[object] = []
            for each in part.parts:
                if isinstance(each, Image):
                    return Unsupported("images", "takes no images in the results of tools")
                block = self._block(where, each)
                if isinstance(block, Unsupported):
                    return block
                if block is not None:
                    blocks.append(block)
            content = as_it_was or (_document(part.parts) if part.json else None) or _content(blocks)
            self.written.append(_Written("tool", content=content, tool_call_id=part.call_id))
        return None

    def _block(self, where: str, part: Part) -> object | Unsupported | None:
        """None for what is left out."""
        match part:
            case Text():
                self._note_cache(where, part)
                return _TextBlock(part.text)
            case Image():
                self._note_cache(where, part)
                return _image(part)
            case Refusal():
                return _TextBlock(part.text)
            case Opaque(dialect="cohere"):
                return part.raw
            case Opaque():
                self.dropped.append(f"{where}.{part.kind}")
            case Audio():
                return Unsupported("audio", "takes no audio")
            case Video():
                return Unsupported("video", "takes no video")
            case File():
                return Unsupported("files", "takes no files")
            case Reasoning():
                self.dropped.append(f"{where}.reasoning")
            case ToolCall() | ToolResult():
                self.dropped.append(f"{where}.tool")
        return None

    def _note_cache(self, where: str, part: Text | Image | ToolCall | ToolResult) -> None:
        if part.cache is not None:
            self.dropped.append(f"{where}.cache")


def _image(image: Image) -> _ImageBlock | Unsupported:
    url = url_of(image.source, "image/png")
    if url is None:
        return Unsupported("images", "takes no images that are files at a provider")
    return _ImageBlock(_Url(url, image.detail))


def _content(blocks: list[object]) -> str | list[object]:
    """One text stands alone."""
    match blocks:
        case []:
            return ""
        case [_TextBlock(text=text)]:
            return text
        case _:
            return blocks


def _blocks(content: object) -> list[object]:
    if isinstance(content, list):
        return cast("list[object]", content)
    return [_TextBlock(content)] if isinstance(content, str) and content else []


def _document(parts: tuple[Part, ...]) -> list[_DocumentBlock] | None:
    """A result that is a JSON object, as the document that it is to Cohere."""
    match parts:
        case (Text(text=text),):
            data = text.encode("utf-8", "surrogatepass")
            try:
                _read_object(data)
            except UNREADABLE:
                return None
            return [_DocumentBlock(_Data(msgspec.Raw(data)))]
        case _:
            return None
