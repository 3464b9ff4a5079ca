"""Errors in OpenAI's form: those we write, and those of providers, in whatever form they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseErrorEvent, ResponseFailedEvent

from headway.wire import sse
from headway.wire.endpoints import ENDPOINTS
from headway.wire.openai import errors, stream
from headway.wire.openai.opening import Opening, created_in, judge

if TYPE_CHECKING:
    from wire.conftest import Recording

CHAT, _, RESPONSES = ENDPOINTS[:3]
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


text = st.text(st.characters(exclude_categories=["Cs"]))
CREATED = b'{"type":"response.created","response":{"id":"resp_1","output":[],"error":null},"sequence_number":0}'


RAISED = {"message": "no more came", "type": "server_error", "param": None, "code": "stream_interrupted"}
"""What makes OpenAI's own client raise."""


@given(text)
def test_the_event_that_ends_a_broken_stream_is_one_event_and_an_error(message: str):
    chat, plain = errors.event(message, code="c"), errors.response_event(message, code="c")
    failed = errors.response_event(message, code="c", created=CREATED.replace(b",", b"\r\n,"))
    for event, endpoint in ((chat, CHAT), (plain, RESPONSES), (failed, RESPONSES)):
        assert sse.split(event) == ([event], b"")
        data = sse.data_of(event)
        assert data is not None
        assert judge(endpoint, event) == Opening("error", data)
        assert stream.error_in(event) == (0, len(event), data)
        told = json.loads(data)
        assert (told.get("response", told).get("error") or told)["message"] == message


def test_a_response_that_is_known_fails_as_what_it_was():
    event = errors.response_event("no more came", code="stream_interrupted", created=CREATED)
    assert event.startswith(b"event: response.failed\ndata: ")
    assert json.loads(sse.data_of(event) or b"") == {
        "type": "response.failed",
        "sequence_number": 1,
        "response": {
            "id": "resp_1",
            "output": [],
            "error": {"code": "server_error", "message": "no more came"},
            "status": "failed",
        },
        "error": RAISED,
    }


@pytest.mark.parametrize("created", [None, b"", b"{", b"{}", b'{"response":null}', b'{"response":[]}', b"\xff", DEEP])
def test_a_response_that_is_not_known_ends_with_an_error(created: bytes | None):
    event = errors.response_event("no more came", code="stream_interrupted", created=created)
    assert event.startswith(b"event: error\ndata: ")
    assert json.loads(sse.data_of(event) or b"") == {
        "type": "error",
        "code": "stream_interrupted",
        "message": "no more came",
        "param": None,
        "sequence_number": 0,
        "error": RAISED,
    }


def numbered(number: Any, **more: Any) -> bytes:
    return sse.encode(json.dumps({"type": "x", "sequence_number": number, **more}).encode(), event=b"x")


@pytest.mark.parametrize("created", [None, CREATED])
@pytest.mark.parametrize(
    ("seen", "number"),
    [
        (numbered(7), 8),
        (numbered(7) + numbered(8), 9),
        (numbered(7) + b": hold on\n\n", 8),
        (numbered(7).replace(b"\n", b"\r\n"), 8),
        (numbered(7)[9:], 8),
        (b'umber":6}\n\n' + numbered(7), 8),
        (numbered(7) + numbered("8") + numbered(-1) + numbered(10**30), 8),
        (numbered(7, text='"sequence_number": 99'), 8),
        (numbered(7, schema={"sequence_number": 99}), 8),
        (numbered(7, text="x").rstrip()[:-3], 8),
        (numbered(6) + numbered(7, text="x").rstrip()[:-3], 8),
    ],
)
def test_an_event_has_the_next_number(seen: bytes, number: int, created: bytes | None):
    data = sse.data_of(errors.response_event("x", code="c", seen=seen, created=created))
    assert json.loads(data or b"")["sequence_number"] == number


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_may_have_been_seen(seen: bytes, created: bytes):
    for given_seen in (seen, b'data: {"sequence_number":' + seen + b"}\n\n"):
        for given_created in (created, b'{"response":' + created + b"}"):
            event = errors.response_event("x", code="c", seen=given_seen, created=given_created)
            assert json.loads(sse.data_of(event) or b"")["sequence_number"] >= 0


# --- as OpenAI's own client reads them ---


def heard(body: bytes) -> list[Any]:
    """The events that the client's accumulator of responses gives for a stream of these bytes."""
    reply = httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)
    transport = httpx2.MockTransport(lambda request: reply)
    client = openai.OpenAI(api_key="k", base_url="http://up/v1", http_client=httpx2.Client(transport=transport))
    with client, client.responses.stream(model="m", input="hi") as events:
        return list(events)


def test_the_end_of_a_broken_response_is_what_openais_client_expects(streams: list[Recording]):
    tried = 0
    for each in streams:
        if each.provider != "openai" or each.endpoint is not RESPONSES:
            continue
        created = created_in(each.body)
        begun = sse.split(each.body)[0][:6]
        seen = b"".join(begun)
        failed = errors.response_event("no more came", code="x", seen=seen, created=created)
        event = ResponseFailedEvent.model_validate_json(sse.data_of(failed) or b"")
        assert event.response.status == "failed"
        assert event.response.error is not None
        assert (event.response.error.code, event.response.error.message) == ("server_error", "no more came")
        assert event.sequence_number == json.loads(sse.data_of(begun[-1]) or b"").get("sequence_number", -1) + 1
        plain = errors.response_event("no more came", code="x", seen=seen)
        assert ResponseErrorEvent.model_validate_json(sse.data_of(plain) or b"").code == "x"
        if tried < 3:
            for last in (failed, plain):
                with pytest.raises(openai.APIError, match="no more came"):
                    heard(seen + last)
        tried += 1
    assert tried > 10
