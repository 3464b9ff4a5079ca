"""Recorded exchanges with Anthropic, and short ways to put requests and answers through the codec.

The recordings live beside the repository; tests that need them are skipped where they are absent.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from headway.wire.anthropic.codec import CODEC
from headway.wire.form.assembly import Assembly
from headway.wire.form.codec import Said, Show
from headway.wire.form.parts import Message, Text
from headway.wire.form.reply import Event, Reply
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "anthropic.jsonl"

Body = dict[str, Any]


class Recording(NamedTuple):
    id: str
    url: str
    status: int
    request: Body
    answer: bytes
    streamed: bool


class Wrote(NamedTuple):
    body: Body
    dropped: tuple[str, ...]


Read = Callable[[Body | bytes], Request]
Refuse = Callable[[Any], Malformed]
Cannot = Callable[..., Unsupported]
Write = Callable[..., Wrote]
Ask = Callable[..., Request]
Replay = Callable[[list[bytes]], tuple[Reply, list[Event], bool]]


@pytest.fixture(scope="session")
def recordings() -> list[Recording]:
    if not CORPUS.exists():
        pytest.skip("the recordings are not here")
    found: list[Recording] = []
    for line in CORPUS.read_text().splitlines():
        entry = json.loads(line)
        request, answer = entry["request"]["body"], entry["response"]
        if isinstance(request, dict) and "messages" in request:
            streamed = answer["body_kind"] == "text"
            body = answer["body"].encode() if streamed else json.dumps(answer["body"]).encode()
            found.append(Recording(entry["id"], entry["request"]["url"], answer["status"], request, body, streamed))
    return found


@pytest.fixture(scope="session")
def messages(recordings: list[Recording]) -> list[Recording]:
    """Those with a good answer to /v1/messages."""
    return [each for each in recordings if each.status == 200 and "count_tokens" not in each.url]


def fields_of(body: Any) -> dict[str, msgspec.Raw]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])


@pytest.fixture
def refuse() -> Refuse:
    """Reads a request that cannot be read."""

    def refuse(body: Any) -> Malformed:
        found = CODEC.read_request(fields_of(body), Said(model="claude-sonnet-4-5", stream=False))
        assert isinstance(found, Malformed)
        return found

    return refuse


@pytest.fixture
def read() -> Read:
    def read(body: Body | bytes) -> Request:
        found = CODEC.read_request(fields_of(body), Said(model="claude-sonnet-4-5", stream=False))
        assert isinstance(found, Request), found
        return found

    return read


@pytest.fixture
def write() -> Write:
    """A request for a model of Claude's, as a document, and what it lacks."""

    def write(request: Request, model: str = "claude-sonnet-4-5", **toward: Any) -> Wrote:
        found = CODEC.write_request(request, Toward(model=model, **toward))
        assert isinstance(found, Written), found
        return Wrote(json.loads(found.body), found.dropped)

    return write


@pytest.fixture
def cannot() -> Cannot:
    def cannot(request: Request, model: str = "claude-sonnet-4-5", **toward: Any) -> Unsupported:
        found = CODEC.write_request(request, Toward(model=model, **toward))
        assert isinstance(found, Unsupported)
        return found

    return cannot


@pytest.fixture
def ask() -> Ask:
    """A request of a Chat Completions client: one question unless `messages` says otherwise."""

    def ask(*messages: Message, **fields: Any) -> Request:
        return Request(
            dialect="openai_chat",
            model="gpt-5",
            messages=messages or (Message("user", (Text("Hello?"),)),),
            **fields,
        )

    return ask


@pytest.fixture
def show() -> Show:
    request = Request(dialect="anthropic", model="house", messages=())
    return Show(request_id="req_7", created=1700000000, model="house", request=request)


@pytest.fixture
def replay() -> Replay:
    """Frames of a stream read: what they amount to, the events, and whether it was complete."""

    def replay(frames: list[bytes]) -> tuple[Reply, list[Event], bool]:
        reader, events, assembly = CODEC.reader(), list[Event](), Assembly()
        for frame in frames:
            reader.read(frame, events)
        reader.end(events)
        assembly.feed(events)
        return assembly.reply, events, reader.complete

    return replay
