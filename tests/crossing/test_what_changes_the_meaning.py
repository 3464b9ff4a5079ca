"""What another target must be looked for, and what is only left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crossing.passage import MODELS, Crossed, read, write
from crossing.recorded import CORPUS, Asked, all_recorded
from headway.types import Dialect
from headway.wire.dialects import CODECS
from headway.wire.form.request import Request, Toward, Unsupported

PNG = "iVBORw0KGgo="
TOOL: dict[str, Any] = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def chat(**fields: Any) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    request = read(Asked("", "openai_chat", "m", False, body))
    assert isinstance(request, Request), request
    return request


def others(dialect: Dialect) -> list[Dialect]:
    return [each for each in MODELS if each != dialect]


WANTED: dict[str, Request] = {
    "tools": chat(tools=[TOOL]),
    "images": chat(
        messages=[
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
            }
        ]
    ),
    "json_schema": chat(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}),
}
"""Requests by the ability that they want."""


@pytest.mark.parametrize("target", MODELS)
@pytest.mark.parametrize("ability", WANTED)
def test_a_model_without_an_ability_is_not_asked_for_it(ability: str, target: Dialect):
    request = WANTED[ability]
    refused = CODECS[target].write_request(request, Toward(model=MODELS[target], lacks=frozenset({ability})))
    assert isinstance(refused, Unsupported)
    assert refused.feature == ability
    assert isinstance(write(request, target), Crossed)


@pytest.mark.parametrize("target", ["openai_responses", "anthropic", "converse", "cohere", "ollama"])
def test_several_answers_are_never_made_one(target: Dialect):
    refused = write(chat(n=2), target)
    assert isinstance(refused, Unsupported)
    assert refused.feature == "n"
    assert isinstance(write(chat(n=1), target), Crossed)


ELSEWHERE: list[tuple[Dialect, str, dict[str, Any]]] = [
    ("openai_responses", "previous_response_id", {"input": "Hi", "previous_response_id": "resp_1"}),
    ("openai_responses", "conversation", {"input": "Hi", "conversation": "conv_1"}),
    ("openai_responses", "background", {"input": "Hi", "background": True}),
    ("openai_responses", "file_search", {"input": "Hi", "tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}),
    (
        "anthropic",
        "mcp_servers",
        {
            "max_tokens": 9,
            "messages": [{"role": "user", "content": "Hi"}],
            "mcp_servers": [{"type": "url", "name": "s", "url": "https://example.com"}],
        },
    ),
    ("gemini", "cachedContent", {"contents": [{"parts": [{"text": "Hi"}]}], "cachedContent": "cachedContents/1"}),
    (
        "converse",
        "guardrailConfig",
        {
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        },
    ),
    (
        "openai_chat",
        "modalities",
        {"messages": [{"role": "user", "content": "Hi"}], "modalities": ["text", "audio"], "audio": {"voice": "v"}},
    ),
]


@pytest.mark.parametrize(("client", "feature", "body"), ELSEWHERE, ids=[feature for _, feature, _ in ELSEWHERE])
def test_what_only_one_provider_keeps_or_runs_is_asked_of_nobody_else(
    client: Dialect, feature: str, body: dict[str, Any]
):
    request = read(Asked("", client, "m", False, body))
    assert isinstance(request, Request), request
    for target in others(client):
        refused = write(request, target)
        assert isinstance(refused, Unsupported), target
        assert refused.feature == feature
    assert isinstance(write(request, client, "m"), Crossed)


HARMLESS: dict[str, dict[str, Any]] = {
    "sampling": {"temperature": 1.5, "top_p": 0.5, "seed": 1, "presence_penalty": 0.5, "frequency_penalty": 0.5},
    "bounds": {"max_tokens": 5, "stop": ["a", "b", "c", "d"]},
    "details": {"logprobs": True, "top_logprobs": 2, "logit_bias": {"50": 1}},
    "labels": {"user": "u", "metadata": {"a": "b"}, "service_tier": "flex", "prompt_cache_key": "k", "store": True},
    "effort": {"reasoning_effort": "high", "verbosity": "low"},
    "unknown": {"a_field_of_tomorrow": {"a": 1}},
    "tools": {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": False},
    "text": {"response_format": {"type": "text"}, "modalities": ["text"]},
}


@pytest.mark.parametrize("fields", HARMLESS.values(), ids=HARMLESS)
def test_what_leaves_the_meaning_alone_refuses_nothing(fields: dict[str, Any]):
    request = chat(**fields)
    for target in MODELS:
        assert isinstance(write(request, target), Crossed), target


EVIDENCE = {
    "images": {"image", "image_url", "input_image", "inlineData", "fileData"},
    "files": {"document", "file", "input_file", "document_url", "inlineData", "fileData"},
    "audio": {"audio", "input_audio", "inlineData", "fileData"},
    "video": {"video", "video_url", "inlineData", "fileData"},
    "file_id": {"file_id", "fileData"},
    "json_schema": {"json_schema", "responseJsonSchema", "responseSchema", "textFormat"},
    "json_output": {"json_object", "responseMimeType"},
    "n": {"n", "candidateCount"},
    "custom_tools": {"custom"},
    "tools": {"custom"},
}
"""Words in a request that show that it asks for something, where they are not its name."""


def _words(value: Any) -> Iterator[str]:
    """The names and the short texts of a document."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _words(each)
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, str) and len(value) < 64:
        yield value


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the recordings are not here")
@pytest.mark.parametrize("target", MODELS)
def test_a_recorded_request_is_refused_only_for_what_it_asks(target: Dialect):
    refusals = 0
    for asked in all_recorded():
        request = read(asked)
        assert isinstance(request, Request), request
        refused = None if asked.dialect == target else write(request, target)
        if isinstance(refused, Unsupported):
            words = {word.replace("_", "").lower() for word in _words(asked.body)}
            evidence = EVIDENCE.get(refused.feature, set()) | {refused.feature}
            assert words & {word.replace("_", "").lower() for word in evidence}, (asked.id, refused)
            assert refused.message.split()[0] in _VERBS, refused
            refusals += 1
    assert refusals > 100


_VERBS = frozenset(["takes", "has", "cannot", "does", "runs", "knows", "gives", "fetches"])
