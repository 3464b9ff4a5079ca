"""Rankings: requests and replies of each dialect in the words of the others."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.types import Usage
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed
from headway.wire.rerank.codecs import CODECS, invoked
from headway.wire.rerank.form import Document, Reply, Request, RerankDialect, Show

fields_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
ALL: list[RerankDialect] = ["cohere", "jina", "voyage", "cohere_invoke"]


def read(dialect: RerankDialect, body: Any, model: str = "m") -> Request | Malformed:
    return CODECS[dialect].read_request(fields_of(json.dumps(body).encode()), Said(model=model, stream=False))


def asked(dialect: RerankDialect, body: Any) -> Request:
    request = read(dialect, body)
    assert isinstance(request, Request), request
    return request


def written(
    request: Request, dialect: RerankDialect, model: str = "up", lacks: frozenset[str] = frozenset()
) -> tuple[Any, tuple[str, ...]]:
    found = CODECS[dialect].write_request(request, Toward(model=model, lacks=lacks))
    assert isinstance(found, Written), found
    return json.loads(found.body), found.dropped


def refused(request: Request, dialect: RerankDialect, lacks: frozenset[str] = frozenset()) -> Unsupported:
    found = CODECS[dialect].write_request(request, Toward(model="up", lacks=lacks))
    assert isinstance(found, Unsupported), found
    return found


def reply_to(dialect: RerankDialect, body: Any, request: Request) -> Reply | NoReply:
    return CODECS[dialect].read_reply(json.dumps(body).encode(), request)


def shown(reply: Reply | NoReply, request: Request) -> Any:
    assert isinstance(reply, Reply), reply
    show = Show(request_id="req-1", model="shown", request=request)
    return json.loads(CODECS[request.dialect].write_reply(reply, show))


# --- requests ---

OWN: list[tuple[RerankDialect, dict[str, Any]]] = [
    ("cohere", {"model": "up", "query": "q", "documents": ["a", "b"], "top_n": 1, "max_tokens_per_doc": 9}),
    ("cohere", {"model": "up", "query": "q", "documents": ["a"], "return_documents": True, "max_chunks_per_doc": 3}),
    ("cohere", {"model": "up", "query": "q", "documents": [{"text": "a", "title": "t"}], "rank_fields": ["title"]}),
    ("cohere", {"model": "up", "query": "q", "documents": ["a"], "relevant_spans": {"mode": "enabled"}, "priority": 2}),
    ("jina", {"model": "up", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1, "return_documents": False}),
    ("jina", {"model": "up", "query": {"text": "q"}, "documents": [{"image": "https://x.test/a.png"}]}),
    ("voyage", {"model": "up", "query": "q", "documents": ["a"], "top_k": 1, "truncation": False}),
    ("cohere_invoke", {"query": "q", "documents": ["a"], "top_n": 1}),
]


@pytest.mark.parametrize(("dialect", "body"), OWN)
def test_a_request_of_ones_own_keeps_everything(dialect: RerankDialect, body: dict[str, Any]) -> None:
    assert written(asked(dialect, body), dialect) == (body, ())


def test_bedrock_is_told_the_version_of_coheres_api() -> None:
    body = {"query": "q", "documents": ["a"], "api_version": 2}
    model = "cohere.rerank-v3-5:0"
    assert written(asked("cohere_invoke", body), "cohere_invoke", model=model) == (body, ())
    from_cohere = asked("cohere", {"model": "m", "query": "q", "documents": ["a"]})
    assert written(from_cohere, "cohere_invoke", model=model) == (body, ())
    assert written(from_cohere, "cohere_invoke", model="amazon.rerank-v1:0")[0] == {"query": "q", "documents": ["a"]}
    assert CODECS["cohere_invoke"].path(model) == "/model/cohere.rerank-v3-5%3A0/invoke"
    assert invoked(body) == "cohere_invoke"
    assert invoked({"texts": ["a"]}) is None


INTO: list[tuple[RerankDialect, dict[str, Any], tuple[str, ...]]] = [
    ("cohere", {"model": "up", "query": "q", "documents": ["a", "b"], "top_n": 1}, ("note",)),
    (
        "voyage",
        {"model": "up", "query": "q", "documents": ["a", "b"], "top_k": 1, "return_documents": False},
        ("note",),
    ),
    ("cohere_invoke", {"query": "q", "documents": ["a", "b"], "top_n": 1}, ("note",)),
]


@pytest.mark.parametrize(("dialect", "body", "dropped"), INTO)
def test_jinas_request_in_the_words_of_others(
    dialect: RerankDialect, body: dict[str, Any], dropped: tuple[str, ...]
) -> None:
    request = asked(
        "jina", {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 1, "return_documents": True, "note": 1}
    )
    assert written(request, dialect) == (body, dropped)


def test_bounds_that_a_dialect_does_not_know_are_listed() -> None:
    request = asked("cohere", {"model": "m", "query": "q", "documents": ["a"], "max_tokens_per_doc": 9})
    assert written(request, "jina")[1] == ("tokens_per_document",)
    cut = asked("voyage", {"model": "m", "query": "q", "documents": ["a"], "truncation": True, "top_k": 1})
    assert written(cut, "cohere")[1] == ("truncate",)
    assert written(cut, "cohere", lacks=frozenset({"top"}))[1] == ("top", "truncate")


def test_documents_with_more_than_a_text_are_cut_down_to_it_and_listed() -> None:
    documents = ["a", {"text": "b", "title": "t"}, {"text": "c"}]
    request = asked("jina", {"model": "m", "query": {"text": "q"}, "documents": documents})
    body, dropped = written(request, "cohere")
    assert (body["query"], body["documents"], dropped) == ("q", ["a", "b", "c"], ("documents[1]",))


def test_pictures_are_ranked_only_by_who_takes_them() -> None:
    request = asked("jina", {"model": "m", "query": "q", "documents": ["a", {"image": "x"}]})
    for dialect in ("cohere", "voyage", "cohere_invoke"):
        assert refused(request, dialect).feature == "images"
    assert refused(request, "jina", lacks=frozenset({"images"})).feature == "images"
    assert written(request, "jina")[0]["documents"] == ["a", {"image": "x"}]


@pytest.mark.parametrize("name", ["rank_fields", "relevant_spans"])
def test_what_only_cohere_can_do_is_refused_elsewhere(name: str) -> None:
    request = asked("cohere", {"model": "m", "query": "q", "documents": ["a"], name: ["title"]})
    assert refused(request, "voyage").feature == name


WRONG: list[tuple[RerankDialect, dict[str, Any], str]] = [
    ("cohere", {"model": "m", "documents": ["a"]}, "query is missing"),
    ("cohere", {"model": "m", "query": 3, "documents": ["a"]}, "query must be a string, or an object with a text"),
    ("cohere", {"model": "m", "query": "q"}, "documents is missing"),
    ("cohere", {"model": "m", "query": "q", "documents": []}, "documents must be a list that is not empty"),
    ("cohere", {"model": "m", "query": "q", "documents": "a"}, "documents must be a list, not a string"),
    (
        "jina",
        {"model": "m", "query": "q", "documents": ["a", 3]},
        "documents[1] must be a string, or an object with a text",
    ),
    ("jina", {"model": "m", "query": "q", "documents": [{"text": 3}]}, "documents[0] must be a string, or an object"),
    ("voyage", {"model": "m", "query": "q", "documents": ["a"], "top_k": "1"}, "top_k must be a whole number"),
    ("voyage", {"model": "m", "query": "q", "documents": ["a"], "truncation": 1}, "truncation must be true or false"),
    ("cohere", {"model": 3, "query": "q", "documents": ["a"]}, "model must be a string"),
]


@pytest.mark.parametrize(("dialect", "body", "message"), WRONG)
def test_what_cannot_be_read_is_named(dialect: RerankDialect, body: dict[str, Any], message: str) -> None:
    wrong = read(dialect, body)
    assert isinstance(wrong, Malformed), wrong
    assert wrong.message.startswith(message)
    assert message.startswith(str(wrong.param))


# --- replies ---

RESULTS = [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.25}]
PROVIDERS: list[tuple[RerankDialect, dict[str, Any], Usage | None]] = [
    ("cohere", {"id": "c", "results": RESULTS, "meta": {"billed_units": {"search_units": 1}}}, None),
    ("cohere", {"results": RESULTS, "meta": {"tokens": {"input_tokens": 8.0}}}, Usage(8)),
    ("jina", {"model": "j", "results": RESULTS, "usage": {"total_tokens": 8, "prompt_tokens": 8}}, Usage(8)),
    ("voyage", {"object": "list", "data": RESULTS, "model": "v", "usage": {"total_tokens": 8}}, Usage(8)),
    ("cohere_invoke", {"results": RESULTS}, None),
]


def request_of(dialect: RerankDialect, **fields: Any) -> Request:
    return asked(dialect, {"model": "m", "query": "q", "documents": ["a", "b"], **fields})


@pytest.mark.parametrize("client", ALL)
@pytest.mark.parametrize(("provider", "body", "usage"), PROVIDERS)
def test_a_ranking_reaches_a_client_of_every_dialect(
    provider: RerankDialect, body: dict[str, Any], usage: Usage | None, client: RerankDialect
) -> None:
    request = request_of(client, return_documents=False)
    reply = reply_to(provider, body, request)
    assert isinstance(reply, Reply)
    assert reply.usage == usage
    answer = shown(reply, request)
    assert answer["data" if client == "voyage" else "results"] == RESULTS
    tokens = 0 if usage is None else usage.input_tokens
    if client in ("jina", "voyage"):
        assert answer["usage"]["total_tokens"] == tokens
        assert answer["model"] == body.get("model", "shown")
    if client in ("cohere", "jina"):
        assert answer["id"] == body.get("id", "req-1")
        units = (body.get("meta") or {}).get("billed_units")
        assert answer["meta"].get("billed_units") == units


@pytest.mark.parametrize(
    ("client", "document"),
    [("cohere", {"text": "b"}), ("jina", {"text": "b"}), ("voyage", "b"), ("cohere_invoke", {"text": "b"})],
)
def test_documents_are_repeated_from_the_request_when_the_client_wants_them(
    client: RerankDialect, document: Any
) -> None:
    request = request_of(client, return_documents=True)
    answer = shown(reply_to("voyage", {"data": RESULTS[:1]}, request), request)
    assert answer["data" if client == "voyage" else "results"] == [{**RESULTS[0], "document": document}]


def test_clients_of_jina_get_documents_unless_they_say_otherwise() -> None:
    documents = ["a", {"text": "b", "title": "t"}]
    request = request_of("jina", documents=documents)
    answer = shown(reply_to("cohere", {"results": RESULTS}, request), request)
    assert [each["document"] for each in answer["results"]] == [{"text": "b", "title": "t"}, {"text": "a"}]
    plain = request_of("cohere")
    assert shown(reply_to("jina", {"results": RESULTS}, plain), plain)["results"] == RESULTS


BROKEN: list[tuple[Any, NoReply]] = [
    ({"results": [{"index": 2, "relevance_score": 1}]}, NoReply("it ranks documents that nobody sent")),
    ({"results": [{"index": -1, "relevance_score": 1}]}, NoReply("it ranks documents that nobody sent")),
    ({"results": [RESULTS[0], RESULTS[0]]}, NoReply("it ranks a document twice")),
    ({"results": [{"index": 0}]}, NoReply("it is no ranking")),
    ({"message": "no such model"}, NoReply("it holds no ranking", is_error=True)),
    ({"detail": "no such model"}, NoReply("it holds no ranking", is_error=True)),
    ({}, NoReply("it holds no ranking")),
    ([], NoReply("it is no ranking")),
]


@pytest.mark.parametrize(("body", "why"), BROKEN)
def test_what_is_no_ranking_is_said(body: Any, why: NoReply) -> None:
    for dialect in ALL:
        assert reply_to(dialect, body, request_of("jina")) == why


def test_deep_nesting_is_no_ranking() -> None:
    assert CODECS["jina"].read_reply(b'{"x":' + b"[" * 100_000, request_of("jina")) == NoReply("it is no ranking")
    wrong = CODECS["jina"].read_request(
        {"query": msgspec.Raw(b'"q"'), "documents": msgspec.Raw(b"[" * 5000 + b"]" * 5000)},
        Said(model="m", stream=False),
    )
    assert isinstance(wrong, Malformed)
    assert wrong.param == "documents"


NAMES = [
    "query",
    "documents",
    "top_n",
    "top_k",
    "return_documents",
    "truncation",
    "rank_fields",
    "text",
    "image",
    "model",
]
REPLY_NAMES = ["results", "data", "index", "relevance_score", "meta", "usage", "billed_units", "tokens", "input_tokens"]


def documents_of(names: list[str]) -> st.SearchStrategy[Any]:
    leaves = (
        st.none() | st.booleans() | st.integers(-1, 1 << 70) | st.floats(-1e300, 1e300) | st.sampled_from(["", "a"])
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=4),
        max_leaves=10,
    )


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ALL),
    st.dictionaries(st.sampled_from(NAMES), documents_of(NAMES), max_size=5),
    st.lists(st.just("a") | documents_of(NAMES), max_size=3),
    st.dictionaries(st.sampled_from(REPLY_NAMES), documents_of(REPLY_NAMES), max_size=4),
)
def test_whatever_comes_is_read_or_refused(
    dialect: RerankDialect, fields: dict[str, Any], documents: list[Any], answer: dict[str, Any]
) -> None:
    request = read(dialect, {"query": "q", "documents": documents, **fields})
    if isinstance(request, Malformed):
        assert request.message.startswith(str(request.param))
        return
    for codec in CODECS.values():
        found = codec.write_request(request, Toward(model="up"))
        if isinstance(found, Written):
            assert isinstance(json.loads(found.body), dict)
    assert isinstance(CODECS[dialect].write_request(request, Toward(model="up")), Written)
    reply = CODECS[dialect].read_reply(json.dumps(answer).encode(), request)
    if isinstance(reply, Reply):
        assert isinstance(shown(reply, request), dict)


def test_a_document_is_kept_byte_for_byte() -> None:
    raw = fields_of(b'{"query":"q","documents":[{"text":"a","n":1.50}]}')
    request = CODECS["jina"].read_request(raw, Said(model="m", stream=False))
    assert isinstance(request, Request)
    assert request.documents == (Document("a", msgspec.Raw(b'{"text":"a","n":1.50}')),)


# --- the official SDK ---


@pytest.mark.sdk
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("provider", ["voyage", "jina", "cohere_invoke"])
@pytest.mark.parametrize("first_version", [False, True])
def test_coheres_sdk_gets_rankings_of_others(provider: RerankDialect, first_version: bool) -> None:
    """Its first version asks at the path of Jina's."""
    import cohere

    body = next(body for dialect, body, _ in PROVIDERS if dialect == provider)
    dialect: RerankDialect = "jina" if first_version else "cohere"
    paths: list[str] = []

    def answer(sent: httpx.Request) -> httpx.Response:
        paths.append(sent.url.path)
        request = CODECS[dialect].read_request(fields_of(sent.content), Said(model="", stream=False))
        assert isinstance(request, Request), request
        return httpx.Response(200, json=shown(reply_to(provider, body, request), request))

    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        kind = cohere.Client if first_version else cohere.ClientV2
        client = kind(api_key="k", base_url="http://gw.test", httpx_client=http)
        found = client.rerank(model="m", query="q", documents=["a", "b"], top_n=2)
    assert [(each.index, each.relevance_score) for each in found.results] == [(1, 0.9), (0, 0.25)]
    assert paths == ["/v1/rerank" if first_version else "/v2/rerank"]
