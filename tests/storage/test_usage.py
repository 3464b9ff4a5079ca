"""Roll-ups: their sums are those of the events, however these came, and dashboards read them. On both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from events import NOW, made_event
from headway.storage.sums import percentile
from headway.storage.tables import BOUNDS
from headway.storage.usage import LONG, MOST_POINTS, MOST_ROWS, Span
from headway.types import AttemptRecord, ExchangeEvent, Usage
from storage.made import Kept, logged

DAY = Span(since=NOW - 86400 + 3600, until=NOW + 3600)
WEEK = Span(since=NOW - 7 * 86400, until=NOW + 3600)
MONTH = Span(since=NOW - 30 * 86400, until=NOW + 3600)


def events_of(number: int) -> st.SearchStrategy[list[ExchangeEvent]]:
    tokens = st.integers(0, 10**7)
    return st.lists(
        st.builds(
            made_event,
            st.integers(-7200, 3000),
            route=st.sampled_from(["default", "cheap", "odd \0 ☃"]),
            endpoint=st.sampled_from(["chat", "responses"]),
            outcome=st.sampled_from(["ok", "ok", "timeout", "rate_limited"]),
            stream=st.booleans(),
            broke=st.booleans(),
            duration=st.floats(0, 1000),
            first_byte=st.none() | st.floats(0, 400),
            usage=st.none() | st.builds(Usage, tokens, tokens, tokens, tokens),
            cost=st.none() | st.integers(0, 10**9),
            tags=st.lists(st.sampled_from(["a", "b", "team=x"]), max_size=3).map(tuple),
            attempts=st.lists(
                st.builds(
                    AttemptRecord,
                    st.sampled_from(["a/m#k", "b/n/o#k2", "plain"]),
                    st.just("200"),
                    st.just(0.0),
                    st.just(0.1),
                ),
                max_size=3,
            ).map(tuple),
        ),
        min_size=1,
        max_size=number,
    )


def dims_of(event: ExchangeEvent) -> dict[str, str]:
    target, _, key = event.attempts[-1].target.rpartition("#") if event.attempts else ("", "", "")
    route = event.route.replace("\0", "\ufffd")
    return {"route": route, "target": target, "key": key, "endpoint": event.endpoint, "outcome": event.outcome}


def expected(events: Iterable[ExchangeEvent]) -> dict[str, int]:
    """By the plainest means."""
    found: Counter[str] = Counter()
    for event in events:
        usage = event.usage or Usage()
        found["requests"] += 1
        found["failed"] += event.outcome != "ok"
        found["streams"] += event.stream
        found["attempts"] += len(event.attempts)
        found["broken"] += event.broke
        found["input_tokens"] += usage.input_tokens
        found["output_tokens"] += usage.output_tokens
        found["cached_tokens"] += usage.cached_input_tokens
        found["reasoning_tokens"] += usage.reasoning_tokens
        found["cost"] += event.cost or 0
        found["unpriced"] += event.cost is None and usage.input_tokens + usage.output_tokens > 0
    return dict(found)


NAMES = (
    "requests",
    "failed",
    "streams",
    "attempts",
    "broken",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost",
    "unpriced",
)


def told(row: dict[str, Any]) -> dict[str, int]:
    return {name: row[name] for name in NAMES}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=events_of(40),
    cuts=st.lists(st.integers(1, 39), max_size=4),
    by=st.sampled_from(["route", "target", "key", "endpoint", "outcome"]),
)
async def test_sums_are_those_of_the_events_whatever_the_batches(
    kept: Kept, events: list[ExchangeEvent], cuts: list[int], by: Any
):
    async with kept.engine.begin() as connection:
        for table in ("requests", "request_tags", "usage_minutes", "usage_hours", "usage_days", "usage_tag_hours"):
            await connection.execute(text(f"DELETE FROM {table}"))
    places = sorted({0, len(events), *(cut for cut in cuts if cut < len(events))})
    for first, end in pairwise(places):
        await kept.log.store(logged(*events[first:end]))
    for span in (DAY, WEEK, MONTH):
        assert told(await kept.usage.total(span)) == expected(events)
        groups: dict[str, list[ExchangeEvent]] = {}
        for event in events:
            groups.setdefault(dims_of(event)[by], []).append(event)
        tops = await kept.usage.top(span, by, measure="cost")
        assert {row[by]: told(row) for row in tops} == {name: expected(group) for name, group in groups.items()}
        assert [row["cost"] for row in tops] == sorted((row["cost"] for row in tops), reverse=True)
        unit = 60 if span is DAY else 3600
        times: dict[int, list[ExchangeEvent]] = {}
        for event in events:
            times.setdefault(int(event.at // unit) * unit, []).append(event)
        series = await kept.usage.series(span, step=unit)
        assert [(row["at"], told(row)) for row in series] == [(at, expected(times[at])) for at in sorted(times)]
    tagged: dict[str, list[ExchangeEvent]] = {}
    for event in events:
        for tag in set(event.tags):
            tagged.setdefault(tag, []).append(event)
    tags = {row.pop("tag"): row for row in await kept.usage.top_tags(DAY)}
    wanted = ("requests", "failed", "input_tokens", "output_tokens", "cost")
    assert tags == {tag: {name: expected(group)[name] for name in wanted} for tag, group in tagged.items()}


@pytest.mark.parametrize("part", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("mean", [0.02, 0.8, 12.0, 200.0])
def test_a_percentile_lies_in_the_bucket_of_the_exact_one(part: float, mean: float):
    rng = random.Random(7)
    values = sorted(rng.expovariate(1 / mean) for _ in range(5000))
    counts = [0] * (len(BOUNDS) + 1)
    for value in values:
        counts[next((number for number, bound in enumerate(BOUNDS) if value <= bound), len(BOUNDS))] += 1
    exact = values[int(part * len(values)) - 1]
    found = percentile(counts, part)
    assert found is not None
    if exact > BOUNDS[-1]:
        assert found == BOUNDS[-1], "all that is known of it is that it is longer"
    else:
        number = next(number for number, bound in enumerate(BOUNDS) if exact <= bound)
        assert (BOUNDS[number - 1] if number else 0.0) <= found <= BOUNDS[number]


def test_there_are_no_percentiles_of_nothing():
    assert percentile([0] * (len(BOUNDS) + 1), 0.5) is None


async def test_latency_is_told_of_all_requests_and_first_bytes_of_streams(kept: Kept):
    await kept.log.store(
        logged(
            made_event(0, duration=0.3, first_byte=0.3),
            made_event(1, duration=4.0, first_byte=0.15, stream=True),
            made_event(2, duration=400.0, outcome="timeout", status=504),
        )
    )
    total = await kept.usage.total(DAY)
    assert total["mean_seconds"] == pytest.approx(404.3 / 3)
    assert 3.0 <= total["latency"]["p50"] <= 5.0
    assert total["latency"]["p99"] == 300.0
    assert 0.1 <= total["first_byte"]["p99"] <= 0.2


async def test_of_nothing_all_sums_are_nothing(kept: Kept):
    total = await kept.usage.total(DAY)
    assert told(total) == dict.fromkeys(NAMES, 0)
    assert total["mean_seconds"] is None
    assert total["latency"]["p50"] is None
    assert await kept.usage.series(DAY, step=60) == []
    assert await kept.usage.top(DAY, "route") == []
    assert await kept.usage.top_tags(DAY) == []


@pytest.mark.parametrize("span", [DAY, MONTH])
async def test_a_span_may_be_of_some_exchanges_only(kept: Kept, span: Span):
    failed = made_event(1, route="cheap", outcome="timeout", status=504)
    other = made_event(2, endpoint="responses", attempts=(AttemptRecord("b/x#k2", "200", 0.0, 0.1),))
    await kept.log.store(logged(made_event(0), failed, other))

    async def requests(**wanted: str) -> int:
        return (await kept.usage.total(Span(since=span.since, until=span.until, **wanted)))["requests"]

    assert await requests() == 3
    assert await requests(route="cheap") == 1
    assert await requests(target="b/x") == 1
    assert await requests(key="k") == 2
    assert await requests(endpoint="responses") == 1
    assert await requests(outcome="failed") == 1
    assert await requests(outcome="timeout") == 1
    assert await requests(outcome="ok") == 2
    assert await requests(outcome="ok", route="cheap") == 0
    assert await requests(route="\0") == 0


async def test_a_series_is_told_in_steps_and_by_whom(kept: Kept):
    start = NOW - NOW % 3600
    await kept.log.store(logged(*(made_event(n, at=start + n * 60, route=f"r{n % 2}") for n in range(20))))
    span = Span(since=start, until=start + 1200)
    series = await kept.usage.series(span, step=300)
    assert [(row["at"] - start, row["requests"]) for row in series] == [(0, 5), (300, 5), (600, 5), (900, 5)]
    by = await kept.usage.series(span, step=600, by="route")
    assert [(row["at"] - start, row["route"], row["requests"]) for row in by] == [
        (0, "r0", 5),
        (0, "r1", 5),
        (600, "r0", 5),
        (600, "r1", 5),
    ]


@pytest.mark.parametrize(
    ("since", "until"), [(-200, -1), (-199.5, -3.2), (-195, 0), (-202.1, -2), (-230, -20), (-50, -1)]
)
async def test_a_long_span_is_told_to_the_hour_though_days_are_added_up(kept: Kept, since: float, until: float):
    """One exchange an hour; `since` and `until` are in hours."""
    await kept.log.store(logged(*(made_event(n, at=NOW + n * 3600, route=f"r{n % 3}") for n in range(-300, 100))))
    span = Span(since=NOW + since * 3600, until=NOW + until * 3600)
    hours = range(int(span.since // 3600), int(span.until // 3600) + 1)
    assert (await kept.usage.total(span))["requests"] == len(hours)
    assert sum(row["requests"] for row in await kept.usage.top(span, "route")) == len(hours)
    series = await kept.usage.series(span, step=3600, by="route")
    assert sum(row["requests"] for row in series) == len(hours)
    assert all(row["at"] % 86400 == 0 for row in series) == (span.length > LONG)
    assert sum(row["requests"] for row in await kept.usage.series(span, step=3600)) == len(hours)


async def test_a_series_has_a_bounded_number_of_points(kept: Kept):
    hours = [made_event(n, at=NOW - n * 3600) for n in range(6000)]
    await kept.log.store(logged(*hours[:1000]))
    year = Span(since=NOW - 6000 * 3600, until=NOW)
    assert len(await kept.usage.series(year, step=1)) <= MOST_POINTS
    assert len(await kept.usage.series(Span(since=NOW - 86400, until=NOW), step=1)) <= MOST_POINTS


async def test_tops_are_bounded_and_equals_are_in_order(kept: Kept):
    await kept.log.store(logged(*(made_event(n, route=f"r{n:03}", tags=(f"t{n:03}",)) for n in range(MOST_ROWS + 5))))
    assert [row["route"] for row in await kept.usage.top(DAY, "route", most=3)] == ["r000", "r001", "r002"]
    assert len(await kept.usage.top(DAY, "route", most=10**6)) == MOST_ROWS
    assert len(await kept.usage.top_tags(DAY, most=10**6)) == MOST_ROWS


async def test_a_day_whose_minutes_are_gone_is_told_by_the_hour(kept: Kept):
    await kept.log.store(logged(*(made_event(n, at=NOW - 20 * 86400 + n * 1800) for n in range(10)), made_event()))
    async with kept.engine.begin() as connection:
        await connection.execute(text(f"DELETE FROM usage_minutes WHERE at < {int(NOW - 7 * 86400) // 60}"))
    then = Span(since=NOW - 20 * 86400, until=NOW - 20 * 86400 + 36000)
    assert (await kept.usage.total(then))["requests"] == 10
    assert sum(row["requests"] for row in await kept.usage.series(then, step=60)) == 10
    assert (await kept.usage.top(then, "route"))[0]["requests"] == 10
    assert (await kept.usage.total(DAY))["requests"] == 1, "what has its minutes is told by them"
