"""What the buckets admit, and how the headers tell it, on a clock of our own."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.simulated.notation import duration
from headway.simulated.openai.wording import limited, limits
from headway.simulated.quota import Admission, Ledger
from headway.simulated.reply import Refusal
from headway.simulated.settings import Quota


def ledger(**quota: int) -> Ledger:
    return Ledger(Quota(**quota))


def header(admission: Admission, name: str) -> str:
    return dict(limits(admission.levels))[f"x-ratelimit-{name}"]


def refused(admission: Admission) -> Refusal:
    assert admission.short is not None
    return limited(admission.short, "m", "org-test")


def test_the_first_request_leaves_what_openai_publishes_for_it():
    admission = ledger(rpm=500, tpm=160_000).admit("k", "m", 24, now=0.0)
    assert limits(admission.levels) == (
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-limit-tokens", "160000"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-remaining-tokens", "159976"),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-reset-tokens", "9ms"),
    )


def test_without_a_quota_nothing_is_told_and_nothing_refused():
    free = ledger()
    assert all(free.admit("k", "m", 10**9, now=0.0) == Admission(()) for _ in range(100))


def test_an_empty_bucket_refuses_and_says_when_to_come_back():
    limited = ledger(rpm=2)
    limited.admit("k", "m", 1, now=0.0)
    limited.admit("k", "m", 1, now=0.0)
    refusal = refused(limited.admit("k", "m", 1, now=10.0 - 0.5))
    assert (refusal.status, refusal.code, refusal.type) == (429, "rate_limit_exceeded", "requests")
    assert dict(refusal.headers) == {"retry-after": "21", "retry-after-ms": "20500"}
    assert "Please try again in 20.5s." in refusal.message


def test_coming_back_when_told_is_admitted():
    limited = ledger(rpm=3)
    for _ in range(3):
        limited.admit("k", "m", 1, now=0.0)
    wait = int(dict(refused(limited.admit("k", "m", 1, now=1.0)).headers)["retry-after-ms"]) / 1000
    assert limited.admit("k", "m", 1, now=1.0 + wait - 0.01).short is not None
    assert limited.admit("k", "m", 1, now=1.0 + wait).short is None


def test_a_refused_request_takes_nothing_from_either_bucket():
    limited = ledger(rpm=10, tpm=100)
    limited.admit("k", "m", 90, now=0.0)
    admission = limited.admit("k", "m", 20, now=0.0)
    assert refused(admission).type == "tokens"
    assert (header(admission, "remaining-requests"), header(admission, "remaining-tokens")) == ("9", "10")


def test_what_exceeds_the_limit_is_too_large_and_gets_no_time_to_come_back():
    refusal = refused(ledger(tpm=100).admit("k", "m", 101, now=0.0))
    assert refusal.status == 429
    assert refusal.message.startswith("Request too large for m")
    assert refusal.headers == ()


def test_keys_and_models_have_buckets_of_their_own():
    limited = ledger(rpm=1)
    pairs = [("a", "m"), ("b", "m"), ("a", "n")]
    assert all(limited.admit(key, model, 1, now=0.0).short is None for key, model in pairs)
    assert all(limited.admit(key, model, 1, now=0.0).short for key, model in pairs)


def test_concurrency_is_given_back():
    limited = ledger(concurrency=1)
    first = limited.admit("k", "m", 1, now=0.0)
    assert refused(limited.admit("k", "m", 1, now=0.0)).status == 429
    assert first.account is not None
    limited.release(first.account)
    assert limited.admit("k", "m", 1, now=0.0).short is None


def test_accounts_are_bounded_however_many_names_are_asked_for():
    limited = ledger(rpm=1)
    for number in range(5000):
        limited.admit("k", f"model-{number}", 1, now=0.0)
    assert limited.accounts <= 4096


@given(
    limit=st.integers(1, 100_000), needs=st.lists(st.tuples(st.integers(0, 5000), st.floats(0.0, 20.0)), max_size=30)
)
def test_the_headers_always_hold_the_window_of_a_minute(limit: int, needs: list[tuple[int, float]]):
    limited, now, taken = ledger(tpm=limit), 0.0, 0
    for need, pause in needs:
        now += pause
        admission = limited.admit("k", "m", need, now)
        taken += 0 if admission.short else need
        remaining, reset = int(header(admission, "remaining-tokens")), duration(header(admission, "reset-tokens"))
        assert 0 <= remaining <= limit
        used = limit - reset * limit / 60
        assert remaining == pytest.approx(used, abs=1 + limit / 60_000)
    assert taken <= limit + ceil(now * limit / 60)
