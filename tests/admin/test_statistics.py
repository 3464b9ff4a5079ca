"""What was used, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from headway.types import AttemptRecord


@pytest.fixture
async def used(world: Any, event: Any) -> Any:
    other = AttemptRecord(target="b/n#two", result="200", started=0.0, duration=0.1)
    await world.log(
        event(0),
        event(1, attempts=(other,), cost=100, tags=("x",)),
        event(2, outcome="timeout", status=504, usage=None, cost=None, tags=("x", "y")),
        event(3, cost=None, stream=True, first_byte=0.2),
    )
    return world


async def test_sums_are_of_all_that_fits(used: Any):
    told = (await used.get("/statistics")).json()
    assert (told["requests"], told["failed"], told["attempts"]) == (4, 1, 4)
    assert (told["input_tokens"], told["output_tokens"], told["cost"], told["unpriced"]) == (30, 15, 107, 1)
    assert told["mean_seconds"] == pytest.approx(0.5)
    assert 0.35 <= told["latency"]["p50"] <= 0.5
    assert 0.1 <= told["first_byte"]["p99"] <= 0.2
    assert (await used.get("/statistics", outcome="failed")).json()["requests"] == 1
    assert (await used.get("/statistics", target="b/n")).json()["cost"] == 100


async def test_nothing_is_told_as_nothing(used: Any):
    told = (await used.get("/statistics", route="nobody")).json()
    assert told["requests"] == 0
    assert told["mean_seconds"] is None
    assert told["latency"] == {"p50": None, "p90": None, "p95": None, "p99": None}


async def test_a_series_adds_up_to_the_sums(used: Any):
    told = (await used.get("/statistics/series", by="target", step=3600)).json()
    assert sum(point["requests"] for point in told["points"]) == 4
    assert {point["by"] for point in told["points"]} == {"a/m", "b/n"}
    assert [point["at"] for point in told["points"]] == sorted(point["at"] for point in told["points"])
    assert all(point["at"] % 3600 == 0 for point in told["points"])


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ({"by": "target"}, {"by": "a/m", "requests": 3}),
        ({"by": "target", "measure": "cost"}, {"by": "b/n", "cost": 100}),
        ({"by": "outcome", "measure": "failed"}, {"by": "timeout", "failed": 1}),
        ({"by": "tag"}, {"by": "x", "requests": 2, "failed": 1, "cost": 100, "latency": None}),
    ],
)
async def test_who_had_most_comes_first(used: Any, query: dict[str, Any], first: dict[str, Any]):
    told = (await used.get("/statistics/top", **query)).json()["top"][0]
    assert {name: told[name] for name in first} == first


async def test_what_is_longer_than_a_day_is_told_by_the_hour(used: Any):
    told = (await used.get("/statistics/series", since="2026-01-01T00:00:00Z")).json()
    assert sum(point["requests"] for point in told["points"]) == 4
    assert all(point["at"] % 3600 == 0 for point in told["points"])


async def test_a_span_that_ends_before_it_begins_is_refused(used: Any):
    answer = await used.get("/statistics", since=200, until=100)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == "since"
