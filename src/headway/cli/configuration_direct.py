"""The administration's pages of the configuration without a gateway that runs: over the database that the file or the
environment names. What is published so is taken up by gateways that run.
"""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from fastapi import FastAPI

from headway.admin.configuration import configuration_routers
from headway.admin.records import Records
from headway.admin.refusals import handle_refusals
from headway.cli.configured import Configured
from headway.config.published import Published
from headway.control.reload import Configuration, Source
from headway.types import PERMISSIONS, Caller, Snapshot


class Idle:
    """A gateway that serves nobody, as far as the pages ask about one."""

    def __init__(self, configured: Configured, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.snapshot, start, _ = configured.begin()
        self.configuration = Configuration(
            start.make,
            path=configured.path,
            publish=self._publish,
            refused=_unheard,
            publications=Source(_nothing, _unheard),
            published=start.published,
            error=start.error,
        )

    @property
    def last_config_error(self) -> str | None:
        return self.configuration.error

    def _publish(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot


class Direct:
    """Raises ConfigError if the file cannot be used."""

    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._gateway = Idle(Configured(path, environ), environ)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        return asyncio.run(self._ask(method, path, b"" if body is None else msgspec.json.encode(body)))

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        records = Records(lambda: self._gateway.snapshot.storage)
        app = FastAPI()
        handle_refusals(app)
        for router in configuration_routers(self._gateway, records):
            app.include_router(router)
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        try:
            await app(_scope(method, path), receive, send)
        finally:
            await records.close()
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def _scope(method: str, path: str) -> dict[str, Any]:
    where, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": where,
        "raw_path": where.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"content-type", b"application/json"), (b"host", b"localhost")],
        "server": ("localhost", 80),
        "client": None,
        "headway.caller": Caller(name=_user(), proof="open", permissions=PERMISSIONS["admin"]),
    }


def _user() -> str:
    """Whoever can write in the database may publish; this is for the history."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):
        return "command line"


async def _nothing(_: int | None) -> Published | None:
    return None


def _unheard(_: str | None) -> None:
    """Whoever asks reads it in the answer."""
