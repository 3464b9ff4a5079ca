"""What all pages of the administration have in common."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import suppress
from typing import Any

import pytest

FROM_OUTSIDE = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/setup"),
    ("GET", "/login/oidc"),
    ("GET", "/login/oidc/callback"),
}
"""What those may ask who are still outside."""
OF_EVERYBODY = {("GET", "/me"), ("POST", "/logout")}
"""What everybody inside may ask, whatever their permissions."""


async def test_nothing_is_reached_past_the_guard(world: Any):
    described = (await world.get("/openapi.json")).json()
    paths = [*described["paths"], "/openapi.json", "/docs", "/nothing"]
    assert len(paths) > 8
    for status in (401, 403):
        world.guard.refuses = type("Refusal", (), {"status": status, "message": "not you"})()
        for path in paths:
            for method in ("GET", "POST", "DELETE", "OPTIONS", "HEAD"):
                if (method, path) in FROM_OUTSIDE:
                    continue
                answer = await world.client.request(method, path)
                assert answer.status_code == status, (method, path)
                assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)


async def test_every_operation_is_described(world: Any):
    described = (await world.get("/openapi.json")).json()
    for path, operations in described["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
    page = (await world.get("/docs")).text
    assert all(f"/api{path}" in page for path in described["paths"])
    assert "<script" not in page
    assert "http" not in page.replace("utf-8", "")


async def test_every_shape_that_the_description_refers_to_is_in_it(world: Any):
    described = (await world.get("/openapi.json")).text
    shapes = json.loads(described)["components"]["schemas"]
    referred = set(re.findall(r'"\$ref":\s*"#/components/schemas/([^"]+)"', described))
    assert {"Overview", "RouteRecord", "Alerts", "Problem"} <= referred
    assert referred <= set(shapes)


async def test_what_is_not_there_is_told_in_the_form_of_all_errors(world: Any):
    answer = await world.get("/nothing")
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
    assert (await world.client.post("/logs")).status_code == 405


async def test_the_status_tells_how_the_gateway_stands(world: Any):
    told = (await world.get("/status")).json()
    assert told["routes"] == ["default"]
    assert told["request_log"] == {"stored": 3, "dropped": 1, "error": None}
    assert told["in_flight"] == 2


async def test_every_operation_asks_for_a_permission(world: Any):
    described = (await world.get("/openapi.json")).json()
    for path, operations in described["paths"].items():
        for method in operations:
            if (method.upper(), path) in FROM_OUTSIDE | OF_EVERYBODY:
                continue
            answer = await world.as_nobody(method.upper(), path.replace("{", "").replace("}", ""))
            assert answer.status_code == 403, (method, path)
            assert "permission" in answer.json()["error"]["message"]
    assert (await world.as_nobody("GET", "/docs")).status_code == 403


class Listening:
    """A client of the live feed: what it was sent, and a way to leave."""

    def __init__(self, app: Any, query: bytes = b"") -> None:
        self.sent: list[bytes] = []
        self.left = asyncio.Event()
        scope = {"type": "http", "method": "GET", "path": "/live", "query_string": query, "headers": []}
        scope |= {"http_version": "1.1", "scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 1)}
        scope |= {"raw_path": b"/live", "root_path": "", "asgi": {"version": "3.0"}}
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message.get("body", b""))

    async def until(self, text: bytes) -> bytes:
        async with asyncio.timeout(5):
            while text not in b"".join(self.sent):
                await asyncio.sleep(0)
        return b"".join(self.sent)

    async def leave(self) -> None:
        self.left.set()
        with suppress(asyncio.CancelledError):
            await self.task


async def test_the_feed_tells_what_ends_and_stops_watching_when_nobody_listens(world: Any, event: Any):
    listener = Listening(world.app, b"outcome=failed")
    await listener.until(b"as they end")
    while not world.watchers:
        await asyncio.sleep(0)
    for told in (event(0), event(1, outcome="timeout")):
        for watcher in world.watchers:
            watcher(told)
    sent = await listener.until(b'"r1"')
    assert b'"r0"' not in sent
    line = next(each for each in sent.split(b"\n") if each.startswith(b"data:"))
    assert json.loads(line[5:])["outcome"] == "timeout"
    await listener.leave()
    assert world.watchers == []


async def test_a_listener_that_falls_behind_is_told_how_much_it_missed(world: Any, event: Any):
    listener = Listening(world.app)
    await listener.until(b"as they end")
    while not world.watchers:
        await asyncio.sleep(0)
    for number in range(1100):
        world.watchers[0](event(number))
    assert b'{"count":100}' in await listener.until(b"event: missed")
    await listener.leave()


async def test_there_are_only_so_many_listeners(world: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("headway.observability.feed.MOST_LISTENERS", 1)
    listener = Listening(world.app)
    await listener.until(b"as they end")
    while not world.watchers:
        await asyncio.sleep(0)
    assert (await world.get("/live")).status_code == 429
    await listener.leave()
