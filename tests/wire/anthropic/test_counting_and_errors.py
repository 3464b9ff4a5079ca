"""The counting of tokens, and errors in Anthropic's words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from headway.wire.anthropic.codec import CODEC
from headway.wire.anthropic.counting import (
    read_count_reply,
    read_count_request,
    write_count_reply,
    write_count_request,
)
from headway.wire.form.codec import Said
from headway.wire.form.parts import Message, Text
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Request, Thinking, Tool, Toward, Unsupported, Written

if TYPE_CHECKING:
    from wire.anthropic.conftest import Ask, Recording

CLAUDE = Toward(model="claude-sonnet-4-5")


def test_every_recorded_count_is_written_as_it_was_read(recordings: list[Recording]):
    import msgspec

    counts = [each for each in recordings if "count_tokens" in each.url]
    assert len(counts) == 6
    for recording in counts:
        fields = msgspec.json.decode(json.dumps(recording.request).encode(), type=dict[str, msgspec.Raw])
        request = read_count_request(fields, Said(model="m", stream=False))
        assert isinstance(request, Request)
        written = write_count_request(request, Toward(model=recording.request["model"]))
        assert isinstance(written, Written)
        assert set(json.loads(written.body)) == set(recording.request)


def test_what_only_an_answer_needs_is_not_counted(ask: Ask):
    request = ask(
        Message("system", (Text("Be brief"),)),
        Message("user", (Text("Hello?"),)),
        tools=(Tool(name="f"),),
        thinking=Thinking(effort="low"),
        temperature=0.5,
        stop=("x",),
        user="u",
        stream=True,
    )
    written = write_count_request(request, CLAUDE)
    assert isinstance(written, Written)
    assert set(json.loads(written.body)) == {"model", "system", "messages", "tools", "thinking"}


def test_what_claude_cannot_read_cannot_be_counted(ask: Ask):
    assert isinstance(write_count_request(ask(needs=("conversation",)), CLAUDE), Unsupported)


def test_a_count_is_a_number():
    assert read_count_reply(b'{"input_tokens": 16}') == 16
    assert write_count_reply(16) == b'{"input_tokens":16}'
    assert isinstance(read_count_reply(b'{"error": {}}'), NoReply)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (499, "invalid_request_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "overloaded_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_each_status_has_its_type(status: int, kind: str):
    body = json.loads(CODEC.error_body("It failed", status, "some_code", None))
    assert body == {"type": "error", "error": {"type": kind, "message": "It failed"}}


def test_the_field_at_fault_is_named_once():
    told = json.loads(CODEC.error_body("must be an object", 400, "invalid_request", "tools"))["error"]["message"]
    assert told == "tools: must be an object"
    told = json.loads(CODEC.error_body("tools must be a list", 400, "invalid_request", "tools"))["error"]["message"]
    assert told == "tools must be a list"
