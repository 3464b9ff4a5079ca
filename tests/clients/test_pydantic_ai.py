"""An agent of Pydantic AI, over each of its models, against targets of four dialects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.bedrock import BedrockProvider
from pydantic_ai.providers.openai import OpenAIProvider

pytestmark = pytest.mark.sdk

Make = Callable[[str, str], Model]


def _openai(gateway: str) -> OpenAIProvider:
    return OpenAIProvider(base_url=f"{gateway}/v1", api_key="any")


def _chat(gateway: str, model: str) -> Model:
    return OpenAIChatModel(model, provider=_openai(gateway))


def _responses(gateway: str, model: str) -> Model:
    return OpenAIResponsesModel(model, provider=_openai(gateway))


def _anthropic(gateway: str, model: str) -> Model:
    provider = AnthropicProvider(base_url=f"{gateway}/anthropic", api_key="any")
    return AnthropicModel(model, provider=provider)


def _bedrock(gateway: str, model: str) -> Model:
    provider = BedrockProvider(
        base_url=f"{gateway}/bedrock",
        region_name="us-east-1",
        aws_access_key_id="any",
        aws_secret_access_key="any",
    )
    return BedrockConverseModel(model, provider=provider)


models = pytest.mark.parametrize("make", [_chat, _responses, _anthropic, _bedrock])


class Person(BaseModel):
    name: str
    age: int


@models
def test_tools_are_run_side_by_side_and_the_conversation_goes_on(make: Make, upstream: str, gateway: str) -> None:
    agent = Agent(make(gateway, upstream))
    ran: list[str] = []

    @agent.tool_plain
    def weather(city: str) -> str:  # pyright: ignore[reportUnusedFunction]
        ran.append("weather")
        return f"sunny in {city}"

    @agent.tool_plain
    def clock(zone: str) -> str:  # pyright: ignore[reportUnusedFunction]
        ran.append("clock")
        return f"noon {zone}"

    first = agent.run_sync("call:weather call:clock")
    assert sorted(ran) == ["clock", "weather"]
    assert "The tool returned: " in first.output
    assert first.usage.output_tokens > 0
    second = agent.run_sync("say: and so on", message_history=first.all_messages())
    assert second.output == "and so on"


@models
def test_a_stream_comes_in_pieces_with_its_usage(make: Make, upstream: str, gateway: str) -> None:
    async def run() -> tuple[list[str], int]:
        async with Agent(make(gateway, upstream)).run_stream("say: one two three four") as answer:
            pieces = [piece async for piece in answer.stream_text(delta=True, debounce_by=None)]
            return pieces, answer.usage.output_tokens

    pieces, used = asyncio.run(run())
    assert "".join(pieces) == "one two three four"
    assert len(pieces) > 1
    assert used == 4


@pytest.mark.parametrize("make", [_chat, _responses, _anthropic])  # on Bedrock it does not insist on the tool's use
def test_an_answer_is_of_the_type_that_was_asked_for(make: Make, upstream: str, gateway: str) -> None:
    person = Agent(make(gateway, upstream), output_type=Person).run_sync("Who?").output
    assert isinstance(person, Person)


@models
def test_a_picture_is_passed_on(make: Make, upstream: str, gateway: str) -> None:
    picture = BinaryContent(data=b"\x89PNG\r\n\x1a\n" + bytes(40), media_type="image/png")
    assert Agent(make(gateway, upstream)).run_sync(["tokens:5", picture]).output


@models
def test_an_unknown_model_is_its_own_error(make: Make, gateway: str) -> None:
    with pytest.raises(ModelHTTPError, match="nonsuch") as raised:
        Agent(make(gateway, "nonsuch")).run_sync("Hello!")
    assert raised.value.status_code == 404
