"""How much of its traffic a deployment that fails may push onto another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from headway.core.exchange import Attempt, Wait
from headway.core.succession import CROWDED
from headway.failures import Failure, FailureKind

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

K = FailureKind
LEAVES_NO_TRACE = K.FILTER_UNAVAILABLE
"""It lets another deployment be tried, and neither health nor rests know of it."""


def failing_over(scene: Open, times: int, *tiers: str) -> list[Scene]:
    """So many requests whose first target fails all at once."""
    scenes = [scene(*tiers, seed=seed) for seed in range(times)]
    for s in scenes:
        assert s.begin() == tiers[0].split()[0]
    for s in scenes:
        s.fails(LEAVES_NO_TRACE)
    return scenes


def at(scenes: list[Scene], name: str) -> list[Scene]:
    return [s for s in scenes if isinstance(s.step, Attempt) and s.attempt.candidate.name.startswith(f"{name}/")]


def test_a_quiet_deployment_takes_over_three_at_a_time_and_the_others_wait_a_moment(scene: Open):
    scenes = failing_over(scene, 10, "a", "b")
    assert len(at(scenes, "b")) == 3
    for s in scenes[3:]:
        assert isinstance(s.step, Wait)
        assert CROWDED[0] <= s.until <= CROWDED[1]


@pytest.mark.parametrize("ending", ["succeeds", "fails", "client leaves", "superseded"])
def test_as_soon_as_one_of_them_is_over_the_next_may_come(scene: Open, failed: Callable[..., Failure], ending: str):
    scenes = failing_over(scene, 5, "a", "b")
    over, late, later = scenes[0], scenes[3], scenes[4]
    assert late.resumes() == "wait"
    match ending:
        case "succeeds":
            over.succeeds()
        case "fails":
            over.fails(K.INVALID_REQUEST)
        case "client leaves":
            over.exchange.ended_badly(over.attempt, failed(K.CANCELLED, source="downstream"), 1.0)
        case _:
            over.exchange.superseded(over.attempt, 1.0)
    assert late.resumes() == "b"
    assert late.reasons == ["first", "failover"]
    assert later.resumes() == ("b" if ending == "succeeds" else "wait"), "one that was answered makes room for another"


def test_a_busy_deployment_takes_over_three_tenths_of_what_it_has(world: World, scene: Open):
    for _ in range(20):
        world.hold("b")
    assert len(at(failing_over(scene, 30, "a", "b"), "b")) == 9


def test_where_one_is_crowded_another_takes_over_at_once(scene: Open):
    scenes = failing_over(scene, 8, "a", "b", "c")
    assert (len(at(scenes, "b")), len(at(scenes, "c"))) == (3, 3)


def test_traffic_that_was_meant_for_it_is_not_counted(scene: Open):
    failing_over(scene, 5, "a", "b")
    assert [scene("b").begin() for _ in range(5)] == ["b"] * 5


def test_another_key_of_the_same_deployment_takes_nothing_over(scene: Open):
    scenes = [scene("a#1 a#2") for _ in range(10)]
    for s in scenes:
        assert s.begin() == "a#1"
    told = [s.fails(K.TOO_LARGE_FOR_BUCKET) for s in scenes]
    assert told == ["a#2"] * 10


@pytest.mark.parametrize(("kind", "instead"), [(LEAVES_NO_TRACE, "a"), (K.REGION_BLOCKED, "give up: region_blocked")])
def test_who_has_waited_long_enough_for_a_crowded_destination_does_not_pile_on(
    scene: Open, kind: FailureKind, instead: str
):
    failing_over(scene, 3, "a", "b")
    s = scene("a", "b")
    s.begin()
    looks, told = 0, s.fails(kind)
    while told == "wait":
        told = s.resumes()
        looks += 1
        assert looks < 300
    assert told == instead
    assert 10.0 / CROWDED[1] - 2 <= looks <= 10.0 / CROWDED[0]
