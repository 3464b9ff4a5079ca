"""Every endpoint of the API in front of the simulated provider: the client gets the bytes that it would get from it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from headway.simulated.provider import SimulatedProvider
from headway.simulated.threaded import in_thread
from headway.wire.endpoints import ENDPOINTS

pytestmark = pytest.mark.real

MESSAGES = [{"role": "user", "content": "say: grüße"}]
JSON: dict[str, dict[str, Any]] = {
    "chat": {"messages": MESSAGES, "tools": [], "seed": 1},
    "completions": {"prompt": "once"},
    "responses": {"input": "hello"},
    "embeddings": {"input": ["a", "b"]},
    "moderations": {"input": "nice"},
    "images.generations": {"prompt": "a cat", "response_format": "b64_json"},
    "audio.speech": {"input": "hello", "voice": "alloy", "response_format": "wav"},
}
FORMS: dict[str, dict[str, bytes]] = {
    "audio.transcriptions": {"file": b"RIFF\x00\xff", "response_format": b"json"},
    "audio.translations": {"file": b"RIFF\x00\xff", "response_format": b"text"},
}
ELSEWHERE = {"images.edits", "images.variations", "rerank"}
"""Unknown to the simulated provider; tried with a scripted one."""
STREAMS: dict[str, dict[str, Any]] = {
    "chat": {"messages": MESSAGES, "stream_options": {"include_usage": True}},
    "completions": {"prompt": "once", "stream_options": {"include_usage": True}},
    "responses": {"input": "hello"},
}
PATHS = {endpoint.name: endpoint.path for endpoint in ENDPOINTS}


@pytest.fixture(scope="module")
def provider() -> Iterator[SimulatedProvider]:
    with in_thread() as provider:
        yield provider


@pytest.fixture
def both(lane, provider):
    """What the same request gets through the gateway and directly."""
    lane.publish_for(provider.base_url)

    def ask(name: str, body: bytes, kind: str) -> tuple[Any, Any]:
        through = lane.client()
        direct = lane.client(socket.create_connection(("127.0.0.1", provider.port)))
        replies: list[Any] = []
        for client, prefix, model in ((through, "/openai", b"default"), (direct, "/v1", b"m")):
            sent = body.replace(b"MODEL", model)
            head = f"POST {prefix}{PATHS[name]} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\n"
            client.send(f"{head}content-length: {len(sent)}\r\n\r\n".encode() + sent)
            replies.append(client.reply())
        return replies[0], replies[1]

    return ask


def form_of(fields: dict[str, bytes]) -> bytes:
    parts = [b'--BB\r\nContent-Disposition: form-data; name="model"\r\n\r\nMODEL\r\n']
    for name, value in fields.items():
        file = b'; filename="f"\r\nContent-Type: application/octet-stream' if name == "file" else b""
        parts.append(
            b'--BB\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n' % (name.encode(), file, value)
        )
    return b"".join(parts) + b"--BB--\r\n"


def test_every_endpoint_is_here():
    assert set(JSON) | set(FORMS) | ELSEWHERE == set(PATHS)


@pytest.mark.parametrize("name", JSON)
def test_a_whole_answer_is_the_providers(name, both):
    through, direct = both(name, msgspec.json.encode({"model": "MODEL", **JSON[name]}), "application/json")
    assert direct.status == 200
    assert through.status == 200
    assert through.body == direct.body
    assert through.field("content-type") == direct.field("content-type")


@pytest.mark.parametrize("name", FORMS)
def test_an_answer_to_a_form_is_the_providers(name, both):
    through, direct = both(name, form_of(FORMS[name]), "multipart/form-data; boundary=BB")
    assert direct.status == 200
    assert through.status == 200
    assert through.body == direct.body
    assert through.field("content-type") == direct.field("content-type")


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_the_providers(name, both):
    body = msgspec.json.encode({"model": "MODEL", "stream": True, **STREAMS[name]})
    through, direct = both(name, body, "application/json")
    assert direct.status == 200
    assert through.chunked
    assert through.body == direct.body
    assert through.field("content-type") == direct.field("content-type")


def test_usage_that_was_not_asked_for_does_not_show_in_a_stream(both, lane):
    body = msgspec.json.encode({"model": "MODEL", "stream": True, "messages": MESSAGES})
    through, direct = both("chat", body, "application/json")
    assert b'"choices":[]' not in through.body
    assert through.body.count(b"data: ") == direct.body.count(b"data: ")
    (event,) = lane.run.recorded()
    assert event.usage is not None
    assert event.usage.output_tokens > 0


def test_the_providers_refusal_is_the_providers(both):
    through, direct = both("chat", b'{"model":"MODEL","messages":"none"}', "application/json")
    assert direct.status == 400
    assert (through.status, through.body) == (direct.status, direct.body)
