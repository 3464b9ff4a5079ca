"""`headway serve` with a configuration that is published by API: all take it up, and no request fails for it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage.postgres import Postgres

if TYPE_CHECKING:
    from end_to_end.conftest import Connect, Connection, Provide
    from end_to_end.processes.conftest import GatewayProcess, Serve

pytestmark = pytest.mark.real

FILE = "auth: {admin: {private_networks: [127.0.0.0/8]}}\nserver: {host: 127.0.0.1}\n"
ASKED = {"model": "default", "messages": [{"role": "user", "content": "hello"}]}
TOKEN = "a-token-of-the-administrator"
HEADERS = {"authorization": f"Bearer {TOKEN}"}


class Editor:
    """Somebody who publishes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        reply = await self._connection.ask(f"/api{path}", body, method=method, headers=HEADERS)
        assert reply.status == 200, reply.body
        return json.loads(reply.body)

    async def publish(self, document: Any, base: int) -> int:
        return (await self.ask("PUT", "/configuration", {"document": document, "base": base}))["version"]


def document(address: str, model: str = "fast") -> Any:
    provider = {"base_url": address, "keys": [{"name": "team", "value": "sk-good"}], "list_models": False}
    return {"providers": {"alpha": provider}, "models": {"default": [f"alpha/{model}"]}}


async def started(serve: Serve, folder: Path, url: str, *more: object) -> GatewayProcess:
    file = folder / "headway.yaml"
    file.write_text(FILE)
    secret = "a key for the secrets of this test"
    environ = {"HEADWAY_DATABASE_URL": url, "HEADWAY_ADMIN_TOKEN": TOKEN, "HEADWAY_SECRET_KEY": secret}
    return await serve("-c", file, *more, environ=environ)


async def test_publishing_and_rolling_back_under_load_fail_no_request(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    provider = await simulated()
    process = await started(serve, tmp_path, f"sqlite:///{tmp_path}/headway.db")
    editor = Editor(await connect(process.port))
    assert await editor.publish(document(provider.base_url), 0) == 1
    told: list[tuple[int, str]] = []
    over = asyncio.Event()

    async def keep_asking() -> None:
        connection = await connect(process.port)
        while not over.is_set():
            reply = await connection.ask("/v1/chat/completions", ASKED)
            told.append((reply.status, reply.headers.get("x-headway-target", "")))

    clients = [asyncio.ensure_future(keep_asking()) for _ in range(8)]
    for version in range(1, 5):
        await editor.publish(document(provider.base_url, f"m{version}"), version)
        await asyncio.sleep(0.1)
    await editor.ask("POST", "/configuration/rollback", {"version": 1, "base": 5})
    await asyncio.sleep(0.2)
    over.set()
    await asyncio.gather(*clients)
    assert {status for status, _ in told} == {200}
    order = [target for target, _ in itertools.groupby(target for _, target in told)]
    assert {"alpha/fast", "alpha/m1", "alpha/m2", "alpha/m3", "alpha/m4"} == set(order)
    assert order[-1] == "alpha/fast"
    assert (await editor.ask("GET", "/configuration"))["applied"] == 6


async def test_every_worker_takes_up_what_one_has_published(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    provider = await simulated()
    process = await started(serve, tmp_path, f"sqlite:///{tmp_path}/headway.db", "--workers", 2)
    await process.reaches(lambda: process.out.count('"event":"started"') == 2, "both workers have started")
    await Editor(await connect(process.port)).publish(document(provider.base_url), 0)
    began = time.monotonic()
    await process.reaches(lambda: process.out.count("published version 1") == 2, "both have taken it up")
    assert time.monotonic() - began < 4.0
    for _ in range(12):
        assert (await (await connect(process.port)).ask("/v1/chat/completions", ASKED)).status == 200


async def test_nodes_with_one_postgresql_converge_outlive_it_and_begin_with_what_is_published(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path, own_postgres: Postgres
):
    provider = await simulated()
    url = own_postgres.new_database()
    first, second = await started(serve, tmp_path, url), await started(serve, tmp_path, url)
    await Editor(await connect(first.port)).publish(document(provider.base_url), 0)
    await second.reaches(lambda: "published version 1" in second.out, "the other node has taken it up")
    await asyncio.to_thread(own_postgres.stop)
    await second.reaches(lambda: "publications_unreadable" in second.out, "it says that the database is away")
    for node in (first, second):
        assert (await (await connect(node.port)).ask("/v1/chat/completions", ASKED)).status == 200
    await asyncio.to_thread(own_postgres.start)
    await second.reaches(lambda: "publications_recovered" in second.out, "it says that the database is back")
    third = await started(serve, tmp_path, url)
    assert "published version 1" in third.told
    assert (await (await connect(third.port)).ask("/v1/chat/completions", ASKED)).status == 200


async def test_a_document_that_a_node_cannot_use_stops_nothing_there(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    """The other node lacks a variable of the environment."""
    provider = await simulated()
    url = f"sqlite:///{tmp_path}/headway.db"
    other = await started(serve, tmp_path, url)
    file, secret = tmp_path / "headway.yaml", "a key for the secrets of this test"
    environ = {"HEADWAY_DATABASE_URL": url, "HEADWAY_ADMIN_TOKEN": TOKEN, "HEADWAY_SECRET_KEY": secret}
    able = await serve("-c", file, environ=environ | {"KEY_OF_ALPHA": "sk-good"})
    editor = Editor(await connect(able.port))
    await editor.publish(document(provider.base_url), 0)
    await other.reaches(lambda: "published version 1" in other.out, "the other has taken up the first")
    asking = document(provider.base_url)
    asking["providers"]["alpha"]["keys"][0]["value"] = "${KEY_OF_ALPHA}"
    await editor.publish(asking, 1)
    await other.reaches(lambda: "config_refused" in other.out, "the other says that it cannot")
    assert (await (await connect(other.port)).ask("/v1/chat/completions", ASKED)).status == 200
    told = await Editor(await connect(other.port)).ask("GET", "/configuration")
    assert (told["version"], told["applied"]) == (2, 1)
    assert "KEY_OF_ALPHA is not set" in told["error"]
    again = await started(serve, tmp_path, url)
    assert "config_refused" in again.out, "it starts all the same, and says what it could not use"


async def test_what_is_published_takes_over_from_the_simulated_provider(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    environ = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "")
    environ |= {"HEADWAY_DATABASE_URL": f"sqlite:///{tmp_path}/headway.db", "HEADWAY_ADMIN_TOKEN": TOKEN}
    process = await serve(environ=environ)
    connection = await connect(process.port)
    assert (await connection.ask("/v1/chat/completions", ASKED)).headers["x-headway-target"] == "demo/fast"
    reply = await connection.ask("/api/models/mine", ["demo/smart"], method="PUT", headers=HEADERS)
    assert reply.status == 200, reply.body
    reply = await connection.ask("/v1/chat/completions", {**ASKED, "model": "mine"})
    assert (reply.status, reply.headers["x-headway-target"]) == (200, "demo/smart")
    groq = {"keys": ["gsk-not-a-key-at-all-0123"]}
    reply = await connection.ask("/api/models/mine", None, method="DELETE", headers=HEADERS)
    assert reply.status == 200, reply.body
    reply = await connection.ask("/api/providers/groq", groq, method="PUT", headers=HEADERS)
    assert reply.status == 200, reply.body
    told = json.loads((await connection.ask("/api/status", headers=HEADERS)).body)
    assert (told["providers"], told["routes"]) == (1, [])


async def test_the_command_line_asks_a_running_gateway(serve: Serve, tmp_path: Path):
    process = await started(serve, tmp_path, f"sqlite:///{tmp_path}/headway.db")
    file = tmp_path / "published.yaml"
    file.write_text("resilience: {attempts: 2}\n")
    environ = {**os.environ, "HEADWAY_ADMIN_TOKEN": TOKEN}
    url = f"http://127.0.0.1:{process.port}"

    async def run(*command: object) -> str:
        arguments = [sys.executable, "-m", "headway", "config", *map(str, command), "--url", url]
        child = await asyncio.create_subprocess_exec(*arguments, env=environ, stdout=PIPE, stderr=PIPE)
        out, told = await child.communicate()
        assert child.returncode == 0, told
        return out.decode()

    assert "version 1" in await run("publish", file)
    await process.reaches(lambda: "published version 1" in process.out, "it is in use")
    assert "attempts: 2" in await run("export")
