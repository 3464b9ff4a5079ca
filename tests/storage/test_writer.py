"""The process that writes the log: nothing is lost that need not be, what is lost is counted, and it always goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from events import made_event
from headway.core.periods import began
from headway.observability import shipping
from headway.observability.shipping import Shipments
from headway.storage import spending, writer
from headway.storage.content_writer import ContentWriter
from headway.storage.database import Database
from headway.storage.writer import Writer
from headway.types import Budget, Masking, Orders, Report, Spent
from headway.types import Kept as Keep
from storage.made import Kept, lines_of, until
from storage.postgres import Postgres

WRITER = [sys.executable, "-m", "headway.storage.writer"]
EVER = Keep(age=3650 * 86400.0)
"""What tests make up is of 2025."""
DEAF = [sys.executable, "-c", "import time; time.sleep(600)"]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], Any]]:
    return {"uvloop": uvloop.new_event_loop}


def orders(url: str, keep: Keep = EVER, budgets: tuple[Budget, ...] = ()) -> Orders:
    return Orders(url=url, kept=keep, cap=32 * 1024, masking=Masking(), budgets=budgets)


class Gateway:
    """Of a gateway what has to do with its log."""

    def __init__(self, command: list[str]) -> None:
        self.told: list[str | None] = []
        self.shipments = Shipments(command, self.told.append)
        self.shipped = 0

    def start(self, url: str, keep: Keep = EVER) -> None:
        self.shipments.adjust(orders(url, keep))
        self.shipments.begin()

    def ship(self, count: int = 1, **facts: Any) -> None:
        events = [made_event(self.shipped + n, **facts) for n in range(count)]
        self.shipped += count
        self.shipments.ship(lines_of(*events), count)

    @property
    def settled(self) -> bool:
        return self.shipments.stored + self.shipments.dropped == self.shipped

    @property
    def pid(self) -> int | None:
        process = self.shipments._shipping and self.shipments._shipping._process
        return process.pid if process else None


Open = Callable[..., Gateway]


@pytest.fixture
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    monkeypatch.setattr(shipping, "_FIRST_PAUSE", 0.05)
    opened: list[Gateway] = []

    def start(command: list[str] = WRITER) -> Gateway:
        opened.append(Gateway(command))
        return opened[-1]

    yield start
    for each in opened:
        await each.shipments.close()


async def stored_in(url: str) -> int:
    database = Database(url)
    try:
        return await Kept(database).count("requests")
    finally:
        await database.close()


async def test_rows_arrive_by_themselves_and_soon(gateway: Open, url: str):
    one = gateway()
    one.start(url)
    one.ship(3)
    await until(lambda: one.shipments.stored == 3, "rows are stored")
    one.ship(4)
    await until(lambda: one.shipments.stored == 7, "later ones too", patience=3.0)
    assert await stored_in(url) == 7
    assert one.told == []


async def test_what_comes_before_the_process_runs_is_not_lost(gateway: Open, url: str):
    one = gateway()
    one.start(url)
    for _ in range(5):
        one.ship(2000)
    await until(lambda: one.shipments.stored == 10_000, "rows are stored")
    assert await stored_in(url) == 10_000


async def test_the_end_of_input_has_everything_written(gateway: Open, url: str):
    one = gateway()
    one.start(url)
    one.ship(1)
    await until(lambda: one.shipments.stored == 1, "it runs")
    one.ship(3000)
    await one.shipments.close()
    assert (one.shipments.stored, one.shipments.dropped) == (3001, 0)
    assert await stored_in(url) == 3001


async def test_after_the_end_what_is_shipped_is_no_longer_taken(gateway: Open, tmp_path: Path):
    one = gateway()
    one.start(f"sqlite:///{tmp_path}/log.db")
    one.ship(1)
    await one.shipments.close()
    one.ship(1)
    assert one.shipments.stored == 1


async def test_a_writer_that_is_killed_is_started_again_and_losses_are_counted(gateway: Open, url: str):
    one = gateway()
    one.start(url)
    for kill in range(3):
        one.ship(10)
        await until(lambda: one.settled and one.pid, "rows are stored")
        killed = one.pid
        assert killed is not None
        os.kill(killed, signal.SIGSTOP)
        one.ship(500)
        os.kill(killed, signal.SIGKILL)
        one.ship(25)  # its end may be known by now, or not
        await until(lambda before=killed: one.pid not in (None, before), "another is started")
        await until(lambda number=kill: one.told.count(None) == number + 1, "it is said to be well again")
    one.ship(10)
    await until(lambda: one.settled, "all is accounted for")
    assert one.shipments.dropped >= 3 * 500
    assert await stored_in(url) == one.shipments.stored
    assert one.told[0] == "the writer of the request log has ended; it is started again"


async def test_counts_never_go_back(gateway: Open, tmp_path: Path):
    one = gateway()
    url = f"sqlite:///{tmp_path}/log.db"
    one.start(url)
    one.ship(100)
    await until(lambda: one.settled, "rows are stored")
    for change in range(3):
        one.shipments.adjust(orders(url, Keep(age=EVER.age - change - 1.0)))
        assert one.shipments.stored == one.shipped
        one.ship(10)
        await until(lambda: one.settled, "rows are stored")
    assert await stored_in(url) == 130


async def test_another_url_is_another_database_and_the_first_gets_its_rows(gateway: Open, tmp_path: Path):
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two")]
    one = gateway()
    one.start(urls[0])
    one.ship(500)
    one.shipments.adjust(orders(urls[1]))
    one.ship(30)
    await until(lambda: one.settled, "rows are stored")
    await one.shipments.close()
    assert [await stored_in(url) for url in urls] == [500, 30]


async def test_it_may_be_switched_off_and_on(gateway: Open, tmp_path: Path):
    url = f"sqlite:///{tmp_path}/log.db"
    one = gateway()
    one.start(url)
    one.ship(5)
    one.shipments.adjust(None)
    one.shipments.ship(lines_of(made_event()), 1)
    assert one.pid is None
    await until(lambda: one.settled, "rows are stored")
    one.shipments.adjust(orders(url))
    one.ship(5)
    await until(lambda: one.settled, "rows are stored")
    assert await stored_in(url) == 10


async def test_a_process_that_never_reads_costs_nothing_but_its_rows(gateway: Open, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shipping, "MOST_WAITING", 200_000)
    monkeypatch.setattr(shipping, "_FAREWELL", 0.3)
    one = gateway(DEAF)
    one.start("sqlite:///nowhere.db")
    await until(lambda: one.pid, "it runs")
    for _ in range(3000):
        one.ship(1)
    assert 0 < one.shipments.dropped < 3000
    pid = one.pid
    await one.shipments.close()
    assert (one.shipments.stored, one.shipments.dropped) == (0, 3000)
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_command_that_does_not_exist_is_told_and_rows_are_counted(gateway: Open):
    one = gateway(["/nowhere/writer"])
    one.start("sqlite:///nowhere.db")
    one.ship(5)
    await until(lambda: one.told, "it is told")
    assert one.told == ["the writer of the request log cannot be started: No such file or directory"]
    await one.shipments.close()
    assert one.shipments.dropped == 5


async def test_a_process_that_dies_at_once_is_not_started_all_the_time(gateway: Open, tmp_path: Path):
    starts = tmp_path / "starts"
    one = gateway([sys.executable, "-c", f"open({str(starts)!r}, 'a').write('x')"])
    one.start("sqlite:///nowhere.db")
    await until(lambda: one.told, "it is told")
    for _ in range(20):
        one.ship(1)
        await asyncio.sleep(0.05)
    assert len(starts.read_text()) <= 6
    assert one.told == ["the writer of the request log has ended; it is started again"]


# --- budgets ---


def spent(shipments: Shipments) -> dict[str, int]:
    """In the month that runs, by budget."""
    since = began("month", time.time())
    assert {each.since for each in shipments.spent} <= {since}
    return {each.budget: each.amount for each in shipments.spent}


ALL = Budget(name="all", amount=10**6, per="month")
SEARCH = Budget(name="search", amount=10**6, per="month", tag="search")


async def test_what_budgets_have_spent_is_told_from_the_start(gateway: Open, url: str):
    one = gateway()
    one.start(url)
    one.shipments.ship(lines_of(*(made_event(at=time.time(), cost=5, tags=("search",) * n) for n in range(2))), 2)
    await until(lambda: one.shipments.stored == 2, "rows are stored")
    assert one.shipments.spent == ()
    one.shipments.adjust(orders(url, budgets=(ALL, SEARCH)))
    await until(lambda: spent(one.shipments) == {"all": 10, "search": 5}, "it is told")
    one.shipments.adjust(orders(url, budgets=(SEARCH,)))
    assert one.shipments.spent == (), "what was told by other orders counts no more"
    await until(lambda: spent(one.shipments) == {"search": 5}, "it is told")
    one.shipments.adjust(None)
    assert one.shipments.spent == ()


async def test_what_was_told_stays_while_another_writer_is_started(gateway: Open, tmp_path: Path):
    one = gateway()
    one.shipments.adjust(orders(f"sqlite:///{tmp_path}/log.db", budgets=(ALL,)))
    one.shipments.begin()
    await until(lambda: one.shipments.spent, "it is told")
    before, pid = one.shipments.spent, one.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: one.pid not in (None, pid), "another is started")
    assert one.shipments.spent == before


# --- databases that are not as they should be ---


async def ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(20):
        return await process.wait()


async def test_a_missing_folder_is_told_with_a_way_out_and_found_once_it_is_there(gateway: Open, tmp_path: Path):
    folder = tmp_path / "later"
    url = f"sqlite:///{folder}/log.db"
    one = gateway()
    one.start(url)
    one.ship(10)
    await until(lambda: one.told, "it is told")
    assert f"there is no folder {folder}: create it, or set storage.url" in str(one.told[0])
    pid = one.pid
    one.ship(10)
    folder.mkdir()
    await until(lambda: one.shipments.stored == 20, "rows have waited")
    assert (len(one.told), one.told[-1], one.shipments.error) == (2, None, None)
    assert one.pid == pid, "it has not died of it"


async def test_a_folder_that_may_not_be_written_in_is_told(gateway: Open):
    one = gateway()
    one.start("sqlite:////proc/log.db")  # where not even root may
    one.ship(10)
    await until(lambda: one.told, "it is told")
    assert "/proc must be a folder that may be written in, or set storage.url" in str(one.told[0])
    pid = one.pid
    await asyncio.sleep(1.5)
    assert (one.pid, len(one.told)) == (pid, 1), "it waits, and says so once"


async def test_a_file_that_is_no_database_is_told_and_left_as_it_is(gateway: Open, tmp_path: Path):
    file = tmp_path / "log.db"
    file.write_text("a poem\n" * 200)
    one = gateway()
    one.start(f"sqlite:///{file}")
    one.ship(10)
    await until(lambda: one.told, "it is told")
    assert "file is not a database" in str(one.told[0])
    await one.shipments.close()
    assert one.shipments.dropped == 10
    assert file.read_text() == "a poem\n" * 200


@pytest.mark.parametrize("url", ["mysql://host/db", "postgresql://host/db?nonsense=1"])
async def test_a_url_that_cannot_be_used_is_told_and_does_not_end_the_writer(gateway: Open, url: str):
    one = gateway()
    one.start(url)
    await until(lambda: one.told, "it is told")
    assert str(one.told[0]).startswith("storage.url has" if "nonsense" in url else "storage.url 'mysql'")
    pid = one.pid
    one.ship(10)
    await until(lambda: one.shipments.dropped == 10, "rows are counted")
    assert one.pid == pid


async def test_a_row_that_the_database_refuses_takes_no_other_with_it(gateway: Open, url: str):
    one = gateway()
    one.start(url)
    events = [made_event(n, status=10**30 if n in (3, 700) else 200) for n in range(1000)]
    one.shipments.ship(lines_of(*events) + b"{}\n", 1001)
    await until(lambda: one.shipments.stored == 998, "the others are stored")
    assert one.shipments.dropped == 3
    assert one.told == []
    assert await stored_in(url) == 998


async def test_a_database_that_is_locked_for_long_costs_no_row(gateway: Open, tmp_path: Path):
    url = f"sqlite:///{tmp_path}/log.db"
    one = gateway()
    one.start(url)
    one.ship(10)
    await until(lambda: one.settled, "rows are stored")
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        one.ship(10)
        await until(lambda: one.told, "it is told")
        assert "locked" in str(one.told[0])
        other.execute("ROLLBACK")
    await until(lambda: one.settled, "rows have waited")
    assert one.shipments.dropped == 0
    assert await stored_in(url) == 20


@pytest.mark.real
async def test_while_postgresql_is_down_rows_wait_and_all_is_stored_after(gateway: Open, own_postgres: Postgres):
    url = own_postgres.new_database()
    one = gateway()
    one.start(url)
    one.ship(100)
    await until(lambda: one.settled, "rows are stored")
    await asyncio.to_thread(own_postgres.stop)
    for _ in range(20):
        one.ship(100)
        await asyncio.sleep(0.02)
    await until(lambda: one.told, "it is told")
    assert str(one.told[0]).startswith("postgresql://headway@/test_0")
    await asyncio.to_thread(own_postgres.start)
    await until(lambda: one.settled, "rows have waited")
    assert (one.shipments.stored, one.shipments.dropped) == (2100, 0)
    assert await stored_in(url) == 2100
    assert one.told[-1] is None


@pytest.mark.real
async def test_postgresql_may_be_killed_again_and_again(gateway: Open, own_postgres: Postgres):
    """What it said it had stored is there, once; what it did not is stored later."""
    url = own_postgres.new_database()
    one = gateway()
    one.start(url)
    for _ in range(3):
        for _ in range(20):
            one.ship(50)
            await asyncio.sleep(0.01)
        await asyncio.to_thread(own_postgres.stop, signal.SIGQUIT)
        one.ship(50)
        await asyncio.to_thread(own_postgres.start)
    await until(lambda: one.settled, "all is accounted for")
    assert one.shipments.dropped == 0
    assert await stored_in(url) == one.shipped


async def test_a_gateway_that_is_killed_takes_its_writer_with_it(tmp_path: Path):
    """Having written what it had been given."""
    url = f"sqlite:///{tmp_path}/log.db"
    process = await asyncio.create_subprocess_exec(
        *WRITER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    for message in (msgspec.json.encode(orders(url)), lines_of(*(made_event(n) for n in range(50)))):
        process.stdin.write(len(message).to_bytes(4) + message)
    await process.stdin.drain()
    assert process.stdout is not None
    assert await process.stdout.readline(), "it has begun"
    for sig in (signal.SIGINT, signal.SIGTERM):
        process.send_signal(sig)
    process.stdin.write(b"\0\0")  # half a message
    process.stdin.close()
    assert await ended(process) == 0
    assert await stored_in(url) == 50


# --- in this process, with a database that does as the test says ---


class Scene:
    """A writer whose reports are seen, on SQLite that can be away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.folder.mkdir()
        self.url = f"sqlite:///{self.folder}/log.db"
        self.reports: list[Report] = []
        self.database = Database(self.url)
        self.contents = ContentWriter(self.database, Masking(), 32 * 1024)
        self.writer = Writer(self.database, Keep(), self.reports.append, self.contents, (ALL,))
        self.running: asyncio.Task[None] | None = None

    def take(self, first: int, end: int) -> None:
        self.writer.take(lines_of(*(made_event(n) for n in range(first, end))))

    def run(self) -> None:
        self.running = asyncio.ensure_future(self.writer.run())

    async def finish(self) -> None:
        self.writer.end()
        assert self.running is not None
        await self.running
        await self.writer.close()

    @property
    def last(self) -> Report:
        return self.reports[-1]


@pytest.fixture
def scene(tmp_path: Path, connections_ended: None) -> Scene:
    return Scene(tmp_path)


async def test_beyond_the_bound_the_oldest_give_way_and_are_counted(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writer, "MOST_WAITING", 100)
    scene.folder.rmdir()
    scene.take(0, 60)
    scene.run()
    await until(lambda: scene.reports and scene.last.error, "it is told")
    scene.take(60, 250)
    scene.folder.mkdir()
    await until(lambda: scene.last.stored, "it resumes by itself")
    await scene.finish()
    assert (scene.last.stored, scene.last.dropped, scene.last.waiting, scene.last.error) == (100, 150, 0, None)
    with contextlib.closing(sqlite3.connect(scene.folder / "log.db")) as connection:
        found = [int(name[3:]) for (name,) in connection.execute("SELECT request_id FROM requests ORDER BY id")]
    assert found == list(range(150, 250))


async def test_at_the_end_a_database_that_is_away_is_tried_once_more(scene: Scene):
    scene.folder.rmdir()
    scene.take(0, 10)
    scene.run()
    await until(lambda: scene.reports and scene.last.error, "it is told")
    started = asyncio.get_running_loop().time()
    await scene.finish()
    assert asyncio.get_running_loop().time() - started < 4.0
    assert (scene.last.stored, scene.last.dropped) == (0, 10)


async def test_old_rows_go_while_the_process_runs(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writer, "TIDY_EVERY", 0.05)
    scene.take(0, 10)  # of 2025
    scene.run()
    await until(lambda: scene.reports and scene.last.stored == 10, "rows are stored")
    tidying = asyncio.ensure_future(scene.writer.tidy())
    kept = Kept(scene.database)

    async def gone() -> bool:
        return await kept.count("requests") == 0

    await until(gone, "old rows are deleted")
    tidying.cancel()
    await asyncio.gather(tidying, return_exceptions=True)
    await scene.finish()


async def test_tidying_that_fails_stops_no_row(scene: Scene, monkeypatch: pytest.MonkeyPatch, capfd: Any):
    async def fails(*_: object) -> int:
        raise TimeoutError

    monkeypatch.setattr(writer, "TIDY_EVERY", 0.05)
    monkeypatch.setattr(writer, "forget", fails)
    scene.run()
    tidying = asyncio.ensure_future(scene.writer.tidy())
    said: list[str] = []
    await until(lambda: said.append(capfd.readouterr().err) or any("not tidied" in text for text in said), "it is said")
    scene.take(0, 10)
    await until(lambda: scene.reports and scene.last.stored == 10, "rows are stored")
    assert scene.last.error is None
    tidying.cancel()
    await asyncio.gather(tidying, return_exceptions=True)
    await scene.finish()


async def test_a_report_is_sent_when_a_budget_has_spent_more(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(spending, "LOOKS_EVERY", 0.02)
    monkeypatch.setattr(writer, "TELL_EVERY", 0.02)
    scene.run()
    others = [asyncio.ensure_future(each) for each in (scene.writer.watch(), scene.writer.report())]
    since = began("month", time.time())
    await until(lambda: scene.reports and scene.last.spent == (Spent(budget="all", since=since, amount=0),), "it looks")
    count = len(scene.reports)
    await asyncio.sleep(0.2)
    assert len(scene.reports) == count, "nothing new is not told"
    scene.writer.take(lines_of(made_event(at=time.time(), cost=9)))
    await until(lambda: scene.last.spent == (Spent(budget="all", since=since, amount=9),), "it looks again")
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await scene.finish()
