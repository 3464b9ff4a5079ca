"""Counting the tokens of a conversation."""

from __future__ import annotations

import json

from headway.wire.converse import invoke
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed

SAID = Said(model="m", stream=False)


def test_recorded_counts_are_asked_and_answered_in_the_same_words(recordings, fields, validate):
    seen = 0
    for recorded in recordings:
        if recorded.operation != "count-tokens" or "converse" not in recorded.request["input"]:
            continue
        seen += 1
        request = invoke.read_count_request(fields(recorded.request), SAID)
        assert isinstance(request, Request)
        written = invoke.write_count_request(request, Toward(model=recorded.model))
        assert isinstance(written, Written)
        body = json.loads(written.body)
        validate("CountTokens", {"modelId": recorded.model} | body)
        asked = {name: value for name, value in recorded.request["input"]["converse"].items() if value}
        assert body == {"input": {"converse": asked}}
        count = invoke.read_count(recorded.body)
        assert isinstance(count, int)
        assert json.loads(invoke.write_count(count)) == json.loads(recorded.body)
    assert seen == 3


def test_what_counts_for_nothing_is_left_out(foreign):
    written = invoke.write_count_request(foreign(max_output=5, seed=1), Toward(model="m"))
    assert isinstance(written, Written)
    assert set(json.loads(written.body)["input"]["converse"]) == {"messages"}


def test_a_conversation_that_cannot_be_written_is_not_counted(foreign):
    assert isinstance(invoke.write_count_request(foreign(n=2), Toward(model="m")), Unsupported)


def test_bodies_of_other_makers_are_not_counted(fields):
    found = invoke.read_count_request(fields({"input": {"invokeModel": {"body": "e30="}}}), SAID)
    assert found == Malformed("Tokens are counted of input.converse only", "input.invokeModel")
    assert invoke.read_count_request(fields({}), SAID) == Malformed("input is missing", "input")
    wrong = invoke.read_count_request(fields({"input": {"converse": 5}}), SAID)
    assert isinstance(wrong, Malformed)
    assert wrong.param == "input.converse"


def test_an_answer_without_a_count_is_none():
    assert isinstance(invoke.read_count(b'{"inputTokens":"x"}'), NoReply)
    assert invoke.read_count(b'{"inputTokens":12}') == 12
