"""`headway serve` with a request log: each request is in it soon, and none ever fails for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from headway.storage.database import Database
from storage.postgres import Postgres

if TYPE_CHECKING:
    from end_to_end.conftest import Connect, Connection, Provide
    from end_to_end.processes.conftest import GatewayProcess, Serve

pytestmark = pytest.mark.real

CONFIG = """
storage: {{url: "{url}"}}
providers:
  alpha: {{base_url: "{base_url}", keys: [sk-good]}}
models:
  default: [alpha/fast]
"""
ASKED = {"model": "default", "messages": [{"role": "user", "content": "hello"}]}
CLIENTS = 8


async def started(serve: Serve, simulated: Provide, folder: Path, url: str) -> GatewayProcess:
    provider = await simulated()
    file = folder / "headway.yaml"
    file.write_text(CONFIG.format(base_url=provider.base_url, url=url))
    return await serve("-c", file)


def rows(file: Path) -> list[Any]:
    if not file.exists():
        return []
    query = "SELECT request_id, session, status, target, event, tag FROM requests JOIN request_tags USING (id)"
    with contextlib.closing(sqlite3.connect(file)) as connection, contextlib.suppress(sqlite3.OperationalError):
        return connection.execute(query).fetchall()
    return []


def content_rows(file: Path) -> list[Any]:
    return found_by("SELECT request_id FROM request_content", file)


def rows_of_all(file: Path) -> list[Any]:
    return found_by("SELECT event FROM requests", file)


def found_by(query: str, file: Path) -> list[Any]:
    if not file.exists():
        return []
    with contextlib.closing(sqlite3.connect(file)) as connection, contextlib.suppress(sqlite3.OperationalError):
        return connection.execute(query).fetchall()
    return []


async def test_a_request_is_in_the_log_within_three_seconds(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    file = tmp_path / "log.db"
    process = await started(serve, simulated, tmp_path, f"sqlite:///{file}")
    connection = await connect(process.port)
    headers = {"x-headway-tags": "team=search", "x-session-id": "talk"}
    reply = await connection.ask("/v1/chat/completions", ASKED, headers=headers)
    assert reply.status == 200
    asked = time.monotonic()
    await process.reaches(lambda: len(rows(file)) == 1, "it is in the log")
    assert time.monotonic() - asked < 3.0
    ((request_id, session, status, target, event, tag),) = rows(file)
    assert (session, status, target, tag) == ("talk", 200, "alpha/fast", "team=search")
    assert request_id == reply.headers["x-request-id"]
    assert json.loads(event)["tags"] == ["team=search"]
    assert "hello" not in event, "content is not kept"


async def test_messages_and_replies_are_kept_where_that_is_switched_on(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    provider = await simulated()
    file, config, sink = tmp_path / "log.db", tmp_path / "headway.yaml", tmp_path / "events.jsonl"
    config.write_text(
        CONFIG.format(base_url=provider.base_url, url=f"sqlite:///{file}")
        + "  quiet: {tiers: [[alpha/fast]], content: false}\n"
        + f"observability: {{content: {{enabled: true}}, sinks: [{{kind: jsonl, path: {sink}}}]}}\n"
    )
    process = await serve("-c", config)
    connection = await connect(process.port)
    secret = "sk-proj-0123456789abcdefGHIJ_klmn"
    asked = {"model": "default", "messages": [{"role": "user", "content": f"hello {secret}"}]}
    replies = [
        await connection.ask("/v1/chat/completions", each)
        for each in (asked, {**asked, "stream": True}, {**asked, "model": "quiet"})
    ]
    whole, stream, quiet = [reply.headers["x-request-id"] for reply in replies]

    async def shown(request_id: str) -> Any:
        answer = await connection.ask(f"/api/logs/{request_id}/content", headers={"host": "localhost"})
        assert answer.status in (200, 404), answer.body
        return json.loads(answer.body) if answer.status == 200 else None

    await process.reaches(lambda: len(content_rows(file)) == 2, "they are kept")
    told = await shown(whole)
    assert json.loads(told["request"])["messages"][0]["content"] == "hello [secret]"
    assert json.loads(told["reply"])["object"] == "chat.completion"
    assert "[DONE]" in (await shown(stream))["reply"]
    assert await shown(quiet) is None
    await process.reaches(lambda: len(rows_of_all(file)) == 3, "all are in the log")
    assert all("hello" not in event for (event,) in rows_of_all(file))
    async with asyncio.timeout(10.0):
        while b'headway_request_contents_total{result="stored"} 2' not in (await connection.ask("/metrics")).body:
            connection = await connect(process.port)
            await asyncio.sleep(0.1)
    assert "hello" not in sink.read_text()
    assert "hello" not in process.out + process.told
    assert secret.encode() not in b"".join(each.read_bytes() for each in tmp_path.glob("log.db*"))


async def test_what_was_answered_last_is_kept_when_the_gateway_ends(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    file = tmp_path / "log.db"
    process = await started(serve, simulated, tmp_path, f"sqlite:///{file}")
    connection = await connect(process.port)
    for _ in range(20):
        await connection.ask("/v1/chat/completions", ASKED, headers={"x-headway-tags": "last"})
    children = process.children
    process.signal(signal.SIGTERM)
    assert await process.ended() == 0
    await process.gone(children)
    assert len(rows(file)) == 20


async def test_a_gateway_that_is_killed_leaves_no_writer_behind(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path
):
    process = await started(serve, simulated, tmp_path, f"sqlite:///{tmp_path}/log.db")
    await process.reaches(lambda: bool(process.children), "its writer runs")
    children = process.children
    process.popen.kill()
    await process.gone(children)


async def counted(connection: Connection) -> dict[str, int]:
    scraped = (await connection.ask("/metrics")).body.decode()
    found = re.findall(r'headway_request_log_rows_total\{result="(\w+)"\} (\d+)', scraped)
    return {result: int(count) for result, count in found}


async def test_no_request_fails_while_postgresql_is_killed_and_all_rows_are_accounted_for(
    serve: Serve, simulated: Provide, connect: Connect, tmp_path: Path, own_postgres: Postgres
):
    url = own_postgres.new_database()
    process = await started(serve, simulated, tmp_path, url)
    statuses: list[int] = []
    over = asyncio.Event()

    async def keep_asking() -> None:
        connection = await connect(process.port)
        while not over.is_set():
            statuses.append((await connection.ask("/v1/chat/completions", ASKED)).status)

    clients = [asyncio.ensure_future(keep_asking()) for _ in range(CLIENTS)]
    await asyncio.sleep(1.5)
    await asyncio.to_thread(own_postgres.stop, signal.SIGQUIT)
    await asyncio.sleep(1.5)
    await asyncio.to_thread(own_postgres.start)
    await asyncio.sleep(1.0)
    over.set()
    await asyncio.gather(*clients)
    assert set(statuses) == {200}
    assert len(statuses) > 500
    connection = await connect(process.port)
    found: dict[str, int] = {}
    async with asyncio.timeout(20):
        while sum(found.values()) < len(statuses):
            found = await counted(connection)
            await asyncio.sleep(0.05)
    assert found["stored"] + found["dropped"] == len(statuses)
    database = Database(url)
    async with database.engine.connect() as opened:
        assert (await opened.execute(text("SELECT count(*) FROM requests"))).scalar_one() == found["stored"]
    await database.close()
    told = [json.loads(line)["event"] for line in process.out.splitlines() if "request_log_" in line]
    assert told[0] == "request_log_failed"
    assert told[-1] == "request_log_recovered"
