"""A failure on whatever arrives: total, bounded, and safe to show."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.failures import Failure, FailureKind
from headway.providers.classification.classify import MAX_QUOTED, classify, classify_event, classify_ok
from headway.providers.classification.hints import LONGEST_HINT
from headway.providers.classification.kinds import OURS, PARKS_A_KEY
from headway.providers.classification.rules import rules
from headway.wire.http_head import Head

PROVIDERS = [*rules().tables, "custom"]
BARE = Head(b"HTTP/1.1 500 X\r\n")

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "code", "type", "message", "details", "retryDelay", "metadata", "headers", "status"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def judged(provider: str, status: int, body: object, head: Head = BARE) -> Failure:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify(provider, status, head, data, who="up/m#k", wall=1_777_636_800.0)


def is_sound(failure: Failure) -> bool:
    wait = failure.retry_after
    return (
        failure.kind not in OURS
        and (wait is None or (math.isfinite(wait) and 0.0 <= wait <= LONGEST_HINT))
        and "\n" not in failure.message
        and len(failure.message) <= MAX_QUOTED + 60
    )


@given(st.sampled_from(PROVIDERS), st.integers(0, 999), st.binary(max_size=200), st.binary(max_size=60))
def test_any_bytes_get_a_failure(provider: str, status: int, body: bytes, value: bytes) -> None:
    value = value.replace(b"\r\n", b"")
    for name in (b"retry-after", b"retry-after-ms", b"x-should-retry", b"x-amzn-errortype", b"x-ratelimit-reset"):
        head = Head(b"HTTP/1.1 500 X\r\nx-ratelimit-remaining: 0\r\n%b: %b\r\n" % (name, value))
        assert is_sound(judged(provider, status, body, head))


@given(st.sampled_from(PROVIDERS), st.integers(400, 599), json_values)
def test_any_document_gets_a_failure(provider: str, status: int, document: object) -> None:
    failure = judged(provider, status, document)
    assert is_sound(failure)
    assert failure.kind is not FailureKind.UNKNOWN
    data = json.dumps(document).encode()
    for other in (
        classify_event(provider, data, who="up"),
        classify_ok(provider, BARE, data, who="up", wall=0.0),
    ):
        assert other is None or is_sound(other)


@given(st.sampled_from(PROVIDERS), st.integers(400, 599))
def test_every_error_status_has_a_kind_even_without_a_body(provider: str, status: int) -> None:
    failure = judged(provider, status, b"")
    assert failure.kind is not FailureKind.UNKNOWN
    assert failure.message == f"up/m#k answered {status}"


TELLING = [
    "your credit balance is too low", "insufficient_quota", "invalid api key", "api key not valid",
    "rate limit reached on requests per day", "you have reached your specified api usage limits",
    "you exceeded your current quota, please check your plan", "your organization must be verified",
]  # fmt: skip


@pytest.mark.parametrize("said", TELLING)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_client_wrote_parks_no_key(provider: str, said: str) -> None:
    """Providers repeat the client's own words when they refuse a request."""
    for status in (400, 404, 413, 422):
        repeated = {"error": {"message": f"Invalid value: '{said}'", "type": "invalid_request_error"}}
        assert judged(provider, status, repeated).kind not in PARKS_A_KEY
        failure = classify_event(provider, json.dumps(repeated).encode(), who="up")
        assert failure is not None
        assert failure.kind not in PARKS_A_KEY


def test_what_a_validation_error_repeats_of_the_request_is_not_read() -> None:
    body = {"detail": [{"msg": "Field required", "input": {"error": {"code": "insufficient_quota", "message": "x"}}}]}
    assert judged("custom", 422, body).kind is FailureKind.INVALID_REQUEST
    assert judged("custom", 422, body).message == "up/m#k answered 422: Field required"


def test_metadata_of_the_clients_is_not_read() -> None:
    body = {"metadata": {"code": "insufficient_quota"}, "error": {"message": "Wrong"}}
    assert judged("openai", 400, body).kind is FailureKind.INVALID_REQUEST


def test_a_limit_that_speaks_of_tokens_is_no_long_context() -> None:
    assert judged("custom", 429, {"error": {"message": "Too many tokens, slow down"}}).kind is FailureKind.RATE_LIMITED
    assert (
        judged("custom", 400, {"error": {"message": "Too many tokens in the prompt"}}).kind
        is FailureKind.CONTEXT_TOO_LONG
    )


def test_a_code_outweighs_type_text_and_status() -> None:
    error = {"code": "context_length_exceeded", "type": "overloaded_error", "message": "rate limit"}
    assert judged("openai", 503, {"error": error}).kind is FailureKind.CONTEXT_TOO_LONG


def test_a_providers_own_row_outweighs_everybodys() -> None:
    error = {"code": "insufficient_quota", "message": "You exceeded your current quota"}
    assert judged("openai", 429, {"error": error}).kind is FailureKind.BILLING_EXHAUSTED
    assert judged("dashscope", 429, {"error": error}).kind is FailureKind.RATE_LIMITED


def test_html_is_judged_by_status_alone_and_not_quoted() -> None:
    failure = judged("openai", 502, b"<html>rate limit, invalid api key</html>")
    assert (failure.kind, failure.message) == (FailureKind.SERVER_ERROR, "up/m#k answered 502")


def test_a_body_beyond_the_bound_is_judged_by_status() -> None:
    body = {"error": {"code": "insufficient_quota", "message": "x" * 70_000}}
    failure = judged("openai", 400, body)
    assert failure.kind is FailureKind.INVALID_REQUEST


def test_deep_nesting_is_no_crash() -> None:
    body = b'{"error":' * 5000 + b"1" + b"}" * 5000
    assert judged("openai", 500, body).kind is FailureKind.SERVER_ERROR


@pytest.mark.parametrize(("value", "wanted"), [("true", True), ("False", False), ("maybe", None)])
def test_should_retry_is_passed_on(value: str, wanted: bool | None) -> None:
    head = Head(f"HTTP/1.1 500 X\r\nx-should-retry: {value}\r\n".encode())
    assert judged("openai", 500, b"{}", head).should_retry is wanted


def test_a_refused_key_is_not_quoted() -> None:
    body = {"error": {"code": "invalid_api_key", "message": "Incorrect API key provided: canary"}}
    assert judged("openai", 401, body).message == "up/m#k answered 401"


@pytest.mark.parametrize(
    "data",
    [
        b"[DONE]",
        b"",
        b"{",
        b'{"choices":[{"delta":{"content":"an \\"error\\" and insufficient_quota"}}]}',
        b'{"type":"response.completed","response":{"status":"completed","error":null}}',
        b'{"type":"response.created","response":{"error":null,"metadata":{"error":"x"}}}',
        b'{"type":"content_block_delta","delta":{"type":"text_delta","text":"\\"error\\""}}',
        b'{"candidates":[{"content":{"parts":[{"text":"error"}]}}]}',
        b'{"base_resp":{"status_code":0,"status_msg":"success"},"choices":[]}',
        b'{"success":true,"errors":[]}',
        b'"error"',
        b'["error"]',
    ],
)
def test_what_is_no_error_is_none(data: bytes) -> None:
    assert classify_event("openai", data, who="up") is None
    assert classify_ok("openai", BARE, data, who="up", wall=0.0) is None


def test_a_failure_that_says_nothing_is_unknown() -> None:
    failure = classify_event("openai", b'{"type":"response.failed","response":{"status":"failed"}}', who="up")
    assert failure is not None
    assert (failure.kind, failure.rule, failure.message) == (
        FailureKind.UNKNOWN,
        "unknown",
        "up broke off with an error",
    )


def test_a_response_that_failed_is_judged_by_its_error_and_not_by_its_metadata() -> None:
    data = (
        b'{"type":"response.failed","response":{"error":{"code":"server_error"},"metadata":{"code":"invalid_api_key"}}}'
    )
    failure = classify_event("openai", data, who="up")
    assert failure is not None
    assert failure.kind is FailureKind.SERVER_ERROR


def test_a_status_named_inside_counts_only_where_there_is_no_other() -> None:
    assert judged("openrouter", 400, {"error": {"code": 503, "message": "x"}}).kind is FailureKind.INVALID_REQUEST
    failure = classify_event("openrouter", b'{"error":{"code":503,"message":"x"}}', who="up")
    assert failure is not None
    assert (failure.kind, failure.status) == (FailureKind.OVERLOADED, 503)
