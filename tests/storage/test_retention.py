"""What is too old or too much goes, oldest first; sums stay for as long as they may. On both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from events import NOW, made_event
from headway.storage import partitions, retention
from headway.storage.database import Database
from headway.storage.request_log import RequestLog
from headway.storage.search import Filters
from headway.types import Kept as Keep
from storage.made import Kept, logged

DAY = 86400.0
EVER = 3650 * DAY
ALL = Keep(age=EVER, size=2**50, minutes=EVER, hours=EVER)

sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


async def days(kept: Kept) -> list[int]:
    """How many days before NOW the rows are of, newest first."""
    page = await kept.log.page(Filters(), most=500)
    return [round((NOW - row["at"]) / DAY) for row in page.rows]


async def fill(kept: Kept, first: int, last: int, rows: int = 1, **facts: object) -> None:
    for day in reversed(range(first, last + 1)):
        events = [made_event(day * 1000 + n, at=NOW - day * DAY + n * 0.01, tags=("t",), **facts) for n in range(rows)]
        await kept.log.store(logged(*events))


async def partition_names(kept: Kept) -> list[str]:
    query = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'requests'::regclass ORDER BY 1")
    async with kept.engine.connect() as connection:
        return list((await connection.execute(query)).scalars())


async def test_nothing_goes_before_its_time(kept: Kept):
    await fill(kept, 0, 40)
    assert await retention.forget(kept.engine, ALL, NOW) == 0
    assert await days(kept) == list(range(41))


async def test_what_is_too_old_goes_and_its_sums_stay(kept: Kept):
    await fill(kept, 0, 40)
    await retention.forget(kept.engine, Keep(age=10 * DAY, size=2**50, minutes=EVER, hours=EVER), NOW)
    assert await days(kept) == list(range(11))
    assert await kept.count("request_tags") == 11
    assert await kept.count("usage_hours") == await kept.count("usage_minutes") == 41


async def test_sums_go_when_their_own_time_has_come(kept: Kept):
    await fill(kept, 0, 40)
    await retention.forget(kept.engine, Keep(age=EVER, size=2**50, minutes=5 * DAY, hours=20 * DAY), NOW)
    assert await kept.count("requests") == 41
    assert await kept.count("usage_minutes") == 6
    assert (
        await kept.count("usage_hours") == await kept.count("usage_tag_hours") == await kept.count("usage_days") == 21
    )


async def test_it_may_be_done_again_and_with_nothing_there(kept: Kept):
    for _ in range(2):
        await retention.prepare(kept.engine, NOW)
        assert await retention.forget(kept.engine, Keep(), NOW) == 0


@pytest.mark.parametrize("portion", [7, 5000])
@sqlite
async def test_sqlite_deletes_in_portions(kept: Kept, portion: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retention, "_PORTION", portion)
    await fill(kept, 0, 3, rows=25)
    assert await retention.forget(kept.engine, Keep(age=1.5 * DAY, minutes=EVER, hours=EVER), NOW) == 50
    assert await kept.count("requests") == await kept.count("request_tags") == 50


@sqlite
async def test_sqlite_keeps_within_its_size_and_the_newest_stay(kept: Kept, tmp_path: Path):
    await fill(kept, 0, 9, rows=400, error="e" * 1000)
    most = (tmp_path / "log.db").stat().st_size // 2
    gone = await retention.forget(kept.engine, Keep(age=EVER, size=most, minutes=EVER, hours=EVER), NOW)
    assert 1500 < gone < 3500
    assert await retention._used(kept.engine) <= most
    assert (await days(kept))[0] == 0
    size = (tmp_path / "log.db").stat().st_size
    await fill(kept, 0, 1, rows=400, error="e" * 1000)
    assert (tmp_path / "log.db").stat().st_size <= size, "pages that are free are used again"


@sqlite
async def test_sums_do_not_count_as_size(kept: Kept):
    for number in range(30):
        await kept.log.store(logged(*(made_event(n, at=NOW - n * 3600, route=f"r{number}") for n in range(100))))
    async with kept.engine.begin() as connection:
        await connection.execute(text("DELETE FROM requests WHERE route <> 'r1'"))
    assert await retention.forget(kept.engine, Keep(age=EVER, size=400_000, minutes=EVER, hours=EVER), NOW) == 0
    assert await kept.count("requests") == 100


@pytest.mark.real
@postgresql
class TestPostgresql:
    async def test_a_day_is_a_partition_and_goes_as_one(self, kept: Kept):
        await fill(kept, 0, 5, rows=3)
        assert len(await partition_names(kept)) == 6
        gone = await retention.forget(kept.engine, Keep(age=2 * DAY, minutes=EVER, hours=EVER), NOW)
        assert gone == 3
        assert await partition_names(kept) == ["requests_20250613", "requests_20250614", "requests_20250615"]

    async def test_partitions_are_made_in_advance_by_several_at_once(self, kept: Kept, url: str):
        others = [Database(url) for _ in range(3)]
        for _ in range(2):
            await asyncio.gather(*(retention.prepare(other.engine, NOW) for other in others))
        assert await partition_names(kept) == [f"requests_202506{day}" for day in (14, 15, 16, 17)]
        for other in others:
            await other.close()

    async def test_the_oldest_days_go_when_there_is_too_much_but_never_today(self, kept: Kept):
        await fill(kept, 0, 5, rows=200, error="e" * 500)
        sizes = dict(await partitions.found(kept.engine))
        today = partitions.day_of(NOW)
        most = sum(sizes[day] for day in (today, today - 1, today - 2)) + 1
        await retention.forget(kept.engine, Keep(age=EVER, size=most, minutes=EVER, hours=EVER), NOW)
        assert sorted(set(await days(kept))) == [0, 1, 2]
        await retention.forget(kept.engine, Keep(age=EVER, size=1, minutes=EVER, hours=EVER), NOW)
        assert sorted(set(await days(kept))) == [0]

    async def test_a_partition_that_another_process_has_dropped_is_made_again(self, kept: Kept):
        await fill(kept, 3, 3)
        await retention.forget(kept.engine, Keep(age=DAY), NOW)
        await fill(kept, 3, 3)
        assert await days(kept) == [3]

    async def test_a_reader_who_takes_long_stops_no_writer_at_the_turn_of_the_day(self, kept: Kept, url: str):
        await fill(kept, 0, 0)
        async with kept.engine.connect() as reading:
            await reading.execute(text("SELECT count(*) FROM requests"))
            other = Database(url)
            await retention.prepare(other.engine, NOW + 10 * DAY)
            await RequestLog(other.engine).store(logged(made_event(at=NOW + 10 * DAY)))
            await other.close()
        assert await kept.count("requests") == 2
