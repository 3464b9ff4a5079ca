"""Which of OpenAI's endpoints exist, and what a relay must know about each.

`/v1/models` is not here: the gateway answers it itself.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    name: str
    path: str
    """Below the provider's base URL, and below our own `/v1`."""
    body: Literal["json", "multipart"] = "json"
    stream_usage: bool = False
    """It knows `stream_options.include_usage`."""
    json_only: bool = False
    """A whole answer is JSON whatever was asked."""
    terminals: tuple[bytes, ...] = ()
    """A finished stream holds one of these near its end; empty: nothing but the end of the body tells."""


_DONE = (b"\ndata: [DONE]", b"\ndata:[DONE]")  # at the beginning of a line: a model may say it too

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(name="chat", path="/chat/completions", json_only=True, stream_usage=True, terminals=_DONE),
    Endpoint(name="completions", path="/completions", json_only=True, stream_usage=True, terminals=_DONE),
    Endpoint(
        name="responses",
        path="/responses",
        json_only=True,
        terminals=(b'"response.completed"', b'"response.incomplete"'),
    ),
    Endpoint(name="embeddings", path="/embeddings", json_only=True),
    Endpoint(name="moderations", path="/moderations", json_only=True),
    Endpoint(name="images.generations", path="/images/generations", json_only=True),
    Endpoint(name="images.edits", path="/images/edits", json_only=True, body="multipart"),
    Endpoint(name="images.variations", path="/images/variations", json_only=True, body="multipart"),
    Endpoint(name="audio.speech", path="/audio/speech"),
    Endpoint(name="audio.transcriptions", path="/audio/transcriptions", body="multipart"),
    Endpoint(name="audio.translations", path="/audio/translations", body="multipart"),
)

BY_PATH: dict[bytes, Endpoint] = {
    f"{prefix}{endpoint.path}".encode(): endpoint
    for endpoint in ENDPOINTS
    for prefix in ("/v1", "/openai/v1", "/openai")
}
"""Our own paths, as they stand in a request line."""
