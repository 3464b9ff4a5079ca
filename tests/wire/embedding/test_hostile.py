"""Whatever a client or a provider sends, nothing raises, and what is written is JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.wire.embedding.codecs import CODECS, invoked
from headway.wire.embedding.form import EmbeddingDialect, Request, Show
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Written
from headway.wire.malformed import Malformed

fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

# fmt: off
NAMES = (
    "input", "model", "dimensions", "user", "encoding_format", "input_type", "task", "output_dimension",
    "output_dtype", "truncation", "truncate", "normalized", "embedding_type", "late_chunking", "texts", "images",
    "inputs", "content", "embedding_types", "requests", "taskType", "title", "parts", "text",
    "outputDimensionality", "embedContentConfig", "autoTruncate", "instances", "parameters", "task_type",
    "inputText", "inputImage", "normalize", "embeddingConfig", "outputEmbeddingLength", "embeddingTypes",
    "singleEmbeddingParams", "embeddingPurpose", "value", "image", "source", "bytes", "inlineData", "mimeType",
    "data", "fileData", "fileUri", "type", "image_url", "url",
)
REPLY_NAMES = (
    "data", "embedding", "index", "usage", "prompt_tokens", "total_tokens", "embeddings", "float", "base64",
    "int8", "id", "model", "meta", "message", "billed_units", "input_tokens", "values", "usageMetadata",
    "promptTokenCount", "promptTokensDetails", "modality", "tokenCount", "predictions", "statistics",
    "token_count", "inputTextTokenCount", "prompt_eval_count", "error", "detail",
)
# fmt: on
WORDS = [
    "float",
    "base64",
    "int8",
    "query",
    "CLUSTERING",
    "SINGLE_EMBEDDING",
    "END",
    "text",
    "image_url",
    "AAAA",
    "",
    "\ud7ff",
]


def documents(names: Sequence[str]) -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers(-3, 1 << 70) | st.floats(-1e300, 1e300) | st.sampled_from(WORDS)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=4),
        max_leaves=12,
    )


bodies = st.dictionaries(st.sampled_from(NAMES), documents(NAMES), max_size=6)
replies = st.dictionaries(st.sampled_from(REPLY_NAMES), documents(REPLY_NAMES), max_size=5)
dialects: st.SearchStrategy[EmbeddingDialect] = st.sampled_from(list(CODECS))


@settings(max_examples=400, deadline=None)
@given(dialects, bodies)
def test_whatever_is_asked_is_read_or_refused_and_written_or_refused(
    dialect: EmbeddingDialect, body: dict[str, Any]
) -> None:
    request = CODECS[dialect].read_request(fields_of(json.dumps(body).encode()), Said(model="m", stream=False))
    if isinstance(request, Malformed):
        assert request.param
        assert request.message.startswith(request.param)
        return
    invoked(body)
    for codec in CODECS.values():
        written = codec.write_request(request, Toward(model="up"))
        assert codec.path(request, "up").startswith("/")
        if isinstance(written, Written):
            assert isinstance(json.loads(written.body), dict)


SOUND: list[tuple[EmbeddingDialect, dict[str, Any]]] = [
    ("openai", {"model": "m", "input": ["a", "b"], "encoding_format": "base64", "input_type": "query", "user": "u"}),
    ("openai", {"model": "m", "input": [[1, 2], [3]], "dimensions": 8}),
    ("voyage", {"model": "m", "input": ["a"], "input_type": "query", "output_dtype": "int8", "truncation": True}),
    ("jina", {"model": "m", "input": ["a", {"image": "x"}], "task": "separation", "embedding_type": "float"}),
    ("cohere", {"model": "m", "inputs": [{"content": [{"type": "text", "text": "a"}]}], "embedding_types": ["int8"]}),
    ("cohere_invoke", {"texts": ["a"], "input_type": "search_query", "truncate": "END", "max_tokens": 3}),
    ("gemini", {"requests": [{"content": {"parts": [{"text": "a"}]}, "taskType": "CLUSTERING", "title": "t"}] * 2}),
    ("vertex", {"content": {"parts": [{"text": "a"}]}, "embedContentConfig": {"autoTruncate": True}}),
    ("vertex_predict", {"instances": [{"content": "a", "title": "t"}], "parameters": {"autoTruncate": True}}),
    ("titan", {"inputText": "a", "embeddingConfig": {"outputEmbeddingLength": 256}, "embeddingTypes": ["float"]}),
    ("nova", {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": {"text": {"value": "a"}}}),
    ("ollama", {"model": "m", "input": "a", "truncate": True, "options": {}}),
]


def places(node: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, value in items for found in ((*way, key), *places(value, (*way, key)))]


def replaced(node: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[way[0]] = replaced(copy[way[0]], way[1:], value)
    return copy


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SOUND), st.data())
def test_a_request_with_something_strange_in_it_is_kept_or_refused_or_listed(
    sound: tuple[EmbeddingDialect, dict[str, Any]], data: st.DataObject
) -> None:
    dialect, body = sound
    strange = replaced(body, data.draw(st.sampled_from(places(body))), data.draw(documents(NAMES)))
    said = Said(model="m", stream=False)
    request = CODECS[dialect].read_request(fields_of(json.dumps(strange).encode()), said)
    if isinstance(request, Malformed):
        assert request.param
        return
    own = CODECS[dialect].write_request(request, Toward(model="m"))
    assert isinstance(own, Written) or own.feature in ("input", "images")  # tokens, or a picture for a model of texts
    for codec in CODECS.values():
        written = codec.write_request(request, Toward(model="m", lacks=frozenset({"purpose", "truncate", "images"})))
        if isinstance(written, Written):
            assert isinstance(json.loads(written.body), dict)


@settings(max_examples=400, deadline=None)
@given(dialects, dialects, replies)
def test_whatever_is_answered_is_shown_or_refused(
    provider: EmbeddingDialect, client: EmbeddingDialect, body: dict[str, Any]
) -> None:
    request = Request(dialect=client, model="m", inputs=("a",))
    reply = CODECS[provider].read_reply(json.dumps(body).encode(), request)
    if isinstance(reply, NoReply):
        return
    shown = CODECS[client].write_reply(reply, Show(request_id="r", model="m", request=request))
    assert isinstance(shown, NoReply) or isinstance(json.loads(shown), dict)


def test_half_a_surrogate_pair_and_deep_nesting_are_refused_by_name() -> None:
    places: list[tuple[EmbeddingDialect, str]] = [
        ("openai", "input"),
        ("cohere", "texts"),
        ("gemini", "content"),
        ("vertex_predict", "instances"),
    ]
    for dialect, name in places:
        for raw in (b'["\\ud800"]', b"[" * 5000 + b"]" * 5000, b'{"parts":[{"text":"\\ud800"}]}'):
            request = CODECS[dialect].read_request({name: msgspec.Raw(raw)}, Said(model="m", stream=False))
            assert isinstance(request, Malformed)
            assert (request.param or "").startswith(name)


def test_a_complaint_never_quotes_what_was_sent() -> None:
    secret = "a-secret"
    for codec in CODECS.values():
        for name in NAMES:
            fields = fields_of(json.dumps({name: {secret: [secret]}}).encode())
            wrong = codec.read_request(fields, Said(model="", stream=False))
            if isinstance(wrong, Malformed):
                assert secret not in wrong.message
