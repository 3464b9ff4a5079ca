"""The request log: what was stored is found again, newest first, by whatever people ask for. On both databases."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from events import NOW, made_event
from headway.storage.database import Database
from headway.storage.migrations import migrate
from headway.storage.request_log import MOST_ON_A_PAGE, RequestLog
from headway.storage.rows import Ids, read_line
from headway.storage.search import Filters
from headway.types import AttemptRecord, ExchangeEvent
from storage.made import Kept, logged

ODD = "nul \0, quote ' \" \\, percent %, colon :x, snowman ☃, emoji 🦜, rtl \u202e, line\nbreak, del \x7f"


def via(target: str) -> tuple[AttemptRecord, ...]:
    return (AttemptRecord(target, "200", 0.0, 0.1),)


async def names(kept: Kept, most: int = 50, before: int | None = None, **wanted: Any) -> list[str]:
    page = await kept.log.page(Filters(**wanted), most=most, before=before)
    return [row["request_id"] for row in page.rows]


async def test_what_was_stored_is_there_with_all_that_is_known_of_it(kept: Kept):
    event = made_event(7, session="talk", tags=("team=search",), first_byte=0.25, stream=True, error="no")
    await kept.log.store(logged(made_event(1), event))
    found = await kept.log.one("hw-7")
    assert found is not None
    assert msgspec.convert(found.pop("event"), ExchangeEvent) == event
    assert found == {
        "at": NOW + 7,
        "request_id": "hw-7",
        "endpoint": "chat",
        "model": "default",
        "route": "default",
        "provider": "a",
        "target": "a/m",
        "key": "k",
        "outcome": "ok",
        "status": 200,
        "stream": True,
        "attempts": 1,
        "duration": 0.3,
        "first_byte": 0.25,
        "input_tokens": 3,
        "output_tokens": 5,
        "cost": 7,
        "session": "talk",
        "tokens_per_second": 100.0,
    }
    page = await kept.log.page(Filters())
    assert [row["request_id"] for row in page.rows] == ["hw-7", "hw-1"]
    assert page.rows[0] == found, "a page has the same, less the event"
    assert await kept.log.one("hw-8") is None


async def test_nothing_to_store_is_stored(kept: Kept):
    await kept.log.store([])
    assert await kept.log.page(Filters()) == await kept.log.page(Filters(route="any"))
    assert (await kept.log.page(Filters())).before is None


EVENTS = [
    made_event(0),
    made_event(1, route="cheap", model="gpt"),
    made_event(2, attempts=via("b/x#k2")),
    made_event(3, outcome="rate_limited", status=429, attempts=()),
    made_event(4, outcome="timeout", status=504, duration=60.0),
    made_event(5, stream=True, endpoint="responses", session="talk"),
    made_event(6, tags=("team=search", "nightly")),
    made_event(7, tags=("nightly",), route="cheap", duration=2.0),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [7, 6, 5, 4, 3, 2, 1, 0]),
        ({"request_id": "hw-4"}, [4]),
        ({"route": "cheap"}, [7, 1]),
        ({"target": "b/x"}, [2]),
        ({"provider": "b"}, [2]),
        ({"provider": ""}, [3]),
        ({"key": "k2"}, [2]),
        ({"endpoint": "responses"}, [5]),
        ({"model": "gpt"}, [1]),
        ({"outcome": "ok"}, [7, 6, 5, 2, 1, 0]),
        ({"outcome": "failed"}, [4, 3]),
        ({"outcome": "timeout"}, [4]),
        ({"outcome": "nothing"}, []),
        ({"status": 429}, [3]),
        ({"stream": True}, [5]),
        ({"stream": False, "route": "cheap"}, [7, 1]),
        ({"session": "talk"}, [5]),
        ({"tag": "nightly"}, [7, 6]),
        ({"tag": "team=search"}, [6]),
        ({"tag": "nightly", "route": "cheap"}, [7]),
        ({"tag": "night"}, []),
        ({"since": NOW + 5}, [7, 6, 5]),
        ({"until": NOW + 2}, [1, 0]),
        ({"since": NOW + 2, "until": NOW + 4}, [3, 2]),
        ({"since": float("-inf"), "until": float("inf")}, [7, 6, 5, 4, 3, 2, 1, 0]),
        ({"slower": 1.99}, [7, 4]),
        ({"slower": 2.0}, [4]),
        ({"slower": 59.9, "outcome": "failed"}, [4]),
        ({"slower": 60.0}, []),
        ({"stream": True, "endpoint": "chat"}, []),
        ({"status": 504}, [4]),
        ({"status": 200, "outcome": "failed"}, []),
        ({"route": "cheap", "key": "k2"}, []),
    ],
)
async def test_everything_that_is_asked_for_must_hold(kept: Kept, wanted: dict[str, Any], found: list[int]):
    await kept.log.store(logged(*EVENTS))
    assert await names(kept, **wanted) == [f"hw-{number}" for number in found]


async def test_pages_neither_skip_nor_repeat_while_rows_are_added(kept: Kept):
    await kept.log.store(logged(*(made_event(number) for number in range(95))))
    seen: list[str] = []
    before, added = None, 95
    while True:
        page = await kept.log.page(Filters(route="default"), most=10, before=before)
        seen += [row["request_id"] for row in page.rows]
        await kept.log.store(logged(*(made_event(number) for number in range(added, added + 7))))
        added += 7
        if page.before is None:
            break
        before = page.before
    assert seen == [f"hw-{number}" for number in reversed(range(95))]


@pytest.mark.parametrize("count", [0, 9, 10, 11])
async def test_a_page_says_whether_there_are_more(kept: Kept, count: int):
    await kept.log.store(logged(*(made_event(number) for number in range(count))))
    page = await kept.log.page(Filters(), most=10)
    assert (len(page.rows), page.before is not None) == (min(count, 10), count > 10)


async def test_a_page_has_at_least_one_row_and_not_too_many(kept: Kept):
    await kept.log.store(logged(*(made_event(number) for number in range(MOST_ON_A_PAGE + 2))))
    assert len(await names(kept, most=0)) == 1
    assert len(await names(kept, most=10**9)) == MOST_ON_A_PAGE
    assert len(await names(kept, most=1, before=2**80)) == 1
    assert await names(kept, before=0) == []


async def test_odd_and_long_texts_are_stored_and_found_again(kept: Kept):
    event = made_event(model=ODD, route=ODD, session=ODD, tags=(ODD, ODD, "t" * 500), request_id=ODD, error=ODD)
    long = made_event(1, model="🦜" * 5000, attempts=via("p" * 1000 + "/" + "☃" * 1000 + "#" + "k" * 1000))
    await kept.log.store(logged(event, long))
    texts: list[dict[str, Any]] = [{"model": ODD}, {"route": ODD}, {"session": ODD}, {"tag": ODD}, {"tag": "t" * 500}]
    for wanted in texts:
        page = await kept.log.page(Filters(**wanted))
        assert [row["at"] for row in page.rows] == [NOW], wanted
    found = await kept.log.one(ODD)
    assert found is not None
    assert found["event"]["error"] == ODD
    assert (await names(kept, model="🦜" * 5000)) == ["hw-1"]


async def test_a_batch_is_stored_whole_or_not_at_all(kept: Kept):
    good, bad = logged(made_event(0), made_event(1))
    broken = msgspec.structs.replace(bad, event=msgspec.structs.replace(bad.event, status=10**30))
    with pytest.raises(Exception, match=r"(?i)int"):
        await kept.log.store([good, broken])
    assert [await kept.count(table) for table in ("requests", "usage_minutes", "usage_hours")] == [0, 0, 0]


async def test_a_batch_that_is_stored_again_is_there_once(kept: Kept):
    """As when the answer to a commit is lost."""
    first = logged(*(made_event(number, tags=("t",)) for number in range(10)))
    await kept.log.store(first)
    await kept.log.store(first)
    await kept.log.store([*first, *logged(made_event(10))])
    assert await kept.count("requests") == 11
    assert await kept.count("request_tags") == 10
    async with kept.engine.connect() as connection:
        assert (await connection.execute(text("SELECT sum(requests) FROM usage_hours"))).scalar_one() == 11


async def test_a_number_that_another_writer_has_taken_is_given_anew(kept: Kept, database: Database):
    mine = logged(*(made_event(number) for number in range(5)))
    other = [
        msgspec.structs.replace(theirs, id=ours.id)
        for ours, theirs in zip(mine, logged(*(made_event(n, request_id=f"other-{n}") for n in range(5))), strict=True)
    ]
    await kept.log.store(mine)
    await RequestLog(database.engine).store(other)
    assert sorted(await names(kept)) == sorted([f"hw-{n}" for n in range(5)] + [f"other-{n}" for n in range(5)])


async def test_rows_of_any_day_are_taken(kept: Kept):
    """PostgreSQL keeps each day apart: rows that have waited may be of a day that nobody has prepared."""
    days = [made_event(number, at=NOW + number * 86400.0) for number in (-400, -30, 0, 1, 300)]
    await kept.log.store(logged(*days))
    assert await names(kept) == ["hw-300", "hw-1", "hw-0", "hw--30", "hw--400"]


async def test_several_writers_at_once_do_not_stop_each_other(url: str):
    databases = [Database(url) for _ in range(4)]
    await asyncio.gather(*(migrate(database.engine) for database in databases))

    async def write(database: Database, writer: int) -> None:
        log, ids = RequestLog(database.engine), Ids()
        for batch in range(6):
            events = [
                made_event(
                    batch * 20 + n,
                    request_id=f"{writer}-{batch}-{n}",
                    route=f"r{(n * writer) % 7}",
                    tags=(f"t{n % 5}",),
                )
                for n in range(40)
            ]
            lines = [read_line(msgspec.json.encode(event), ids) for event in events]
            async with asyncio.timeout(20):
                await log.store([line for line in lines if line is not None])

    await asyncio.gather(*(write(database, number) for number, database in enumerate(databases)))
    kept = Kept(databases[0])
    assert await kept.count("requests") == 4 * 6 * 40
    async with kept.engine.connect() as connection:
        for table in ("usage_minutes", "usage_hours", "usage_tag_hours"):
            assert (await connection.execute(text(f"SELECT sum(requests) FROM {table}"))).scalar_one() == 4 * 6 * 40
    for database in databases:
        await database.close()


async def test_readers_do_not_wait_for_a_writer(kept: Kept, url: str):
    await kept.log.store(logged(made_event()))
    async with kept.engine.begin() as connection:
        await connection.execute(text("UPDATE requests SET status = 500"))
        async with asyncio.timeout(5):
            assert (await kept.log.page(Filters())).rows[0]["status"] == 200
