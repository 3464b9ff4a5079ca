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
from starlette.applications import Starlette
from starlette.routing import Mount

from events import made_event
from headway.admin.application import Administration
from headway.admin.passwords import Cost, Passwords
from headway.config.load import load_text
from headway.core.load import Load
from headway.failures import Failure, FailureKind
from headway.observability.feed import Feed
from headway.storage.accounts import Accounts
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
    Role,
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
    """Lets everybody in until it is told not to, or has a token."""

    def __init__(self) -> None:
        self.refuses: Refusal | None = None
        self.token: str | None = None

    def refuse(self, status: int) -> None:
        self.refuses = Refusal(status, "not you")

    @property
    def wants_token(self) -> bool:
        return self.token is not None

    def refusal(self, headers: Any) -> Refusal | None:
        if self.token is not None and headers.get("authorization") != f"Bearer {self.token}":
            return Refusal(401, "the token")
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

    def administer(self, **settings: Any) -> None:
        administration = msgspec.structs.replace(self.snapshot.administration, **settings)
        self.snapshot = msgspec.structs.replace(self.snapshot, administration=administration)

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


PASSWORD = "correct horse battery"
SETUP_TOKEN = "from-standard-error"
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
        self.passwords = Passwords(Cost(time=1, memory=8))
        self.app = Administration(
            self.gateway, self.guard, self.feed, setup_token=Secret(SETUP_TOKEN), passwords=self.passwords
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://localhost")
        self._database = Database(self.url)
        self._ids = Ids()
        self._browsers: list[httpx.AsyncClient] = []

    @property
    def engine(self) -> Any:
        return self._database.engine

    def _watch(self, watcher: Callable[[ExchangeEvent], None]) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher)

    async def log(self, *events: ExchangeEvent) -> None:
        await migrate(self._database.engine)
        lines = msgspec.json.Encoder().encode_lines(list(events)).splitlines()
        batch = [logged for line in lines if (logged := read_line(line, self._ids)) is not None]
        await RequestLog(self._database.engine).store(batch)

    async def account(self, name: str, role: Role, *, password: str = PASSWORD) -> None:
        await migrate(self._database.engine)
        digest = self.passwords.hash_now(password)
        caller = Caller(name="test", proof="token", permissions=frozenset())
        await Accounts(self._database.engine).add(caller, name, role, digest, now=time.time())

    def browser(self, **fields: str) -> httpx.AsyncClient:
        """One that keeps cookies, and reaches the administration where it is mounted."""
        app = Starlette(routes=[Mount("/api", self.app)])
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 5000))
        client = httpx.AsyncClient(transport=transport, base_url="http://localhost:8080/api", headers=fields)
        self._browsers.append(client)
        return client

    async def logged_in(self, name: str, *, password: str = PASSWORD) -> httpx.AsyncClient:
        """A browser with a session, which sends its token against forged requests."""
        browser = self.browser()
        answer = await browser.post("/login", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        browser.headers["x-csrf-token"] = answer.json()["csrf"]
        return browser

    async def tool(self, author: httpx.AsyncClient, *scopes: str, **facts: Any) -> httpx.AsyncClient:
        """One that has a token of the author's."""
        made = await author.post("/tokens", json={"name": "tool", "scopes": scopes, **facts})
        assert made.status_code == 201, made.text
        return self.browser(authorization=f"Bearer {made.json()['token']}")

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
        for client in (self.client, *self._browsers):
            await client.aclose()
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
