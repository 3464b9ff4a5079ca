"""The conversation, written as items for a provider.

Reasoning goes only to who wrote it: here, what this dialect signed. Calls of any origin keep their ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

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
from headway.wire.openai_responses import parts
from headway.wire.openai_responses.input_read import CONTENT
from headway.wire.openai_responses.vocabulary import DIALECT

MOST_ID = 64
"""Characters of a call's id that the API takes."""

Item = dict[str, object]


class Items:
    """Writes the messages of one request. `own`: it was asked in this dialect, so that everything is put back."""

    def __init__(self, *, own: bool, shares_files: bool) -> None:
        self.written: list[object] = []
        self.dropped: list[str] = []
        self.has_sound = False
        """There is sound or a film among the parts, which this API does not take."""
        self._own = own
        self._shares_files = shares_files
        self._custom: set[str] = set()
        self._thoughts: list[Reasoning] = []
        self._said: list[object] = []
        self._plain: str | None = None
        """All that has been said, if it is one text."""

    def write(self, messages: Sequence[Message], first: int) -> Unsupported | None:
        """`first` is the number of the first of these messages in the request."""
        for index, message in enumerate(messages, first):
            role, said = message.role, message.parts
            if message.name is not None:
                self.dropped.append(f"messages[{index}].name")
            if role == "assistant":
                self._write_turn(said, index)
                continue
            wrong = self._write_results(said, index) if role == "tool" else self._write_said(role, said, index)
            if wrong is not None:
                return wrong
        return None

    def _write_said(self, role: str, said: Sequence[Part], index: int) -> Unsupported | None:
        content = self._contents(said, index)
        if isinstance(content, Unsupported):
            return content
        if self._own:
            self.written.append({"type": "message", "role": role, "content": content})
        elif content:
            self.written.append({"role": role, "content": content})
        return None

    def _contents(self, said: Sequence[Part], index: int) -> str | list[object] | Unsupported:
        """One text stands by itself."""
        if len(said) == 1:
            only = said[0]
            if isinstance(only, Text) and (only.cache is None or not self._own):
                return only.text
        place = f"messages[{index}]"
        contents: list[object] = []
        for part in said:
            if isinstance(part, Image | File) and part.source.file_id is not None and not self._shares_files:
                return Unsupported("file_id", "knows no files that another provider keeps")
            if isinstance(part, Opaque) and part.dialect == DIALECT:
                contents.append(part.raw)
                continue
            if isinstance(part, Audio | Video):
                self.has_sound = True
            written = parts.write_content(part, place, own=self._own, dropped=self.dropped)
            if written is not None:
                contents.append(written)
        return contents

    def _write_results(self, results: Sequence[Part], index: int) -> Unsupported | None:
        for result in results:
            if not isinstance(result, ToolResult):
                self.dropped.append(f"messages[{index}].{parts.kind_of(result)}")
                continue
            output = self._contents(result.parts, index)
            if isinstance(output, Unsupported):
                return output
            if result.is_error:
                self.dropped.append(f"messages[{index}].is_error")
            custom = result.custom or result.call_id in self._custom
            kind = "custom_tool_call_output" if custom else "function_call_output"
            self.written.append({"type": kind, "call_id": _call_id(result.call_id), "output": output or ""})
        return None

    def _write_turn(self, said: Sequence[Part], index: int) -> None:
        for part in said:
            if self._said and not (isinstance(part, Text | Refusal) or _is_content(part)):
                self._end_words()
            if self._thoughts and not isinstance(part, Reasoning):
                self._end_thoughts()
            match part:
                case Text():
                    self._write_words(part, index)
                case ToolCall():
                    self.written.append(self._call(part))
                case Reasoning():
                    self._think(part, index)
                case Refusal():
                    self._said.append({"type": "refusal", "refusal": part.text})
                case Opaque():
                    self._write_opaque(part, index)
                case _:
                    self.has_sound = self.has_sound or isinstance(part, Audio | Video)
                    self.dropped.append(f"messages[{index}].{parts.kind_of(part)}")
        if self._said:
            self._end_words()
        if self._thoughts:
            self._end_thoughts()

    def _write_words(self, part: Text, index: int) -> None:
        annotations: list[msgspec.Raw] = []
        if part.citations:
            annotations = [each.raw for each in part.citations if each.dialect == DIALECT and each.raw]
        if len(annotations) < len(part.citations):
            self.dropped.append(f"messages[{index}].citations")
        self._plain = None if annotations else part.text
        self._said.append({"type": "output_text", "text": part.text, "annotations": annotations})

    def _write_opaque(self, part: Opaque, index: int) -> None:
        if part.dialect != DIALECT:
            self.dropped.append(f"messages[{index}].{part.kind}")
        elif _is_content(part):
            self._said.append(part.raw)
        else:
            self.written.append(part.raw)

    def _end_words(self) -> None:
        """One message for all that was said in a run."""
        said, self._said = self._said, []
        plain, self._plain = self._plain if len(said) == 1 else None, None
        if self._own:
            self.written.append({"type": "message", "role": "assistant", "content": said})
        elif plain is not None:
            self.written.append({"role": "assistant", "content": plain})
        else:
            self.written.append(
                {
                    "type": "message",
                    "id": f"msg_{len(self.written)}",
                    "role": "assistant",
                    "status": "completed",
                    "content": said,
                }
            )

    def _call(self, call: ToolCall) -> Item:
        item: Item = {"type": "function_call", "call_id": _call_id(call.id), "name": call.name}
        if call.item is not None and (self._own or call.item.startswith(("fc_", "ctc_"))):
            item["id"] = call.item
        if call.custom:
            self._custom.add(call.id)
            item["type"] = "custom_tool_call"
            item["input"] = call.arguments
        else:
            item["arguments"] = call.arguments if self._own or call.arguments.strip() else "{}"
        return item

    def _think(self, part: Reasoning, index: int) -> None:
        """Collects the parts of one item: what is encrypted stands in its last."""
        if part.origin not in (None, DIALECT) or (part.origin is None and not self._own):
            name = f"messages[{index}].reasoning"
            if name not in self.dropped:
                self.dropped.append(name)
            return
        if self._thoughts and self._thoughts[-1].id != part.id:
            self._end_thoughts()
        self._thoughts.append(part)
        if part.signature is not None or part.redacted is not None:
            self._end_thoughts()

    def _end_thoughts(self) -> None:
        thoughts, self._thoughts = self._thoughts, []
        last = thoughts[-1]
        item: Item = {"type": "reasoning"}
        if last.id is not None:
            item["id"] = last.id
        item["summary"] = [{"type": "summary_text", "text": each.text} for each in thoughts if each.summary]
        content = [{"type": "reasoning_text", "text": each.text} for each in thoughts if each.text and not each.summary]
        if content:
            item["content"] = content
        encrypted = last.redacted if last.signature is None else last.signature
        if encrypted is not None:
            item["encrypted_content"] = encrypted
        self.written.append(item)


def _is_content(part: Part) -> bool:
    return isinstance(part, Opaque) and part.kind.startswith(CONTENT)


def _call_id(call_id: str) -> str:
    """The same for a call and its output."""
    if len(call_id) <= MOST_ID:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode()).hexdigest()[:40]
