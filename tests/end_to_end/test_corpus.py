"""Recorded exchanges with real providers, replayed: provider and client get the recorded bytes.

Each provider is configured under its own name, so that its quirks apply. The recordings live beside the repository;
without them there is nothing to replay.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest

from headway.providers.catalogue import find
from headway.wire.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from end_to_end.conftest import Reply, RunningGateway, ScriptedUpstream, Start

pytestmark = pytest.mark.real

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
PROVIDERS = (
    "azure",
    "bedrock-mantle",
    "cerebras",
    "crusoe",
    "deepseek",
    "gemini",
    "groq",
    "huggingface",
    "mistral",
    "ollama",
    "openai",
    "openrouter",
    "snowflake",
    "voyageai",
    "zai",
)
"""Those with recorded requests to an endpoint of ours."""
ENDPOINT = {endpoint.path: endpoint for endpoint in ENDPOINTS if endpoint.body == "json"}
PIECES = (1_000_000, 1000, 61, 7)
"""Bytes of a stream that arrive at a time, in turn."""


class Exchange(NamedTuple):
    id: str
    path: str
    request: dict[str, Any]
    status: int
    kind: str
    body: bytes

    @property
    def streamed(self) -> bool:
        return self.kind.startswith("text/event-stream")

    @property
    def asked_for_usage(self) -> bool:
        return bool((self.request.get("stream_options") or {}).get("include_usage"))


def recorded(provider: str) -> list[Exchange]:
    """Those whose endpoint is one of ours and takes JSON."""
    with (CORPUS / f"{provider}.jsonl").open() as lines:
        return [exchange for exchange in map(read, lines) if exchange is not None]


def read(line: str) -> Exchange | None:
    fields = json.loads(line)
    request, response = fields["request"], fields["response"]
    path = next((path for path in ENDPOINT if urlsplit(request["url"]).path.endswith(path)), None)
    if request["body_kind"] != "json" or path is None or "model" not in request["body"]:
        return None
    body = response["body"]
    # Neither dense nor in ASCII: bytes that no serializer of ours would make.
    written = body if response["body_kind"] == "text" else json.dumps(body, indent=1, ensure_ascii=False)
    kind = response["headers"]["content-type"]
    return Exchange(fields["id"], path, request["body"], response["status"], kind, written.encode())


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recordings are not here")
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_recorded_exchange_passes_as_it_was(
    gateway: Start, scripted: ScriptedUpstream, reply_bytes: Callable[..., bytes], provider: str
):
    running = await gateway(config(provider, scripted))
    wrong: list[str] = []
    # Errors come last, since they let their model rest.
    for number, exchange in enumerate(sorted(recorded(provider), key=lambda each: each.status >= 400)):
        if exchange.status == 429:
            running = await gateway(config(provider, scripted))
        scripted.answer = lambda _, e=exchange, n=number: written(e, PIECES[n % len(PIECES)], reply_bytes)
        reply = await send(running, provider, exchange)
        found = [*wrong_in_request(scripted, provider, exchange), *wrong_in_reply(reply, exchange)]
        wrong += [f"{exchange.id}: {each}" for each in found]
    assert not wrong, "\n".join(wrong)


def config(provider: str, upstream: ScriptedUpstream) -> str:
    kind = find(provider)
    return f"""
providers:
  {provider}:
    kind: {kind.name if kind else "custom"}
    dialect: openai_chat
    base_url: {upstream.base_url}
    keys: [sk-recorded]
"""


def written(exchange: Exchange, size: int, reply_bytes: Callable[..., bytes]) -> Iterator[bytes]:
    body = exchange.body
    if not exchange.streamed:
        yield reply_bytes(exchange.status, body, exchange.kind)
        return
    head = f"HTTP/1.1 {exchange.status} OK\r\ncontent-type: {exchange.kind}\r\ntransfer-encoding: chunked\r\n\r\n"
    yield head.encode()
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


async def send(running: RunningGateway, provider: str, exchange: Exchange) -> Reply:
    body = {**exchange.request, "model": f"{provider}/{exchange.request['model']}"}
    return await running.ask(f"/v1{exchange.path}", json.dumps(body, indent=1, ensure_ascii=False).encode())


def wrong_in_request(upstream: ScriptedUpstream, provider: str, exchange: Exchange) -> Iterator[str]:
    received, *repeats = upstream.requests
    upstream.requests.clear()
    got = received.fields()
    wanted = {
        name: msgspec.Raw(json.dumps(value, indent=1, ensure_ascii=False).replace("\n", "\n ").encode())
        for name, value in exchange.request.items()
    }
    wanted["model"] = msgspec.Raw(json.dumps(exchange.request["model"], ensure_ascii=False).encode())
    if asks_for_usage(provider, exchange):
        options = exchange.request.get("stream_options") or {}
        wanted["stream_options"] = msgspec.Raw(msgspec.json.encode({**options, "include_usage": True}))
    if len(repeats) != is_asked_again(exchange):
        yield f"{1 + len(repeats)} requests came"
    if any((each.path, each.fields()) != (received.path, got) for each in repeats):
        yield "the repeat was another request"
    if received.path != f"/v1{exchange.path}":
        yield f"the path was {received.path}"
    if list(got) != list(wanted):
        yield f"the fields were {list(got)}, not {list(wanted)}"
    yield from (
        f"{name} was {bytes(got[name])!r}, not {bytes(wanted[name])!r}"
        for name in wanted
        if got.get(name) != wanted[name]
    )


def is_asked_again(exchange: Exchange) -> bool:
    """Whether the answer is a failure that may be gone a moment later: the only target then gets a second attempt."""
    return exchange.status == 429 or (exchange.status == 400 and b'"tool_use_failed"' in exchange.body)


def asks_for_usage(provider: str, exchange: Exchange) -> bool:
    """Whether the gateway has to add the wish for usage."""
    entry = find(provider)
    may = entry is None or entry.quirks.stream_usage
    stream = exchange.request.get("stream") is True and ENDPOINT[exchange.path].stream_usage
    return stream and may and not exchange.asked_for_usage


def wrong_in_reply(reply: Reply, exchange: Exchange) -> Iterator[str]:
    if not reply.complete:
        yield "the reply was cut short"
    if reply.status != exchange.status:
        yield f"the status was {reply.status}, not {exchange.status}"
    if reply.headers["content-type"] != exchange.kind:
        yield f"the content type was {reply.headers['content-type']}, not {exchange.kind}"
    if exchange.status >= 400 and exchange.path == "/embeddings" and b'"detail"' in exchange.body:
        # Voyage speaks a dialect of its own, so its refusal is told in the client's words
        told = json.loads(reply.body)["error"]["message"]
        if json.loads(exchange.body)["detail"][:200] not in told:
            yield f"the refusal was told as {told!r}"
        return
    wanted = up_to_error(exchange.body if exchange.asked_for_usage else without_usage(exchange), exchange)
    if reply.body != wanted:
        same = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(reply.body, wanted, strict=False))))
        yield f"from byte {same} on the reply was {reply.body[same : same + 300]!r}, not {wanted[same : same + 300]!r}"


def up_to_error(body: bytes, exchange: Exchange) -> bytes:
    """What follows an error event, such as an end mark, is no part of an answer."""
    if not exchange.streamed:
        return body
    shown: list[bytes] = []
    for event in body.split(b"\n\n"):
        shown.append(event)
        if is_error(event):
            return b"\n\n".join(shown) + b"\n\n"
    return body


def is_error(event: bytes) -> bool:
    line = event.rpartition(b"\n")[2]
    return line.startswith(b"data: {") and bool(json.loads(line.removeprefix(b"data: ")).get("error"))


def without_usage(exchange: Exchange) -> bytes:
    """Less the chunk that the gateway's own wish for usage brings."""
    if not exchange.streamed:
        return exchange.body
    events = exchange.body.split(b"\n\n")
    return b"\n\n".join(event for event in events if not is_usage(event))


def is_usage(event: bytes) -> bool:
    line = event.partition(b"\n")[0]
    if not line.startswith(b"data: {"):
        return False
    chunk = json.loads(line.removeprefix(b"data: "))
    return chunk.get("choices") == [] and chunk.get("usage") is not None
