"""The smooth weighted draw: shares are exact over every few draws, and draws of one target are spread out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.balance import STRATEGIES, cycle, round_robin, weighted
from headway.core.candidates import Candidate, Pick

if TYPE_CHECKING:
    from core.conftest import World

NAMES = "abcdefgh"


@pytest.fixture
def candidates(world: World):
    """Candidates of one tier with these weights, named a, b, c and so on."""

    def made(weights: list[float]) -> list[Candidate]:
        for name, weight in zip(NAMES, weights, strict=False):
            world.weights[name] = weight
        return world.route(" ".join(NAMES[: len(weights)])).tiers[0].candidates

    return made


def letter(candidate: Candidate) -> str:
    return candidate.name[0]


def test_draws_of_a_heavy_target_are_spread_out(candidates):
    ready = candidates([5.0, 1.0, 1.0])
    assert "".join(letter(weighted(ready)) for _ in range(7)) == "aabacaa"


def test_weights_two_to_one_alternate_without_bunching(candidates):
    ready = candidates([2.0, 1.0])
    assert "".join(letter(weighted(ready)) for _ in range(6)) == "abaaba"


def test_equal_weights_take_turns(candidates):
    ready = candidates([1.0, 1.0, 1.0])
    assert "".join(letter(weighted(ready)) for _ in range(6)) == "abcabc"


def test_fractions_are_weights_too(candidates):
    ready = candidates([0.25, 0.75])
    assert Counter(letter(weighted(ready)) for _ in range(8)) == {"a": 2, "b": 6}


def test_round_robin_takes_turns_whatever_the_weights(candidates):
    ready = candidates([9.0, 1.0, 3.0])
    assert "".join(letter(round_robin(ready)) for _ in range(6)) == "abcabc"


def test_whoever_is_away_leaves_the_shares_of_the_others_exact(candidates):
    ready = candidates([1.0, 2.0, 3.0])
    for _ in range(6):
        weighted(ready)
    assert Counter(letter(weighted(ready[:2])) for _ in range(3)) == {"a": 1, "b": 2}
    assert Counter(letter(weighted(ready[1:])) for _ in range(5)) == {"b": 2, "c": 3}


def test_who_comes_back_is_neither_flooded_nor_starved(candidates):
    ready = candidates([1.0, 1.0])
    for _ in range(1000):
        weighted(ready[:1])
    assert Counter(letter(weighted(ready)) for _ in range(10)) == {"a": 5, "b": 5}


def test_both_strategies_of_the_configuration_exist():
    assert STRATEGIES["weighted"] is weighted
    assert STRATEGIES["round_robin"] is round_robin


def bare(weights: list[int]) -> list[Candidate]:
    """Candidates that only balance looks at; faster than a world for each of many examples."""
    made: list[Candidate] = []
    for weight in weights:
        candidate = Candidate.__new__(Candidate)
        candidate.weight = float(weight)
        candidate.credit = 0.0
        made.append(candidate)
    return made


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 3))
def test_after_every_whole_round_each_target_has_had_exactly_its_share(weights: list[int], rounds: int):
    ready = bare(weights)
    drawn = Counter(id(weighted(ready)) for _ in range(rounds * sum(weights)))
    assert [drawn[id(candidate)] for candidate in ready] == [rounds * weight for weight in weights]
    assert all(candidate.credit == 0.0 for candidate in ready)


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 200))
def test_at_no_moment_is_a_target_more_than_one_draw_ahead_and_a_few_behind(weights: list[int], draws: int):
    ready = bare(weights)
    total = sum(weights)
    had: Counter[int] = Counter()
    for number in range(1, draws + 1):
        had[id(weighted(ready))] += 1
        for candidate in ready:
            due = number * candidate.weight / total
            assert due - len(ready) < had[id(candidate)] < due + 1


ready_sets = st.lists(st.sets(st.integers(0, 3), min_size=1), min_size=1, max_size=120)


@given(st.lists(st.integers(1, 9), min_size=4, max_size=4), ready_sets)
def test_with_changing_ready_sets_only_ready_targets_are_drawn_and_no_debt_piles_up(
    weights: list[int], sets: list[set[int]]
):
    tier = bare(weights)
    for numbers in sets:
        ready = [tier[number] for number in sorted(numbers)]
        drawn = weighted(ready)
        assert any(candidate is drawn for candidate in ready)
        assert sum(candidate.credit for candidate in tier) == 0.0
        assert all(abs(candidate.credit) <= len(tier) * sum(weights) for candidate in tier)


@given(ready_sets)
def test_round_robin_over_changing_ready_sets_draws_only_what_is_ready(sets: list[set[int]]):
    tier = bare([1] * 4)
    for numbers in sets:
        ready = [tier[number] for number in sorted(numbers)]
        drawn = round_robin(ready)
        assert any(candidate is drawn for candidate in ready)
        assert sum(candidate.credit for candidate in tier) == 0.0


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.sampled_from([weighted, round_robin]))
def test_a_cycle_is_what_the_strategy_draws_anyway(weights: list[int], pick: Pick):
    drawn, asked = bare(weights), bare(weights)
    order = cycle(drawn, pick)
    assert order
    assert all(candidate.credit == 0.0 for candidate in drawn)
    numbers = [drawn.index(candidate) for candidate in order]
    assert [asked.index(pick(asked)) for _ in range(2 * len(order))] == numbers * 2


def test_weights_that_take_too_long_to_repeat_have_no_cycle():
    ready = bare([1, 1])
    ready[0].weight = 1 / 3
    ready[1].weight = 0.7071
    assert cycle(ready, weighted) == []
    assert [candidate.credit for candidate in ready] == [0.0, 0.0]


def test_a_drained_candidate_leaves_no_cycle():
    ready = bare([1, 1])
    ready[0].weight = 0.0
    assert cycle(ready, weighted) == []
