"""Predictions read, whole and in place of a stream."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.form.assembly import Assembly
from headway.wire.form.codec import Show
from headway.wire.form.parts import Text
from headway.wire.form.reply import Event, Malformed, NoReply, Reply, Reported, Stop
from headway.wire.form.request import Request
from headway.wire.replicate.codec import CODEC

PREDICTION: dict[str, Any] = {
    "id": "p1",
    "model": "meta/llama",
    "version": "hidden",
    "input": {"prompt": "hi", "max_tokens": 20},
    "output": ["Good", " day."],
    "logs": "",
    "error": None,
    "status": "succeeded",
    "created_at": "2026-01-02T03:04:05.123Z",
    "metrics": {"input_token_count": 5, "output_token_count": 3, "predict_time": 0.2, "tokens_per_second": 15.0},
    "urls": {"get": "https://api.replicate.com/v1/predictions/p1"},
}


def read(**changes: Any) -> Reply | NoReply:
    return CODEC.read_reply(json.dumps({**PREDICTION, **changes}).encode())


def test_an_answer_in_pieces_is_one_text():
    reply = read()
    assert isinstance(reply, Reply)
    assert (reply.id, reply.model, reply.created) == ("p1", "meta/llama", 1767323045)
    [choice] = reply.choices
    assert choice.parts == [Text("Good day.")]
    assert choice.stop is Stop.END
    assert reply.usage == Usage(5, 3)


def test_an_answer_may_be_a_text():
    reply = read(output="Good day.", metrics={"predict_time": 1.0})
    assert isinstance(reply, Reply)
    assert reply.choices[0].parts == [Text("Good day.")]
    assert reply.usage is None


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens", "max_new_tokens"])
def test_an_answer_as_long_as_it_may_be_has_been_cut(name: str):
    reply = read(input={name: 3})
    assert isinstance(reply, Reply)
    assert reply.choices[0].stop is Stop.LENGTH


@pytest.mark.parametrize("status", ["starting", "processing", "failed", "canceled", "aborted", ""])
def test_what_did_not_succeed_is_an_error(status: str):
    reply = read(status=status, output=None)
    assert isinstance(reply, NoReply)
    assert reply.is_error


@pytest.mark.parametrize("output", [None, {"url": "x"}, 7, [1], [["a"]]])
def test_what_is_no_text_is_no_answer(output: object):
    reply = read(output=output)
    assert isinstance(reply, NoReply)
    assert not reply.is_error


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b"\xff", b"[" * 100_000, b'{"status": 1}'])
def test_what_is_no_prediction_is_no_answer(body: bytes):
    assert isinstance(CODEC.read_reply(body), NoReply)


@given(
    st.dictionaries(
        st.sampled_from(list(PREDICTION)),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3)) | st.just({"max_tokens": None}),
    )
)
def test_whatever_is_told_it_is_read(changes: dict[str, Any]):
    assert isinstance(read(**changes), Reply | NoReply)


def test_a_prediction_in_place_of_a_stream_says_the_same():
    body = json.dumps(PREDICTION).encode()
    frames, rest = CODEC.split(body)
    assert frames == []
    reader = CODEC.reader()
    events: list[Event] = []
    reader.read(rest, events)
    reader.end(events)
    assert reader.complete
    assembly = Assembly()
    assembly.feed(events)
    assert assembly.reply == CODEC.read_reply(body)


def test_in_place_of_a_stream_errors_are_reported():
    for body, kind in ((b'{"status": "failed"}', Reported), (b"{}", Malformed)):
        reader = CODEC.reader()
        events: list[Event] = []
        reader.read(body, events)
        assert [type(event) for event in events] == [kind]
        assert not reader.complete


def test_what_is_written_is_read_as_the_same():
    reply = read(input=None)
    assert isinstance(reply, Reply)
    show = Show(request_id="r", created=1, model="m", request=Request(dialect="replicate", model="m", messages=()))
    found = CODEC.read_reply(CODEC.write_reply(reply, show))
    assert isinstance(found, Reply)
    assert (found.choices, found.usage) == (reply.choices, reply.usage)
