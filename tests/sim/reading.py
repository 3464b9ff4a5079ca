"""What a client makes of the bytes it got: texts, tool calls, endings, errors, in the order they came."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headway.wire import sse
from sim.answers import Object

_decode = msgspec.json.Decoder().decode
WORD = re.compile(r"[wt](\d+)(?:c\d+)?\.\d+")
"""A word of some call's answer, and the number of the call."""


class SeenCall(msgspec.Struct):
    id: str = ""
    name: str = ""
    arguments: str = ""
    done: bool = False


class Choice(msgspec.Struct):
    text: str = ""
    thought: str = ""
    calls: dict[int, SeenCall] = {}
    finish: str | None = None


class Seen(msgspec.Struct):
    """`terminal`: it was told that this is all. `error`: it was told of one. `after`: what followed either."""

    choices: dict[int, Choice] = {}
    ids: list[str] = []
    terminal: bool = False
    error: Object | None = None
    after: list[str] = []
    malformed: int = 0
    usage_chunks: int = 0
    comments: int = 0
    torn: bytes = b""
    """An event that was begun and not ended."""

    def choice(self, index: int) -> Choice:
        return self.choices.setdefault(index, Choice())

    @property
    def content(self) -> bool:
        return any(choice.text or choice.thought or choice.calls for choice in self.choices.values())

    @property
    def numbers(self) -> set[int]:
        """The calls whose words it has seen."""
        texts = [
            text
            for choice in self.choices.values()
            for text in (choice.text, choice.thought, *[call.arguments + call.id for call in choice.calls.values()])
        ]
        return {int(found) for text in texts for found in WORD.findall(text)}


def read_stream(body: bytes, endpoint: str) -> Seen:
    seen = Seen()
    events, rest = sse.split(body)
    if rest.strip() and not rest.startswith(b":"):
        if (sse.data_of(rest) or b"").strip() == b"[DONE]":
            events.append(rest)
        else:
            seen.torn = rest
    for event in events:
        _take(seen, event, endpoint)
    return seen


def _take(seen: Seen, event: bytes, endpoint: str) -> None:
    payload = sse.data_of(event)
    if payload is None:
        seen.comments += 1
        return
    if payload.strip() == b"[DONE]":
        if seen.error is not None:
            seen.after.append("[DONE]")
        seen.terminal = True
        return
    try:
        told = _decode(payload)
    except msgspec.DecodeError:
        seen.malformed += 1
        return
    if not isinstance(told, dict):
        seen.malformed += 1
        return
    if seen.error is not None or seen.terminal:
        seen.after.append(payload[:80].decode(errors="replace"))
    if endpoint == "responses":
        _take_event(seen, told)
    else:
        _take_chunk(seen, told)


def _take_chunk(seen: Seen, chunk: Object) -> None:
    if chunk.get("error") or chunk.get("type") == "error":
        seen.error = chunk
        return
    if chunk.get("type") == "ping":
        return
    if chunk.get("id") not in seen.ids:
        seen.ids.append(chunk["id"])
    if not chunk["choices"] and chunk.get("usage"):
        seen.usage_chunks += 1
    for told in chunk["choices"]:
        choice = seen.choice(told["index"])
        delta = told["delta"]
        choice.text += delta.get("content") or ""
        choice.thought += delta.get("reasoning_content") or ""
        for piece in delta.get("tool_calls") or ():
            call = choice.calls.setdefault(piece["index"], SeenCall())
            call.id = piece.get("id") or call.id
            call.name = piece["function"].get("name") or call.name
            call.arguments += piece["function"].get("arguments") or ""
        choice.finish = told.get("finish_reason") or choice.finish


def _take_event(seen: Seen, told: Object) -> None:
    kind: str = told.get("type", "")
    if kind in ("error", "response.failed"):
        seen.error = told
        return
    choice = seen.choice(0)
    if kind in ("response.created", "response.completed", "response.incomplete"):
        response = told["response"]
        if response["id"] not in seen.ids:
            seen.ids.append(response["id"])
        if kind != "response.created":
            seen.terminal = True
            choice.finish = "incomplete" if kind == "response.incomplete" else "completed"
    elif kind == "response.output_text.delta":
        choice.text += told["delta"]
    elif kind == "response.output_item.added" and told["item"]["type"] == "function_call":
        choice.calls[told["output_index"]] = SeenCall(told["item"]["call_id"], told["item"]["name"])
    elif kind == "response.function_call_arguments.delta":
        choice.calls[told["output_index"]].arguments += told["delta"]
    elif kind == "response.output_item.done" and told["item"]["type"] == "function_call":
        choice.calls[told["output_index"]].done = True


def read_whole(body: bytes, endpoint: str) -> Seen:
    """An answer, or an error, as one JSON document."""
    document: Any = _decode(body)
    seen = Seen(terminal=True)
    if document.get("error"):
        seen.error = document
        return seen
    seen.ids.append(document["id"])
    if endpoint == "responses":
        choice = seen.choice(0)
        for index, item in enumerate(document["output"]):
            if item["type"] == "message":
                choice.text += item["content"][0]["text"]
            else:
                choice.calls[index] = SeenCall(item["call_id"], item["name"], item["arguments"], True)
        return seen
    for told in document["choices"]:
        choice = seen.choice(told["index"])
        message = told["message"]
        choice.text = message.get("content") or ""
        choice.thought = message.get("reasoning_content") or ""
        choice.finish = told["finish_reason"]
        for index, call in enumerate(message.get("tool_calls") or ()):
            choice.calls[index] = SeenCall(call["id"], call["function"]["name"], call["function"]["arguments"], True)
    return seen
