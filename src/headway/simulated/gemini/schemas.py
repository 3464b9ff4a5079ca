"""Google's schemas as the JSON schemas that `sample` knows, and what the Gemini API does not take in them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from headway.simulated.gemini.shapes import Schema
from headway.simulated.reply import Json

_VERTEX_ONLY = ("additional_properties", "defs", "ref")


def json_schema(schema: Schema) -> Json:
    """Types in lower case, and `nullable` left aside: a value is always given."""
    document: Json = msgspec.to_builtins(schema)
    document.pop("nullable", None)
    document.pop("example", None)
    if schema.type is not None:
        document["type"] = schema.type.lower()
    if schema.items is not None:
        document["items"] = json_schema(schema.items)
    if schema.properties is not None:
        document["properties"] = {name: json_schema(inner) for name, inner in schema.properties.items()}
    if schema.any_of is not None:
        document["anyOf"] = [json_schema(inner) for inner in schema.any_of]
    for name in ("minItems", "maxItems", "minLength", "maxLength"):
        if isinstance(bound := document.get(name), str) and bound.isdecimal():
            document[name] = int(bound)
    return document


def beyond_gemini(schema: Schema, place: str) -> Iterator[tuple[str, str]]:
    """What only Vertex AI knows: the name, and where it stands."""
    for name in _VERTEX_ONLY:
        if getattr(schema, name) is not None:
            yield {"additional_properties": "additionalProperties"}.get(name, name), place
    if schema.items is not None:
        yield from beyond_gemini(schema.items, f"{place}.items")
    for index, (_, inner) in enumerate((schema.properties or {}).items()):
        yield from beyond_gemini(inner, f"{place}.properties[{index}].value")
    for index, inner in enumerate(schema.any_of or ()):
        yield from beyond_gemini(inner, f"{place}.any_of[{index}]")
