"""A dialect's codec at work on documents."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from headway.wire.form.codec import Codec, Said, Show
from headway.wire.form.reply import Event
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.malformed import Malformed


class AtWork:
    def __init__(self, codec: Codec, model: str) -> None:
        self._codec = codec
        self._model = model

    def read(self, **body: Any) -> Request:
        """The request with these fields, and one message unless they say otherwise."""
        found = self.read_any({"model": self._model, "messages": [{"role": "user", "content": "hi"}], **body})
        assert isinstance(found, Request), found
        return found

    def read_any(self, body: Any) -> Request | Malformed:
        raw = json.dumps(body, ensure_ascii=False).encode()
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        return self._codec.read_request(fields, Said(model="said", stream=False))

    def write(self, request: Request, *, model: str | None = None, **toward: Any) -> tuple[Any, tuple[str, ...]]:
        """The document that is sent, and what was dropped."""
        written = self._codec.write_request(request, Toward(model=model or self._model, **toward))
        assert isinstance(written, Written), written
        return json.loads(written.body), written.dropped

    def refuse(self, request: Request) -> Unsupported:
        refused = self._codec.write_request(request, Toward(model=self._model))
        assert isinstance(refused, Unsupported), refused
        return refused

    def events(self, data: bytes) -> list[Event]:
        """What a stream says, read frame by frame."""
        frames, rest = self._codec.split(data)
        assert rest == b""
        found: list[Event] = []
        reader = self._codec.reader()
        for frame in frames:
            reader.read(frame, found)
        reader.end(found)
        return found

    def show(self) -> Show:
        return Show(request_id="req-1", created=1_700_000_000, model=self._model, request=self.read())
