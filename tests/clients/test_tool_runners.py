"""Official SDKs that run tools by themselves, and what they want of a server beyond the usual."""

from __future__ import annotations

import json

import anthropic
import httpx
import pytest
from anthropic import beta_tool
from google import genai

from headway.simulated.provider import SimulatedProvider

pytestmark = pytest.mark.sdk


def test_anthropics_tool_runner_goes_on_by_itself_where_nobody_keeps_the_conversation(gateway: str) -> None:
    """It asks for a thread first, and knows what is meant by the refusal."""
    ran: list[str] = []

    @beta_tool
    def weather(city: str) -> str:
        """The weather in a city."""
        ran.append(city)
        return "sunny"

    @beta_tool
    def clock(zone: str) -> str:
        """The time in a zone."""
        ran.append(zone)
        return "noon"

    with anthropic.Anthropic(base_url=f"{gateway}/anthropic", api_key="any", max_retries=0) as client:
        runner = client.beta.messages.tool_runner(
            model="default",
            max_tokens=1000,
            tools=[weather, clock],
            messages=[{"role": "user", "content": "call:weather call:clock"}],
        )
        answer = runner.until_done()
    assert len(ran) == 2
    (block,) = answer.content
    assert block.type == "text"
    assert "The tool returned: noon" in block.text


def test_the_refusal_of_a_thread_says_so_in_anthropics_words(gateway: str) -> None:
    with (
        anthropic.Anthropic(base_url=f"{gateway}/anthropic", api_key="any", max_retries=0) as client,
        pytest.raises(anthropic.BadRequestError) as raised,
    ):
        client.beta.messages.create(
            model="default",
            max_tokens=10,
            thread={"type": "create"},
            messages=[{"role": "user", "content": "Hello!"}],
        )
    body = raised.value.body
    assert isinstance(body, dict)
    assert body["error"]["details"] == {"error_code": "thread_unsupported_request"}


def test_texts_are_embedded_by_gemini_under_a_logical_name(gateway: str, provider: SimulatedProvider) -> None:
    """As Google's client in JavaScript asks: each text with the model's name, which Gemini holds against the path's."""
    asked = {"requests": [{"model": "models/gemini", "content": {"parts": [{"text": text}]}} for text in ("a", "b")]}
    reply = httpx.post(f"{gateway}/genai/v1beta/models/gemini:batchEmbedContents", json=asked, timeout=10)
    assert len(reply.json()["embeddings"]) == 2
    sent = json.loads(provider.requests[-1].body)
    assert "model" not in sent
    assert {each["model"] for each in sent["requests"]} == {"models/fast"}


def test_googles_client_has_a_text_embedded_by_gemini(gateway: str) -> None:
    client = genai.Client(api_key="any", http_options={"base_url": f"{gateway}/genai"})
    answer = client.models.embed_content(model="gemini", contents="one")
    assert answer.embeddings is not None
    assert len(answer.embeddings) == 1


def test_googles_client_has_tokens_counted_by_gemini_under_a_logical_name(
    gateway: str, provider: SimulatedProvider
) -> None:
    client = genai.Client(api_key="any", http_options={"base_url": f"{gateway}/genai"})
    answer = client.models.count_tokens(model="gemini", contents="Hello!")
    assert answer.total_tokens
    assert "model" not in json.loads(provider.requests[-1].body)
