"""What a whole reply says about itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.openai import response
from headway.wire.openai.response import Reply

if TYPE_CHECKING:
    from wire.conftest import Recording


def test_recorded_replies_are_valid_and_their_usage_is_what_a_full_parse_finds(
    replies: list[Recording], full_usage: Callable[[Any], Usage | None]
):
    found = 0
    for each in replies:
        reply = response.read(each.body)
        wanted = full_usage(json.loads(each.body))
        assert reply == Reply(valid=True, usage=wanted), each.id
        found += wanted is not None
    assert found > 300


def test_no_recorded_reply_is_valid_while_a_part_of_it_is_missing(replies: list[Recording]):
    for each in replies[::10]:
        whole = each.body.rstrip()
        for at in {0, 1, len(whole) // 2, len(whole) - 1}:
            assert not response.read(whole[:at]).valid, (each.id, at)


def test_recorded_errors_are_not_mistaken_for_answers(recordings: list[Recording]):
    errors = [each for each in recordings if each.status >= 400 and b'"error"' in each.body and each.body[:1] == b"{"]
    assert len(errors) > 5
    for each in errors:
        reply = response.read(each.body)
        assert reply.valid, each.id
        assert reply.error is isinstance(json.loads(each.body).get("error"), dict | str), each.id


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (b'{"error":{"message":"x"}}', Reply(valid=True, error=True)),
        (b'{"error":"x"}', Reply(valid=True, error=True)),
        (b'{"error":null,"choices":[]}', Reply(valid=True, empty=True)),
        (b'{"error":{"code":1},"object":"x","choices":[]}', Reply(valid=True, empty=True)),
        (b'{"object":"response","status":"failed","error":{"code":"x"}}', Reply(valid=True)),
        (b"{}", Reply(valid=True)),
        (b"[1,2]", Reply(valid=True)),
        (b'"text"', Reply(valid=True)),
        (b'{"text":"half a pair: \\ud83d"}', Reply(valid=True)),
        (b'{"logprob":NaN}', Reply(valid=True)),
        (b"", Reply(valid=False)),
        (b"[1,2", Reply(valid=False)),
        (b'{"a":1', Reply(valid=False)),
        (b'{"a":1}{', Reply(valid=False)),
        (b"<html>", Reply(valid=False)),
        (b"\xff\xfe", Reply(valid=False)),
        (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", Reply(valid=False)),
        (b"[" * 200_000 + b"]" * 200_000, Reply(valid=False)),
    ],
)
def test_a_reply_is_judged(body: bytes, reply: Reply):
    assert response.read(body) == reply


# --- choices ---

FAULT = {"finish_reason": "function_call_filter: MALFORMED_FUNCTION_CALL"}


@pytest.mark.parametrize("usage", [{}, {"usage": {"prompt_tokens": 1}}, {"usage": {"prompt_tokens": "one"}}])
def test_an_answer_without_any_choice_is_empty(usage: dict[str, Any]):
    assert response.read(json.dumps({"choices": [], **usage}).encode()).empty
    for choices in (
        [{}],
        [{"finish_reason": "stop"}],
        [{"finish_reason": "odd"}],
        [{"finish_reason": 7}],
        [7],
        {},
        None,
    ):
        reply = response.read(json.dumps({"choices": choices, **usage}).encode())
        assert (reply.valid, reply.empty, reply.fault) == (True, False, False), choices


def test_what_has_no_choices_by_nature_is_not_empty():
    assert not response.read(b'{"object":"response","output":[]}').empty
    assert not response.read(b'{"object":"list","data":[]}').empty


@pytest.mark.parametrize("usage", [{}, {"usage": {"prompt_tokens": 1}}, {"usage": {"prompt_tokens": "one"}}])
@pytest.mark.parametrize(
    ("choices", "fault"),
    [
        ([FAULT], True),
        ([{"finish_reason": "function_call_filter: UNEXPECTED_TOOL_CALL"}], True),
        ([{"finish_reason": "MALFORMED_FUNCTION_CALL"}], True),
        ([{"finish_reason": "malformed_function_call", "message": {"content": "Hi"}}], True),
        ([FAULT, FAULT], True),
        ([FAULT, {"finish_reason": "stop"}], False),
        ([FAULT, {}], False),
        ([{"finish_reason": "function_call"}], False),
        ([{"finish_reason": "content_filter"}], False),
        ([{"finish_reason": ""}], False),
        ([{"finish_reason": None}], False),
        ([{"message": {"content": "MALFORMED_FUNCTION_CALL"}}], False),
    ],
)
def test_a_model_is_at_fault_whose_every_choice_is_rejected(
    choices: list[dict[str, Any]], fault: bool, usage: dict[str, Any]
):
    reply = response.read(json.dumps({"choices": choices, **usage}).encode())
    assert (reply.fault, reply.empty) == (fault, False)
    assert reply.usage == (Usage(1) if usage.get("usage") == {"prompt_tokens": 1} else None)


# --- usage ---


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}, Usage(3, 5)),
        ({"input_tokens": 3, "output_tokens": 5}, Usage(3, 5)),
        ({"prompt_tokens": 3, "total_tokens": 3}, Usage(3, 0)),
        ({"prompt_tokens": 3, "completion_tokens": None}, Usage(3, 0)),
        ({"prompt_tokens": 0, "input_tokens": 9, "completion_tokens": 0}, Usage(0, 0)),
        ({"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 2}}, Usage(3, 0, 2)),
        ({"input_tokens": 3, "input_tokens_details": {"cached_tokens": 2}}, Usage(3, 0, 2)),
        ({"completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 2}}, Usage(0, 3, 0, 2)),
        ({"output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 2}}, Usage(0, 3, 0, 2)),
        ({"prompt_tokens": 3, "prompt_tokens_details": None, "completion_tokens_details": {}}, Usage(3, 0)),
        ({"prompt_tokens": 3, "completion_tokens": -1}, Usage(3, 0)),
        ({"total_tokens": 8}, None),
        ({"prompt_tokens": "3"}, None),
        ({}, None),
        (None, None),
        ([3], None),
    ],
)
def test_usage_is_told_in_either_apis_words(usage: Any, expected: Usage | None):
    assert response.usage_of(msgspec.Raw(json.dumps(usage).encode())) == expected
    assert response.read(json.dumps({"usage": usage}).encode()).usage == expected


def test_a_reply_without_usage_has_none():
    assert response.usage_of(msgspec.Raw()) is None


counts = st.none() | st.integers(-5, 2**70)


@given(
    st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"]), counts)
)
def test_counters_only_ever_grow(usage: dict[str, int | None]):
    found = response.usage_of(msgspec.Raw(json.dumps(usage).encode()))
    assert found is None or min(found.input_tokens, found.output_tokens) >= 0


@given(st.binary(max_size=60))
def test_any_bytes_can_be_judged(body: bytes):
    for given_body in (body, b'{"usage":' + body, b'{"usage":' + body + b"}", b'{"choices":' + body + b"}"):
        assert isinstance(response.read(given_body), Reply)
