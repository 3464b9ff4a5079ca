"""An agent of Pydantic AI, over each of its models, against targets of four dialects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI
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

Make = Callable[[str], Model]
KINDS = ("chat", "responses", "anthropic", "bedrock")
kinds = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
async def make(kind: str, gateway: str) -> AsyncIterator[Make]:
    """Pydantic AI's model of a kind, by the name of ours."""
    match kind:
        case "anthropic":
            async with AsyncAnthropic(base_url=f"{gateway}/anthropic", api_key="any", max_retries=0) as client:
                provider = AnthropicProvider(anthropic_client=client)
                yield lambda name: AnthropicModel(name, provider=provider)
        case "bedrock":
            bedrock = BedrockProvider(
                base_url=f"{gateway}/bedrock",
                region_name="us-east-1",
                aws_access_key_id="any",
                aws_secret_access_key="any",
            )
            yield lambda name: BedrockConverseModel(name, provider=bedrock)
            bedrock.client.close()
        case _:
            kinds = {"chat": OpenAIChatModel, "responses": OpenAIResponsesModel}
            async with AsyncOpenAI(base_url=f"{gateway}/v1", api_key="any", max_retries=0) as openai:
                yield lambda name: kinds[kind](name, provider=OpenAIProvider(openai_client=openai))


class Person(BaseModel):
    name: str
    age: int


@kinds
async def test_tools_are_run_side_by_side_and_the_conversation_goes_on(make: Make, upstream: str) -> None:
    agent = Agent(make(upstream))
    ran: list[str] = []

    @agent.tool_plain
    def weather(city: str) -> str:  # pyright: ignore[reportUnusedFunction]
        ran.append("weather")
        return f"sunny in {city}"

    @agent.tool_plain
    def clock(zone: str) -> str:  # pyright: ignore[reportUnusedFunction]
        ran.append("clock")
        return f"noon {zone}"

    first = await agent.run("call:weather call:clock")
    assert sorted(ran) == ["clock", "weather"]
    assert "The tool returned: " in first.output
    assert first.usage.output_tokens > 0
    second = await agent.run("say: and so on", message_history=first.all_messages())
    assert second.output == "and so on"


@kinds
async def test_a_stream_comes_in_pieces_with_its_usage(make: Make) -> None:
    async with Agent(make("gemini")).run_stream("say: one two three four") as answer:
        pieces = [piece async for piece in answer.stream_text(delta=True, debounce_by=None)]
    assert "".join(pieces) == "one two three four"
    assert len(pieces) > 1
    assert answer.usage.output_tokens == 4


@pytest.mark.parametrize("kind", KINDS[:3])  # on Bedrock it does not insist on the tool's use
async def test_an_answer_is_of_the_type_that_was_asked_for(make: Make, upstream: str) -> None:
    answer = await Agent(make(upstream), output_type=Person).run("Who?")
    assert isinstance(answer.output, Person)


@kinds
async def test_a_picture_is_passed_on(make: Make) -> None:
    picture = BinaryContent(data=b"\x89PNG\r\n\x1a\n" + bytes(40), media_type="image/png")
    answer = await Agent(make("gemini")).run(["tokens:5", picture])
    assert answer.output


@kinds
async def test_an_unknown_model_is_its_own_error(make: Make) -> None:
    with pytest.raises(ModelHTTPError, match="nonsuch") as raised:
        await Agent(make("nonsuch")).run("Hello!")
    assert raised.value.status_code == 404
