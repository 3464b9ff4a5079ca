"""Requests read and written, replies and streams as the codec of Chat Completions gives them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from headway.wire.form.assembly import Assembly
from headway.wire.form.codec import Said, Show
from headway.wire.form.reply import Event, Reply
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed
from headway.wire.openai_chat.codec import CODEC

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _read(body: dict[str, Any] | bytes) -> Request | Malformed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    stream = b'"stream": true' in raw
    return CODEC.read_request(_fields(raw), Said(model="asked", stream=stream))


class Asks:
    """A client's requests, read."""

    def __call__(self, **body: Any) -> Request:
        body.setdefault("messages", [{"role": "user", "content": "Hi"}])
        found = _read(body)
        assert isinstance(found, Request), found
        return found

    def wrongly(self, **body: Any) -> Malformed:
        body.setdefault("messages", [{"role": "user", "content": "Hi"}])
        found = _read(body)
        assert isinstance(found, Malformed), found
        return found

    def saying(self, *messages: dict[str, Any], **body: Any) -> Request:
        return self(messages=list(messages), **body)


def _toward(*, model: str = "theirs", **more: Any) -> Toward:
    return Toward(model=model, **more)


class Sent(NamedTuple):
    body: dict[str, Any]
    dropped: tuple[str, ...]


class Writes:
    """Requests written for a provider."""

    def __call__(self, request: Request, **toward: Any) -> Sent:
        found = CODEC.write_request(request, _toward(**toward))
        assert isinstance(found, Written), found
        return Sent(json.loads(found.body), found.dropped)

    def not_(self, request: Request, **toward: Any) -> Unsupported:
        found = CODEC.write_request(request, _toward(**toward))
        assert isinstance(found, Unsupported), found
        return found


class Streamed(NamedTuple):
    events: list[Event]
    complete: bool

    @property
    def reply(self) -> Reply:
        assembly = Assembly()
        assembly.feed(self.events)
        return assembly.reply

    def of(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]


def _stream(*frames: dict[str, Any] | bytes, done: bool = True) -> Streamed:
    """What a provider's chunks amount to; bytes are sent as they are."""
    reader, events = CODEC.reader(), list[Event]()
    body = b"".join(each if isinstance(each, bytes) else b"data: %b\n\n" % json.dumps(each).encode() for each in frames)
    for frame in CODEC.split(body + b"data: [DONE]\n\n" * done)[0]:
        reader.read(frame, events)
    reader.end(events)
    return Streamed(events, reader.complete)


def _show(request: Request) -> Show:
    return Show(request_id="req-1", created=1_700_000_000, model="shown", request=request)


@pytest.fixture(scope="session")
def asks() -> Asks:
    return Asks()


@pytest.fixture(scope="session")
def writes() -> Writes:
    return Writes()


@pytest.fixture(scope="session")
def streamed() -> Callable[..., Streamed]:
    return _stream


@pytest.fixture(scope="session")
def show(asks: Asks) -> Callable[..., Show]:
    return lambda **body: _show(asks(**body))


@pytest.fixture(scope="session")
def whole(show: Callable[..., Show]) -> Callable[..., dict[str, Any]]:
    """A reply as a client that asked like this reads it."""
    return lambda reply, **asked: json.loads(CODEC.write_reply(reply, show(**asked)))


@pytest.fixture(scope="session")
def shown(show: Callable[..., Show]) -> Callable[..., list[dict[str, Any]]]:
    """The chunks that a client that asked like this gets for events, one write each."""

    def chunks(events: list[Event], **asked: Any) -> list[dict[str, Any]]:
        writer = CODEC.writer(show(**asked))
        body = b"".join([*(writer.write([event]) for event in events), writer.end()])
        frames, rest = CODEC.split(body)
        assert rest == b""
        assert frames[-1] == b"data: [DONE]\n\n"
        return [json.loads(frame.removeprefix(b"data: ")) for frame in frames[:-1]]

    return chunks


def _exchanges() -> Iterator[dict[str, Any]]:
    for path in sorted(CORPUS.glob("*.jsonl")):
        with path.open() as lines:
            for line in lines:
                if "chat/completions" not in line:
                    continue
                exchange = json.loads(line)
                asked = exchange["request"]
                if "chat/completions" in asked["url"] and asked["body_kind"] == "json":
                    yield exchange


@pytest.fixture(scope="session")
def recorded() -> list[dict[str, Any]]:
    """Exchanges with real providers; without the recordings there is nothing to test."""
    if not CORPUS.is_dir():
        pytest.skip("the recordings are not here")
    return list(_exchanges())
