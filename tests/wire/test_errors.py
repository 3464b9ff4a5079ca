"""Errors in OpenAI's form: those we write, and those of providers, in whatever form they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.wire import sse
from headway.wire.openai import errors, stream

if TYPE_CHECKING:
    from wire.conftest import Recording

DEEP = b"[" * 200_000 + b"]" * 200_000


def told_by(document: Any) -> str | None:
    """The message of an error body, found by looking at all of it."""
    error = document.get("error") if isinstance(document, dict) else None
    if isinstance(error, dict):
        return error.get("message")
    if isinstance(error, str):
        return error
    return document.get("message") or document.get("detail") if isinstance(document, dict) else None


def test_the_message_of_every_recorded_error_is_found(recordings: list[Recording]):
    found = 0
    for each in recordings:
        if each.status < 400:
            continue
        wanted = told_by(json.loads(each.body))
        message = errors.message_in(each.body)
        assert isinstance(wanted, str), each.id
        assert message is not None, each.id
        assert " ".join(wanted.split()).startswith(message.removesuffix("…")), each.id
        found += 1
    assert found > 10


def test_a_recorded_error_can_be_shown_as_it_is_if_it_is_an_object(recordings: list[Recording]):
    for each in recordings:
        if each.status >= 400:
            assert errors.is_error_body(each.body) is isinstance(json.loads(each.body), dict), each.id


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"no such model","type":"x"}}', "no such model"),
        (b'{"error":"no such model"}', "no such model"),
        (b'{"message":"no such model"}', "no such model"),
        (b'{"detail":"no such model"}', "no such model"),
        (b'{"object":"error","message":"no such model","code":404}', "no such model"),
        (b'{"type":"error","error":{"type":"t","message":"no such model"}}', "no such model"),
        (b'{"error":{"code":404},"message":"no such model"}', "no such model"),
        (b'{"error":{"message":"two\\n\\n  lines\\t here"}}', "two lines here"),
        (b'{"error":{"message":""}}', None),
        (b'{"error":{"message":7}}', None),
        (b'{"error":null}', None),
        (b'{"detail":[{"msg":"x"}]}', None),
        (b'[{"error":{"message":"x"}}]', None),
        (b"<html>Bad gateway</html>", None),
        (b"", None),
        (b"\xff", None),
        (b'{"error":%b}' % DEEP, None),
        (b'{"error":{"message":"x","inner":%b}}' % DEEP, None),
    ],
)
def test_a_message_is_quoted_where_there_is_one(body: bytes, message: str | None):
    assert errors.message_in(body) == message


def test_a_long_message_is_cut():
    body = json.dumps({"error": {"message": "word " * 1000}}).encode()
    message = errors.message_in(body)
    assert message is not None
    assert len(message) == errors.MAX_QUOTED
    assert message.endswith("…")


@pytest.mark.parametrize(
    ("body", "readable"),
    [
        (b'{"error":{"message":"x"}}', True),
        (b' \r\n{ "error" : {} } ', True),
        (b'{"error":"x"}', True),
        (b'{"message":"x"}', True),
        (b"[]", False),
        (b'"x"', False),
        (b"", False),
        (b"<html>", False),
        (b'{"error":{"message":"x"}', False),
        (DEEP, False),
        (b'{"error":{"x":%b}}' % DEEP, False),
    ],
)
def test_an_error_that_a_client_can_read_is_an_object(body: bytes, readable: bool):
    assert errors.is_error_body(body) is readable


@given(st.binary(max_size=80))
def test_any_bytes_have_a_message_or_none(body: bytes):
    for given_body in (body, b'{"error":' + body + b"}", b'{"error":{"message":"' + body + b'"}}'):
        message = errors.message_in(given_body)
        assert message is None or (0 < len(message) <= errors.MAX_QUOTED and "\n" not in message)
        errors.is_error_body(given_body)


# --- our own ---


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "authentication_error"),
        (404, "invalid_request_error"),
        (429, "rate_limit_error"),
        (499, "invalid_request_error"),
        (502, "server_error"),
        (504, "server_error"),
    ],
)
def test_an_error_has_the_form_that_openai_documents(status: int, kind: str):
    body = errors.body('say "why"\n', status=status, code="some_code", param="model")
    assert json.loads(body) == {
        "error": {"message": 'say "why"\n', "type": kind, "param": "model", "code": "some_code"}
    }
    assert errors.is_error_body(body)
    assert errors.message_in(body) == 'say "why"'


def test_what_does_not_apply_is_null():
    assert json.loads(errors.body("x", status=400, code=None))["error"] == {
        "message": "x",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_event_that_ends_a_broken_stream_is_one_event_and_an_error(message: str):
    for event in (errors.event(message, code="c"), errors.response_event(message, code="c")):
        assert sse.split(event) == ([event], b"")
        data = sse.data_of(event)
        assert data is not None
        first = stream.first_event(event)
        assert first is not None
        assert first.error == data
        told = json.loads(data)
        assert (told.get("error") or told)["message"] == message
