"""A request sent by hand: what is sent on in its place, and what is refused before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headway.admin import application

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}


async def play(world: Any, content: Any, **headers: str) -> Any:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await world.client.post("/playground", content=body, headers=fields)


async def test_messages_are_asked_in_openais_words(world: Any):
    answer = await play(world, {"model": "default", **HELLO})
    assert answer.json() == {**HELLO, "model": "default", "stream": False}
    assert answer.headers["x-headway-target"] == "a/m"
    assert (world.gateway.asked["method"], world.gateway.asked["path"]) == ("POST", "/v1/chat/completions")


@pytest.mark.parametrize(
    ("dialect", "stream", "path"),
    [
        ("openai_responses", True, "/v1/responses"),
        ("anthropic", False, "/v1/messages"),
        ("cohere", True, "/v2/chat"),
        ("gemini", False, "/v1beta/models/a%2Fm:generateContent"),
        ("gemini", True, "/v1beta/models/a%2Fm:streamGenerateContent?alt=sse"),
        ("converse", False, "/bedrock/model/a%2Fm/converse"),
        ("converse", True, "/bedrock/model/a%2Fm/converse-stream"),
    ],
)
async def test_a_body_goes_where_its_dialect_is_spoken(world: Any, dialect: str, stream: bool, path: str):
    body = {"temperature": 0.10, "x": {"deep": [1]}}
    answer = await play(world, {"model": "a/m", "dialect": dialect, "stream": stream, "body": body})
    asked = world.gateway.asked
    assert (asked["raw_path"] + b"?" + asked["query_string"]).rstrip(b"?") == path.encode()
    sent = answer.json()
    assert {name: sent[name] for name in body} == body
    if dialect not in ("gemini", "converse"):
        assert (sent["model"], sent["stream"]) == ("a/m", stream)


async def test_nested_values_go_as_they_came(world: Any):
    written = b'{"model": "m", "body": {"messages": [{"content":"\\u00e9",  "n":1.10e2}], "model": "other"}}'
    answer = await play(world, written)
    assert b'[{"content":"\\u00e9",  "n":1.10e2}]' in answer.content
    assert answer.json()["model"] == "m"


async def test_wishes_are_passed_on_and_nothing_of_the_caller(world: Any):
    await play(
        world,
        {"model": "default", **HELLO},
        authorization="Bearer of-the-gateway",
        cookie="session=1",
        x_api_key="k",
        x_headway_session="s",
        x_headway_tags="team=search",
        anthropic_version="2023-06-01",
    )
    assert sorted(world.gateway.asked["headers"]) == [
        (b"anthropic-version", b"2023-06-01"),
        (b"content-type", b"application/json"),
        (b"x-headway-session", b"s"),
        (b"x-headway-tags", b"playground, team=search"),
    ]


@pytest.mark.parametrize(
    ("content", "param", "said"),
    [
        (b"", None, "truncated"),
        (b"[]", None, "object"),
        (b'{"model": "\xff"}', None, "the request"),
        ({"messages": []}, None, "model"),
        ({"model": "", **HELLO}, "model", "which one"),
        ({"model": "m"}, "body", "one of"),
        ({"model": "m", "body": {}, **HELLO}, "body", "one of"),
        ({"model": "m", "dialect": "anthropic", **HELLO}, "messages", "anthropic"),
        ({"model": "m", "dialect": "replicate", "body": {}}, None, "dialect"),
        ({"model": "m", "body": {}, "steam": True}, None, "steam"),
        ({"model": "m", "body": []}, None, "body"),
    ],
)
async def test_what_is_no_request_is_refused_by_name(world: Any, content: Any, param: str | None, said: str):
    answer = await play(world, content)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["param"] == param
    assert said in error["message"]


async def test_a_request_is_bounded(world: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(application, "MOST", 100)
    assert (await play(world, {"model": "default", **HELLO})).status_code == 200
    assert (await play(world, {"model": "default" * 20, **HELLO})).status_code == 413
