"""What an upstream's error reply means, and how long it asks us to wait."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.retry import AFTER, Next
from headway.providers.classify import LONGEST_HINT, classify, kind_of, retry_after
from headway.types import Failure, FailureKind
from headway.wire.http_head import Head

if TYPE_CHECKING:
    from wire.conftest import Recording

K = FailureKind
WALL = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC).timestamp()


def head(*fields: str) -> Head:
    return Head(b"HTTP/1.1 429 Too Many Requests\r\n" + b"".join(f"{field}\r\n".encode() for field in fields))


def classified(status: int, body: bytes = b"", *fields: str) -> Failure:
    return classify(status, head(*fields), body, who="up/m#k", wall=WALL)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, K.REQUEST_REFUSED),
        (401, K.AUTH_INVALID),
        (403, K.REQUEST_REFUSED),
        (404, K.REQUEST_REFUSED),
        (408, K.TIMEOUT),
        (413, K.REQUEST_REFUSED),
        (422, K.REQUEST_REFUSED),
        (429, K.RATE_LIMITED),
        (500, K.SERVER_ERROR),
        (502, K.SERVER_ERROR),
        (503, K.OVERLOADED),
        (504, K.TIMEOUT),
        (529, K.OVERLOADED),
        (599, K.SERVER_ERROR),
        (304, K.BAD_REPLY),
        (101, K.BAD_REPLY),
    ],
)
def test_a_status_has_a_kind(status: int, kind: FailureKind):
    assert kind_of(status) is kind
    assert classified(status).kind is kind


@pytest.mark.parametrize("status", [400, 403, 404, 409, 413, 415, 422, 451])
def test_a_fault_of_the_clients_is_tried_nowhere_else(status: int):
    assert AFTER[kind_of(status)] is Next.NOTHING


@pytest.mark.parametrize("status", [401, 408, 429, 500, 502, 503, 504, 520, 529])
def test_a_fault_of_the_providers_is_tried_elsewhere(status: int):
    assert AFTER[kind_of(status)] is not Next.NOTHING


def test_the_message_names_the_target_the_status_and_the_providers_words():
    failure = classified(500, b'{"error":{"message":"The server had an error"}}')
    assert failure.message == "up/m#k answered 500: The server had an error"
    assert (failure.source, failure.status, failure.stale_connection) == ("upstream", 500, False)


@pytest.mark.parametrize("body", [b"<html><h1>Bad gateway</h1>", b"", b"\0\xff"])
def test_what_is_no_error_body_is_not_quoted(body: bytes):
    assert classified(502, body).message == "up/m#k answered 502"


def test_a_refusal_of_our_key_is_not_quoted_since_providers_quote_the_key():
    failure = classified(401, b'{"error":{"message":"Incorrect API key provided: sk-canary"}}')
    assert "canary" not in failure.message


def test_recorded_errors_are_classified_by_status_with_their_words(recordings: list[Recording]):
    found = [each for each in recordings if each.status >= 400]
    assert len(found) > 10
    for each in found:
        failure = classify(each.status, head(), each.body, who="up", wall=WALL)
        assert failure.kind is kind_of(each.status)
        assert failure.message.startswith(f"up answered {each.status}: "), each.id


@given(st.integers(100, 599), st.binary(max_size=60), st.binary(max_size=40))
def test_any_reply_gets_a_kind_and_a_finite_wait(status: int, body: bytes, value: bytes):
    value = value.replace(b"\r\n", b"")
    for name in (b"retry-after", b"retry-after-ms"):
        given_head = Head(b"HTTP/1.1 500 X\r\n%b: %b\r\n" % (name, value))
        failure = classify(status, given_head, body, who="up", wall=WALL)
        assert failure.kind is kind_of(status)
        assert failure.retry_after is None or 0.0 <= failure.retry_after <= LONGEST_HINT


# --- retry-after ---


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ([], None),
        (["retry-after: 7"], 7.0),
        (["Retry-After: 0.5"], 0.5),
        (["retry-after: 0"], 0.0),
        (["retry-after-ms: 1500"], 1.5),
        (["retry-after: 2", "retry-after-ms: 1500"], 1.5),
        (["retry-after: 2", "retry-after-ms: soon"], 2.0),
        (["retry-after: 999999999"], LONGEST_HINT),
        (["retry-after-ms: 999999999999"], LONGEST_HINT),
        (["retry-after: -1"], None),
        (["retry-after: nan"], None),
        (["retry-after: inf"], None),
        (["retry-after: soon"], None),
        (["retry-after:"], None),
        (["retry-after: Fri, 01 May 2026 12:00:30 GMT"], 30.0),
        (["retry-after: Friday, 01-May-26 12:00:30 GMT"], 30.0),
        (["retry-after: Fri May  1 12:00:30 2026"], 30.0),
        (["retry-after: Fri, 01 May 2026 11:00:00 GMT"], 0.0),
        (["retry-after: Fri, 01 May 2099 11:00:00 GMT"], LONGEST_HINT),
        (["retry-after: Fri, 99 May 2026 11:00:00 GMT"], None),
        (["x-retry-after: 7"], None),
    ],
)
def test_the_wait_is_told_in_seconds_in_milliseconds_or_as_a_date(fields: list[str], seconds: float | None):
    assert retry_after(head(*fields), WALL) == seconds


def test_a_date_without_a_zone_is_not_taken_for_local_time(monkeypatch: pytest.MonkeyPatch):
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert retry_after(head("retry-after: Fri May  1 12:00:30 2026"), WALL) == 30.0
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.floats(0.0, 80_000.0))
def test_seconds_are_what_they_say(seconds: float):
    assert retry_after(head(f"retry-after: {seconds:.3f}"), WALL) == float(f"{seconds:.3f}")


@given(st.integers(-100_000, 80_000))
def test_a_date_is_as_far_away_as_it_is(seconds: int):
    moment = datetime.fromtimestamp(WALL + seconds, tz=UTC)
    found = retry_after(head(f"retry-after: {format_datetime(moment, usegmt=True)}"), WALL)
    assert found == max(seconds, 0)
