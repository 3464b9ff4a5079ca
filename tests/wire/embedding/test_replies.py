"""Replies with vectors: every recorded one, for a client of every dialect."""

from __future__ import annotations

import base64
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.embedding.codecs import CODECS
from headway.wire.embedding.form import Request, Show
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply

if TYPE_CHECKING:
    from wire.embedding.conftest import Exchange, Hands


def vectors_of(body: Any) -> list[list[float]]:
    """The vectors in a reply of any dialect, as numbers."""
    found = body.get("data") or body.get("embeddings") or body.get("predictions") or [body.get("embedding")]
    if isinstance(found, dict):
        found = found["float"]
    return [numbers(each) for each in found]


def numbers(one: Any) -> list[float]:
    while isinstance(one, dict):
        one = one.get("embedding") or one.get("values") or one.get("embeddings")
    if isinstance(one, str):
        data = base64.b64decode(one)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    return one


def as_float32(vectors: list[list[float]]) -> list[bytes]:
    return [struct.pack(f"<{len(each)}f", *each) for each in vectors]


CLIENTS: dict[str, dict[str, Any]] = {
    "openai": {"model": "logical", "encoding_format": "base64"},
    "voyage": {"model": "logical"},
    "jina": {"model": "logical"},
    "ollama": {"model": "logical"},
    "cohere": {"model": "logical", "input_type": "search_query", "embedding_types": ["float"]},
    "cohere_invoke": {"input_type": "search_query"},
    "gemini": {},
    "vertex": {},
    "vertex_predict": {},
    "titan": {},
    "nova": {"taskType": "SINGLE_EMBEDDING"},
}


def client_request(dialect: Any, count: int) -> dict[str, Any] | None:
    """What a client of a dialect asks with, for so many texts; None where it cannot have as many."""
    texts, body = [f"text {number}" for number in range(count)], dict(CLIENTS[dialect])
    match dialect:
        case "openai" | "voyage" | "jina" | "ollama":
            body["input"] = texts
        case "cohere" | "cohere_invoke":
            body["texts"] = texts
        case "gemini" | "vertex":
            body["requests"] = [{"content": {"parts": [{"text": text}]}} for text in texts]
        case "vertex_predict":
            body["instances"] = [{"content": text} for text in texts]
        case "titan":
            body["inputText"] = texts[0]
        case _:
            body["singleEmbeddingParams"] = {"text": {"value": texts[0]}}
    return None if dialect in ("titan", "nova") and count > 1 else body


@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_every_recorded_vector_reaches_a_client_of_every_dialect(
    client: Any, recorded: list[Exchange], hands: Hands
) -> None:
    seen = 0
    for each in recorded:
        if each.status != 200:
            continue
        expected = vectors_of(each.reply)
        body = client_request(client, len(expected))
        if body is None:
            continue
        request = hands.asked(client, body)
        shown = hands.shown(hands.answered(each.dialect, each.reply, request), request)
        got = vectors_of(shown)
        assert as_float32(got) == as_float32(expected), each.id
        came_as_base64, wants_base64 = "data" in each.reply, client == "openai"
        if came_as_base64 == wants_base64:
            assert got == expected, each.id
        seen += 1
    assert seen > 25


def test_a_client_of_the_providers_dialect_would_see_what_was_recorded(recorded: list[Exchange], hands: Hands) -> None:
    for each in recorded:
        if each.status != 200:
            continue
        request = hands.asked(each.dialect, each.request, each.model)
        shown = hands.shown(hands.answered(each.dialect, each.reply, request), request)
        expected = dict(each.reply)
        if "texts" in shown:  # some models repeat them in small letters
            shown["texts"] = [text.lower() for text in shown["texts"]]
            expected["texts"] = [text.lower() for text in expected["texts"]]
        if "embeddingsByType" in expected and "profile" in each.model:  # which hides the model's generation
            del expected["embeddingsByType"]
        assert shown == expected, each.id


def test_recorded_usage_is_that_of_the_header_where_there_is_one(recorded: list[Exchange], hands: Hands) -> None:
    counted = 0
    for each in recorded:
        if each.status != 200 or each.counted is None:
            continue
        codec = CODECS[each.dialect]
        reply = hands.answered(each.dialect, each.reply, hands.asked(each.dialect, each.request, each.model))
        assert codec.counted_in == "x-amzn-bedrock-input-token-count"
        assert reply.usage in (None, Usage(input_tokens=each.counted))
        counted += 1
    assert counted > 15


def test_recorded_errors_are_told_from_answers(recorded: list[Exchange], hands: Hands) -> None:
    errors = [each for each in recorded if each.status != 200]
    assert errors
    for each in errors:
        reply = hands.reply(each.dialect, each.reply, hands.asked(each.dialect, each.request, each.model))
        assert isinstance(reply, NoReply)
        assert reply.is_error, each.id


# --- how the tokens are counted ---

ONE = {"model": "m", "input": ["a"]}
USAGES: list[tuple[str, dict[str, Any], Usage]] = [
    ("openai", {"data": [{"embedding": [1]}], "usage": {"prompt_tokens": 7, "total_tokens": 7}}, Usage(7)),
    ("voyage", {"data": [{"embedding": [1]}], "usage": {"total_tokens": 7}}, Usage(7)),
    ("jina", {"data": [{"embedding": [1]}], "usage": {"total_tokens": 7}}, Usage(7)),
    ("ollama", {"embeddings": [[1]], "prompt_eval_count": 7}, Usage(7)),
    ("titan", {"embedding": [1], "inputTextTokenCount": 7}, Usage(7)),
    (
        "cohere",
        {"embeddings": {"float": [[1]]}, "meta": {"billed_units": {"input_tokens": 7, "image_tokens": 3.0}}},
        Usage(10, image_input_tokens=3),
    ),
    (
        "gemini",
        {
            "embeddings": [{"values": [1]}],
            "usageMetadata": {
                "promptTokenCount": 9,
                "promptTokenDetails": [
                    {"modality": "TEXT", "tokenCount": 2},
                    {"modality": "IMAGE", "tokenCount": 4},
                    {"modality": "AUDIO", "tokenCount": 3},
                ],
            },
        },
        Usage(9, image_input_tokens=4, audio_input_tokens=3),
    ),
    (
        "vertex_predict",
        {"predictions": [{"embeddings": {"values": [1], "statistics": {"token_count": 7.0, "truncated": False}}}]},
        Usage(7),
    ),
]


@pytest.mark.parametrize(("dialect", "body", "usage"), USAGES)
def test_tokens_are_counted_as_the_provider_does(dialect: Any, body: Any, usage: Usage, hands: Hands) -> None:
    request = hands.asked("openai", ONE)
    reply = hands.answered(dialect, body, request)
    assert reply.usage == usage
    total = usage.input_tokens
    assert hands.shown(reply, request)["usage"] == {"prompt_tokens": total, "total_tokens": total}
    own = hands.asked("cohere", {"model": "m", "texts": ["a"]})
    assert hands.shown(reply, own)["meta"]["billed_units"] == {
        "input_tokens": total - usage.image_input_tokens,
        "image_tokens": usage.image_input_tokens,
    }


def test_less_than_no_tokens_are_none(hands: Hands) -> None:
    body = {"data": [{"embedding": [1]}], "usage": {"prompt_tokens": -7}}
    assert hands.answered("openai", body, hands.asked("openai", ONE)).usage == Usage(0)


# --- what is shown ---


def test_an_answer_without_model_and_id_gets_those_of_the_exchange(hands: Hands) -> None:
    reply = hands.answered("gemini", {"embeddings": [{"values": [1]}]}, hands.asked("openai", ONE))
    assert hands.shown(reply, hands.asked("openai", ONE)) == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [1]}],
        "model": "shown",
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }
    assert hands.shown(reply, hands.asked("cohere", {"model": "m", "texts": ["a"]}))["id"] == "req-1"


def test_a_client_of_gemini_that_asked_for_one_gets_one(hands: Hands) -> None:
    content = {"content": {"parts": [{"text": "a"}]}}
    reply = hands.answered("openai", {"data": [{"embedding": [1]}]}, hands.asked("gemini", content))
    assert hands.shown(reply, hands.asked("gemini", content)) == {"embedding": {"values": [1]}}
    assert hands.shown(reply, hands.asked("gemini", {"requests": [content]})) == {"embeddings": [{"values": [1]}]}


def test_coheres_models_on_bedrock_answer_as_their_generation_does(hands: Hands) -> None:
    body = {"texts": ["a"], "input_type": "search_query"}
    for model, extra, embeddings in (
        ("cohere.embed-english-v3", {}, [[1]]),
        ("cohere.embed-english-v3", {"embedding_types": ["float"]}, {"float": [[1]]}),
        ("cohere.embed-v4:0", {}, {"float": [[1]]}),
    ):
        request = hands.asked("cohere_invoke", body | extra, model)
        reply = hands.answered("ollama", {"embeddings": [[1]]}, request)
        assert hands.shown(reply, request)["embeddings"] == embeddings


def test_each_format_that_a_client_of_cohere_wants_is_there(hands: Hands) -> None:
    wanted = {"model": "m", "texts": ["a"], "embedding_types": ["base64", "int8", "float"]}
    request = hands.asked("cohere", wanted)
    reply = hands.answered("cohere_invoke", {"embeddings": {"float": [[1, -2]], "int8": [[3, 4]]}}, request)
    assert hands.shown(reply, request)["embeddings"] == {
        "base64": [base64.b64encode(struct.pack("<2f", 1, -2)).decode()],
        "int8": [[3, 4]],
        "float": [[1, -2]],
    }


def test_vectors_of_less_precision_stay_what_they_are(hands: Hands) -> None:
    request = hands.asked("cohere", {"model": "m", "texts": ["a"], "embedding_types": ["ubinary"]})
    reply = hands.answered("voyage", {"data": [{"embedding": [255, 0]}]}, request)
    assert hands.shown(reply, request)["embeddings"] == {"ubinary": [[255, 0]]}


def test_vectors_are_put_in_the_order_of_their_inputs(hands: Hands) -> None:
    request = hands.asked("openai", {"model": "m", "input": ["a", "b", "c"]})
    body = {"data": [{"index": 2, "embedding": [3]}, {"index": 0, "embedding": [1]}, {"index": 1, "embedding": [2]}]}
    assert vectors_of(hands.shown(hands.answered("jina", body, request), request)) == [[1], [2], [3]]


def test_white_space_within_vectors_is_left_behind(hands: Hands) -> None:
    request = hands.asked("openai", ONE)
    body = json.dumps({"embeddings": [{"values": [0.5, -1.5]}]}, indent=2).encode()
    reply = CODECS["gemini"].read_reply(body, request)
    assert not isinstance(reply, NoReply)
    shown = CODECS["openai"].write_reply(reply, Show(request_id="r", model="m", request=request))
    assert isinstance(shown, bytes)
    assert b'"embedding":[0.5,-1.5]' in shown


# --- what is no answer ---

BROKEN: list[tuple[str, Any, str]] = [
    ("openai", {"data": []}, "it holds 0 vectors for 1 inputs"),
    ("openai", {"data": [{"embedding": [1]}, {"embedding": [1]}]}, "it holds 2 vectors for 1 inputs"),
    ("openai", {"data": [{"index": 5, "embedding": [1]}]}, "its vectors are not numbered as the inputs"),
    ("openai", {"data": [{"embedding": {"a": 1}}]}, "its vectors are neither arrays nor strings"),
    ("openai", {"data": [3]}, "it is no list of vectors"),
    ("openai", [], "it is no list of vectors"),
    ("cohere", {"embeddings": {}}, "it holds no vectors"),
    ("cohere", {"embeddings": {"float": ["x"]}}, "its vectors are not of the type that it names"),
    ("cohere", {"embeddings": {"float": [[1], [2]]}}, "it holds 2 vectors for 1 inputs"),
    ("cohere_invoke", {"embeddings": [[1], [2]]}, "it holds 2 vectors for 1 inputs"),
    ("gemini", {"embeddings": [{"values": None}]}, "its vectors are no arrays"),
    ("gemini", {}, "it holds no vectors"),
    ("vertex_predict", {"predictions": [{}]}, "it is no list of vectors"),
    ("titan", {"embedding": None}, "it holds no vector"),
    ("nova", {"embeddings": [{"embedding": 3}]}, "its vectors are no arrays"),
    ("ollama", {"embeddings": [[1], [2]]}, "it holds 2 vectors for 1 inputs"),
]


@pytest.mark.parametrize(("dialect", "body", "why"), BROKEN)
def test_what_is_no_answer_is_said(dialect: Any, body: Any, why: str, hands: Hands) -> None:
    assert hands.reply(dialect, body, hands.asked("openai", ONE)) == NoReply(why)


def test_deep_nesting_is_no_answer() -> None:
    request = CODECS["titan"].read_request({}, Said(model="m", stream=False))
    asked = Request(dialect="openai", model="m", inputs=("a",))
    assert not isinstance(request, Request)
    for codec in CODECS.values():
        assert isinstance(codec.read_reply(b'{"x":' + b"[" * 100_000, asked), NoReply)
        assert isinstance(codec.read_reply(b"", asked), NoReply)


@pytest.mark.parametrize(
    "broken", ["not base64!", "AAA", "AAAA", base64.b64encode(struct.pack("<f", float("nan"))).decode()]
)
def test_base64_that_holds_no_numbers_is_found_out_when_numbers_are_wanted(broken: str, hands: Hands) -> None:
    request = hands.asked("cohere", {"model": "m", "texts": ["a"]})
    reply = hands.answered("voyage", {"data": [{"embedding": broken}]}, request)
    show = Show(request_id="r", model="m", request=request)
    assert CODECS["cohere"].write_reply(reply, show) == NoReply("its vectors cannot be read")


@pytest.mark.parametrize("broken", [["x"], [1e300], [None]])
def test_numbers_that_no_32_bits_can_hold_are_found_out_when_base64_is_wanted(broken: list[Any], hands: Hands) -> None:
    request = hands.asked("openai", ONE | {"encoding_format": "base64"})
    reply = hands.answered("cohere", {"embeddings": {"float": [broken]}}, request)
    show = Show(request_id="r", model="m", request=request)
    assert CODECS["openai"].write_reply(reply, show) == NoReply("its vectors cannot be read")


def test_a_format_that_did_not_come_is_no_answer(hands: Hands) -> None:
    request = hands.asked("cohere", {"model": "m", "texts": ["a"], "embedding_types": ["int8"]})
    reply = hands.answered("cohere", {"embeddings": {"float": [[1]]}}, request)
    show = Show(request_id="r", model="m", request=request)
    assert CODECS["cohere"].write_reply(reply, show) == NoReply("it has no int8 vectors")


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_numbers_and_base64_turn_into_each_other_without_loss(vector: list[float]) -> None:
    packed = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    asked = Request(dialect="openai", model="m", inputs=("a",), formats=("base64",))
    reply = CODECS["ollama"].read_reply(json.dumps({"embeddings": [vector]}).encode(), asked)
    assert not isinstance(reply, NoReply)
    shown = CODECS["openai"].write_reply(reply, Show(request_id="r", model="m", request=asked))
    assert isinstance(shown, bytes)
    assert json.loads(shown)["data"][0]["embedding"] == packed
    plain = Request(dialect="openai", model="m", inputs=("a",), formats=("float",))
    back = CODECS["openai"].read_reply(shown, asked)
    assert not isinstance(back, NoReply)
    again = CODECS["openai"].write_reply(back, Show(request_id="r", model="m", request=plain))
    assert isinstance(again, bytes)
    assert json.loads(again)["data"][0]["embedding"] == vector
