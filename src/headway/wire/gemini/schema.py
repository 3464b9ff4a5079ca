"""Gemini's own form of schemas, which is OpenAPI's in part, as JSON schema.

Types are in upper case there, `nullable` says what a union with null says elsewhere, and 64-bit numbers come in quotes.
A schema that has none of it is a JSON schema already and stays as it is.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.gemini.shapes import camel

_OWN_WORDS = re.compile(
    rb'"(?:OBJECT|STRING|NUMBER|INTEGER|BOOLEAN|ARRAY|NULL|TYPE_UNSPECIFIED|nullable|propertyOrdering|example'
    rb"|defs|ref|(?:any|min|max|property|additional)_[a-z]+"
    rb'|(?:min|max)(?:Items|Properties|Length)"\s*:\s*"[^"]*)"'
)
_COUNTS = frozenset({"minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"})
_NAMES = {"example": "examples", "defs": "$defs", "ref": "$ref"}

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def json_schema(raw: msgspec.Raw) -> msgspec.Raw:
    """The same as JSON schema; what is none at all stays what it is."""
    if _OWN_WORDS.search(raw) is None:
        return raw
    try:
        return msgspec.Raw(_encode(_translated(_decode(raw))))
    except UNREADABLE:
        return raw


def _translated(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    told: dict[str, Any] = {}
    nullable = False
    for key, value in cast("dict[str, Any]", schema).items():
        name = camel(key)
        if name == "nullable":
            nullable = value is True
        elif name != "propertyOrdering" and not (name == "type" and value == "TYPE_UNSPECIFIED"):
            told[_NAMES.get(name, name)] = _value(name, value)
    if nullable:
        _allow_null(told)
    return told


def _value(name: str, value: Any) -> Any:
    if name == "type":
        return value.lower() if isinstance(value, str) else value
    if name in ("properties", "defs", "$defs") and isinstance(value, dict):
        return {key: _translated(each) for key, each in cast("dict[str, Any]", value).items()}
    if name in ("items", "additionalProperties"):
        return _translated(value)
    if name in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(value, list):
        return [_translated(each) for each in cast("list[Any]", value)]
    if name == "example":
        return [value]
    if name in _COUNTS and isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:18])
    return value


def _allow_null(schema: dict[str, Any]) -> None:
    kind, options, values = schema.get("type"), schema.get("anyOf"), schema.get("enum")
    if isinstance(kind, str):
        schema["type"] = [kind, "null"]
    elif isinstance(options, list):
        schema["anyOf"] = [*cast("list[Any]", options), {"type": "null"}]
    if isinstance(values, list):
        schema["enum"] = [*cast("list[Any]", values), None]
