"""What is left alone for a while: a rest only moves later, a burst of refusals is one, unrest ends with the last."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.rests import Rest, Unrest
from headway.failures import FailureKind

K = FailureKind


@pytest.fixture
def rest() -> Rest:
    return Rest(Unrest())


def test_nothing_rests_to_begin_with(rest: Rest):
    assert rest.until == 0.0
    assert rest.in_a_row == 0


def test_a_rest_tells_until_when_and_why(rest: Rest):
    rest.extend(5.0, K.DAILY_QUOTA)
    assert (rest.until, rest.kind) == (5.0, K.DAILY_QUOTA)


def test_a_later_refusal_extends_the_rest(rest: Rest):
    rest.extend(5.0, K.RATE_LIMITED)
    rest.extend(9.0, K.AUTH_INVALID)
    assert (rest.until, rest.kind) == (9.0, K.AUTH_INVALID)


def test_a_shorter_rest_neither_shortens_it_nor_changes_why(rest: Rest):
    rest.extend(9.0, K.AUTH_INVALID)
    rest.extend(5.0, K.RATE_LIMITED)
    assert (rest.until, rest.kind) == (9.0, K.AUTH_INVALID)


@given(st.lists(st.tuples(st.floats(0.0, 1e6), st.sampled_from(list(K))), min_size=1))
def test_a_rest_only_ever_moves_later(asked: list[tuple[float, FailureKind]]):
    unrest = Unrest()
    rest = Rest(unrest)
    for until, kind in asked:
        before = rest.until
        rest.extend(until, kind)
        assert rest.until == max(before, until) == unrest.until
    assert rest.until == max(until for until, _ in asked)


# --- how often in a row ---


def test_refusals_one_after_the_other_count_up(rest: Rest):
    assert [rest.counts(sent, sent + 0.5) for sent in (0.0, 1.0, 2.0)] == [1, 2, 3]


def test_a_burst_of_refusals_sent_before_the_first_came_back_is_one(rest: Rest):
    assert {rest.counts(sent=1.0 + number / 100, now=2.0 + number / 100) for number in range(50)} == {1}


def test_what_is_sent_after_the_first_refusal_came_back_counts_again(rest: Rest):
    rest.counts(sent=1.0, now=2.0)
    assert rest.counts(sent=1.9, now=2.5) == 1
    assert rest.counts(sent=2.0, now=3.0) == 2


def test_a_success_makes_the_next_refusal_the_first_again(rest: Rest):
    rest.counts(sent=0.0, now=1.0)
    rest.counts(sent=1.0, now=2.0)
    rest.forgive(sent=2.0)
    assert rest.counts(sent=3.0, now=4.0) == 1


def test_a_success_of_what_was_sent_before_the_refusal_came_forgives_nothing(rest: Rest):
    rest.counts(sent=0.0, now=1.0)
    rest.forgive(sent=0.9)
    assert rest.counts(sent=1.0, now=2.0) == 2


def test_a_refusal_that_comes_late_counts_as_one_even_after_a_success(rest: Rest):
    rest.counts(sent=0.0, now=1.0)
    rest.forgive(sent=1.0)
    assert rest.counts(sent=0.5, now=3.0) == 1


# --- unrest ---


def test_unrest_lasts_until_the_last_rest_is_over():
    unrest = Unrest()
    one, other = Rest(unrest), Rest(unrest)
    one.extend(5.0, K.RATE_LIMITED)
    other.extend(3.0, K.RATE_LIMITED)
    assert unrest.until == 5.0
    other.extend(8.0, K.RATE_LIMITED)
    assert unrest.until == 8.0


def test_while_anything_is_tripped_unrest_has_no_end():
    unrest = Unrest()
    unrest.lasts(5.0)
    unrest.tripped(+1)
    unrest.tripped(+1)
    unrest.tripped(-1)
    assert unrest.until == inf
    unrest.tripped(-1)
    assert unrest.until == 5.0


def test_what_rests_while_something_is_tripped_is_not_forgotten_afterwards():
    unrest = Unrest()
    unrest.tripped(+1)
    unrest.lasts(7.0)
    assert unrest.until == inf
    unrest.tripped(-1)
    assert unrest.until == 7.0
