"""The Responses API as clients and providers speak it: short ways to ask, to answer and to look at what was said."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import msgspec
import pytest

from headway.wire.form.assembly import Assembly
from headway.wire.form.codec import Said, Show
from headway.wire.form.reply import Event, Reply
from headway.wire.form.request import Request, Toward, Written
from headway.wire.malformed import Malformed
from headway.wire.openai_responses.codec import CODEC

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
PROVIDERS = ("azure", "bedrock-mantle", "deepseek", "openai", "openrouter")
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Exchange(NamedTuple):
    id: str
    request: dict[str, Any]
    body: bytes
    streamed: bool


def _recorded(provider: str) -> Iterator[Exchange]:
    with (CORPUS / f"{provider}.jsonl").open() as lines:
        for line in lines:
            fields = json.loads(line)
            request, response = fields["request"], fields["response"]
            if not request["url"].split("?")[0].endswith("/responses") or response["status"] != 200:
                continue
            streamed = response["body_kind"] == "text"
            body = response["body"] if streamed else json.dumps(response["body"])
            yield Exchange(fields["id"], request["body"], body.encode(), streamed)


@pytest.fixture(scope="session")
def recorded() -> list[Exchange]:
    """All exchanges that went well."""
    if not CORPUS.is_dir():
        pytest.skip("the recordings are not here")
    return [exchange for provider in PROVIDERS for exchange in _recorded(provider)]


def _ask(body: Mapping[str, Any]) -> Request | Malformed:
    said = Said(model=body.get("model", "m"), stream=body.get("stream") is True)
    return CODEC.read_request(_fields(json.dumps(body).encode()), said)


def _asked(body: Mapping[str, Any] | None = None, **fields: Any) -> Request:
    request = _ask({"model": "m", "input": "Hi", **(body or {}), **fields})
    assert not isinstance(request, Malformed), request
    return request


@pytest.fixture
def ask() -> Callable[[Mapping[str, Any]], Request | Malformed]:
    """What comes of a body that a client sends."""
    return _ask


@pytest.fixture
def asked() -> Callable[..., Request]:
    """The same for one that can be read; model and input need not be given."""
    return _asked


@pytest.fixture
def sent() -> Callable[..., tuple[dict[str, Any], tuple[str, ...]]]:
    """What a provider is sent for a request, and what was left out."""

    def write(request: Request, **toward: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
        written = CODEC.write_request(request, Toward(model="m", **toward))
        assert isinstance(written, Written), written
        return json.loads(written.body), written.dropped

    return write


@pytest.fixture
def show() -> Callable[..., Show]:
    def make(request: Request | None = None, **fields: Any) -> Show:
        return Show(request_id="req-1", created=1700000000, model="shown", request=request or _asked(**fields))

    return make


@pytest.fixture
def shown(show: Callable[..., Show]) -> Callable[..., dict[str, Any]]:
    """A whole answer as the client reads it."""

    def write(reply: Reply, **fields: Any) -> dict[str, Any]:
        return json.loads(CODEC.write_reply(reply, show(**fields)))

    return write


def _told(frames: bytes) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for frame in CODEC.split(frames)[0]:
        name, data = frame.decode().removesuffix("\n\n").split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        found.append(event)
    return found


@pytest.fixture
def told() -> Callable[[bytes], list[dict[str, Any]]]:
    """The events in the bytes of a stream, each named as its type says."""
    return _told


@pytest.fixture
def streamed(show: Callable[..., Show]) -> Callable[..., list[dict[str, Any]]]:
    """A stream as the client reads it, written one event at a time."""

    def write(events: list[Event], **fields: Any) -> list[dict[str, Any]]:
        writer = CODEC.writer(show(**fields))
        return _told(b"".join([*(writer.write([event]) for event in events), writer.end()]))

    return write


class Reading(NamedTuple):
    events: list[Event]
    complete: bool

    @property
    def reply(self) -> Reply:
        assembly = Assembly()
        assembly.feed(self.events)
        return assembly.reply


@pytest.fixture
def followed() -> Callable[[bytes | list[dict[str, Any]]], Reading]:
    """What is read from a provider's stream, given as bytes or as its events."""

    def read(stream: bytes | list[dict[str, Any]]) -> Reading:
        if not isinstance(stream, bytes):
            stream = b"".join(_frame(event) for event in stream)
        reader, events = CODEC.reader(), cast("list[Event]", [])
        for frame in CODEC.split(stream)[0]:
            reader.read(frame, events)
        reader.end(events)
        return Reading(events, reader.complete)

    return read


def _frame(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


@pytest.fixture
def gathered() -> Callable[[bytes], Any]:
    """The response that OpenAI's SDK puts together from a stream; each event must be valid in its eyes."""
    responses = pytest.importorskip("openai.types.responses")
    state = pytest.importorskip("openai.lib.streaming.responses._responses")
    omit = pytest.importorskip("openai").omit
    union = get_args(get_args(responses.ResponseStreamEvent)[0])
    known = {name: kind for kind in union for name in get_args(kind.model_fields["type"].annotation)}

    def gather(stream: bytes) -> Any:
        accumulated = state.ResponseStreamState(input_tools=omit, text_format=omit)
        found: Any = None
        for number, event in enumerate(_told(stream)):
            assert event["sequence_number"] == number
            found = known[event["type"]].model_validate(event)
            accumulated.handle_event(found)
        return found.response

    return gather
