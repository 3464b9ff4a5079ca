"""What official clients ask besides words: vectors, counts of tokens, lists of models."""

from __future__ import annotations

import math

import pytest

from end_to_end.sdks.anthropic_client import Messages
from end_to_end.sdks.applications import Applications
from end_to_end.sdks.bedrock_client import Converse
from end_to_end.sdks.cohere_client import Cohere
from end_to_end.sdks.gemini_client import Gemini
from end_to_end.sdks.openai_client import Chat
from end_to_end.sdks.place import Place
from end_to_end.sdks.upstreams import UPSTREAMS, Upstream

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")]

TEXTS = ["a lighthouse", "two rivers"]
EMBEDDERS = [each for each in UPSTREAMS if each.embedder]


@pytest.mark.parametrize("embedder", EMBEDDERS, ids=lambda each: f"{each.name}-embeds")
@pytest.mark.parametrize("name", ["chat", "gemini", "bedrock", "cohere"])
def test_vectors(place: Place, applications: Applications, name: str, embedder: Upstream):
    application = applications[name]
    assert isinstance(application, Chat | Gemini | Converse | Cohere)
    before = len(place.requests(embedder))
    if embedder.embeds_one:
        (first,), (second,) = (application.embedded(f"embed-{embedder.name}", [text]) for text in TEXTS)
    else:
        first, second = application.embedded(f"embed-{embedder.name}", TEXTS)
    assert len(first) == len(second) >= 256
    assert math.isclose(math.hypot(*first), 1, rel_tol=1e-3)
    assert first != second
    came = place.requests(embedder)[before:]
    assert came
    assert all(embedder.embedding_path in request.path for request in came)


@pytest.mark.parametrize("name", ["anthropic", "gemini", "bedrock"])
def test_counting_tokens(applications: Applications, name: str, upstream: Upstream):
    application = applications[name]
    assert isinstance(application, Messages | Gemini | Converse)
    few = application.counted(f"to-{upstream.name}", "hello")
    many = application.counted(f"to-{upstream.name}", "hello " * 200)
    assert 0 < few < 20
    assert 150 < many < 500


LISTING = ["chat", "anthropic", "gemini"]


@pytest.mark.parametrize("name", LISTING)
def test_the_list_of_models(applications: Applications, name: str):
    application = applications[name]
    assert isinstance(application, Chat | Messages | Gemini)
    listed = application.models()
    assert {f"to-{upstream.name}" for upstream in UPSTREAMS} <= listed
    assert {f"embed-{embedder.name}" for embedder in EMBEDDERS} <= listed


@pytest.mark.parametrize("name", LISTING)
def test_one_model_of_the_list(applications: Applications, name: str):
    application = applications[name]
    assert isinstance(application, Chat | Messages | Gemini)
    assert application.model("to-anthropic") == "to-anthropic"
    with pytest.raises(application.refused, match=r"there is no model '(models/)?nobody'") as raised:
        application.model("nobody")
    assert application.refusal(raised.value) in ("NotFoundError", "ClientError 404")
