"""Profiles: which models are taken for ones that think before they speak, and which for ones that do not."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic

from headway.providers.profiles import REMEMBERED, parse, profile_of, profiles
from headway.types import Profile

REASONING = """
o1 o3 o3-mini o4-mini o3-pro openai/o4-mini-deep-research o1-preview o3-2025-04-16 openai/o3:batch codex-mini-latest
gpt-5 gpt-5-mini gpt-5-nano-2025-08-07 openai/gpt-5-codex gpt-5.1 gpt-5.2-pro gpt-5.6-sol gpt-6-luna openai.gpt-5.4
openai/gpt-oss-120b @cf/openai/gpt-oss-20b databricks-gpt-oss-20b openai.gpt-oss-120b-1:0
claude-opus-5 claude-sonnet-5 claude-haiku-5-5 claude-fable-5 anthropic/claude-sonnet-5.5
us.anthropic.claude-opus-5 claude-3.7-sonnet:thinking
gemini-2.5-pro gemini-2.5-flash gemini-3-pro-preview gemini-3.5-flash gemini-3.1-pro-preview
grok-4 grok-4-0709 grok-4-fast-reasoning grok-4.20-0309-reasoning grok-3-mini x-ai/grok-4-fast grok-code-fast-1
magistral-medium mistral.magistral-small-2509 magistral-small
deepseek-reasoner deepseek-ai/DeepSeek-R1 accounts/fireworks/models/deepseek-r1-0528 deepseek.r1-v1:0 r1-1776
deepseek-r1-distill-llama-70b deepseek-v4-pro accounts/fireworks/models/deepseek-v4p1-flash deepseek-flash
mai-ds-r1:free qwq-32b @cf/qwen/qwq-32b Qwen/Qwen3-32B qwen/qwen3-235b-a22b-thinking-2507 qwen3-30b-a3b:free
qwen/qwen3-max-thinking qwen/qwen3.5-plus-02-15 Qwen/Qwen3.5-9B accounts/fireworks/models/qwen3p6-plus
databricks-qwen35-122b-a10b qwen-3-32b
moonshotai/kimi-k2-thinking kimi-k2.5 moonshotai/Kimi-K2.6 accounts/fireworks/models/kimi-k2p7-code moonshotai/kimi-k3
glm-4.5-air GLM-4.6 zai-org/GLM-5.3-Flash zai-glm-4.7 accounts/fireworks/models/glm-4p7 thudm/glm-z1-32b:free
minimax/minimax-m1 minimax/minimax-m2.5 MiniMaxAI/MiniMax-M3
sonar-reasoning-pro sonar-deep-research phi-4-reasoning-plus trinity-large-thinking
nvidia/nemotron-3-super-120b-a12b nvidia.nemotron-nano-3-30b:0
"""
NOT_REASONING = """
gpt-4o gpt-4.1-mini gpt-5-chat-latest openai/gpt-5-chat openai/gpt-5.2-chat gpt-3.5-turbo text-embedding-3-small
whisper-1 claude-opus-4-6 claude-haiku-4-5 claude-3-5-haiku-latest anthropic.claude-haiku-4-5 claude-sonnet-4
gemini-2.5-flash-lite gemini-2.5-flash-image gemini-3.1-flash-lite gemini-2.5-flash-preview-tts gemini-2.0-flash
grok-3 grok-2-1212 grok-4-fast-non-reasoning grok-4.20-0309-non-reasoning
mistral-large-latest mistral-small-latest mixtral-8x7b
deepseek-chat deepseek-chat-v3-0324 deepseek-prover-v2
qwen/qwen3-235b-a22b-2507 Qwen/Qwen3-Coder-480B-A35B-Instruct qwen/qwen3-next-80b-a3b-instruct qwen3-max qwen-plus
qwen3-embedding-8b qwen-2.5-72b-instruct qwen.qwen3-coder-30b-a3b-v1:0
moonshotai/kimi-k2-instruct moonshotai/kimi-k2-0905 moonshot-v1-128k
glm-4-32b-0414-128k GLM-4-Plus minimax/minimax-m2-her minimax/minimax-01 sonar sonar-pro
llama-3.3-70b-versatile meta-llama/llama-4-maverick phi-4 command-a-03-2025
"""


def priced() -> Iterator[str]:
    """Every name in genai-prices, of any provider."""
    for provider in providers:
        for model in provider.models:
            yield model.id
            yield from equal_to(model.match)


def equal_to(match: MatchLogic) -> Iterator[str]:
    if isinstance(match, ClauseEquals):
        yield match.equals
    if isinstance(match, ClauseOr):
        for clause in match.or_:
            yield from equal_to(clause)


@pytest.mark.parametrize("model", REASONING.split())
def test_a_model_that_thinks_first_is_known_by_its_name(model: str):
    assert profile_of(model) == Profile(reasoning=True)


@pytest.mark.parametrize("model", NOT_REASONING.split())
def test_a_model_that_begins_at_once_is_not_taken_for_one(model: str):
    assert profile_of(model) == Profile(reasoning=False)


@pytest.mark.parametrize("name", ["o3", "openai/o3", "openrouter/openai/o3", "@cf/x/O3", "OpenAI/O3"])
def test_neither_a_vendors_prefix_nor_the_case_matters(name: str):
    assert profile_of(name).reasoning


@pytest.mark.parametrize(
    "name", ["", "/", "o3/", "o30", "foo3", "my-o3", "o3x", "gpt-50", "gpt-4o-3", "\n", "o3\n", "é"]
)
def test_any_other_name_is_taken_for_a_model_that_does_not_reason(name: str):
    assert not profile_of(name).reasoning


def test_every_row_decides_for_a_model_that_there_is():
    """Or it says nothing, or a row above it hides it."""
    names = set(priced())
    rows = profiles().rows
    for number in range(len(rows)):
        without = parse(msgspec.json.encode([*rows[:number], *rows[number + 1 :]]).decode())
        assert any(profile_of(name) != without.of(name) for name in names), rows[number]


def test_the_first_row_that_matches_decides():
    known = parse("[{models: [a-*-x], reasoning: false}, {models: [a-*], reasoning: true}]")
    assert not known.of("a-b-x").reasoning
    assert known.of("a-b-y").reasoning
    assert not known.of("b").reasoning


def test_the_data_are_read_once_and_lookups_are_bounded():
    assert profiles() is profiles()
    for number in range(REMEMBERED + 10):
        profile_of(f"model-{number}")
    assert profile_of.cache_info().currsize == REMEMBERED


@pytest.mark.parametrize(
    "text",
    [
        "models: [a]",
        "[{models: [a]}]",
        "[{models: [], reasoning: true}]",
        "[{models: [''], reasoning: true}]",
        "[{models: [A-Model], reasoning: true}]",
        "[{models: [vendor/a], reasoning: true}]",
        "[{models: [a], reasoning: maybe}]",
        "[{models: [a], reasoning: true, thinks: long}]",
        "[{models: a, reasoning: true}]",
    ],
)
def test_data_that_do_not_fit_are_refused(text: str):
    with pytest.raises(msgspec.ValidationError):
        parse(text)
