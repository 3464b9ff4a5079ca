"""What holds in every dialect alike: the same answers, the same faults, no way to break it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.simulated import tokens
from headway.simulated.dialects import DIALECTS, dialect_of
from headway.simulated.faults import NO_FAULT
from headway.simulated.received import ReceivedRequest
from headway.simulated.script import Speed, script
from headway.simulated.service import Answered, Service
from headway.simulated.settings import Simulation
from headway.simulated.stages import Wait

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
HEADERS = (("x-api-key", "k"), ("anthropic-version", "1"), ("authorization", "Bearer k"), ("x-goog-api-key", "k"))


class Way(NamedTuple):
    """How a stream is asked for, and what stands in it."""

    path: str
    body: dict[str, Any]
    end: bytes
    """What only a complete stream holds."""
    error: bytes
    """What only a stream that broke off holds."""


def way(path: str, **body: Any) -> Way:
    ends = {
        "/v1/messages": (b'"message_stop"', b'"overloaded_error"'),
        "/v2/chat": (b'"COMPLETE"', b'"ERROR"'),
        "/api/chat": (b'"done":true', b'{"error":'),
        "/v1/chat/completions": (b"[DONE]", b'"server_error"'),
    }
    if "converse" in path:
        ends[path] = (b"messageStop", b"modelStreamErrorException")
    if "GenerateContent" in path:
        ends[path] = (b'"STOP"', b'"UNAVAILABLE"')
    return Way(path, body, *ends[path])


def ways(model: str = "m", said: str = "hello") -> list[Way]:
    messages = [{"role": "user", "content": said}]
    parts = [{"role": "user", "parts": [{"text": said}]}]
    turns = [{"role": "user", "content": [{"text": said}]}]
    name = model.replace("!", "%21").replace("=", "%3D").replace(",", "%2C")
    place = f"/v1/projects/p/locations/l/publishers/google/models/{name}"
    return [
        way("/v1/chat/completions", model=model, messages=messages, stream=True),
        way("/v1/messages", model=model, max_tokens=200, messages=messages, stream=True),
        way(f"/v1beta/models/{name}:streamGenerateContent?alt=sse", contents=parts),
        way(f"{place}:streamGenerateContent?alt=sse", contents=parts),
        way(f"/v1beta/models/{name}:streamGenerateContent", contents=parts),
        way(f"/model/{name}/converse-stream", messages=turns),
        way("/v2/chat", model=model, messages=messages, stream=True),
        way("/api/chat", model=model, messages=messages),
    ]


NAMES = ["openai", "anthropic", "gemini", "vertex", "gemini array", "bedrock", "cohere", "ollama"]
EVERY = pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES)


def answered(path: str, body: object, method: str = "POST") -> Answered:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Service(Simulation(name="alpha")).answer(ReceivedRequest(method, path, HEADERS, raw, 0.0), NO_FAULT, 1)


def played(asked: Way) -> bytes:
    """All the bytes of a body on the wire, without chunks' sizes, until the end or an endless silence."""
    return b"".join(_dechunked(sent(asked).partition(b"\r\n\r\n")[2]))


def sent(asked: Way) -> bytes:
    """Head and body."""
    reply = answered(asked.path, asked.body)
    raw: list[bytes] = []
    for step in script(reply.reply, reply.fault, Speed(), Random(1)):
        if step == Wait(math.inf):
            break
        if isinstance(step, bytes):
            raw.append(step)
    return b"".join(raw)


def _dechunked(raw: bytes) -> Iterator[bytes]:
    while raw:
        size, _, rest = raw.partition(b"\r\n")
        yield rest[: int(size, 16)]
        raw = rest[int(size, 16) + 2 :]


@EVERY
def test_every_dialect_says_the_same_text_token_by_token(index: int):
    asked = ways(said="say: one two three")[index]
    pieces = list(answered(asked.path, asked.body).reply.pieces)
    assert sum(piece.tokens for piece in pieces) == 3
    data = b"".join(piece.data for piece in pieces)
    assert all(f'"{token}"'.encode() in data for token in tokens.tokens("one two three"))
    assert pieces[-1].terminal


@EVERY
def test_a_stream_without_its_end_mark_is_incomplete(index: int):
    asked = ways("m!no_done")[index]
    assert asked.end not in played(asked)
    assert ways()[index].end in played(ways()[index])


@EVERY
def test_a_stream_can_break_off_with_an_error(index: int):
    asked = ways("m!error_event_at=2t")[index]
    seen = played(asked)
    assert asked.error in seen
    assert asked.end not in seen


@EVERY
@pytest.mark.parametrize("fault", ["end_at=2t", "eof_at=100b", "stall_after=2t"])
def test_a_stream_can_be_cut(index: int, fault: str):
    asked, whole = ways(f"m!{fault}")[index], ways()[index]
    assert len(played(asked)) < len(played(whole))
    assert asked.end not in played(asked)


@EVERY
def test_an_event_can_be_unreadable_and_another_huge(index: int):
    whole = played(ways()[index])
    assert len(played(ways("m!huge_event=100KB")[index])) > 100_000
    assert len(played(ways("m!malformed_json_at=2t")[index])) > len(whole)


@EVERY
def test_an_error_status_takes_the_place_of_the_answer(index: int):
    worded = sent(ways("m!status=429,error.message=too%20much")[index])
    assert worded.startswith(b"HTTP/1.1 429 ")
    assert b"too much" in worded
    assert b"<h1>502</h1>" in sent(ways("m!status=502,html")[index])


@EVERY
def test_a_fault_that_cannot_be_read_is_refused_with_a_hint(index: int):
    asked = ways("m!statos=1")[index]
    reply = answered(asked.path, asked.body).reply
    assert reply.status == 400
    assert b"did you mean 'status'" in b"".join(piece.data for piece in reply.pieces)


@EVERY
def test_an_answer_without_choices_is_still_an_answer(index: int):
    asked = ways("m!empty_choices")[index]
    seen = played(asked)
    assert b"simulated" not in seen
    assert seen


def test_a_binary_stream_of_many_small_writes_is_read_by_awss_parser():
    asked = ways("m!chunk_bytes=1")[NAMES.index("bedrock")]
    buffer = EventStreamBuffer()
    buffer.add_data(played(asked))
    names = [event.headers[":event-type"] for event in buffer]
    assert (names[0], names[-2:]) == ("messageStart", ["messageStop", "metadata"])


@pytest.mark.parametrize(
    ("method", "path", "headers", "module"),
    [
        ("POST", "/v1/messages?beta=true", (), "anthropic"),
        ("GET", "/v1/models", (("anthropic-version", "1"),), "anthropic"),
        ("GET", "/v1/models", (("x-goog-api-key", "k"),), "gemini"),
        ("GET", "/v1/models", (), "openai"),
        ("GET", "/v1beta/models", (), "gemini"),
        ("POST", "/v1beta1/projects/p/locations/l/publishers/google/models/m:generateContent", (), "gemini"),
        ("POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", (), "gemini"),
        ("POST", "/model/arn%3Aaws%2Fm/converse", (), "bedrock"),
        ("POST", "/v2/chat", (), "cohere"),
        ("GET", "/api/tags", (), "ollama"),
        ("POST", "/v1/rerank", (), "rerank"),
        ("POST", "/v1/anything", (), "openai"),
    ],
)
def test_path_and_headers_tell_the_dialect(method: str, path: str, headers: Any, module: str):
    found = dialect_of(ReceivedRequest(method, path, headers, b"", 0.0))
    assert type(found).__module__.split(".")[2] == module


PATHS = [
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1beta/models/gemini-3:generateContent",
    "/v1beta/models/m:countTokens",
    "/v1beta/models/m:embedContent",
    "/v1beta/models/m:batchEmbedContents",
    "/v1/projects/p/locations/l/publishers/google/models/m:predict",
    "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict",
    "/model/us.anthropic.m/converse",
    "/model/m/invoke",
    "/model/m/count-tokens",
    "/v2/chat",
    "/v2/embed",
    "/v2/rerank",
    "/api/chat",
    "/api/embed",
    "/v1/rerank",
]
NAMES_OF_MEMBERS = """
type text role user assistant model messages content contents parts functionCall functionResponse name args
response tool_use tool_result tool_use_id id input toolUse toolResult toolUseId thinking signature system tools
input_schema object image source base64 functionDeclarations parameters toolConfig toolSpec inputSchema json
toolChoice tool_choice output_config format schema generationConfig maxOutputTokens max_tokens anthropic_version
documents query texts inputText taskType singleEmbeddingParams instances requests embedding_types input_type
search_query options think images tool_calls function arguments additionalModelRequestFields thinkingConfig x
"""
WORDS = st.sampled_from(NAMES_OF_MEMBERS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | WORDS | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=40)
@given(body=st.dictionaries(WORDS, JSON, max_size=6))
def test_no_json_is_too_strange(path: str, body: dict[str, object]):
    reply = answered(
        path, {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **body}
    ).reply
    b"".join(piece.data for piece in reply.pieces)
    assert reply.status in (200, 400, 404, 422)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=40)
@given(body=st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
def test_no_body_is_too_strange(path: str, body: bytes):
    assert answered(path, body).reply.status in (400, 422)


@pytest.mark.skipif(not CORPUS.exists(), reason="the recordings are kept beside the repository")
@pytest.mark.parametrize("provider", ["anthropic", "gemini", "vertex", "bedrock", "cohere"])
def test_what_the_real_provider_accepted_is_accepted(provider: str):
    accepted = refused = 0
    service = Service(Simulation())
    for line in (CORPUS / f"{provider}.jsonl").read_bytes().splitlines():
        recorded = msgspec.json.decode(line)
        asked, url = recorded["request"], urlsplit(recorded["request"]["url"])
        raw = asked["body"].encode() if isinstance(asked["body"], str) else json.dumps(asked["body"]).encode()
        if recorded["response"]["status"] != 200 or recorded["id"] in NOT_OURS or not _known(url.path):
            continue
        request = ReceivedRequest(asked["method"].upper(), f"{url.path}?{url.query}", HEADERS, raw, 0.0)
        reply = service.answer(request, NO_FAULT, 1).reply
        body = b"".join(piece.data for piece in reply.pieces)
        accepted += reply.status == 200
        if reply.status != 200:
            assert b"ignature" in body, (recorded["id"], body[:300])
            refused += 1
    assert accepted > 10
    assert accepted > refused


def _known(path: str) -> bool:
    found = dialect_of(ReceivedRequest("POST", path, HEADERS, b"", 0.0))
    return found is not DIALECTS[-1]


NOT_OURS = {"48829580b9fe", "b50c7321302a", "8028802ff1ad"}
"""A body that the recording cut short, and tools that are one message where a list is expected."""
