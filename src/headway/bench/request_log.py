"""How fast the request log is written and read: `python -m headway.bench.request_log --url URL`.

It fills an empty database with exchanges of 30 days, made up always alike, and then times the writer's path, the first
page under each of a dozen filters, and each statistics query. A database that holds exchanges already is read only.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from random import Random
from statistics import median
from typing import Any

import msgspec
from sqlalchemy import func, select, text

from headway.storage.database import Database
from headway.storage.migrations import migrate
from headway.storage.request_log import RequestLog
from headway.storage.rows import Ids, Logged, read_line
from headway.storage.search import Filters
from headway.storage.tables import requests
from headway.storage.usage import Span, UsageLog
from headway.types import AttemptRecord, ExchangeEvent, Usage

SPAN = 30 * 86400.0
BULK = 10_000
"""Rows in one transaction while filling."""
BATCH = 1000
"""Rows in one transaction of the writer."""
BATCHES = 30
RUNS = 5
"""Of each query; the median counts."""
_TARGETS = ("openai/gpt-5", "openai/gpt-5-mini", "anthropic/claude-sonnet", "bedrock/claude-sonnet", "gemini/flash")
_ROUTES = ("default", "cheap", "thorough", "embeddings", "search", "batch", "agents", "seldom")
_SHARES = (40, 25, 12, 8, 6, 5, 3.99, 0.01)
_FAILURES = ("rate_limited", "timeout", "overloaded", "server_error", "client_closed")
_ASKED: dict[str, dict[str, Any]] = {
    "no filter": {},
    "a common route": {"route": "default"},
    "a rare route": {"route": "seldom"},
    "a route that is not there": {"route": "nowhere"},
    "a key": {"key": "openai-1"},
    "a model": {"model": "thorough"},
    "a rare model": {"model": "seldom"},
    "failed": {"outcome": "failed"},
    "a rare failure": {"outcome": "client_closed", "target": "gemini/flash"},
    "a status that is not there": {"status": 418},
    "a rare status": {"status": 499},
    "a session": {"session": "s-77"},
    "a tag": {"tag": "team=3"},
    "a rare tag": {"tag": "incident"},
    "slower than most": {"slower": 60.0},
    "slower than all": {"slower": 3600.0},
    "two common ones that hardly meet": {"route": "default", "key": "k-meet"},
    "two common ones that never meet": {"route": "cheap", "key": "k-meet"},
    "a common tag and a common key that never meet": {"tag": "team=3", "key": "k-meet"},
    "a common endpoint that a common route has not": {"route": "default", "endpoint": "embeddings"},
    "streams of a route that has none": {"route": "embeddings", "stream": True},
}


def made_up(rows: int, until: float, rng: Random) -> Iterator[ExchangeEvent]:
    """Exchanges of the 30 days before a moment, oldest first."""
    for number in range(rows):
        (route,) = rng.choices(_ROUTES, _SHARES)
        target = _TARGETS[(_ROUTES.index(route) + rng.randrange(2)) % len(_TARGETS)]
        key = f"{target.partition('/')[0]}-{rng.randrange(2)}"
        if route not in ("default", "cheap") and rng.random() < 0.6:
            key = "k-meet"
        elif number % 300_000 == 1000:
            route, key = "default", "k-meet"
        lasted = rng.expovariate(1 / 4.0)
        good = rng.random() < 0.95
        embedding = route == "embeddings"
        outcome = "ok" if good else rng.choices(_FAILURES, (50, 30, 15, 4.9, 0.1))[0]
        tags = (f"team={rng.randrange(12)}", "nightly")[: rng.choice((0, 0, 1, 2))]
        yield ExchangeEvent(
            request_id=f"hw-{rng.getrandbits(64):016x}",
            at=until - SPAN + SPAN * number / rows,
            endpoint="embeddings" if embedding else "chat" if rng.random() < 0.7 else "responses",
            model=route,
            route=route,
            stream=not embedding and rng.random() < 0.6,
            outcome=outcome,
            status=200 if good else 499 if outcome == "client_closed" else 502,
            duration=lasted,
            attempts=(AttemptRecord(f"{target}#{key}", "200" if good else outcome, 0.0, lasted),),
            first_byte=lasted * 0.2,
            usage=Usage(rng.randrange(20, 8000), rng.randrange(1, 900), rng.randrange(20)),
            cost=rng.randrange(20_000) if good else None,
            session=f"s-{number // 12}" if rng.random() < 0.3 else None,
            tags=("incident",) if number % 250_000 == 77 else tags,
            request_bytes=3000,
            reply_bytes=4000,
        )


async def fill(log: RequestLog, rows: int, until: float) -> None:
    ids, began, done = Ids(), time.perf_counter(), 0
    events = made_up(rows, until, Random(1))
    while batch := [Logged(ids.new(event.at), event, _line(event)) for event in islice(events, BULK)]:
        await log.store(batch)
        done += len(batch)
        print(f"\r{done:,} rows, {done / (time.perf_counter() - began):,.0f} a second", end="", flush=True)
    print()


def _line(event: ExchangeEvent) -> str:
    return msgspec.json.encode(event).decode()


async def write(log: RequestLog, now: float) -> None:
    """As the writer does it, from lines on."""
    encoder, ids = msgspec.json.Encoder(), Ids()
    events = made_up(BATCH * BATCHES, now, Random(2))
    recent = (msgspec.structs.replace(event, at=now + number / 3000) for number, event in enumerate(events))
    batches = [encoder.encode_lines(list(islice(recent, BATCH))) for _ in range(BATCHES)]
    took: list[float] = []
    used = time.process_time()
    for lines in batches:
        began = time.perf_counter()
        await log.store([logged for line in lines.splitlines() if (logged := read_line(line, ids)) is not None])
        took.append(time.perf_counter() - began)
    used = time.process_time() - used
    rows = BATCH * BATCHES
    print(
        f"writing: {rows / sum(took):,.0f} rows/s (longest batch {max(took) * 1e3:.0f} ms),"
        f" {used / rows * 1e6:.0f} us of CPU a row in this process"
    )


async def timed(name: str, ask: Callable[[], Awaitable[Any]]) -> None:
    took: list[float] = []
    found: Any = None
    for _ in range(RUNS):
        began = time.perf_counter()
        found = await ask()
        took.append(time.perf_counter() - began)
    count = len(found.rows) if hasattr(found, "rows") else len(found)
    print(f"{name:48} {median(took) * 1e3:8.1f} ms (first {took[0] * 1e3:.1f})  {count} rows")


async def read(log: RequestLog, usage: UsageLog, now: float) -> None:
    for name, wanted in _ASKED.items():
        filters = Filters(**wanted)
        await timed(name, lambda filters=filters: log.page(filters))
    week = Filters(since=now - 9 * 86400, until=now - 8 * 86400, route="thorough")
    await timed("a route, on one day", lambda: log.page(week))
    day, month = Span(since=now - 86400, until=now), Span(since=now - SPAN, until=now)
    for name, span in (("day", day), ("month", month)):
        await timed(f"total of a {name}", lambda span=span: usage.total(span))
        step = 60 if span is day else 3600
        await timed(f"series of a {name}", lambda span=span, step=step: usage.series(span, step=step))
        await timed(f"series of a {name} by route", lambda s=span, step=step: usage.series(s, step=step, by="route"))
        for by in ("route", "target", "key", "endpoint", "outcome"):
            await timed(f"top of a {name} by {by}", lambda span=span, by=by: usage.top(span, by))
        await timed(f"top tags of a {name}", lambda span=span: usage.top_tags(span))


async def measure(url: str, rows: int) -> None:
    database = Database(url)
    log, usage = RequestLog(database.engine), UsageLog(database.engine)
    await migrate(database.engine)
    async with database.engine.connect() as connection:
        newest = (await connection.execute(select(func.max(requests.c.id)))).scalar()
    now = float(int(time.time()))
    if newest is None:
        await fill(log, rows, now)
        if database.kind == "postgresql":
            async with database.engine.begin() as connection:
                await connection.execute(text("ANALYZE"))  # autovacuum does, a little later
    await write(log, now)
    await read(log, usage, now)
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    asyncio.run(measure(given.url, given.rows))


if __name__ == "__main__":
    main()
