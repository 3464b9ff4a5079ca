"""Items of a provider's answer, read as parts: the same for whole answers and for streams."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Opaque, Part, Refusal, Text, ToolCall
from headway.wire.openai_responses.groups import joined
from headway.wire.openai_responses.parts import citations_of
from headway.wire.openai_responses.thoughts import thoughts
from headway.wire.openai_responses.vocabulary import DIALECT, Action

_Kind = Literal["message", "function_call", "custom_tool_call", "reasoning"]
_KINDS = frozenset(get_args(_Kind))
_NO_LOGPROBS = (b"", b"[]", b"null")


class Content(msgspec.Struct):
    type: str
    text: str | None = None
    refusal: str | None = None
    annotations: list[msgspec.Raw] | None = None
    logprobs: msgspec.Raw = msgspec.Raw()


class Item(msgspec.Struct):
    """An item of a kind that is known here."""

    type: _Kind
    id: str | None = None
    content: list[Content] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None
    summary: list[Content] | None = None
    encrypted_content: str | None = None


class Hosted(msgspec.Struct):
    """Any other: what the provider's own tools did."""

    kind: str
    raw: msgspec.Raw
    searched: bool


class _Any(msgspec.Struct):
    type: str
    action: msgspec.Raw = msgspec.Raw()


_decode_item = msgspec.json.Decoder(Item).decode
_decode_any = msgspec.json.Decoder(_Any).decode
_decode_action = msgspec.json.Decoder(Action).decode


def item_of(raw: msgspec.Raw) -> Item | Hosted:
    """It raises what reading JSON raises."""
    found = _decode_any(raw)
    if found.type in _KINDS:
        return _decode_item(raw)
    return Hosted(found.type, raw, found.type == "web_search_call" and _is_search(found.action))


def _is_search(action: msgspec.Raw) -> bool:
    """Looking at a page that was found costs nothing."""
    try:
        return _decode_action(action).type in (None, "search")
    except UNREADABLE:
        return True


def parts_of(item: Item | Hosted) -> list[Part]:
    if isinstance(item, Hosted):
        return [Opaque(DIALECT, item.kind, item.raw)]
    match item.type:
        case "message":
            said = map(part_of, item.content or ())
            return [part for part in said if part is not None]
        case "reasoning":
            found = thoughts(item.summary, item.content, item.encrypted_content, item.id)
            return [part for part in found if part.text or part.origin is not None]  # an id alone means nothing
        case _:
            return [call_of(item)]


def part_of(content: Content) -> Text | Refusal | None:
    """None where nothing is said."""
    if content.refusal:
        return Refusal(content.refusal)
    return Text(content.text, citations_of(content.annotations)) if content.text else None


def call_of(item: Item) -> ToolCall:
    custom = item.type == "custom_tool_call"
    arguments = item.input if custom else item.arguments
    name = item.name or ""
    return ToolCall(
        id=item.call_id or item.id or "",
        # a function that was found by a search of tools is a group of its own
        name=name if item.namespace in (None, name) else joined(item.namespace, name),
        arguments=arguments or "",
        custom=custom,
        item=item.id,
    )


def logprobs_of(found: list[msgspec.Raw]) -> msgspec.Raw:
    """Lists of this API as the one object of Chat Completions, which has the same entries; nothing for none."""
    entries = [bytes(raw)[1:-1] for raw in found if has_logprobs(raw)]
    if not entries:
        return msgspec.Raw()
    return msgspec.Raw(b'{"content":[' + b",".join(entries) + b'],"refusal":null}')


def has_logprobs(raw: msgspec.Raw) -> bool:
    text = bytes(raw)
    return text[:1] == b"[" and text not in _NO_LOGPROBS
