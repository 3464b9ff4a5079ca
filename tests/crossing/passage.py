"""A request's way from a client of one dialect to a provider of another."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgspec

from crossing.recorded import Asked
from headway.types import Dialect
from headway.wire.dialects import CODECS
from headway.wire.form.codec import Said
from headway.wire.form.request import Request, Toward, Unsupported
from headway.wire.malformed import Malformed

MODELS: dict[Dialect, str] = {
    "openai_chat": "gpt-4.1",
    "openai_responses": "gpt-4.1",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
    "converse": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-a-03-2025",
    "ollama": "qwen3",
}
"""A model of each dialect that a request might be for."""
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Crossed(NamedTuple):
    body: dict[str, Any]
    dropped: tuple[str, ...]


def read(asked: Asked) -> Request | Malformed:
    return read_bytes(asked.dialect, json.dumps(asked.body, ensure_ascii=False).encode(), asked.model, asked.stream)


def read_bytes(dialect: Dialect, body: bytes, model: str, stream: bool) -> Request | Malformed:
    return CODECS[dialect].read_request(_fields.decode(body), Said(model=model, stream=stream))


def write(request: Request, dialect: Dialect, model: str | None = None) -> Crossed | Unsupported:
    written = CODECS[dialect].write_request(request, Toward(model=model or MODELS[dialect]))
    if isinstance(written, Unsupported):
        return written
    return Crossed(json.loads(written.body), written.dropped)


def there_and_back(asked: Asked, target: Dialect) -> Crossed | Unsupported:
    """The request after it was written for the target, read there and written for where it came from."""
    request = read(asked)
    assert isinstance(request, Request), (asked.id, request)
    there = write(request, target)
    if isinstance(there, Unsupported):
        return there
    again = read(Asked(asked.id, target, MODELS[target], asked.stream, there.body))
    assert isinstance(again, Request), (asked.id, target, again)
    back = write(again, asked.dialect, asked.model)
    if isinstance(back, Unsupported):
        return back
    return Crossed(back.body, there.dropped + back.dropped)
