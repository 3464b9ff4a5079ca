"""What the tests of this dialect share: the recorded exchanges, and the codec's functions over plain Python values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from headway.wire.form.codec import Said, Show
from headway.wire.form.parts import Message, Text
from headway.wire.form.reply import Event, NoReply, Reply
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.gemini.codec import CODEC
from headway.wire.malformed import Malformed

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Recorded(NamedTuple):
    id: str
    url: str
    request: dict[str, Any]
    status: int
    reply: Any
    """A document, or the text of a stream."""


class Speak:
    """The codec, with documents instead of bytes."""

    show = Show(
        request_id="req_1",
        created=1_700_000_000,
        model="gemini-x",
        request=Request(dialect="gemini", model="gemini-x", messages=(Message("user", (Text("hi"),)),)),
    )

    def fields(self, document: dict[str, Any]) -> dict[str, msgspec.Raw]:
        return _fields(json.dumps(document).encode())

    def reading(self, document: dict[str, Any], *, stream: bool = False) -> Request | Malformed:
        return CODEC.read_request(self.fields(document), Said(model="gemini-3-flash", stream=stream))

    def read(self, document: dict[str, Any], *, stream: bool = False) -> Request:
        request = self.reading(document, stream=stream)
        assert isinstance(request, Request), request
        return request

    def refused(self, document: dict[str, Any]) -> Malformed:
        malformed = self.reading(document)
        assert isinstance(malformed, Malformed)
        return malformed

    def writing(self, request: Request, model: str = "gemini-3-flash", **toward: Any) -> Written | Unsupported:
        return CODEC.write_request(request, Toward(model=model, **toward))

    def write(
        self, request: Request, model: str = "gemini-3-flash", **toward: Any
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        written = self.writing(request, model, **toward)
        assert isinstance(written, Written), written
        return json.loads(written.body), written.dropped

    def asked(self, *messages: Message, **fields: Any) -> Request:
        """As a client of another dialect asks."""
        return Request(
            dialect="openai_chat", model="m", messages=messages or (Message("user", (Text("hi"),)),), **fields
        )

    def reply(self, document: Any) -> Reply:
        reply = CODEC.read_reply(json.dumps(document).encode())
        assert isinstance(reply, Reply), reply
        return reply

    def no_reply(self, body: bytes) -> NoReply:
        reply = CODEC.read_reply(body)
        assert isinstance(reply, NoReply)
        return reply

    def shown(self, reply: Reply) -> dict[str, Any]:
        return json.loads(CODEC.write_reply(reply, self.show))

    def events(self, *chunks: dict[str, Any]) -> tuple[list[Event], bool]:
        """What a stream of these chunks says, and whether it was complete."""
        return self.streamed(b"".join(b"data: %b\r\n\r\n" % json.dumps(chunk).encode() for chunk in chunks))

    def streamed(self, body: bytes) -> tuple[list[Event], bool]:
        reader, events = CODEC.reader(), list[Event]()
        frames, _ = CODEC.split(body)
        for frame in frames:
            reader.read(frame, events)
        reader.end(events)
        return events, reader.complete

    def chunks(self, events: list[Event]) -> list[dict[str, Any]]:
        """What a client is sent for a stream of these events, each by itself."""
        writer = CODEC.writer(self.show)
        body = b"".join(writer.write([event]) for event in events) + writer.end()
        assert body.endswith(b"\r\n\r\n")
        return [json.loads(frame.removeprefix(b"data: ")) for frame in body.split(b"\r\n\r\n")[:-1]]


@pytest.fixture
def gemini() -> Speak:
    return Speak()


@pytest.fixture(scope="session")
def recorded() -> list[Recorded]:
    """Every recorded exchange of generateContent and streamGenerateContent."""
    if not CORPUS.is_dir():
        pytest.skip("the recorded exchanges are not here")
    found: list[Recorded] = []
    for name in ("gemini", "vertex"):
        with (CORPUS / f"{name}.jsonl").open() as lines:
            for line in lines:
                fields = json.loads(line)
                request, response = fields["request"], fields["response"]
                if "enerateContent" in request["url"] and request["body_kind"] == "json":
                    body = response["body"]
                    found.append(Recorded(fields["id"], request["url"], request["body"], response["status"], body))
    return found
