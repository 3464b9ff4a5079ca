"""The administration over a gateway that is not there, and a request log that is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest

from events import made_event
from headway.admin.application import Administration
from headway.config.load import load_text
from headway.core.load import Load
from headway.failures import Failure, FailureKind
from headway.observability.feed import Feed
from headway.storage.database import Database
from headway.storage.migrations import migrate
from headway.storage.request_log import RequestLog
from headway.storage.rows import Ids, read_line
from headway.types import (
    Alert,
    AttemptRecord,
    Caller,
    ExchangeEvent,
    Overview,
    RouteRecord,
    Secret,
    Snapshot,
    Storage,
    Usage,
)


class Refusal(NamedTuple):
    status: int
    message: str


class Guard:
    """Lets everybody in until it is told not to."""

    wants_token = False

    def __init__(self) -> None:
        self.refuses: Refusal | None = None

    def refusal(self, headers: object) -> Refusal | None:
        return self.refuses


class LogWriting(NamedTuple):
    stored: int = 3
    dropped: int = 1
    error: str | None = None


class Gateway:
    in_flight = 2
    draining = False
    last_config_error: str | None = None
    request_log = LogWriting()
    environ: Mapping[str, str] = MappingProxyType({})
    configuration = None

    def __init__(self, url: str | None) -> None:
        made = load_text("models: {default: [a/m]}\nproviders: {a: {base_url: http://127.0.0.1:9/v1}}", **HERE)
        self.snapshot: Snapshot = made
        self.keep_in(url)

    def keep_in(self, url: str | None) -> None:
        storage = Storage(url=None if url is None else Secret(url))
        self.snapshot = msgspec.structs.replace(self.snapshot, storage=storage)

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers with what it was sent."""
        self.asked = scope
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-headway-target", b"a/m")]})
        await send({"type": "http.response.body", "body": (await receive())["body"]})

    def overview(self) -> Overview:
        return Overview(lag=0.0, routes=())

    def explain(self, model: str, load: Load, session: str | None) -> RouteRecord | Failure:
        return Failure(kind=FailureKind.NO_TARGET, source="gateway", message=f"there is no model {model}")

    def alerts(self) -> tuple[Alert, ...]:
        return ()


HERE: dict[str, Any] = {"name": "headway.yaml", "folder": Path(), "environ": {}}


def made(number: int = 0, **told: Any) -> ExchangeEvent:
    """One of some exchanges, a second after the one before it, a while ago."""
    facts: dict[str, Any] = {
        "request_id": f"r{number}",
        "at": time.time() - 1000 + number,
        "duration": 0.5,
        "attempts": (AttemptRecord(target="a/m#one", result="200", started=0.0, duration=0.5),),
        "usage": Usage(input_tokens=10, output_tokens=5),
    }
    return made_event(**(facts | told))


class World:
    """The administration and what stands around it."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'log.db'}"
        self.guard = Guard()
        self.gateway = Gateway(self.url)
        self.watchers: list[Callable[[ExchangeEvent], None]] = []
        self.feed = Feed(self._watch)
        self.app = Administration(self.gateway, self.guard, self.feed)
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://localhost")
        self._database = Database(self.url)
        self._ids = Ids()

    def _watch(self, watcher: Callable[[ExchangeEvent], None]) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher)

    async def log(self, *events: ExchangeEvent) -> None:
        await migrate(self._database.engine)
        lines = msgspec.json.Encoder().encode_lines(list(events)).splitlines()
        batch = [logged for line in lines if (logged := read_line(line, self._ids)) is not None]
        await RequestLog(self._database.engine).store(batch)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(path, params=query)

    async def as_nobody(self, method: str, path: str) -> httpx.Response:
        """The answer to somebody who was let in and may do nothing."""

        async def behind_the_door(scope: Any, receive: Any, send: Any) -> None:
            scope["headway.caller"] = Caller(name="nobody", proof="session", permissions=frozenset())
            await self.app.pages(scope, receive, send)

        transport = httpx.ASGITransport(behind_the_door)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path)

    async def close(self) -> None:
        await self.client.aclose()
        await self.app.close()
        await self._database.close()


@pytest.fixture
async def world(tmp_path: Path, connections_ended: None) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    await world.close()


@pytest.fixture
def event() -> Callable[..., ExchangeEvent]:
    return made
