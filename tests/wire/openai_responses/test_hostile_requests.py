"""Requests that cannot be read are refused in plain words, which name the field and quote nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.wire.form.codec import Said
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed
from headway.wire.openai_responses.codec import CODEC

Ask = Callable[[Mapping[str, Any]], Request | Malformed]
TEXT = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("fields", "message", "param"),
    [
        ({"input": 5}, "input must be a string or a list", "input"),
        ({"input": [7]}, "input[0] must be an object, not a whole number", "input[0]"),
        (
            {"input": [TEXT, {"role": 5, "content": "x"}]},
            "input[1].role must be a string, not a whole number",
            "input[1].role",
        ),
        ({"input": [{"role": "user"}]}, "input[0].content is missing", "input[0].content"),
        ({"input": [{"type": "message", "content": "x"}]}, "input[0].role is missing", "input[0].role"),
        ({"input": [{"content": "x"}]}, "input[0].role is missing", "input[0].role"),
        (
            {"input": [{"role": "user", "content": [{"type": 7}]}]},
            "input[0].content[0].type must be a string, not a whole number",
            "input[0].content[0].type",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": ["a"]}]}]},
            "input[0].content[0].text must be a string, not a list",
            "input[0].content[0].text",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].image_url is missing",
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
            "input[0].call_id is missing",
            "input[0].call_id",
        ),
        (
            {"input": [{"type": "function_call_output", "output": "x"}]},
            "input[0].call_id is missing",
            "input[0].call_id",
        ),
        ({"temperature": "hot"}, "temperature must be a number, not a string", "temperature"),
        ({"max_output_tokens": 1.5}, "max_output_tokens must be a whole number, not a number", "max_output_tokens"),
        ({"tools": {}}, "tools must be a list, not an object", "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0].name is missing", "tools[0].name"),
        ({"tools": [{"name": "f"}]}, "tools[0].type is missing", "tools[0].type"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name is missing", "tool_choice.name"),
        ({"tool_choice": "secret"}, "tool_choice has a value that is not known", "tool_choice"),
        ({"text": []}, "text must be an object, not a list", "text"),
        ({"text": {"verbosity": 5}}, "text.verbosity must be a string, not a whole number", "text.verbosity"),
        (
            {"text": {"format": {"type": "json_schema", "name": "a"}}},
            "text.format.schema must be an object",
            "text.format.schema",
        ),
        ({"reasoning": {"effort": 5}}, "reasoning.effort must be a string, not a whole number", "reasoning.effort"),
        ({"include": "all"}, "include must be a list, not a string", "include"),
        ({"metadata": []}, "metadata must be an object, not a list", "metadata"),
        ({"safety_identifier": 5}, "safety_identifier must be a string, not a whole number", "safety_identifier"),
    ],
)
def test_wrong_types_are_named(ask: Ask, fields: dict[str, Any], message: str, param: str):
    assert ask({"model": "m", "input": "Hi", **fields}) == Malformed(message, param)


def test_nothing_that_was_sent_is_quoted(ask: Ask):
    refused = ask({"model": "m", "input": [{"role": "sk-secret", "content": "x"}]})
    assert isinstance(refused, Malformed)
    assert "secret" not in refused.message


def test_deep_nesting_is_refused_like_anything_else():
    deep = b"[" * 100_000 + b"]" * 100_000
    fields = {"input": msgspec.Raw(deep), "tools": msgspec.Raw(deep)}
    assert isinstance(CODEC.read_request(fields, Said(model="m", stream=False)), Malformed)


LEAF = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5)
)
FLAT = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(st.text(max_size=5), LEAF, max_size=3)
ANY = FLAT | st.lists(FLAT, max_size=3) | st.dictionaries(st.text(max_size=5), FLAT, max_size=3)
ITEM = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["message", "function_call", "function_call_output", "custom_tool_call", "reasoning", "web_search_call"]
        )
        | ANY,
        "role": st.sampled_from(["user", "assistant", "system"]) | ANY,
        "content": st.lists(
            st.fixed_dictionaries(
                {"type": st.sampled_from(["input_text", "output_text", "input_file", "refusal", "odd"]) | ANY},
                optional={"text": ANY, "file_data": ANY, "annotations": ANY, "odd": ANY},
            ),
            max_size=2,
        )
        | ANY,
        "call_id": st.text(max_size=3) | ANY,
        "name": st.text(max_size=3) | ANY,
        "arguments": ANY,
        "output": ANY,
        "summary": ANY,
        "encrypted_content": st.sampled_from(["hw1.gemini.x", "hwc.hw1.gemini.x", "hwp.", "hwr.hw1."]) | ANY,
        "odd": ANY,
    },
)
BODY = st.fixed_dictionaries(
    {"input": st.lists(ITEM, max_size=4) | ANY},
    optional=dict.fromkeys(
        ("tools", "tool_choice", "text", "reasoning", "include", "metadata", "temperature", "stream_options"), ANY
    ),
)


@settings(max_examples=300, deadline=None)
@given(BODY)
def test_whatever_comes_is_read_or_refused(body: dict[str, Any]):
    fields = msgspec.json.decode(json.dumps(body), type=dict[str, msgspec.Raw])
    request = CODEC.read_request(fields, Said(model="m", stream=False))
    if isinstance(request, Malformed):
        assert request.message
    else:
        assert isinstance(CODEC.write_request(request, Toward(model="m")), Written | Unsupported)
