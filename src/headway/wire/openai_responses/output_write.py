"""Items of an answer as clients read them: the same for whole answers and for streams.

All that the model says in a run is one message, and neighbouring texts are one content, as clients expect it of this
API. What the form has and this API has no place for rides in reasoning items, see `carried`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Audio, Citation, Image, Opaque, Part, Reasoning, Refusal, Text, ToolCall
from headway.wire.form.reply import Choice
from headway.wire.openai_responses import carried
from headway.wire.openai_responses.groups import GroupedTool
from headway.wire.openai_responses.parts import annotation_of
from headway.wire.openai_responses.vocabulary import DIALECT, end_of

Status = Literal["in_progress", "completed", "incomplete"]


class OutputText(msgspec.Struct):
    text: str
    annotations: list[msgspec.Raw]
    logprobs: list[msgspec.Raw]
    type: str = "output_text"


class OutputRefusal(msgspec.Struct, gc=False):
    refusal: str
    type: str = "refusal"


class MessageItem(msgspec.Struct):
    id: str
    status: Status
    content: list[OutputText | OutputRefusal]
    type: str = "message"
    role: str = "assistant"


class Thought(msgspec.Struct, gc=False):
    type: str
    text: str


class ReasoningItem(msgspec.Struct, omit_defaults=True):
    id: str
    type: str
    summary: list[Thought]
    content: list[Thought] | None = None
    encrypted_content: str | None = None


class CallItem(msgspec.Struct, gc=False):
    id: str
    status: Status
    arguments: str
    call_id: str
    name: str
    type: str = "function_call"
    namespace: str | msgspec.UnsetType = msgspec.UNSET


class CustomItem(msgspec.Struct, gc=False):
    id: str
    status: Status
    call_id: str
    input: str
    name: str
    type: str = "custom_tool_call"
    namespace: str | msgspec.UnsetType = msgspec.UNSET


class ImageItem(msgspec.Struct, gc=False):
    id: str
    result: str
    status: str = "completed"
    type: str = "image_generation_call"


class _Logprobs(msgspec.Struct):
    content: list[msgspec.Raw] | None = None


_decode_logprobs = msgspec.json.Decoder(_Logprobs).decode


Groups = Mapping[str, GroupedTool]


def items_of(choice: Choice, base: str, *, summarise: bool, groups: Groups) -> list[object]:
    """`base` goes into the ids. `summarise`: reasoning is shown as a summary, whatever it is."""
    status, _ = end_of(choice.stop, refused=any(isinstance(part, Refusal) for part in choice.parts))
    last: Status = "incomplete" if status == "incomplete" else "completed"
    items: list[object] = []
    message: MessageItem | None = None
    signature: str | None = None
    for part in choice.parts:
        if isinstance(part, Text | Refusal):
            if message is None:
                message = MessageItem(f"msg_{len(items)}_{base}", "completed", [])
                items.append(message)
            _say(part, message)
            if isinstance(part, Text) and part.signature is not None:
                signature = part.signature
            continue
        if not is_shown(part):
            continue
        if signature is not None:
            items.append(rider(signature, "previous", f"{len(items)}_{base}"))
        message = signature = None
        items += items_of_part(part, len(items), base, summarise=summarise, groups=groups)
    if message is not None:
        message.status = last
        if choice.logprobs:
            _show_logprobs(message, logprobs_in(choice.logprobs))
    if signature is not None:
        items.append(rider(signature, "previous", f"{len(items)}_{base}"))
    return items


def _say(part: Text | Refusal, message: MessageItem) -> None:
    if isinstance(part, Refusal):
        message.content.append(OutputRefusal(part.text))
        return
    content = message.content[-1] if message.content else None
    if not isinstance(content, OutputText):
        content = OutputText("", [], [])
        message.content.append(content)
    if part.citations:
        content.annotations += annotations_of(part.citations, len(content.text), len(part.text))
    content.text += part.text


def annotations_of(citations: tuple[Citation, ...] | list[Citation], base: int, length: int) -> list[msgspec.Raw]:
    found = (annotation_of(each, base, length) for each in citations)
    return [each for each in found if each is not None]


def _show_logprobs(message: MessageItem, logprobs: list[msgspec.Raw]) -> None:
    content = message.content[0]
    if isinstance(content, OutputText):
        content.logprobs = logprobs


def is_shown(part: Part) -> bool:
    """Has this API an item for it? What has none does not even end a message."""
    match part:
        case Opaque():
            return part.dialect == DIALECT
        case Image():
            return part.source.data is not None
        case Audio():
            return bool(part.transcript)
        case _:
            return isinstance(part, ToolCall | Reasoning)


def items_of_part(part: Part, number: int, base: str, *, summarise: bool, groups: Groups) -> Iterator[object]:
    """Of a part that `is_shown`."""
    name = f"{number}_{base}"
    match part:
        case ToolCall():
            if part.signature is not None:
                yield rider(part.signature, "next", name)
                name = f"{number + 1}_{base}"
            yield call_item(part, name, "completed", groups)
        case Reasoning():
            yield reasoning_item(part, f"rs_{name}", summary=part.summary or summarise)
        case Image():
            yield ImageItem(f"ig_{name}", part.source.data or "")
        case Audio():
            yield MessageItem(f"msg_{name}", "completed", [OutputText(part.transcript or "", [], [])])
        case Opaque():
            yield part.raw
        case _:
            pass


def call_item(call: ToolCall, name: str, status: Status, groups: Groups) -> CallItem | CustomItem:
    if call.custom:
        item = CustomItem(f"ctc_{name}", status, call.id, call.arguments, call.name)
    else:
        item = CallItem(f"fc_{name}", status, call.arguments if call.arguments.strip() else "{}", call.id, call.name)
    tool = groups.get(call.name)
    if tool is not None:
        item.name, item.namespace = tool.own, tool.group
    return item


def reasoning_item(part: Reasoning, item: str, *, summary: bool) -> ReasoningItem:
    written = ReasoningItem(item, "reasoning", [])
    if part.text and summary:
        written.summary.append(Thought("summary_text", part.text))
    elif part.text:
        written.content = [Thought("reasoning_text", part.text)]
    if part.signature is not None:
        written.encrypted_content = carried.encrypted(part.signature, part.origin, "signature")
    elif part.redacted is not None:
        written.encrypted_content = carried.encrypted(part.redacted, part.origin, "redacted")
    return written


def rider(signature: str, bearing: carried.Bearing, name: str) -> ReasoningItem:
    """An item that says nothing, and carries the signature of the part behind or before it."""
    sealed = carried.encrypted(signature, carried.SIGNS_PARTS, bearing)
    return ReasoningItem(f"rs_{name}", "reasoning", [], encrypted_content=sealed)


def logprobs_in(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """The entries of Chat Completions' object, which are this API's."""
    try:
        return _decode_logprobs(raw).content or []
    except UNREADABLE:
        return []
