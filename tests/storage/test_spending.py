"""What budgets have spent, asked of the sums of both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from events import made_event
from headway.storage import spending as spending_module
from headway.storage.database import Database
from headway.storage.spending import Spending
from headway.types import AttemptRecord, Budget, ExchangeEvent, Spent
from storage.made import Kept, logged, until


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = at("2026-11-24T12:30:00")
TODAY, NOVEMBER = at("2026-11-24"), at("2026-11-01")


def event(when: str, cost: int | None, target: str = "a/m#k", **facts: Any) -> ExchangeEvent:
    return made_event(at=at(when), cost=cost, attempts=(AttemptRecord(target, "200", 0.0, 0.1),), **facts)


EVENTS = (
    event("2026-10-31T23:59:59", 1),
    event("2026-11-01T00:00:00", 10, tags=("search",)),
    event("2026-11-23T23:59:59", 100, route="cheap"),
    event("2026-11-24T00:00:00", 1000, "b/n/o#k", tags=("search", "nightly")),
    event("2026-11-24T12:29:00", 10_000, "b/n/o#k2", route="cheap", tags=("nightly",)),
    event("2026-11-24T12:29:30", None, outcome="timeout", status=504),
)


async def amounts(database: Database, *budgets: Budget, now: float = NOON) -> list[int]:
    spending = Spending(database.engine, budgets)
    await spending.look(now)
    assert [each.budget for each in spending.spent] == [budget.name for budget in budgets]
    return [each.amount for each in spending.spent]


def budget(**facts: Any) -> Budget:
    usual: dict[str, Any] = {"name": "x", "amount": 1, "per": "month"}
    return Budget(**usual | facts)


async def test_what_is_spent_is_told_with_the_period_that_it_was_spent_in(database: Database, kept: Kept):
    await kept.log.store(logged(*EVENTS))
    spending = Spending(database.engine, [budget(name="m"), budget(name="d", per="day")])
    await spending.look(NOON)
    assert spending.spent == (
        Spent(budget="m", since=NOVEMBER, amount=11_110),
        Spent(budget="d", since=TODAY, amount=11_000),
    )


async def test_each_kind_of_budget_counts_what_it_says(database: Database, kept: Kept):
    await kept.log.store(logged(*EVENTS))
    facts: list[tuple[dict[str, str], int, int]] = [
        ({}, 11_110, 11_000),
        ({"route": "cheap"}, 10_100, 10_000),
        ({"target": "b/n/o"}, 11_000, 11_000),
        ({"target": "a/m"}, 110, 0),
        ({"key": "k"}, 1110, 1000),
        ({"tag": "search"}, 1010, 1000),
        ({"tag": "nightly"}, 11_000, 11_000),
        ({"tag": "nobody's"}, 0, 0),
        ({"route": "nobody's"}, 0, 0),
    ]
    assert await amounts(database, *(budget(**of) for of, *_ in facts)) == [month for _, month, _ in facts]
    assert await amounts(database, *(budget(per="day", **of) for of, *_ in facts)) == [day for *_, day in facts]


@pytest.mark.parametrize(
    ("now", "month", "day"),
    [
        ("2026-10-31T23:59:59.9", 1, 1),
        ("2026-11-01T00:00:00", 10, 10),
        ("2026-11-23T23:59:59.9", 110, 100),
        ("2026-11-30T23:59:59.9", 11_110, 0),
        ("2026-12-01T00:00:00", 0, 0),
    ],
)
async def test_a_period_ends_where_the_next_begins(database: Database, kept: Kept, now: str, month: int, day: int):
    await kept.log.store(logged(*EVENTS))
    assert await amounts(database, budget(), budget(per="day"), now=at(now)) == [month, day]


async def test_tags_keep_to_their_period_too(database: Database, kept: Kept):
    await kept.log.store(logged(*EVENTS))
    tagged = budget(tag="search"), budget(tag="search", per="day")
    assert await amounts(database, *tagged, now=at("2026-11-23T23:59:59")) == [10, 0]
    assert await amounts(database, *tagged, now=at("2026-12-01T00:00:00")) == [0, 0]


async def test_an_empty_log_has_spent_nothing(database: Database):
    assert await amounts(database, budget(), budget(tag="search")) == [0, 0]


async def test_while_the_database_fails_the_last_sums_stay(
    database: Database, kept: Kept, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(spending_module, "LOOKS_EVERY", 0.01)
    monkeypatch.setattr(spending_module.time, "time", lambda: NOON)
    await kept.log.store(logged(*EVENTS))
    spending = Spending(database.engine, [budget()])
    keeping = asyncio.ensure_future(spending.keep())
    try:
        await until(lambda: spending.spent, "it has looked")
        before = spending.spent
        async with kept.engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE usage_days RENAME TO away")
        await asyncio.sleep(0.2)
        assert (spending.spent, keeping.done()) == (before, False)
        async with kept.engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE away RENAME TO usage_days")
        await kept.log.store(logged(event("2026-11-24T12:29:50", 1)))
        await until(lambda: spending.spent[0].amount == 11_111, "it has looked again")
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_without_budgets_nobody_looks(database: Database):
    await Spending(database.engine, ()).keep()
