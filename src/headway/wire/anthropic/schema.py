"""JSON schemas as Anthropic takes them where it guarantees them: for the answer and for strict tools.

Objects must be closed, and constraints beyond the shape are refused. What is taken out stands in the description
instead, so that the model still reads of it. The rules are those that Anthropic's own SDK applies.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from headway.wire.foreign_json import UNREADABLE

_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_ALWAYS = frozenset({"type", "title", "description", "enum", "const", "anyOf", "allOf", "$ref", "$defs", "definitions"})
_OF_TYPE = {"object": frozenset({"properties", "required"}), "array": frozenset({"items"}), "string": frozenset[str]()}
_SILENT = frozenset({"$schema", "$id", "default", "examples", "additionalProperties", "strict"})
"""Keys that constrain nothing, or that are written anew."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode

Schema = dict[str, Any]


def adapted(raw: msgspec.Raw) -> tuple[msgspec.Raw, bool]:
    """The schema, and whether it had to be changed; one that cannot be read is left for the provider to refuse."""
    try:
        schema = _decode(raw)
        found = _adapt(schema)
        return (raw, False) if found == schema else (msgspec.Raw(_encode(found)), True)
    except UNREADABLE:
        return raw, False


def _adapt(schema: Schema) -> Schema:
    kind = schema.get("type")
    kinds = cast("list[Any]", kind) if isinstance(kind, list) else [kind]
    allowed = _ALWAYS.union(*(_OF_TYPE.get(each, frozenset()) for each in kinds if isinstance(each, str)))
    found: Schema = {}
    lost: Schema = {}
    for key, value in schema.items():
        if key in allowed:
            found[key] = _within(key, value)
        elif key == "oneOf" and "anyOf" not in schema:
            found["anyOf"] = _within("anyOf", value)
        elif (key == "format" and value in _FORMATS) or (key == "minItems" and value in (0, 1)):
            found[key] = value
        elif key not in _SILENT:
            lost[key] = value
    if "object" in kinds or "properties" in schema:
        found["additionalProperties"] = False
    if lost:
        said = found.get("description")
        told = _encode(lost).decode()
        found["description"] = f"{said}\n\n{told}" if isinstance(said, str) and said else told
    return found


def _within(key: str, value: Any) -> Any:
    if key in ("anyOf", "allOf") and isinstance(value, list):
        return [_schema(each) for each in cast("list[Any]", value)]
    if key in ("properties", "$defs", "definitions") and isinstance(value, dict):
        return {name: _schema(each) for name, each in cast("Schema", value).items()}
    return _schema(value) if key == "items" else value


def _schema(value: Any) -> Any:
    return _adapt(cast("Schema", value)) if isinstance(value, dict) else value
