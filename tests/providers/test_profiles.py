"""Profiles: which models are taken for ones that think before they speak, and which for ones that do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import msgspec
import pytest
from genai_prices.data import providers
from genai_prices.types import ClauseEquals, ClauseOr, MatchLogic

from headway.providers.catalogue import catalogue
from headway.providers.profiles import REMEMBERED, Ability, Traits, parse, profile_of, profiles
from headway.types import Profile
from headway.wire.form.abilities import ABILITIES

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
LEFT_OUT = ("llama-3.1-nemotron-nano-vl-8b-v1", "voxtral-mini-2507", "command-a-vision-07-2025")
"""Names that the list of prices has not."""
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
    names = set(priced()) | set(LEFT_OUT)
    rows = profiles().rows
    for number, row in enumerate(rows):
        without = parse(msgspec.json.encode([*rows[:number], *rows[number + 1 :]]).decode())
        kind = row.providers[0] if row.providers else None
        assert any(profiles().traits_of(name, kind) != without.traits_of(name, kind) for name in names), row


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
        "[{models: [a], abilities: {}}]",
        "[{models: [a], abilities: {sings: true}}]",
        "[{models: [a], abilities: {tools: perhaps}}]",
        "[{models: [a], output: 0}]",
        "[{models: [a], context: many}]",
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


# --- what they take, and how much they write ---

CAN = """
gpt-4o: tools images files json_output json_schema
gpt-4o-2024-05-13: tools images files json_output
gpt-4.1-mini: tools images files json_schema
gpt-5.1: tools images files json_schema
o3: tools images json_schema
gpt-audio: tools audio
gpt-4o-audio-preview: tools audio
gpt-4o-realtime-preview: tools audio
claude-sonnet-4-5-20250929: tools images files json_schema
us.anthropic.claude-opus-4-1-20250805-v1:0: tools images files json_schema
anthropic/claude-3.5-haiku: tools images files
gemini-2.5-flash: tools images audio video files json_schema
google/gemini-3-pro-preview: tools images audio video files json_schema
grok-4-0709: tools images json_schema
meta-llama/llama-4-maverick: images
mistral-large-latest: tools images json_schema
voxtral-small-2507: audio
amazon.nova-lite-v1:0: tools images video files
moonshotai/kimi-k2.5: tools images
qwen/qwen3-vl-235b-a22b-instruct: images
"""
CANNOT = """
gpt-4o: audio video
gpt-4o-2024-05-13: json_schema
gpt-4o-transcribe: tools json_schema
gpt-audio: images json_schema
gpt-4-0613: images json_output json_schema
gpt-3.5-turbo: images json_schema
o1-mini: tools images json_schema
o3-mini: images
gpt-oss-120b: images audio
claude-sonnet-4-5: audio video
claude-sonnet-4-20250514: json_schema
claude-3-haiku-20240307: files json_schema
gemini-2.5-flash-image: tools
gemini-2.5-flash-preview-tts: images tools
grok-3-mini: images
llama-3.3-70b-versatile: images
meta.llama3-1-8b-instruct-v1:0: images
codestral-2508: images
deepseek-chat: images
deepseek-ai/DeepSeek-R1: images
moonshotai/kimi-k2-instruct: images
zai-glm-4.7: images
command-r-plus-08-2024: images
command-a-vision-07-2025: tools
amazon.nova-micro-v1:0: images
"""


def facts(table: str) -> list[tuple[str, set[str]]]:
    return [(name, set(rest.split())) for name, _, rest in (line.rpartition(":") for line in table.split("\n") if line)]


@pytest.mark.parametrize(("model", "abilities"), facts(CAN))
def test_what_a_model_is_known_to_take_is_in_its_traits(model: str, abilities: set[str]):
    traits = profiles().traits_of(model)
    assert abilities <= traits.can
    assert not abilities & traits.cannot


@pytest.mark.parametrize(("model", "abilities"), facts(CANNOT))
def test_what_a_model_is_known_not_to_take_is_in_its_traits(model: str, abilities: set[str]):
    traits = profiles().traits_of(model)
    assert abilities <= traits.cannot
    assert not abilities & traits.can


def test_of_any_other_name_nothing_is_known():
    assert profiles().traits_of("my-model", "openai") == Traits()


def test_no_ability_is_both_there_and_not():
    for name in priced():
        traits = profiles().traits_of(name)
        assert not traits.can & traits.cannot


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("gpt-4o", 16384),
        ("gpt-4.1", 32768),
        ("gpt-5.2", 128000),
        ("openai/gpt-5-chat", 16384),
        ("o4-mini", 100000),
        ("claude-3-5-haiku-latest", 8192),
        ("claude-opus-4-1-20250805", 32000),
        ("claude-opus-4@20250514", 32000),
        ("anthropic/claude-opus-4.5", 64000),
        ("claude-opus-4-6", 128000),
        ("claude-sonnet-5-5", 128000),
        ("claude-haiku-4-5", 64000),
        ("gemini-2.0-flash", 8192),
        ("gemini-2.5-pro", 65536),
    ],
)
def test_the_most_that_a_model_writes_is_known(model: str, most: int):
    assert profiles().traits_of(model).output == most


def test_a_row_may_hold_of_one_provider_only():
    assert "json_schema" in profiles().traits_of("deepseek-chat", "deepseek").cannot
    assert "json_schema" not in profiles().traits_of("deepseek-chat", "openrouter").cannot


def test_of_each_fact_the_first_row_that_knows_it_decides():
    known = parse(
        "[{models: [a-b], abilities: {tools: false}},"
        "{models: [a-*], abilities: {tools: true, images: true}, output: 7},"
        "{models: ['*'], reasoning: true, output: 8, context: 9}]"
    )
    assert known.traits_of("a-b") == Traits(
        reasoning=True, can=frozenset({"images"}), cannot=frozenset({"tools"}), output=7, context=9
    )


def test_abilities_have_the_names_that_requests_are_checked_by():
    assert set(get_args(Ability)) == ABILITIES


def test_every_provider_of_a_row_is_in_the_catalogue():
    assert {name for row in profiles().rows for name in row.providers} <= set(catalogue())
