"""Prices that a configuration names, instead of or in terms of the public ones."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from headway.config.prices import tariff_from
from headway.config.sections.prices import PriceSection
from headway.providers.pricing import tariff_for
from headway.types import Usage


class Provider(BaseModel):
    """As a provider's section holds them."""

    prices: dict[str, PriceSection] = {}


def prices(**by_model: dict[str, Any]) -> dict[str, PriceSection]:
    return Provider.model_validate({"prices": by_model}).prices


def cost(
    section: dict[str, PriceSection], usage: Usage, model: str = "m", kind: str = "openai", **more: Any
) -> int | None:
    tariff = tariff_from(section, kind, model)
    return None if tariff is None else tariff.cost(usage, at=1.8e9, **more)


def test_a_price_by_contract_takes_the_place_of_the_public_one():
    # gpt-4o is 2.50 and 10 in public: here 1000 x 2 + 100 x 8.
    section = prices(**{"gpt-4o": {"input": 2, "output": 8}})
    assert cost(section, Usage(1000, 100), "gpt-4o") == 2800


def test_no_part_of_the_public_price_is_left():
    # Public: 1.25 cached, and 17 dollars a million answered under priority.
    section = prices(**{"gpt-4o": {"input": 2, "output": 8}})
    assert cost(section, Usage(1000, 0, 500), "gpt-4o") == 2000
    assert cost(section, Usage(1000, 0), "gpt-4o", service="priority") is None


def test_every_kind_of_price_may_be_named():
    section = prices(
        m={
            "input": 1,
            "cached_input": "0.1",
            "cache_write": 1.25,
            "cache_write_1h": 2,
            "audio_input": 10,
            "cached_audio_input": 3,
            "image_input": 4,
            "output": 5,
            "reasoning": 6,
            "audio_output": 20,
            "image_output": 30,
            "per_request": 0.001,
            "per_search": "0.01",
            "per_audio_hour": 0.36,
            "per_million_characters": 15,
        }
    )
    usage = Usage(
        input_tokens=1000,
        output_tokens=1000,
        cached_input_tokens=200,
        reasoning_tokens=300,
        cache_write_tokens=200,
        cache_write_1h_tokens=100,
        audio_input_tokens=150,
        audio_output_tokens=100,
        cached_audio_input_tokens=50,
        image_input_tokens=100,
        image_output_tokens=100,
        searches=2,
    )
    # Sent: 1000 - 200 cached - 200 written - 100 sound - 100 pictures = 400 x 1; 150 x 0.1 = 15; 50 x 3 = 150;
    # 100 x 1.25 = 125; 100 x 2 = 200; 100 x 10 = 1000; 100 x 4 = 400; together 2290.
    # Answered: 1000 - 100 - 100 = 800, of which 500 x 5 = 2500 and 300 x 6 = 1800; 100 x 20 = 2000; 100 x 30 = 3000;
    # together 9300. A request 1000, two searches 20,000, ten seconds 1000, a hundred characters 1500.
    assert cost(section, usage, seconds=10.0, characters=100) == 2290 + 9300 + 1000 + 20_000 + 1000 + 1500


def test_long_requests_may_have_prices_of_their_own():
    section = prices(m={"input": 1, "output": 2, "steps": [{"above": 1000, "input": 2, "output": 3}]})
    assert cost(section, Usage(1000, 10)) == 1020
    assert cost(section, Usage(1001, 10)) == 2032


def test_a_models_own_name_comes_before_patterns_and_patterns_in_their_order():
    section = prices(**{"gpt-*": {"input": 1}, "gpt-4*": {"input": 2}, "gpt-4o": {"input": 3}})
    assert [cost(section, Usage(1000, 0), model) for model in ("gpt-4o", "gpt-4.1", "gpt-5")] == [3000, 1000, 1000]


def test_a_model_that_no_price_is_for_has_the_public_one():
    section = prices(**{"mine-*": {"input": 1}})
    assert tariff_from(section, "openai", "gpt-4o") is tariff_for("openai", "gpt-4o")
    assert tariff_from(section, "openai", "no-such-model") is None


def test_a_deployment_may_cost_what_another_model_does():
    section = prices(chat={"like": "openai/gpt-4o"})
    assert tariff_from(section, "azure", "chat") is tariff_for("openai", "gpt-4o")
    assert tariff_from(prices(chat={"like": "openai/no-such-model"}), "azure", "chat") is None


def test_the_public_price_may_be_multiplied():
    # gpt-4o: 1000 x 2.5 x 0.85 = 2125; Gemini above its step: 200,001 x 2.5 x 1.1 = 550,002.75.
    assert cost(prices(**{"*": {"factor": 0.85}}), Usage(1000, 0), "gpt-4o") == 2125
    section = prices(m={"like": "gemini/gemini-2.5-pro", "factor": "1.1"})
    assert cost(section, Usage(200_001, 0)) == 550_003


def test_a_multiplied_price_still_depends_on_the_hour_and_the_tier():
    section = prices(**{"*": {"factor": 2}})
    tariff = tariff_from(section, "deepseek", "deepseek-flash")
    assert tariff is not None
    monday = 1_795_392_000.0  # 23 November 2026, midnight UTC
    # 0.15 off-peak and 0.30 at peak, each twice.
    assert [tariff.cost(Usage(1000, 0), at=monday + hour * 3600) for hour in (0, 2, 5 * 24 + 2)] == [300, 600, 300]
    assert cost(section, Usage(1000, 0), "gpt-5", service="flex") == 1250


def test_what_costs_nothing_is_free_and_known():
    assert cost(prices(m={"input": 0, "output": 0}), Usage(1000, 1000)) == 0


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "must say what it costs"),
        ({"input": -1}, "between 0 and"),
        ({"input": 10**7}, "between 0 and"),
        ({"input": "cheap"}, "must be a number"),
        ({"input": True}, "must be a number"),
        ({"input": float("nan")}, "must be a number"),
        ({"input": [1]}, "must be a number"),
        ({"inptu": 1}, "Extra inputs"),
        ({"factor": 0.5, "input": 1}, "leave out the others"),
        ({"like": "gpt-4o"}, "provider/model"),
        ({"like": "my-azure/gpt-4o"}, "a kind of the catalogue"),
        ({"input": 1, "steps": [{"above": 2000, "input": 1}, {"above": 1000, "input": 1}]}, "must rise"),
        ({"input": 1, "steps": [{"above": 0, "input": 1}]}, "whole number of tokens"),
        ({"input": 1, "steps": [{"above": "1" * 5000, "input": 1}]}, "whole number of tokens"),
    ],
)
def test_a_price_that_cannot_be_meant_is_refused(section: dict[str, Any], said: str):
    with pytest.raises(ValidationError, match=said):
        PriceSection.model_validate(section)


def test_amounts_are_exact_as_they_are_written():
    section = prices(m={"input": 0.1, "output": "0.2"})["m"]
    assert [str(section.input), str(section.output)] == ["0.1", "0.2"]
