"""Rankings in the words of Jina and of Voyage, which share a path."""

from __future__ import annotations

from typing import Any

import pytest

DOCUMENTS = ["a dog", "the red fox", "a fox"]


def test_jina_repeats_the_documents_unless_told_not_to(ask: Any):
    body = {"model": "jina", "query": "red fox", "documents": [*DOCUMENTS, {"text": "red"}], "top_n": 2}
    said = ask("/v1/rerank", body).document
    assert said["results"][0]["index"] == 1
    assert said["results"][0]["document"] == {"text": "the red fox"}
    assert said["usage"]["total_tokens"] == 4 * 2 + 2 + 3 + 2 + 1
    without = ask("/v1/rerank", {**body, "return_documents": False}).document
    assert "document" not in without["results"][0]


def test_voyage_is_told_by_its_parameters_or_its_models(ask: Any):
    by_parameter = ask("/v1/rerank", {"model": "jina", "query": "fox", "documents": DOCUMENTS, "top_k": 1}).document
    by_name = ask("/v1/rerank", {"model": "rerank-2.5", "query": "fox", "documents": DOCUMENTS}).document
    assert [len(by_parameter["data"]), len(by_name["data"])] == [1, 3]
    scores = [place["relevance_score"] for place in by_name["data"]]
    assert scores == sorted(scores, reverse=True)
    assert "document" not in by_name["data"][0]


def test_the_same_question_gets_the_same_order(ask: Any):
    body = {"model": "jina", "query": "x", "documents": DOCUMENTS}
    assert ask("/v1/rerank", body).body == ask("/v1/rerank", body).body


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"model": "jina", "documents": DOCUMENTS}, "Argument 'query' is required."),
        (
            {"model": "rerank-2.5", "query": "x", "documents": DOCUMENTS, "foo": 1},
            "Argument 'foo' is not supported by our API.",
        ),
        ({"model": "jina", "query": "x", "documents": []}, "Argument 'documents' is not valid."),
        ({"model": "other", "query": "x", "documents": DOCUMENTS}, "Model other is not supported."),
    ],
)
def test_what_is_wrong_is_a_detail(ask: Any, body: Any, detail: str):
    said = ask("/v1/rerank", body)
    assert (said.status, said.document) == (400, {"detail": detail})
