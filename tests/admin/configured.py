"""A gateway whose configuration is published: a file, an environment and a database, and nothing that serves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import httpx

from headway.admin.application import Administration
from headway.cli.configured import Configured
from headway.control.reload import Configuration, Source
from headway.observability.feed import Feed
from headway.storage.published import Publications
from headway.types import PERMISSIONS, Caller, Role, Snapshot


class LogWriting:
    stored, dropped, error = 0, 0, None


class OpenGuard:
    wants_token = False

    def refusal(self, headers: object) -> None:
        return None


class Gateway:
    """What `Headway` is to the administration."""

    in_flight, draining, request_log = 0, False, LogWriting()

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.told: list[str] = []
        self.troubles: list[str | None] = []
        self._publications = Publications()
        configured = Configured(path, environ)
        self.snapshot, start, _ = configured.begin()
        self.configuration = Configuration(
            start.make,
            path=path,
            publish=self.publish,
            refused=self.told.append,
            publications=Source(self._newest, self.troubles.append),
            published=start.published,
            error=start.error,
        )

    @property
    def last_config_error(self) -> str | None:
        return self.configuration.error

    def publish(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    async def _newest(self, known: int | None) -> Any:
        url = self.snapshot.storage.url
        return None if url is None else await self._publications.newest(url.reveal(), known)

    async def close(self) -> None:
        await self._publications.close()


class Node:
    """One gateway and its administration."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        whole: Any = gateway  # as much of one as the pages of the configuration ask for
        guard: Any = OpenGuard()
        self.app = Administration(whole, guard, Feed(lambda _: lambda: None))
        self.client = self.client_for("admin")

    def client_for(self, role: Role) -> httpx.AsyncClient:
        async def behind_the_door(scope: Any, receive: Any, send: Any) -> None:
            scope["headway.caller"] = Caller(name=role, proof="session", permissions=PERMISSIONS[role])
            await self.app.pages(scope, receive, send)

        return httpx.AsyncClient(transport=httpx.ASGITransport(behind_the_door), base_url="http://localhost")

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def put(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return await self.client.put(path, json=body, **more)

    async def post(self, path: str, body: Any) -> httpx.Response:
        return await self.client.post(path, json=body)

    async def published(self, document: Any, *, base: int | None = None, note: str = "") -> int:
        """The version that it became."""
        if base is None:
            base = (await self.get("/configuration"))["version"]
        answer = await self.put("/configuration", {"document": document, "base": base, "note": note})
        assert answer.status_code == 200, answer.text
        return answer.json()["version"]

    async def close(self) -> None:
        await self.client.aclose()
        await self.app.close()
        await self.gateway.close()


@contextlib.asynccontextmanager
async def node(url: str, text: str | None, folder: Path, **environ: str) -> AsyncGenerator[Node]:
    """With this in the file, which need not say where the database is; None: there is no file."""
    environment = {"HEADWAY_DATABASE_URL": url, **environ}
    path = None
    if text is not None:
        path = folder / "headway.yaml"
        path.write_text(text)
    made = Node(await asyncio.to_thread(Gateway, path, environment))
    try:
        yield made
    finally:
        await made.close()
