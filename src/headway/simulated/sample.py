"""A value that satisfies a JSON schema: for structured output and the arguments of tools.

It covers what models are asked for: objects, arrays, enums, bounds, common formats, references. It does not cover
`pattern`, `not` and conditions; there the value may fail the schema.
"""

from __future__ import annotations

import math
from random import Random
from typing import Any, cast

from headway.simulated.reply import Json

_DEEPEST = 8
_MOST_VALUES = 2000
"""A schema that asks for more, by recursion, gets nulls from there on."""
_FORMATS = {
    "date": "2025-06-15",
    "time": "12:00:00Z",
    "date-time": "2025-06-15T12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
}
_WORDS = (
    "amber",
    "brook",
    "cedar",
    "dune",
    "ember",
    "fjord",
    "grove",
    "heron",
    "inlet",
    "juniper",
    "kestrel",
    "lagoon",
)


def sample(schema: Json, rng: Random) -> object:
    """A value for the schema. References start at this schema's root."""
    return _Sampler(schema, rng).value(schema, 0)


class _Sampler:
    __slots__ = ("_left", "_rng", "_root")

    def __init__(self, root: Json, rng: Random) -> None:
        self._root = root
        self._rng = rng
        self._left = _MOST_VALUES

    def value(self, schema: object, depth: int) -> object:
        self._left -= 1
        if not isinstance(schema, dict) or self._left < 0 or depth > 4 * _DEEPEST:
            return None
        node = self._resolved(cast("Json", schema))
        if "const" in node:
            return node["const"]
        if options := _items(node.get("enum")):
            return options[self._rng.randrange(len(options))]
        if options := _items(node.get("anyOf")) or _items(node.get("oneOf")):
            return self.value(self._option(options, depth), depth + 1)
        match self._type(node, depth):
            case "object":
                return self._object(node, depth)
            case "array":
                return self._array(node, depth)
            case "string":
                return self._string(node)
            case "integer":
                return math.floor(self._number(node, whole=True))
            case "number":
                return self._number(node, whole=False)
            case "boolean":
                return self._rng.random() < 0.5
            case _:
                return None

    def _resolved(self, node: Json, depth: int = 0) -> Json:
        for _ in range(_DEEPEST):
            reference = node.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#"):
                break
            node = self._at(reference)
        for part in _items(node.get("allOf")):
            if isinstance(part, dict) and depth < _DEEPEST:
                node = _merged(node, self._resolved(cast("Json", part), depth + 1))
        return node

    def _at(self, reference: str) -> Json:
        found: Any = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            found = cast("Json", found).get(name) if isinstance(found, dict) else None
        return cast("Json", found) if isinstance(found, dict) else {}

    @staticmethod
    def _option(options: list[Any], depth: int) -> object:
        """The first, or, where recursion has gone deep, the first that ends it."""
        if depth > _DEEPEST:
            return next((option for option in options if _is_flat(option)), options[0])
        return options[0]

    @staticmethod
    def _type(node: Json, depth: int) -> str:
        declared = node.get("type")
        if isinstance(declared, str):
            return declared
        if types := _items(declared):
            return str("null" if depth > _DEEPEST and "null" in types else types[0])
        return "array" if "items" in node else "object" if "properties" in node else "string"

    def _object(self, node: Json, depth: int) -> Json:
        properties = node.get("properties")
        members = cast("Json", properties) if isinstance(properties, dict) else {}
        required = _items(node.get("required"))
        names = [name for name in members if depth <= _DEEPEST or name in required]
        names += [name for name in required if name not in members]
        return {name: self.value(members.get(name, {"type": "string"}), depth + 1) for name in names}

    def _array(self, node: Json, depth: int) -> list[object]:
        least = _count(node, "minItems", 0)
        count = least if depth > _DEEPEST else max(least, min(2, _count(node, "maxItems", 2)))
        prefix = _items(node.get("prefixItems"))
        shapes = [prefix[i] if i < len(prefix) else node.get("items", {"type": "string"}) for i in range(count)]
        return [self.value(shape, depth + 1) for shape in shapes]

    def _string(self, node: Json) -> str:
        known = _FORMATS.get(str(node.get("format")))
        if known is not None:
            return known
        text = self._rng.choice(_WORDS)
        while len(text) < _count(node, "minLength", 0):
            text += " " + self._rng.choice(_WORDS)
        return text[: _count(node, "maxLength", len(text))]

    def _number(self, node: Json, *, whole: bool) -> float:
        step = abs(_number_at(node, "multipleOf") or 0) or (1 if whole else 0.5)
        low, high = _number_at(node, "minimum", "exclusiveMinimum"), _number_at(node, "maximum", "exclusiveMaximum")
        if low is None:
            low = 1.0 if high is None or high >= 1.0 else high - 10 * step
        first = math.ceil(low / step)
        if first * step == _number_at(node, "exclusiveMinimum"):
            first += 1
        last = first + 40 if high is None else math.floor(min(high / step, first + 40))
        if last * step == _number_at(node, "exclusiveMaximum"):
            last -= 1
        if last < first:
            return low if high is None else (low + high) / 2
        return self._rng.randint(first, last) * step


def _number_at(node: Json, *keys: str) -> float | None:
    """The first of these members that is a number, and no infinity."""
    values = (node.get(key) for key in keys)
    found = (v for v in values if isinstance(v, int | float) and not isinstance(v, bool) and abs(v) < 1e15)
    return next(found, None)


def _count(node: Json, key: str, default: int) -> int:
    return min(_MOST_VALUES, max(0, int(default if (found := _number_at(node, key)) is None else found)))


def _is_flat(schema: object) -> bool:
    return isinstance(schema, dict) and not {"$ref", "properties", "items"} & cast("Json", schema).keys()


def _items(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _merged(node: Json, part: Json) -> Json:
    merged = {**node, **part}
    for key in ("properties", "required"):
        ours, theirs = node.get(key), part.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            merged[key] = {**cast("Json", ours), **cast("Json", theirs)}
        elif isinstance(ours, list) and isinstance(theirs, list):
            merged[key] = [*cast("list[Any]", ours), *cast("list[Any]", theirs)]
    return merged
