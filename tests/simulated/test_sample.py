"""JSON for a schema: each check is the schema's own condition, spelt out."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.simulated.sample import sample


def of(schema: dict[str, Any], seed: int = 1) -> Any:
    return sample(schema, Random(seed))


def test_an_object_has_all_its_properties():
    value = of(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "age": {"type": "integer"},
                "score": {"type": "number"},
                "ok": {"type": "boolean"},
                "nothing": {"type": "null"},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["name", "extra"],
        }
    )
    assert list(value) == ["name", "age", "score", "ok", "nothing", "tags", "extra"]
    assert [type(member) for member in value.values()] == [str, int, float, bool, type(None), list, str]
    assert all(isinstance(tag, str) for tag in value["tags"])


@given(st.integers(-1000, 1000), st.integers(0, 1000), st.integers(0, 99))
def test_an_integer_keeps_its_bounds(low: int, span: int, seed: int):
    value = of({"type": "integer", "minimum": low, "maximum": low + span}, seed)
    assert isinstance(value, int)
    assert low <= value <= low + span


@given(st.integers(-100, 100), st.integers(2, 100), st.integers(0, 99))
def test_exclusive_bounds_are_excluded(low: int, span: int, seed: int):
    value = of({"type": "integer", "exclusiveMinimum": low, "exclusiveMaximum": low + span}, seed)
    assert low < value < low + span


@given(st.integers(0, 99))
def test_a_multiple_is_one(seed: int):
    assert of({"type": "integer", "multipleOf": 7, "minimum": 10, "maximum": 60}, seed) % 7 == 0


@pytest.mark.parametrize("high", [0.2, 1.0, -3.25])
def test_a_number_below_a_maximum_alone_is_found(high: float):
    assert of({"type": "number", "maximum": high}) <= high


@given(st.integers(0, 60), st.integers(0, 20))
def test_a_string_keeps_its_length(least: int, span: int):
    assert least <= len(of({"type": "string", "minLength": least, "maxLength": least + span})) <= least + span


def test_enums_and_constants_are_taken_as_they_are():
    assert of({"enum": ["red", "green", 3]}) in ("red", "green", 3)
    assert of({"const": {"a": 1}}) == {"a": 1}


def test_known_formats_are_kept():
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", of({"type": "string", "format": "date"}))
    assert re.fullmatch(r"[0-9a-f-]{36}", of({"type": "string", "format": "uuid"}))
    assert "@" in of({"type": "string", "format": "email"})


def test_alternatives_and_unions_take_the_first():
    assert isinstance(of({"anyOf": [{"type": "integer"}, {"type": "null"}]}), int)
    assert isinstance(of({"type": ["string", "null"]}), str)


def test_parts_are_merged():
    value = of(
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
            ]
        }
    )
    assert set(value) == {"a", "b"}


def test_references_are_followed():
    schema = {
        "$defs": {"Answer": {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}},
        "type": "object",
        "properties": {"answers": {"type": "array", "items": {"$ref": "#/$defs/Answer"}, "minItems": 3}},
    }
    answers = of(schema)["answers"]
    assert len(answers) == 3
    assert all(isinstance(answer["label"], str) for answer in answers)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]},
        {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}, "maxItems": 1}}},
        {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}], "type": "object"},
        {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]},
    ],
)
def test_recursion_ends(schema: dict[str, Any]):
    assert len(msgspec.json.encode(of(schema))) < 100_000


def test_the_same_dice_give_the_same_value():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    assert of(schema, 5) == of(schema, 5)


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["array", "string", "number", "#", "x"])
)
KEYWORDS = [
    "type",
    "properties",
    "items",
    "anyOf",
    "allOf",
    "enum",
    "required",
    "$ref",
    "minItems",
    "maxLength",
    "minimum",
]


@given(
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4),
        max_leaves=12,
    )
)
def test_a_schema_that_makes_no_sense_still_gets_some_json(schema: Any):
    msgspec.json.encode(of({"type": "object", "properties": {"a": schema}, "required": ["a"]}))
