"""A client's request, read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from headway.wire.form.codec import Said
from headway.wire.form.request import NO_FIELDS, Request
from headway.wire.gemini import shapes
from headway.wire.gemini.conversation import Conversation
from headway.wire.gemini.request_settings import Settings, read_settings, read_tool_config, read_tools
from headway.wire.gemini.shapes import ShapeError, camel, plain, read
from headway.wire.gemini.vocabulary import tier_of
from headway.wire.malformed import Malformed

_CONTENTS = shapes.many(shapes.Content)
_CONTENT = shapes.one(shapes.Content)
_TEXT = msgspec.json.Decoder(str)
_TEXTS = msgspec.json.Decoder(dict[str, str])
_NULL = msgspec.Raw(b"null")


def read_request(body: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    try:
        return _read(body, said)
    except ShapeError as error:
        return error.malformed


def _read(body: Mapping[str, msgspec.Raw], said: Said) -> Request:
    fields = {camel(name): value for name, value in body.items() if value != _NULL}
    fields.pop("model", None)
    extra: dict[str, msgspec.Raw] = {}
    settings = Settings(extra)
    conversation = Conversation(extra, settings.aside)
    for name in tuple(fields):
        if name in _FIELDS:
            _FIELDS[name](fields.pop(name), settings)
    instruction, contents = fields.pop("systemInstruction", None), fields.pop("contents", None)
    if instruction is not None:
        conversation.instruct(read(instruction, _CONTENT, "systemInstruction"))
    if contents is None:
        raise ShapeError("contents is missing", "contents")
    for number, content in enumerate(read(contents, _CONTENTS, "contents")):
        conversation.add(content, number)
    if "cachedContent" in fields:
        settings.needs.append("cachedContent")
    if fields:
        if not all(map(str.isidentifier, fields)):
            raise ShapeError("the request has a field with a name that no field has", "")
        extra.update(fields)
    return Request(
        dialect="gemini",
        model=said.model,
        stream=said.stream,
        messages=conversation.done(),
        extra=MappingProxyType(extra) if extra else NO_FIELDS,
        aside=MappingProxyType(settings.aside) if settings.aside else NO_FIELDS,
        needs=tuple(settings.needs),
        **settings.told,
    )


def _labels(raw: msgspec.Raw, settings: Settings) -> None:
    plain(raw, _TEXTS, "labels")
    settings.told["metadata"] = raw


def _service_tier(raw: msgspec.Raw, settings: Settings) -> None:
    settings.told["service_tier"] = tier_of(plain(raw, _TEXT, "serviceTier"))


_FIELDS = {
    "generationConfig": read_settings,
    "toolConfig": read_tool_config,
    "tools": read_tools,
    "labels": _labels,
    "serviceTier": _service_tier,
}
