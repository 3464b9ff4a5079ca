"""JSON values that a type of an SDK allows, for hypothesis.

Texts are few and plain where their name says that they mean something (addresses, base64, ids); an object has what it
must have and a few of its other fields, fewer the deeper it lies.
"""

from __future__ import annotations

import datetime
import enum
import json
import typing
from functools import cache
from typing import Any

import typing_extensions
from hypothesis import strategies as st

from crossing.shapes import DICTS, LISTS, fields_of, options_of

Values = st.SearchStrategy[Any]

PNG, PDF, REDACTED = "iVBORw0KGgo=", "JVBERi0=", "RXRrRQ=="
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
_DEEPEST = 6
_WORDS = st.sampled_from(["sky", "two words", "Grüße", "line\nbreak", '{"a": [1, 2]}', "x" * 40])
_TEXTS: dict[str, Values] = {
    "url": st.sampled_from(["https://example.com/a.png", f"data:image/png;base64,{PNG}"]),
    "image_url": st.sampled_from(["https://example.com/a.png", f"data:image/png;base64,{PNG}"]),
    "file_url": st.just("https://example.com/a.pdf"),
    "fileUri": st.just("https://example.com/a.pdf"),
    "uri": st.just("s3://bucket/a.png"),
    "data": st.just(PNG),
    "file_data": st.just(f"data:application/pdf;base64,{PDF}"),
    "mimeType": st.sampled_from(["image/png", "application/pdf", "audio/wav", "video/mp4", "text/plain"]),
    "responseMimeType": st.just("application/json"),
    "name": st.sampled_from(["look", "find_it", "say-so"]),
    "tool_name": st.just("look"),
    "arguments": st.sampled_from(["{}", '{"a": "b", "n": 1.5}', ""]),
    "user_id": st.just("user-1"),
    "ttl": st.just("5m"),
    "effort": st.sampled_from(["low", "high"]),
    "namespace": st.just("crm"),
    "schema": st.just(json.dumps(SCHEMA)),
}
_INTEGERS: dict[str, Values] = {
    "max_tokens": st.sampled_from([1, 700, 3000]),
    "max_output_tokens": st.sampled_from([16, 3000]),
    "maxOutputTokens": st.sampled_from([1, 3000]),
    "maxTokens": st.sampled_from([1, 3000]),
    "max_completion_tokens": st.sampled_from([1, 3000]),
    "budget_tokens": st.just(1500),
    "n": st.sampled_from([1, 1, 2]),
    "candidateCount": st.sampled_from([1, 1, 2]),
}
_OBJECTS = st.sampled_from([{"a": "b", "c": [1, None]}, {}])


def _object(name: str) -> Values:
    """An object of which the type says nothing."""
    if name.lower().endswith(("schema", "parameters")):
        return st.just(SCHEMA)
    if name == "logit_bias":
        return st.just({"50": 1})
    return st.just({"team": "a"}) if name in ("metadata", "labels") else _OBJECTS


_NUMBERS = st.sampled_from([0.0, 0.25, 0.5, 1.0])


@cache
def of_type(hint: Any, name: str = "", depth: int = 0) -> Values:
    """Values of the type, in a field of that name."""
    options = options_of(hint)
    known = [option for option in options if option not in (Any, object)] or options  # Any: what a later SDK may know
    if set(known) == {type(None)}:
        known = options
    return st.one_of([found for option in known if (found := _option(option, name, depth)) is not None])


def _option(option: Any, name: str, depth: int) -> Values | None:
    if fields_of(option) is not None:
        return _objects(option, depth) if depth < _DEEPEST else None
    origin, arguments = typing_extensions.get_origin(option), typing_extensions.get_args(option)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in LISTS:
        if not _possible(arguments[0], name, depth + 1):
            return None
        return st.lists(st.deferred(lambda: of_type(arguments[0], name, depth + 1)), min_size=1, max_size=2)
    if origin in DICTS or option is dict:
        wanted = arguments[1] if arguments else Any
        return (
            _object(name)
            if wanted in (Any, object)
            else st.dictionaries(st.just("key"), of_type(wanted, name, depth + 1))
        )
    return _scalar(option, name)


def _possible(hint: Any, name: str, depth: int) -> bool:
    return any(_option(option, name, depth) is not None for option in options_of(hint))


def _scalar(option: Any, name: str) -> Values | None:
    if option is str:
        return _TEXTS.get(name, _WORDS)
    if option is bool:
        return st.booleans()
    if option is int:
        return _INTEGERS.get(name, st.sampled_from([1, 5]))
    if option is float:
        return st.just(40.0) if name == "topK" else _NUMBERS
    if option is bytes:
        return st.just(PNG)
    if option in (Any, object):
        return _object(name)
    if option is datetime.datetime:
        return st.just("2026-01-01T00:00:00Z")
    if isinstance(option, type) and issubclass(option, enum.Enum):
        return st.sampled_from([each.value for each in option if "UNSPECIFIED" not in each.value])
    return None  # None, and what is no JSON


_NEEDED: dict[str, tuple[str, ...]] = {
    "FileFile": ("file_data",),
    "JSONSchema": ("schema",),
    "ResponseInputFileParam": ("file_data",),
    "ResponseInputFileContentParam": ("type", "file_data"),
    "ResponseInputImageParam": ("image_url",),
    "ResponseInputImageContentParam": ("type", "image_url"),
}
"""Fields that are not marked as required, and are."""
_UNHEARD: dict[str, tuple[str, ...]] = {
    "ResponseInputFileParam": ("detail",),
    "ResponseInputFileContentParam": ("detail",),
}
"""Fields that the form has no place for."""


def _objects(shape: Any, depth: int) -> Values:
    @st.composite
    def made(draw: st.DrawFn) -> dict[str, Any]:
        fields = fields_of(shape) or {}
        optional = [
            name for name, field in fields.items() if not field.required and _possible(field.type, name, depth + 1)
        ]
        most = 3 if depth < 2 else 1
        chosen = draw(st.lists(st.sampled_from(optional), max_size=most, unique=True)) if optional else []
        chosen = [name for name in chosen if name not in _UNHEARD.get(shape.__name__, ())]
        chosen += _NEEDED.get(shape.__name__, ("type",))
        names = [name for name, field in fields.items() if field.required or name in chosen]
        if {"file_url", "file_data"} <= {*names}:
            names.remove("file_url")
        if {"file_id", "file_data"} <= {*names} or {"file_id", "image_url"} <= {*names}:
            names.remove("file_id")  # one of them is enough
        return {name: draw(of_type(fields[name].type, name, depth + 1)) for name in names}

    return made()


def of_shape(shape: Any, name: str = "", depth: int = 0) -> Values:
    """Values of a shape of AWS's, as its JSON has them."""
    match shape.type_name:
        case "structure":
            return _structures(shape, depth)
        case "list":
            return st.lists(of_shape(shape.member, name, depth + 1), min_size=1, max_size=2)
        case "map":
            return st.dictionaries(st.just("key"), of_shape(shape.value, "key", depth + 1), max_size=1)
        case "string":
            return st.sampled_from(shape.enum) if shape.enum else _TEXTS.get(name, _WORDS)
        case "blob":
            return st.just(REDACTED if name == "redactedContent" else PNG)
        case "boolean":
            return st.booleans()
        case "integer" | "long":
            return _INTEGERS.get(name, st.sampled_from([1, 5]))
        case "float" | "double":
            return _NUMBERS
        case _:
            return _OBJECTS


@cache
def _members(shape: Any) -> tuple[list[str], list[str]]:
    return list(shape.required_members), [name for name in shape.members if name not in shape.required_members]


def _structures(shape: Any, depth: int) -> Values:
    @st.composite
    def made(draw: st.DrawFn) -> dict[str, Any]:
        if shape.is_document_type:
            return draw(_OBJECTS)
        required, optional = _members(shape)
        if shape.is_tagged_union:
            names = [draw(st.sampled_from(optional))]
        elif optional and depth < _DEEPEST:
            names = required + draw(st.lists(st.sampled_from(optional), max_size=2, unique=True))
        else:
            names = required
        return {name: draw(of_shape(shape.members[name], name, depth + 1)) for name in names}

    return made()
