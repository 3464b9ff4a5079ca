"""`/api/targets` and `/api/explain`: what they tell, of what, and to whom; and who may see `/api/alerts`."""

from __future__ import annotations

import asyncio
import io
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import pytest
from starlette.datastructures import Headers

from headway.app import Headway, Settings
from headway.core.load import NO_LOAD
from headway.failures import Failure
from headway.types import Overview, RouteRecord, Secret

if TYPE_CHECKING:
    from server.conftest import Lane, Message

pytestmark = pytest.mark.real

CONFIG = """
providers:
  up: {{base_url: "{base_url}", keys: [{{name: a, value: sk-hunter2, limits: {{tpm: 10k, concurrency: 1}}}}]}}
  spare: {{base_url: "{base_url}", keys: [{{name: b, value: sk-hunter3}}], models: [only-here, both]}}
  other: {{base_url: "{base_url}", keys: [], models: [both]}}
models:
  default: {{tiers: [[up/m], [spare/m]], queue: {{wait: 2s, length: 7}}}}
  cheap: [spare/m]
"""
CHAT = {"model": "default", "messages": []}

Get = Callable[..., "Message"]


@pytest.fixture
def get(get: Get, lean: Lane) -> Get:
    lean.configure(CONFIG)
    return get


def test_targets_of_all_routes_are_told(get: Get):
    message = get("/api/targets")
    assert (message.status, message.field("content-type")) == (200, "application/json")
    overview = msgspec.json.decode(message.body, type=Overview)
    assert overview.lag == 0.0
    assert [route.model for route in overview.routes] == ["default", "cheap"]
    default = overview.routes[0]
    assert [(each.tier, each.target, each.state) for each in default.targets] == [
        (1, "up/m#a", "ready"),
        (2, "spare/m#b", "ready"),
    ]
    queue = default.queue
    assert (queue.length, queue.most, queue.longest, queue.refused) == (0, 7, 2.0, 0)


def test_it_is_of_this_moment(get: Get, lean: Lane):
    client = lean.client()
    client.ask(CHAT)
    asked = lean.upstream.request()
    assert get("/api/explain?model=default").json["targets"][0]["state"] == "full"
    asked.answer(b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}')
    client.reply()
    message = get("/api/explain?model=default")
    assert message.json["targets"][0]["state"] == "ready"
    assert message.field("cache-control") == "no-store"


@pytest.mark.parametrize(
    ("name", "target"),
    [("default", "up/m#a"), ("spare/m", "spare/m#b"), ("up/x/y", "up/x/y#a"), ("only-here", "spare/only-here#b")],
)
def test_explain_takes_every_name_that_a_request_may_have(get: Get, name: str, target: str):
    record = msgspec.json.decode(get(f"/api/explain?model={quote(name)}").body, type=RouteRecord)
    assert (record.model, record.targets[0].target) == (name, target)


def test_explain_says_what_is_too_large(get: Get):
    first, second = get("/api/explain?model=default&tokens=20000").json["targets"]
    assert (first["state"], second["state"]) == ("too_large", "ready")


def test_explain_knows_conversations_as_a_session_header_names_them(get: Get, lean: Lane):
    lean.configure(CONFIG.replace("[[up/m], [spare/m]]", "[[up/m, spare/m]]"))
    client = lean.client()
    client.ask(CHAT, "x-headway-session: s-1")
    lean.upstream.request().answer(b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}')
    served = client.reply()
    for session, wanted in (("s-1", [f"{served.field('x-headway-target')}"]), ("s-2", [])):
        told = get(f"/api/explain?model=default&session={session}").json["targets"]
        assert [each["target"].partition("#")[0] for each in told if each["pinned"]] == wanted


def test_an_unknown_model_is_told_as_a_request_would_be(get: Get, lean: Lane):
    message = get("/api/explain?model=defualt")
    client = lean.client()
    client.ask({**CHAT, "model": "defualt"})
    refused = client.reply()
    assert (message.status, message.body) == (refused.status, refused.body)
    assert (message.status, message.error["code"]) == (404, "model_not_found")


def test_a_name_of_several_providers_is_refused_like_a_request(get: Get):
    message = get("/api/explain?model=both")
    assert message.status == 400
    assert "spare/both" in message.error["message"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("", "model"),
        ("?model=", "model"),
        ("?model=default&tokens=-1", "tokens"),
        ("?model=default&tokens=1.5", "tokens"),
        ("?model=default&tokens=%C2%B2", "tokens"),
        ("?model=default&tokens=" + "9" * 400, "tokens"),
        ("?model=default&tokens=", "tokens"),
    ],
)
def test_what_makes_no_sense_is_refused(get: Get, query: str, param: str):
    message = get(f"/api/explain{query}")
    assert (message.status, message.error["param"]) == (400, param)


def test_who_waits_and_who_is_refused_is_told_by_route(get: Get, lean: Lane):
    lean.configure(CONFIG + "  narrow: {{tiers: [[up/m]], queue: {{length: 1}}}}")
    chat = {**CHAT, "model": "narrow"}
    first, second, third = lean.client(), lean.client(), lean.client()
    first.ask(chat)
    asked = lean.upstream.request()
    second.ask(chat)
    lean.run.until(lambda: lean.run.headway.gateway.admission.waiting == 1)
    third.ask(chat)
    assert third.reply().status == 503
    routes = {route["model"]: route["queue"] for route in get("/api/targets").json["routes"]}
    assert (routes["narrow"]["length"], routes["narrow"]["refused"]) == (1, 1)
    assert (routes["cheap"]["length"], routes["cheap"]["refused"]) == (0, 0)
    assert b'headway_queue_refused_total{route="narrow"} 1\n' in get("/metrics").body
    for client, request in ((first, asked), (second, None)):
        (request or lean.upstream.request()).answer(b'{"choices": [{"message": {}, "finish_reason": "stop"}]}')
        assert client.reply().status == 200
    told = get("/api/explain?model=narrow").json["queue"]
    assert (told["length"], told["refused"]) == (0, 1)
    assert b'headway_queue_wait_seconds_count{route="narrow"} 1\n' in get("/metrics").body


def test_names_that_are_asked_for_leave_no_line_behind(get: Get, lean: Lane):
    gateway = lean.run.headway.gateway
    for number in range(3):
        assert get(f"/api/explain?model=up/made-up-{number}").status == 200
    get("/api/targets")
    assert not any("made-up" in name for name in lean.run.call(gateway.admission.lengths))
    overview = lean.run.call(gateway.overview)
    assert [route.model for route in overview.routes] == ["default", "cheap"]


def test_no_key_is_told(get: Get):
    for path in ("/api/targets", "/api/explain?model=default", "/api/explain?model=spare/q"):
        assert b"hunter" not in get(path).body


@pytest.mark.parametrize("path", ["/api/targets", "/api/explain?model=default", "/api/alerts"])
def test_the_pages_are_guarded(get: Get, access: Callable[[str, Secret | None], None], path: str):
    assert get(path).status == 200
    assert get(path, "origin: https://evil.example").status == 403
    rebound = get(path, host="evil.example")
    assert rebound.status == 403
    assert rebound.error["code"] == "access_denied"
    access("0.0.0.0", None)
    assert "HEADWAY_ADMIN_TOKEN" in get(path).error["message"]
    access("0.0.0.0", Secret("t"))
    refused = get(path)
    assert (refused.status, refused.field("www-authenticate")) == (401, "Bearer")
    assert get(path, "authorization: Bearer wrong").status == 401
    assert get(path, "authorization: Bearer t", host="gateway.example").status == 200


def test_they_only_answer_to_get(lane: Lane):
    client = lane.client()
    for path in ("/api/targets", "/api/explain", "/api/alerts"):
        client.send(f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".encode())
        assert client.reply().status == 405
        client.send(f"HEAD {path}?model=default HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        assert client.head().status == 200


def test_they_are_on_both_lanes(lane: Lane):
    client = lane.client()
    client.send(b"GET /api/targets HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    assert [route["model"] for route in client.reply().json["routes"]] == ["default"]
    client.send(b"GET /api/alerts HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    assert "alerts" in client.reply().json


# --- what counts as listening on loopback ---


async def made(lean: Lane, environ: dict[str, str], **settings: Any) -> Headway:
    return Headway(lean.run.headway.snapshot, Settings(log=False, **settings), environ, io.BytesIO())


@pytest.mark.parametrize(("host", "is_open"), [(None, True), ("127.0.0.1", True), ("0.0.0.0", False)])
async def test_the_address_that_was_asked_for_decides(lean: Lane, host: str | None, is_open: bool):
    headway = await made(lean, {}, host=host)
    assert (headway.access.refusal(headers_of("localhost")) is None) == is_open
    headway.close()


async def test_the_socket_that_is_served_decides_over_the_configuration(lean: Lane):
    headway = await made(lean, {}, host="0.0.0.0")
    with socket.create_server(("127.0.0.1", 0)) as sock:
        serving = asyncio.ensure_future(headway.serve(sock))
        await asyncio.sleep(0)
        assert headway.access.refusal(headers_of("localhost")) is None
        serving.cancel()
        await asyncio.wait([serving])


async def test_the_token_comes_from_the_environment(lean: Lane):
    headway = await made(lean, {"HEADWAY_ADMIN_TOKEN": "t"}, host="0.0.0.0")
    refusal = headway.access.refusal(headers_of("localhost"))
    assert refusal is not None
    assert refusal.status == 401
    headway.close()


async def test_what_the_gateway_tells_is_what_it_holds(lean: Lane):
    headway = await made(lean, {})
    found = headway.explain("default", NO_LOAD, None)
    assert not isinstance(found, Failure)
    assert headway.overview().routes[0] == found
    headway.close()


def headers_of(host: str) -> Headers:
    return Headers({"host": host})
