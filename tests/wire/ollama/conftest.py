"""What the tests of Ollama's dialect share: its codec at work on documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from headway.wire.form.codec import Said, Show
from headway.wire.form.reply import Event
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed
from headway.wire.ollama.codec import CODEC


def read(**body: Any) -> Request:
    """The request with these fields, and one message unless they say otherwise."""
    found = read_any({"model": "llama", "messages": [{"role": "user", "content": "hi"}], **body})
    assert isinstance(found, Request), found
    return found


def read_any(body: Any) -> Request | Malformed:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return CODEC.read_request(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), Said(model="said", stream=False))


def write(request: Request, *, model: str = "llama", **toward: Any) -> tuple[Any, tuple[str, ...]]:
    """The document that is sent, and what was dropped."""
    written = CODEC.write_request(request, Toward(model=model, **toward))
    assert isinstance(written, Written), written
    return json.loads(written.body), written.dropped


def refuse(request: Request) -> Unsupported:
    refused = CODEC.write_request(request, Toward(model="llama"))
    assert isinstance(refused, Unsupported), refused
    return refused


def events(data: bytes) -> list[Event]:
    """What a stream says, read frame by frame."""
    frames, rest = CODEC.split(data)
    assert rest == b""
    found: list[Event] = []
    reader = CODEC.reader()
    for frame in frames:
        reader.read(frame, found)
    reader.end(found)
    return found


@pytest.fixture(name="read")
def read_fixture() -> Callable[..., Request]:
    return read


@pytest.fixture(name="read_any")
def read_any_fixture() -> Callable[[Any], Request | Malformed]:
    return read_any


@pytest.fixture(name="write")
def write_fixture() -> Callable[..., tuple[Any, tuple[str, ...]]]:
    return write


@pytest.fixture(name="refuse")
def refuse_fixture() -> Callable[[Request], Unsupported]:
    return refuse


@pytest.fixture(name="events")
def events_fixture() -> Callable[[bytes], list[Event]]:
    return events


@pytest.fixture
def show() -> Show:
    return Show(request_id="req-1", created=1_700_000_000, model="llama", request=read())
