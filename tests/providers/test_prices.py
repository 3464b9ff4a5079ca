"""Costs: exchanges worked out by hand from the providers' price lists, and what holds for all of them.

Dollars for a million tokens are micro-dollars for one, so that the sums in the comments are in micro-dollars. Prices
were read on 23 November 2026 from the pages named above each provider's rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from math import inf
from typing import NamedTuple

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo
from genai_prices.types import Usage as PricedUsage
from hypothesis import given
from hypothesis import strategies as st

from headway.providers.catalogue import CatalogueEntry, catalogue
from headway.providers.corrections import corrections, parse
from headway.providers.costs import Price, Quote, Tariff, compiled, cost_of, scaled, steady
from headway.providers.pricing import REMEMBERED, price_of, prices_for, tariff_for
from headway.types import Usage

MONDAY = datetime(2026, 11, 23, 15, 0, tzinfo=UTC).timestamp()


class Case(NamedTuple):
    name: str
    kind: str
    model: str
    usage: Usage
    cost: int | None
    service: str | None = None
    at: float = MONDAY
    seconds: float = 0.0
    characters: int = 0


def at(month: int, day: int, hour: int) -> float:
    return datetime(2026, month, day, hour, tzinfo=UTC).timestamp()


# https://developers.openai.com/api/docs/pricing
OPENAI = [
    # gpt-4o: 2.50 in, 1.25 cached, 10 out. 1000 x 2.5 = 2500; 500 x 10 = 5000.
    Case("plain", "openai", "gpt-4o", Usage(1000, 500), 7500),
    # (2006 - 1920) x 2.5 = 215; 1920 x 1.25 = 2400; 300 x 10 = 3000.
    Case("cached", "openai", "gpt-4o-2024-08-06", Usage(2006, 300, cached_input_tokens=1920), 5615),
    # gpt-4o-mini: 0.15 in, 0.60 out. 13 x 0.15 = 1.95; 7 x 0.6 = 4.2; 6.15 is 6.
    Case("rounded down", "openai", "gpt-4o-mini", Usage(13, 7), 6),
    # 10 x 0.15 = 1.5, between 1 and the even 2.
    Case("from the middle up to the even one", "openai", "gpt-4o-mini", Usage(10, 0), 2),
    # 30 x 0.15 = 4.5, between the even 4 and 5.
    Case("from the middle down to the even one", "openai", "gpt-4o-mini", Usage(30, 0), 4),
    # gpt-5: 1.25 in, 0.125 cached, 10 out, reasoning as output. 976 x 1.25 = 1220; 1024 x 0.125 = 128; 1000 x 10.
    Case("reasoning", "openai", "gpt-5", Usage(2000, 1000, 1024, 900), 11348, service="default"),
    # Flex: 0.625, 0.0625, 5. 976 x 0.625 = 610; 1024 x 0.0625 = 64; 1000 x 5.
    Case("flex", "openai", "gpt-5", Usage(2000, 1000, 1024, 900), 5674, service="flex"),
    # Priority: 2.50, 0.25, 20. 976 x 2.5 = 2440; 1024 x 0.25 = 256; 1000 x 20.
    Case("priority", "openai", "gpt-5", Usage(2000, 1000, 1024, 900), 22696, service="priority"),
    # o1 has no flex price that anybody published.
    Case("a tier without a price", "openai", "o1", Usage(1000, 1000), None, service="flex"),
    # gpt-4.1: 2 in, 8 out, 10 dollars for a thousand searches. 1500 x 2 = 3000; 200 x 8 = 1600; 2 x 10,000.
    Case("searches", "openai", "gpt-4.1", Usage(1500, 200, searches=2), 24600),
    # gpt-6.1-sol up to 272,000 tokens: 2 in, 10 out. 272,000 x 2 = 544,000; 1000 x 10.
    Case("at the step", "openai", "gpt-6.1-sol", Usage(272_000, 1000), 554_000),
    # Above, for the whole request: 4 in, 0.2 cached, 5 written, 15 out.
    # 150,000 x 4 = 600,000; 100,000 x 0.2 = 20,000; 50,000 x 5 = 250,000; 1000 x 15 = 15,000.
    Case(
        "above the step",
        "openai",
        "gpt-6.1-sol",
        Usage(300_000, 1000, cached_input_tokens=100_000, cache_write_tokens=50_000),
        885_000,
    ),
    # gpt-audio: 2.50 text in, 32 audio in, 10 text out, 64 audio out.
    # 100 x 2.5 = 250; 400 x 32 = 12,800; 60 x 10 = 600; 240 x 64 = 15,360.
    Case("audio", "openai", "gpt-audio", Usage(500, 300, audio_input_tokens=400, audio_output_tokens=240), 29_010),
    # gpt-4o-audio-preview (models/gpt-4o-audio-preview): 2.50, 40, 10, 80; the shipped list has text prices only.
    # 20 x 2.5 = 50; 100 x 40 = 4000; 10 x 10 = 100; 50 x 80 = 4000.
    Case(
        "audio, put right",
        "openai",
        "gpt-4o-audio-preview",
        Usage(120, 60, audio_input_tokens=100, audio_output_tokens=50),
        8150,
    ),
    # gpt-image-1.5: 5 text in, 8 image in, 32 image out. 37 x 5 = 185; 323 x 8 = 2584; 4160 x 32 = 133,120.
    Case(
        "images", "openai", "gpt-image-1.5", Usage(360, 4160, image_input_tokens=323, image_output_tokens=4160), 135_889
    ),
    # text-embedding-3-small: 0.02. 1,234,567 x 0.02 = 24,691.34.
    Case("embeddings", "openai", "text-embedding-3-small", Usage(1_234_567, 0), 24_691),
    # whisper-1: 0.006 dollars a minute; a minute and a half.
    Case("transcription", "openai", "whisper-1", Usage(), 9000, seconds=90.0),
    # tts-1: 15 dollars for a million characters.
    Case("speech", "openai", "tts-1", Usage(), 15_000, characters=1000),
    # omni-moderation is free to use.
    Case("moderation", "openai", "omni-moderation-latest", Usage(500, 0), 0),
    # Nobody published a price of that name.
    Case("unknown", "openai", "ft:mine", Usage(1000, 1000), None),
]

# https://platform.claude.com/docs/en/about-claude/pricing
ANTHROPIC = [
    # claude-sonnet-4-5: 3 in, 0.30 read, 3.75 written for 5 minutes, 6 for an hour, 15 out.
    # 1000 x 3 = 3000; 6000 x 0.3 = 1800; 2000 x 3.75 = 7500; 1000 x 6 = 6000; 500 x 15 = 7500.
    Case(
        "both caches",
        "anthropic",
        "claude-sonnet-4-5-20250929",
        Usage(10_000, 500, cached_input_tokens=6000, cache_write_tokens=3000, cache_write_1h_tokens=1000),
        25_800,
    ),
    # claude-haiku-4-5: 1 in, 1.25 written, 5 out. 500 x 1; 2000 x 1.25 = 2500; 100 x 5.
    Case("written for 5 minutes", "anthropic", "claude-haiku-4-5", Usage(2500, 100, cache_write_tokens=2000), 3500),
    # claude-sonnet-4-5 above 200,000 tokens: 6 in, 0.60 read, 22.50 out.
    # 50,000 x 6 = 300,000; 200,000 x 0.6 = 120,000; 1000 x 22.5.
    Case("long", "anthropic", "claude-sonnet-4-5", Usage(250_000, 1000, 200_000), 442_500),
    # claude-haiku-5-5: 0.10 in and 0.50 out up to 100,000 tokens. 100,000 x 0.1; 2 x 0.5.
    Case("at the step", "anthropic", "claude-haiku-5-5", Usage(100_000, 2), 10_001),
    # Above: 0.50 in, 2.50 out. 100,001 x 0.5 = 50,000.5; 2 x 2.5 = 5; 50,005.5 is the even 50,006.
    Case("above the step", "anthropic", "claude-haiku-5-5", Usage(100_001, 2), 50_006),
    # claude-opus-5: 5 in, 25 out; fast: 10 in, 50 out.
    Case("usual speed", "anthropic", "claude-opus-5", Usage(1000, 1000), 30_000, service="standard"),
    Case("fast", "anthropic", "claude-opus-5", Usage(1000, 1000), 60_000, service="fast"),
    # Priority is sold by commitment.
    Case("committed", "anthropic", "claude-opus-4-5", Usage(1000, 1000), None, service="priority"),
    # 1000 x 3; 100 x 15; 3 searches at 10 dollars a thousand.
    Case("searches", "anthropic", "claude-sonnet-4-5", Usage(1000, 100, searches=3), 34_500),
]

# https://ai.google.dev/gemini-api/docs/pricing, and for Claude https://cloud.google.com/vertex-ai/generative-ai/pricing
GEMINI = [
    # gemini-2.5-flash: 0.30 in, 1 audio in, 2.50 out with thinking. 800 x 0.3 = 240; 200 x 1; 400 x 2.5 = 1000.
    Case("audio and thinking", "gemini", "gemini-2.5-flash", Usage(1000, 400, 0, 300, audio_input_tokens=200), 1440),
    # Cached: 0.03 text, 0.10 audio. 300 x 0.3 = 90; 400 x 0.03 = 12; 100 x 0.1 = 10; 200 x 1; 10 x 2.5 = 25.
    Case(
        "cached audio",
        "gemini",
        "gemini-2.5-flash",
        Usage(1000, 10, 500, audio_input_tokens=300, cached_audio_input_tokens=100),
        337,
    ),
    # gemini-2.5-pro: 1.25 in, 10 out up to 200,000 tokens. 200,000 x 1.25 = 250,000; 100 x 10.
    Case("at the step", "gemini", "gemini-2.5-pro", Usage(200_000, 100), 251_000),
    # Above: 2.50 in, 15 out. 200,001 x 2.5 = 500,002.5; 100 x 15 = 1500; 501,502.5 is the even 501,502.
    Case("above the step", "gemini", "models/gemini-2.5-pro", Usage(200_001, 100), 501_502),
    # 50,000 x 2.5 = 125,000; 250,000 x 0.25 = 62,500; 2000 x 15 = 30,000.
    Case("long and cached", "gemini", "gemini-2.5-pro", Usage(300_000, 2000, 250_000), 217_500),
    # gemini-3.1-flash-image-preview: 0.50 in, 3 text out, 60 image out. 20 x 0.5; 10 x 3; 1290 x 60 = 77,400.
    Case("a picture", "gemini", "gemini-3.1-flash-image-preview", Usage(20, 1300, image_output_tokens=1290), 77_440),
    # gemini-4-argon: 2 in, 10 out to the end of November, then twice that.
    Case("introductory", "gemini", "gemini-4-argon", Usage(1000, 100), 3000, at=at(11, 30, 23)),
    Case("regular", "gemini", "gemini-4-argon", Usage(1000, 100), 6000, at=at(12, 1, 0)),
    # Gemma is free of charge on the Gemini API.
    Case("free", "gemini", "gemma-4-31b-it", Usage(1000, 1000), 0),
    # Claude Sonnet 4: 3 in; the list has no price for an hour, which is twice the input's. 1000 x 6; 10 x 15.
    Case(
        "an hour without a price",
        "gemini",
        "claude-sonnet-4@20250514",
        Usage(1000, 10, cache_write_tokens=1000, cache_write_1h_tokens=1000),
        6150,
    ),
]

# https://aws.amazon.com/bedrock/pricing/
BEDROCK = [
    # Claude Sonnet 4.5, regional: 3.30 in, 0.33 read, 4.125 written, 16.50 out.
    # 1000 x 3.3 = 3300; 1000 x 0.33 = 330; 2000 x 4.125 = 8250; 200 x 16.5 = 3300.
    Case(
        "regional",
        "bedrock-mantle",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        Usage(4000, 200, cached_input_tokens=1000, cache_write_tokens=2000),
        15_180,
    ),
    # Nova Lite: 0.06 in, 0.015 cached, 0.24 out. 1000 x 0.06 = 60; 111 x 0.015 = 1.665; 99 x 0.24 = 23.76; 85.425.
    Case("small sums", "bedrock-mantle", "amazon.nova-lite-v1:0", Usage(1111, 99, 111), 85),
]

OTHERS = [
    # https://mistral.ai/pricing/api. mistral-large-latest is Large 3: 0.50 in, 1.50 out; the shipped list has 2 and 6.
    Case("alias, put right", "mistral", "mistral-large-latest", Usage(1000, 1000), 2000),
    # Medium 3.5: 1.50 in, 0.15 cached, 7.50 out. 600 x 1.5 = 900; 400 x 0.15 = 60; 10 x 7.5 = 75.
    Case("cached", "mistral", "mistral-medium-latest", Usage(1000, 10, 400), 1035),
    # https://api-docs.deepseek.com/quick_start/pricing. Off-peak: 0.15 in, 0.003 cached, 0.60 out.
    # 360 x 0.15 = 54; 640 x 0.003 = 1.92; 200 x 0.6 = 120; 175.92.
    Case("off-peak", "deepseek", "deepseek-flash", Usage(1000, 200, 640), 176),
    # 01:00 to 04:00 and 06:00 to 10:00 UTC twice as much: 351.84.
    Case("peak", "deepseek", "deepseek-flash", Usage(1000, 200, 640), 352, at=at(11, 23, 1)),
    Case("peak's end", "deepseek", "deepseek-flash", Usage(1000, 200, 640), 176, at=at(11, 23, 4)),
    # 28 November is a Saturday, which is quiet; the shipped list knows no days.
    Case("weekend, put right", "deepseek", "deepseek-flash", Usage(1000, 200, 640), 176, at=at(11, 28, 2)),
    # V3.2 under its old name, before V4: 0.28 in, 0.42 out.
    Case("history, put right", "deepseek", "deepseek-chat", Usage(1000, 1000), 700, at=at(3, 1, 0)),
    # https://console.groq.com/docs/models. Llama 3.3: 0.59 in, 0.79 out; flex costs the same, performance is sold by
    # contract.
    Case("flex", "groq", "llama-3.3-70b-versatile", Usage(1000, 1000), 1380, service="flex"),
    Case("performance", "groq", "llama-3.3-70b-versatile", Usage(1000, 1000), None, service="performance"),
    # gpt-oss-120b: 0.15 in, 0.075 cached, 0.60 out. 244 x 0.15 = 36.6; 256 x 0.075 = 19.2; 128 x 0.6 = 76.8; 132.6.
    Case("cached", "groq", "openai/gpt-oss-120b", Usage(500, 128, 256), 133, service="on_demand"),
    # https://docs.x.ai/docs/models. grok-4.3: 1.25 in, 2.50 out below 200,000 tokens. 249,998.75 + 250 = 250,248.75.
    Case("below the step", "xai", "grok-4.3", Usage(199_999, 100), 250_249),
    # From 200,000 on: 2.50 in, 5 out. 500,000 + 500.
    Case("at the step", "xai", "grok-4.3", Usage(200_000, 100), 500_500),
    # grok-4-fast: 0.20 in, 0.05 cached, 0.50 out. 500 x 0.2 = 100; 500 x 0.05 = 25; 1000 x 0.5 = 500.
    Case("cached", "xai", "grok-4-fast-reasoning", Usage(1000, 1000, 500, 800), 625),
    # https://cohere.com/pricing. Command A: 2.50 in, 10 out.
    Case("plain", "cohere", "command-a-03-2025", Usage(1000, 1000), 12_500),
    # Command R7B: 0.0375 in, 0.15 out. 1000 x 0.0375 = 37.5; 33 x 0.15 = 4.95; 42.45.
    Case("fractions", "cohere", "command-r7b-12-2024", Usage(1000, 33), 42),
    # Embed 3: 0.10, not in the shipped list. 12,345 x 0.1 = 1234.5, the even 1234.
    Case("embeddings, put right", "cohere", "embed-english-v3.0", Usage(12_345, 0), 1234),
    # Rerank: 2 dollars for a thousand searches.
    Case("reranking, put right", "cohere", "rerank-v3.5", Usage(searches=1), 2000),
    Case("reranking uncounted", "cohere", "rerank-v3.5", Usage(), None),
    # https://docs.perplexity.ai/docs/getting-started/pricing. Sonar Pro: 3 in, 15 out, 14 dollars a thousand requests.
    Case("a fee for the request", "perplexity", "sonar-pro", Usage(100, 50), 15_050),
    # Deep research: 2 in, 8 out, 3 reasoning, 5 dollars a thousand searches.
    # 33 x 2 = 66; 2000 x 8 = 16,000; 6000 x 3 = 18,000; 18 x 5000 = 90,000.
    Case(
        "reasoning at its own price",
        "perplexity",
        "sonar-deep-research",
        Usage(33, 8000, reasoning_tokens=6000, searches=18),
        124_066,
    ),
    # https://openrouter.ai/models: variants with :free are.
    Case("free", "openrouter", "meta-llama/llama-3.3-70b-instruct:free", Usage(1000, 1000), 0),
    # Azure's global deployments cost what OpenAI does.
    Case("of another's list", "azure", "gpt-4o", Usage(1000, 500), 7500),
    # What no list has: a server of one's own, and a provider that is in no catalogue.
    Case("a server of one's own", "vllm", "llama", Usage(1000, 1000), None),
    Case("custom", "custom", "gpt-4o", Usage(1000, 1000), None),
]
CASES = [*OPENAI, *ANTHROPIC, *GEMINI, *BEDROCK, *OTHERS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}/{case.model}: {case.name}")
def test_an_exchange_costs_what_the_price_list_says(case: Case):
    tariff = tariff_for(case.kind, case.model)
    cost = (
        None
        if tariff is None
        else tariff.cost(case.usage, at=case.at, service=case.service, seconds=case.seconds, characters=case.characters)
    )
    assert cost == case.cost


def test_there_are_forty_exchanges_across_eight_providers():
    assert len(CASES) >= 40
    assert len({case.kind for case in CASES}) >= 8


# --- all of the list ---


def listed() -> Iterator[tuple[CatalogueEntry, ModelInfo]]:
    """Every model that has a price under its own id, where nothing is put right."""
    for entry in catalogue().values():
        provider = next((each for each in providers if each.id == entry.prices_id), None)
        for model in () if provider is None else provider.models:
            found = provider.find_model(model.id) if provider is not None else None
            row = corrections().of(entry.prices_id or "", model.id)
            if found is model and not (row.replaced or row.added or row.quiet_weekends):
                yield entry, model


def test_what_tokens_cost_agrees_with_the_lists_own_reckoning():
    """Of text alone: what it makes of parts that overlap, or of caches without a price, is its own affair."""
    when, sizes, seen = (
        datetime.fromtimestamp(MONDAY, UTC),
        ((1000, 100, 0), (150_000, 7, 50_000), (600_000, 900, 3)),
        0,
    )
    for entry, model in listed():
        tariff = tariff_for(entry.name, model.id)
        prices = model.get_prices(when)
        if tariff is None or not any(getattr(prices, key) for key in ("input_mtok", "output_mtok")):
            continue
        for sent, answered, cached in sizes:
            theirs = prices.calc_price(
                PricedUsage(
                    input_tokens=sent,
                    output_tokens=answered,
                    cache_read_tokens=cached,
                    cache_write_tokens=0,
                    cache_write_1h_tokens=0,
                    cache_audio_read_tokens=0,
                    input_audio_tokens=0,
                    output_audio_tokens=0,
                    input_image_tokens=0,
                    cache_image_read_tokens=0,
                    output_image_tokens=0,
                    input_video_tokens=0,
                    output_video_tokens=0,
                    output_reasoning_tokens=0,
                    output_citation_tokens=0,
                )
            )["total_price"]
            ours = tariff.cost(Usage(sent, answered, cached), at=MONDAY)
            assert ours is not None
            assert abs(ours - theirs * 10**6) <= Decimal("0.51"), (entry.name, model.id, sent)
            seen += 1
    assert seen > 3000


def test_a_price_of_a_row_without_prices_is_unknown_unless_it_is_said_to_be_free():
    assert tariff_for("cerebras", "qwen-3-coder-480b") is None
    assert price_of("cerebras", "qwen-3-coder-480b") == inf
    assert price_of("openrouter", "meta-llama/llama-3.3-70b-instruct:free") == 0.0


def test_the_price_for_comparing_counts_three_tokens_sent_for_one_answered():
    # (3 x 2.5 + 10) / 4 = 4.375 micro-dollars for a token.
    assert price_of("openai", "gpt-4o") == 4375.0
    assert price_of("openai", "no-such-model") == inf
    assert price_of("no-such-provider", "gpt-4o") == inf


def test_a_model_that_is_not_paid_by_tokens_has_no_price_for_comparing():
    assert price_of("openai", "whisper-1") == inf


def test_prices_are_those_of_the_time_that_is_asked_for():
    before, after = (
        prices_for("mistral", "mistral-medium-latest", at(6, 15, 23)),
        prices_for("mistral", "mistral-medium-latest", at(6, 16, 0)),
    )
    assert before is not None
    assert after is not None
    # Medium 3.1 was 0.40 and 2; Medium 3.5 is 1.50 and 7.50.
    assert cost_of(Usage(1000, 1000), before) == 2400
    assert cost_of(Usage(1000, 1000), after) == 9000
    assert prices_for("openai", "no-such-model", MONDAY) is None


def test_tariffs_are_compiled_once_and_only_so_many_are_kept():
    assert tariff_for("openai", "gpt-4o") is tariff_for("openai", "gpt-4o")
    for number in range(REMEMBERED + 10):
        tariff_for("vllm", f"model-{number}")
    assert tariff_for.cache_info().currsize == REMEMBERED


def test_an_alias_of_a_provider_has_its_prices():
    assert price_of("google", "gemini-2.5-pro") == price_of("gemini", "gemini-2.5-pro") < inf


# --- counts that contradict themselves ---

PRICE = compiled(
    Quote(
        input=Decimal(8),
        cached_input=Decimal(1),
        cache_write=Decimal(10),
        audio_input=Decimal(20),
        image_input=Decimal(4),
        output=Decimal(30),
        audio_output=Decimal(60),
    )
)


def test_more_cached_than_sent_is_charged_as_cached():
    assert cost_of(Usage(100, 0, cached_input_tokens=500), PRICE) == 500


def test_pictures_that_were_cached_are_not_charged_twice():
    # 100 tokens, 80 of them pictures, 50 of all cached: 50 x 1 + 50 x 4.
    assert cost_of(Usage(100, 0, 50, image_input_tokens=80), PRICE) == 250


def test_more_spoken_than_answered_is_charged_as_spoken():
    assert cost_of(Usage(0, 10, audio_output_tokens=20), PRICE) == 1200


counts = st.integers(-(10**12), 10**12)


@given(st.builds(Usage, **dict.fromkeys(Usage.__struct_fields__, counts)))
def test_whatever_was_counted_nothing_costs_less_than_nothing(usage: Usage):
    for price in (PRICE, compiled(Quote(per_request=Decimal("0.01"), per_search=Decimal(1)))):
        cost = cost_of(usage, price)
        assert cost is None or cost >= 0


small = st.integers(0, 10**6)


@given(small, small, small, small)
def test_parts_of_what_is_sent_cost_neither_more_nor_less_than_their_own_prices(
    plain: int, cached: int, written: int, audio: int
):
    usage = Usage(
        plain + cached + written + audio,
        0,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        audio_input_tokens=audio,
    )
    assert cost_of(usage, PRICE) == plain * 8 + cached + written * 10 + audio * 20


# --- the arithmetic ---


def test_what_has_no_price_of_its_own_costs_what_the_wider_kind_does():
    price = compiled(Quote(input=Decimal(2), output=Decimal(6)))
    usage = Usage(
        1000,
        1000,
        cached_input_tokens=100,
        reasoning_tokens=500,
        cache_write_tokens=100,
        cache_write_1h_tokens=50,
        audio_input_tokens=100,
        audio_output_tokens=100,
        image_input_tokens=100,
        image_output_tokens=100,
    )
    assert cost_of(usage, price) == 8000


def test_searches_without_a_price_make_the_cost_unknown():
    assert cost_of(Usage(1000, 1000, searches=1), PRICE) is None


def test_a_tier_is_known_whatever_its_case():
    flex = compiled(Quote(input=Decimal(1), output=Decimal(1)))
    price = compiled(Quote(input=Decimal(2), output=Decimal(2)), services=(("flex", flex),))
    assert [cost_of(Usage(1000, 0), price, service=name) for name in ("FLEX", "Default", "", None, "batch")] == [
        1000,
        2000,
        2000,
        2000,
        None,
    ]


def test_a_price_may_be_a_share_of_another():
    price = compiled(
        Quote(input=Decimal(2), output=Decimal(8), per_request=Decimal("0.01"), per_search=Decimal("0.02")),
        [(1000, Quote(input=Decimal(4), output=Decimal(8)))],
    )
    less = scaled(price, Decimal("0.85"))
    # 100 x 1.7 + 100 x 6.8 + 8500 + 17,000; and 2000 x 3.4 + 8500.
    assert cost_of(Usage(100, 100, searches=1), less) == 26_350
    assert cost_of(Usage(2000, 0), less) == 15_300


def test_a_tariff_of_one_price_holds_at_any_time():
    tariff = steady(PRICE)
    assert {tariff.cost(Usage(10, 0), at=when) for when in (0.0, MONDAY, 1e12)} == {80}


def test_sums_are_exact_however_large():
    price = compiled(Quote(input=Decimal("0.003625"), output=Decimal("0.000001")))
    # 10^12 x 0.003625 = 3,625,000,000; 1 x 0.000001.
    assert cost_of(Usage(10**12, 1), price) == 3_625_000_000


def test_a_tariff_is_a_value_that_needs_no_list():
    assert isinstance(tariff_for("openai", "gpt-4o"), Tariff)
    assert isinstance(prices_for("openai", "gpt-4o", MONDAY), Price)


# --- what is put right ---


def test_every_correction_names_its_source():
    rows = parse(files("headway.providers").joinpath("prices.yaml").read_text("utf-8")).rows
    assert rows
    assert all(row.source.startswith("https://") for row in rows)


def test_the_list_still_needs_to_be_put_right():
    """Where it does not, the row of prices.yaml is to be taken out."""
    mistral = next(each for each in providers if each.id == "mistral").find_model("mistral-large-latest")
    assert mistral is not None
    assert mistral.get_prices(datetime.fromtimestamp(MONDAY, UTC)).input_mtok != Decimal("0.5")
    audio = next(each for each in providers if each.id == "openai").find_model("gpt-4o-audio-preview")
    assert audio is not None
    assert audio.get_prices(datetime.fromtimestamp(MONDAY, UTC)).input_audio_mtok is None
    assert next(each for each in providers if each.id == "cohere").find_model("rerank-v3.5") is None


@pytest.mark.parametrize(
    "row",
    [
        "{providers: [a], models: [b], free: true}",
        "{providers: [a], models: [b], source: s}",
        "{providers: [], models: [b], source: s}",
        "{providers: [a], models: [b], source: s, prices: {input: 1}}",
        "{providers: [a], models: [b], source: s, add: {input_mtok: -1}}",
        "{providers: [a], models: [b], source: s, add: {input_mtok: .inf}}",
        "{providers: [a], models: [b], source: s, since: soon}",
        "{providers: [a], models: [b], source: s, cheap: true}",
    ],
)
def test_data_that_do_not_fit_are_refused(row: str):
    with pytest.raises(ValueError, match=r"^prices\.yaml: "):
        parse(f"[{row}]")
