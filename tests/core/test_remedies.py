"""What each kind of failure allows next, as a table: whoever changes it changes what operators were told."""

from __future__ import annotations

import pytest

from headway.core.remedies import REMEDIES, REPEATS, Elsewhere, rank
from headway.failures import FailureKind

K = FailureKind

ANOTHER_KEY_OR_DEPLOYMENT = {
    K.AUTH_INVALID,
    K.PERMISSION,
    K.BILLING_EXHAUSTED,
    K.RATE_LIMITED,
    K.DAILY_QUOTA,
    K.RAMP_LIMITED,
    K.TOO_LARGE_FOR_BUCKET,
}
ANOTHER_DEPLOYMENT = {
    K.OVERLOADED,
    K.SERVER_ERROR,
    K.MODEL_FAULT,
    K.FILTER_UNAVAILABLE,
    K.TRANSPORT,
    K.TIMEOUT,
    K.BAD_REPLY,
    K.TRUNCATED,
    K.REGION_BLOCKED,
    K.UNKNOWN,
}
ONCE_MORE_AT_ONCE = {K.TRANSPORT, K.MODEL_FAULT}
ONCE_MORE_AFTER_A_MOMENT = {
    K.OVERLOADED,
    K.SERVER_ERROR,
    K.FILTER_UNAVAILABLE,
    K.BAD_REPLY,
    K.TRUNCATED,
    K.UNKNOWN,
}
ONCE_MORE_WHEN_ITS_REST_IS_OVER = {K.RATE_LIMITED, K.RAMP_LIMITED}


def test_every_kind_of_failure_has_a_remedy_if_only_none():
    assert set(REMEDIES) == set(K)


@pytest.mark.parametrize("kind", K)
def test_who_else_may_be_asked_is_as_the_table_says(kind: FailureKind):
    if kind in ANOTHER_KEY_OR_DEPLOYMENT:
        assert REMEDIES[kind].elsewhere is Elsewhere.ANOTHER_TARGET
    elif kind in ANOTHER_DEPLOYMENT:
        assert REMEDIES[kind].elsewhere is Elsewhere.ANOTHER_DEPLOYMENT
    else:
        assert REMEDIES[kind].elsewhere is Elsewhere.NOBODY


@pytest.mark.parametrize("kind", K)
def test_who_may_be_asked_once_more_is_as_the_table_says(kind: FailureKind):
    remedy = REMEDIES[kind]
    assert remedy.again == (kind in ONCE_MORE_AT_ONCE | ONCE_MORE_AFTER_A_MOMENT | ONCE_MORE_WHEN_ITS_REST_IS_OVER)
    assert remedy.pause == (kind in ONCE_MORE_AFTER_A_MOMENT)


@pytest.mark.parametrize("kind", [K.INVALID_REQUEST, K.CONTEXT_TOO_LONG, K.CONTENT_BLOCKED, K.AUTH_INVALID])
def test_what_would_be_refused_again_is_never_asked_again(kind: FailureKind):
    assert not REMEDIES[kind].again


@pytest.mark.parametrize(
    ("more", "less"),
    [
        (K.INVALID_REQUEST, K.AUTH_INVALID),
        (K.CONTEXT_TOO_LONG, K.SERVER_ERROR),
        (K.AUTH_INVALID, K.DAILY_QUOTA),
        (K.BILLING_EXHAUSTED, K.RATE_LIMITED),
        (K.DAILY_QUOTA, K.RATE_LIMITED),
        (K.RATE_LIMITED, K.OVERLOADED),
        (K.OVERLOADED, K.SERVER_ERROR),
        (K.SERVER_ERROR, K.TIMEOUT),
        (K.TIMEOUT, K.TRANSPORT),
        (K.UNKNOWN, K.TRANSPORT),
    ],
)
def test_errors_of_the_request_tell_most_then_of_keys_of_quotas_and_of_the_provider(
    more: FailureKind, less: FailureKind
):
    assert rank(more) < rank(less)


@pytest.mark.parametrize("kind", K)
def test_what_passes_with_time_is_not_called_pointless_to_repeat(kind: FailureKind):
    if REMEDIES[kind].again:
        assert kind not in REPEATS


@pytest.mark.parametrize(
    "kind", [K.INVALID_REQUEST, K.CONTENT_BLOCKED, K.AUTH_INVALID, K.BILLING_EXHAUSTED, K.DAILY_QUOTA, K.NO_TARGET]
)
def test_what_would_fail_again_at_once_is_called_pointless_to_repeat(kind: FailureKind):
    assert kind in REPEATS
