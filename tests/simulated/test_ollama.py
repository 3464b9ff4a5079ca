"""Ollama's own API: lines of JSON, streamed unless it is said otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest

HELLO = [{"role": "user", "content": "hello"}]
CALL_ALL = [{"role": "user", "content": "call:*"}]
TOOLS = [
    {
        "type": "function",
        "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
    },
    {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}},
]


def lines(said: Any) -> list[Any]:
    return [json.loads(line) for line in said.body.splitlines()]


def test_lines_build_the_message_that_comes_whole(ask: Any):
    body = {"model": "llama", "messages": HELLO, "think": True}
    whole = ask("/api/chat", {**body, "stream": False}).document
    streamed = lines(ask("/api/chat", body))
    for member in ("content", "thinking"):
        assert "".join(line["message"].get(member, "") for line in streamed) == whole["message"][member] != ""
    assert [line["done"] for line in streamed].count(True) == 1
    end = streamed[-1]
    assert (
        (end["done_reason"], end["eval_count"])
        == (whole["done_reason"], whole["eval_count"])
        == ("stop", len(streamed) - 1)
    )
    assert end["prompt_eval_count"] == 8


def test_calls_come_whole_and_their_results_are_repeated(ask: Any):
    body = {"model": "llama", "messages": CALL_ALL, "tools": TOOLS}
    whole = ask("/api/chat", {**body, "stream": False}).document["message"]
    streamed = [call for line in lines(ask("/api/chat", body)) for call in line["message"].get("tool_calls", [])]
    assert streamed == whole["tool_calls"]
    assert [call["function"]["name"] for call in streamed] == ["weather", "clock"]
    assert isinstance(streamed[0]["function"]["arguments"]["city"], str)
    results = [{"role": "tool", "tool_name": "clock", "content": "nine"}]
    again = ask("/api/chat", {**body, "messages": [*CALL_ALL, whole, *results], "stream": False}).document
    assert again["message"]["content"].endswith("The tool returned: nine")


def test_formats_limits_and_stops(ask: Any):
    def said(**body: Any) -> Any:
        return ask("/api/chat", {"model": "llama", "messages": HELLO, "stream": False, **body}).document

    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    assert list(json.loads(said(format=schema)["message"]["content"])) == ["n"]
    assert isinstance(json.loads(said(format="json")["message"]["content"]), dict)
    short = said(options={"num_predict": 3, "mirostat": 1})
    assert (short["done_reason"], short["eval_count"]) == ("length", 3)
    assert said(options={"stop": [" is"]})["message"]["content"] == "This"
    assert said(options={"num_predict": -1})["done_reason"] == "stop"


def test_embeddings_tags_and_version(ask: Any):
    one = ask("/api/embed", {"model": "llama", "input": "a", "dimensions": 8}).document
    two = ask("/api/embed", {"model": "llama", "input": ["a", "b"]}).document
    assert [len(vector) for vector in (*one["embeddings"], *two["embeddings"])] == [8, 768, 768]
    assert two["prompt_eval_count"] == 2
    tags = ask("/api/tags", method="GET").document["models"]
    assert "llama" in [model["name"] for model in tags]
    assert "version" in ask("/api/version", method="GET").document


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        ({"model": "other", "messages": HELLO}, 404, "model 'other' not found"),
        ({"messages": HELLO}, 400, "model is required"),
        ({"model": "llama", "messages": [{"role": "user", "content": []}]}, 400, "json: cannot unmarshal array"),
        ({"model": "llama", "messages": [{"role": "user", "images": ["!"]}]}, 400, "illegal base64 data"),
        (b"x", 400, "invalid character"),
    ],
)
def test_what_is_wrong_is_refused_in_ollamas_form(ask: Any, body: Any, status: int, complaint: str):
    said = ask("/api/chat", body)
    assert said.status == status
    assert complaint in said.document["error"]
