"""Messages and replies of a request: shown to those who may see them, and never without a note of who did."""

from __future__ import annotations

import time
from typing import Any

import httpx

from headway.storage.audit import AuditLog
from headway.storage.contents import Contents, content_row
from headway.storage.database import Database
from headway.storage.masking import Masks
from headway.storage.migrations import migrate
from headway.types import PERMISSIONS, Body, Caller, Content, Masking

KEY = "sk-proj-0123456789abcdefGHIJ_klmn"


async def keep(world: Any) -> None:
    asked = f'{{"messages":[{{"content":"{KEY}"}}]}}'.encode()
    content = Content(
        request_id="r1",
        at=time.time(),
        request=Body(asked, len(asked), "application/json"),
        reply=Body(b"data: {}", 99, "text/event-stream"),
    )
    row = content_row(content, Masks(Masking()), 1000)
    assert row is not None
    database = Database(world.url)
    await migrate(database.engine)
    await Contents(database.engine).store([row])
    await database.close()


async def looked(world: Any) -> list[tuple[str, str, str]]:
    database = Database(world.url)
    await migrate(database.engine)
    found = [(each.who, each.action, each.subject) for each in await AuditLog(database.engine).page(most=10)]
    await database.close()
    return found


async def test_it_is_told_as_it_is_kept_and_who_looked_is_written_down(world: Any):
    await keep(world)
    answer = await world.get("/logs/r1/content")
    told = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert told["request"] == '{"messages":[{"content":"[secret]"}]}'
    assert (told["reply"], told["request_cut"], told["reply_cut"]) == ("data: {}", False, True)
    assert await looked(world) == [("anybody", "content.read", "r1")]


async def test_what_is_not_kept_is_a_404_that_leaves_no_note(world: Any):
    answer = await world.get("/logs/r1/content")
    assert answer.status_code == 404
    assert "switched on" in answer.json()["error"]["message"]
    assert await looked(world) == []


async def test_whoever_may_only_read_the_log_does_not_see_it(world: Any):
    await keep(world)

    async def as_viewer(scope: Any, receive: Any, send: Any) -> None:
        scope["headway.caller"] = Caller(name="eve", proof="session", permissions=PERMISSIONS["viewer"])
        await world.app.pages(scope, receive, send)

    transport = httpx.ASGITransport(as_viewer)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/logs/r1/content")
    assert answer.status_code == 403
    assert "'content'" in answer.json()["error"]["message"]
    assert KEY not in answer.text
    assert await looked(world) == []


async def test_the_log_itself_tells_nothing_of_it(world: Any, event: Any):
    await keep(world)
    await world.log(event(1))
    told = (await world.get("/logs/r1")).json()
    assert "request" not in told
    assert "messages" not in str(told)
