"""How long an error asks us to wait, in all the ways that providers say it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.failures import FailureKind
from headway.providers.classification.hints import LONGEST_HINT, duration, in_words, retry_after
from headway.providers.classification.kinds import WAITS
from headway.providers.classification.reported import Reported, of
from headway.wire.http_head import Head

WALL = 1_777_636_800.0  # 2026-05-01T12:00:00Z


def head(*fields: str) -> Head:
    return Head(b"HTTP/1.1 429 X\r\n" + b"".join(f"{field}\r\n".encode() for field in fields))


def hint(*fields: str, error: object = None, kind: FailureKind = FailureKind.RATE_LIMITED) -> float | None:
    reported = Reported() if error is None else of({"error": error})
    return retry_after(head(*fields), reported, kind, WALL)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("please try again in 5.289s. need more?", 5.289),
        ("please retry after 20 seconds.", 20.0),
        ("try again in 6m0s", 360.0),
        ("please retry in 10h17m5.7s.", 37025.7),
        ("try again in 120ms.", 0.12),
        ("retry your request after 1 minute", 60.0),
        ("please wait 71203 seconds before retrying", 71203.0),
        ("retry after 1 minute and 5 seconds", 65.0),
        ("please wait before trying again. try again in 2 days", 172800.0),
        ("please try again later", None),
        ("try again in 3 requests", None),
        ("limit 5s, used 3s", None),
        ("retry in 5 million years", None),
        ("", None),
    ],
)
def test_a_wait_in_words(text: str, seconds: float | None) -> None:
    assert in_words(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    assert duration(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ([], None),
        (["retry-after: 7"], 7.0),
        (["retry-after: 0"], 0.0),
        (["retry-after-ms: 1500", "retry-after: 2"], 1.5),
        (["retry-after-ms: soon", "retry-after: 2"], 2.0),
        (["retry-after: 999999999"], LONGEST_HINT),
        (["retry-after: -1"], None),
        (["retry-after: nan"], None),
        (["retry-after: inf"], None),
        (["retry-after: Fri, 01 May 2026 12:00:30 GMT"], 30.0),
        (["retry-after: Fri May  1 12:00:30 2026"], 30.0),
        (["retry-after: Fri, 01 May 2026 11:00:00 GMT"], 0.0),
        (["retry-after: Fri, 99 May 2026 11:00:00 GMT"], None),
    ],
)
def test_a_wait_in_headers(fields: list[str], seconds: float | None) -> None:
    assert hint(*fields) == seconds
    assert hint(*fields, kind=FailureKind.INVALID_REQUEST) == seconds


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        (["x-ratelimit-remaining-requests: 0", "x-ratelimit-reset-requests: 2m59.56s"], 179.56),
        (["x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 40"], 40.0),
        (["x-ratelimit-remaining-tokens: 12", "x-ratelimit-reset-tokens: 40"], None),
        (["x-ratelimit-remaining-tokens: 0"], None),
        (
            [
                "x-ratelimit-remaining-tokens: 0",
                "x-ratelimit-reset-tokens: 40",
                "x-ratelimit-remaining-requests: 0",
                "x-ratelimit-reset-requests: 1m",
            ],
            60.0,
        ),
        (["x-ratelimit-limit-tokens: -1", "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 40"], None),
        (["x-ratelimit-limit-tokens: 0", "x-ratelimit-remaining-tokens: 0", "x-ratelimit-reset-tokens: 40"], None),
        (["anthropic-ratelimit-tokens-remaining: 0", "anthropic-ratelimit-tokens-reset: 2026-05-01T12:01:00Z"], 60.0),
        (["x-ratelimit-remaining: 0", "x-ratelimit-reset: 1777636830000"], 30.0),
        (["x-ratelimit-remaining: 0", "x-ratelimit-reset: 1777636830"], 30.0),
        (["x-ratelimit-remaining: 0", "x-ratelimit-reset: soon"], None),
    ],
)
def test_a_quota_that_is_used_up_tells_when_it_is_back(fields: list[str], seconds: float | None) -> None:
    assert hint(*fields) == (None if seconds is None else pytest.approx(seconds))
    assert hint(*fields, kind=FailureKind.OVERLOADED) is None


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "46s"}]}, 46.0),
        ({"details": [{"retryDelay": "0.5s"}]}, 0.5),
        ({"details": [{"retryDelay": "-5s"}]}, None),
        ({"details": [{"retryDelay": {"seconds": 5}}]}, None),
        ({"retry_after": 7}, 7.0),
        ({"retry_after": -7}, None),
        ({"retry_after": True}, None),
        ({"retry_after": 10**400}, None),
        ({"metadata": {"resets_at": "2026-05-01T12:00:10Z"}}, 10.0),
        ({"metadata": {"resets_at": 10**400}}, None),
        ({"message": "You will regain access on 2026-05-01 at 13:00 UTC."}, 3600.0),
        ({"message": "You will regain access on 2026-06-01 at 00:00 UTC."}, LONGEST_HINT),
        ({"message": "You will regain access on 2026-99-01 at 00:00 UTC."}, None),
    ],
)
def test_a_wait_in_the_body(error: object, seconds: float | None) -> None:
    assert hint(error=error) == seconds


def test_headers_come_before_the_body_and_the_body_before_its_words() -> None:
    error = {"message": "Please try again in 9s", "retry_after": 5}
    assert hint("retry-after: 2", error=error) == 2.0
    assert hint(error=error) == 5.0


def test_words_are_a_wait_only_where_waiting_may_help() -> None:
    error = {"message": "Please reduce your message and try again in 9s"}
    assert {kind for kind in FailureKind if hint(error=error, kind=kind) is not None} == WAITS


@given(st.text(max_size=100), st.sampled_from(sorted(WAITS, key=lambda kind: kind.value)))
def test_no_text_is_a_wait_out_of_bounds(text: str, kind: FailureKind) -> None:
    for error in ({"message": f"try again in {text}"}, {"retry_after": text}, {"resets_at": text}):
        seconds = hint(error=error, kind=kind)
        assert seconds is None or 0.0 <= seconds <= LONGEST_HINT


def test_a_long_text_without_a_wait_takes_no_long_time() -> None:
    """Ten thousand beginnings of a wait: the pattern is asked at each of them and gives up at once."""
    assert in_words("retry in 1h" * 10_000) == pytest.approx(3600.0)
    assert in_words("try again in " + "1" * 100_000) is None
