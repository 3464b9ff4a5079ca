"""Messages and replies in their database: masked, bounded, for as long as they may stay. On both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from events import NOW, made_event
from headway.storage import content_writer, partitions, retention
from headway.storage.content_writer import ContentWriter
from headway.storage.contents import Contents, Kept, content_row
from headway.storage.database import Database
from headway.storage.masking import Masks
from headway.storage.request_log import RequestLog
from headway.storage.rows import Row
from headway.storage.writer import Writer
from headway.types import Body, Content, Masking, Report
from headway.types import Kept as Keep
from storage.made import Kept as KeptLog
from storage.made import lines_of, logged, until

DAY = 86400.0
EVER = 3650 * DAY
KEY = "sk-proj-0123456789abcdefGHIJ_klmn"
MASKS = Masks(Masking())
CAP = 32 * 1024


def content(number: int = 0, at: float = NOW, asked: str = "What?", told: str = "That.") -> Content:
    request, reply = asked.encode(), told.encode()
    return Content(
        request_id=f"hw-{number}",
        at=at,
        request=Body(request, len(request), "application/json"),
        reply=Body(reply, len(reply), "application/json"),
    )


def rows(*contents: Content) -> list[Row]:
    return [row for each in contents if (row := content_row(each, MASKS, CAP)) is not None]


async def read(database: Database, request_id: str) -> Kept | None:
    async with database.engine.connect() as connection:
        return await Contents(database.engine).one(connection, request_id)


async def test_what_is_stored_is_read_again_by_its_request(database: Database):
    await Contents(database.engine).store(rows(content(1), content(2, asked=f"Is {KEY} a key? \0", told="é")))
    found = await read(database, "hw-2")
    assert found == Kept(
        request_id="hw-2", at=NOW, request="Is [secret] a key? \ufffd", reply="é", request_cut=False, reply_cut=False
    )
    assert await read(database, "hw-3") is None


async def test_what_is_stored_already_is_not_stored_twice(database: Database, kept: KeptLog):
    for _ in range(2):
        await Contents(database.engine).store(rows(content(1), content(2)))
    assert await kept.count("request_content") == 2


async def test_one_side_may_be_missing_and_what_is_cut_is_said_so(database: Database):
    told = Content(request_id="hw-1", at=NOW, reply=Body(b"a" * 20, 100, "text/plain"))
    row = content_row(told, MASKS, 10)
    assert row is not None
    await Contents(database.engine).store([row])
    found = await read(database, "hw-1")
    assert found is not None
    assert (found.request, found.reply, found.request_cut, found.reply_cut) == (None, "a" * 10, False, True)


async def test_contents_go_before_the_requests_they_belong_to(database: Database, kept: KeptLog):
    contents, log = Contents(database.engine), RequestLog(database.engine)
    for day in reversed(range(20)):
        await contents.store(rows(content(day, at=NOW - day * DAY)))
        await log.store(logged(made_event(day, at=NOW - day * DAY)))
    keep = Keep(age=15 * DAY, size=2**50, minutes=EVER, hours=EVER, content=5 * DAY)
    assert await retention.forget(database.engine, keep, NOW) > 0
    assert await read(database, "hw-4") is not None
    assert await read(database, "hw-7") is None
    assert await kept.count("request_content") <= 6
    assert await kept.count("requests") >= 15
    await contents.store(rows(content(99, at=NOW - 10 * DAY)))
    assert await read(database, "hw-99") is not None, "a day that has gone is made again"


async def test_they_go_with_their_requests_at_the_latest(database: Database, kept: KeptLog):
    contents, log = Contents(database.engine), RequestLog(database.engine)
    for day in reversed(range(10)):
        await contents.store(rows(content(day, at=NOW - day * DAY)))
        await log.store(logged(made_event(day, at=NOW - day * DAY)))
    keep = Keep(age=3 * DAY, size=2**50, minutes=EVER, hours=EVER, content=EVER)
    await retention.forget(database.engine, keep, NOW)
    assert await kept.count("request_content") == await kept.count("requests") <= 4


@pytest.mark.real
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_of_postgresql_each_day_is_a_partition(database: Database):
    await Contents(database.engine).store(rows(content(1), content(2, at=NOW - DAY)))
    async with database.engine.connect() as connection:
        names = await connection.execute(
            text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'request_content'::regclass")
        )
        assert sorted(names.scalars()) == ["request_content_20250614", "request_content_20250615"]
    await retention.prepare(database.engine, NOW)
    assert len(await partitions.found(database.engine)) == 5 - 1


# --- the writer ---


class Scene:
    """A writer in this process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reports: list[Report] = []
        self.contents = ContentWriter(database, Masking(), CAP)
        self.writer = Writer(database, Keep(), self.reports.append, self.contents)
        self.running: list[asyncio.Task[None]] = []

    def take(self, *contents: Content) -> None:
        self.writer.take(b"".join(msgspec.json.encode(each) + b"\n" for each in contents))

    def run(self) -> None:
        self.running = [asyncio.ensure_future(each) for each in (self.writer.run(), self.contents.run())]

    async def finish(self) -> Report:
        self.writer.end()
        await asyncio.gather(*self.running)
        await self.writer.close()
        return self.reports[-1]


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


async def test_contents_are_written_beside_the_rows_and_counted_apart(scene: Scene):
    scene.run()
    scene.writer.take(lines_of(made_event(1)))
    scene.take(*(content(n, asked=f"{KEY} {n}") for n in range(120)))
    report = await scene.finish()
    assert (report.stored, report.contents_stored, report.contents_dropped) == (1, 120, 0)
    found = await read(scene.database, "hw-119")
    assert found is not None
    assert found.request == "[secret] 119"


async def test_what_cannot_be_read_is_dropped_and_nothing_else(scene: Scene):
    scene.run()
    scene.writer.take(b'{"event":"content","request_id":7}\n')
    scene.take(content(1))
    report = await scene.finish()
    assert (report.contents_stored, report.contents_dropped) == (1, 1)


async def test_beyond_the_bound_the_oldest_give_way(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(content_writer, "MOST_WAITING", 5000)
    scene.take(*(content(n, asked="x" * 1000) for n in range(10)))
    scene.run()
    report = await scene.finish()
    assert report.contents_stored + report.contents_dropped == 10
    assert 2 <= report.contents_stored <= 4
    assert await read(scene.database, "hw-9") is not None
    assert await read(scene.database, "hw-0") is None


async def test_while_the_database_is_away_they_wait(
    tmp_path: Path, connections_ended: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(content_writer, "PAUSE", 0.05)
    folder = tmp_path / "later"
    scene = Scene(Database(f"sqlite:///{folder}/log.db"))
    scene.take(content(1))
    scene.writer.take(lines_of(made_event(1)))
    scene.run()
    await until(lambda: scene.reports and scene.reports[-1].error, "it is told")
    folder.mkdir()
    await until(lambda: scene.contents.stored == 1, "it is stored")
    assert (await scene.finish()).contents_stored == 1


async def test_a_database_that_fails_meanwhile_is_tried_again(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(content_writer, "PAUSE", 0.01)
    store, tries = Contents.store, 0

    async def fails_twice(self: Contents, batch: Any) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise TimeoutError
        await store(self, batch)

    monkeypatch.setattr(Contents, "store", fails_twice)
    scene.take(content(1))
    scene.run()
    await until(lambda: scene.contents.stored == 1, "it is stored")
    assert (await scene.finish()).contents_dropped == 0
    assert tries == 3


async def test_at_the_end_what_nobody_takes_is_counted(tmp_path: Path, connections_ended: None):
    scene = Scene(Database(f"sqlite:///{tmp_path}/nowhere/log.db"))
    scene.take(content(1), content(2))
    scene.run()
    report = await scene.finish()
    assert (report.contents_stored, report.contents_dropped) == (0, 2)
