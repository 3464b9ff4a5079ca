"""How many tokens a request is taken for, and how that is learnt from what answers report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.load import FEWEST_BYTES, MOST_BYTES, NO_LOAD, USUAL_ANSWER, Estimate, Load, Need
from headway.types import Accounting

every_accounting = pytest.mark.parametrize("accounting", ["reserved", "actual", "input"])
loads = st.builds(
    Load, text=st.integers(0, 1_000_000), media=st.integers(0, 100_000), most_output=st.none() | st.integers(0, 100_000)
)
usages = st.lists(st.tuples(loads, st.integers(0, 1_000_000), st.integers(0, 100_000)), max_size=50)


@pytest.fixture
def estimate() -> Estimate:
    return Estimate()


# --- what a request needs ---


def test_four_bytes_make_a_token_and_media_come_as_tokens(estimate: Estimate):
    assert estimate.tokens_in(Load(text=4000, media=85)) == 1085.0


def test_actual_use_is_the_usual_answer_and_never_more_than_the_client_allows(estimate: Estimate):
    need = estimate.need(Load(text=400), "actual")
    assert need == Need(requests=1.0, tokens=100.0 + USUAL_ANSWER, input=100.0, output=USUAL_ANSWER)
    assert estimate.need(Load(text=400, most_output=10), "actual").output == 10.0
    assert estimate.need(Load(text=400, most_output=100_000), "actual").output == USUAL_ANSWER


def test_where_the_bound_is_reserved_all_of_it_is_needed(estimate: Estimate):
    assert estimate.need(Load(text=400, most_output=100_000), "reserved").tokens == 100_100.0
    assert estimate.need(Load(text=400), "reserved").output == USUAL_ANSWER


def test_where_only_what_is_sent_counts_answers_need_nothing(estimate: Estimate):
    assert estimate.need(Load(text=400, most_output=500), "input") == Need(1.0, 100.0, 100.0, 0.0)


@every_accounting
@given(loads, usages)
def test_a_need_adds_up_and_is_never_negative(accounting: Accounting, load: Load, seen: list[tuple[Load, int, int]]):
    estimate = Estimate()
    for each, tokens_in, tokens_out in seen:
        estimate.learn(each, tokens_in, tokens_out)
    need = estimate.need(load, accounting)
    assert need.requests == need.of("requests") == 1.0
    assert need.of("tokens") == need.of("input") + need.of("output")
    assert need.of("input") == estimate.tokens_in(load) >= load.media
    assert need.of("output") >= 0.0
    if load.most_output is not None:
        assert need.of("output") <= load.most_output


@every_accounting
@given(loads, st.integers(1, 100_000))
def test_more_to_send_never_needs_less(accounting: Accounting, load: Load, more: int):
    estimate = Estimate()
    larger = Load(load.text + more, load.media, load.most_output)
    assert estimate.need(larger, accounting).tokens > estimate.need(load, accounting).tokens


# --- what is learnt ---


def test_the_first_answer_is_believed_and_later_ones_a_little(estimate: Estimate):
    estimate.learn(Load(text=1000), 500, 40)
    assert estimate.bytes_per_token == pytest.approx(2.0)
    assert estimate.usual_answer == pytest.approx(40.0)
    for _ in range(200):
        estimate.learn(Load(text=1000), 500, 40)
    estimate.learn(Load(text=1000), 100, 1040)
    assert 2.0 <= estimate.bytes_per_token <= 2.8 + 1e-9, "of eight that it differs by, a tenth"
    assert 40.0 <= estimate.usual_answer <= 140.0 + 1e-9
    for _ in range(500):
        estimate.learn(Load(text=1000), 100, 1040)
    assert estimate.bytes_per_token == pytest.approx(10.0, rel=0.01)
    assert estimate.usual_answer == pytest.approx(1040.0, rel=0.01)


@given(st.floats(1.0, 8.0), st.lists(st.integers(2000, 100_000), min_size=60, max_size=60))
def test_the_bytes_that_make_a_token_are_found_whatever_the_sizes(true: float, sizes: list[int]):
    estimate = Estimate()
    for size in sizes:
        estimate.learn(Load(text=size), round(size / true), 100)
    assert estimate.bytes_per_token == pytest.approx(true, rel=0.01)


def test_tokens_of_media_do_not_count_as_text(estimate: Estimate):
    for _ in range(50):
        estimate.learn(Load(text=4000, media=5000), 6000, 10)
    assert estimate.bytes_per_token == pytest.approx(4.0)


@pytest.mark.parametrize(("load", "tokens_in"), [(NO_LOAD, 10), (Load(text=400, media=500), 300), (Load(text=400), 0)])
def test_usage_that_says_nothing_of_text_teaches_nothing_of_it(estimate: Estimate, load: Load, tokens_in: int):
    estimate.learn(Load(text=900), 300, 5)
    estimate.learn(load, tokens_in, 5)
    assert estimate.bytes_per_token == pytest.approx(3.0)


@given(usages)
def test_what_is_believed_stays_within_bounds(seen: list[tuple[Load, int, int]]):
    estimate = Estimate()
    for load, tokens_in, tokens_out in seen:
        estimate.learn(load, tokens_in, tokens_out)
        assert FEWEST_BYTES <= estimate.bytes_per_token <= MOST_BYTES
        assert 0.0 <= estimate.usual_answer <= 100_000.0
