"""Known models: names that a client can ask for, and none that only a price list uses."""

from __future__ import annotations

import subprocess
import sys

import pytest
from genai_prices.data import providers

from headway.providers.catalogue import catalogue
from headway.providers.known_models import REMEMBERED, facts_of, known_models
from headway.types import ModelFacts


def names(provider: str) -> set[str]:
    return {model.id for model in known_models(provider)}


# What the recorded requests to these providers asked for.
@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-4o"),
        ("openai", "gpt-5-mini"),
        ("openai", "text-embedding-3-small"),
        ("anthropic", "claude-sonnet-4-5"),
        ("anthropic", "claude-opus-4-6"),
        ("groq", "meta-llama/llama-4-maverick-17b-128e-instruct"),
        ("mistral", "mistral-large-latest"),
        ("mistral", "mistral-medium-latest"),
        ("deepseek", "deepseek-reasoner"),
        ("cerebras", "gpt-oss-120b"),
        ("cohere", "command-r7b-12-2024"),
        ("openrouter", "anthropic/claude-sonnet-4.5"),
        ("voyage", "voyage-3.5"),
        ("zai", "glm-4.7"),
    ],
)
def test_a_model_that_a_provider_has_answered_for_is_known(provider: str, model: str):
    assert model in names(provider)


def test_a_release_of_a_model_is_known_by_its_own_name():
    assert {"gpt-4o", "gpt-4o-2024-08-06"} <= names("openai")


def test_another_spelling_of_a_model_is_not_a_name():
    assert names("openai").isdisjoint({"gpt-5-4", "gpt-35-turbo", "chat-latest"})


def test_a_price_for_a_family_of_models_is_not_a_name():
    assert names("openai").isdisjoint({"ft:gpt-4o", "ft:gpt-3.5-turbo-", "moderation", "computer-use"})


def test_a_name_that_another_host_made_up_is_not_a_name():
    assert not any(":" in name for name in names("openai") | names("mistral"))
    assert "gpt-oss-120b" not in names("openai")
    assert not any(name.startswith("claude") for name in names("gemini"))


def test_fireworks_models_are_known_by_their_long_names():
    assert names("fireworks")
    assert all(name.startswith("accounts/fireworks/") for name in names("fireworks"))


def test_azures_deployments_have_names_that_nobody_can_know():
    assert known_models("azure") == ()


def test_a_provider_without_prices_and_one_that_does_not_exist_have_no_known_models():
    assert known_models("vllm") == ()
    assert known_models("no-such-provider") == ()


def test_an_alias_has_the_models_of_its_provider():
    assert known_models("google") == known_models("gemini") != ()


def test_the_context_window_comes_along_where_it_is_known():
    windows = {model.id: model.context_window for model in known_models("openai")}
    assert windows["gpt-4o"] == windows["gpt-4o-2024-08-06"] == 128_000
    assert windows["whisper-1"] is None


@pytest.mark.parametrize("entry", [e for e in catalogue().values() if e.prices_id], ids=lambda entry: entry.name)
def test_every_prices_id_is_one_and_models_are_sorted_and_named_once(entry):
    assert entry.prices_id in {provider.id for provider in providers}
    listed = [model.id for model in known_models(entry.name)]
    assert listed == sorted(set(listed))
    assert bool(listed) is (entry.unlisted != ("*",))


def test_the_catalogue_does_not_load_the_prices():
    script = "import sys, headway.providers.catalogue as c; c.catalogue(); print('genai_prices' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# --- what is known of each ---


def test_facts_come_from_the_price_list_and_from_names():
    facts = facts_of("openai", "gpt-4o")
    assert (facts.context_window, facts.output_limit) == (128_000, 16_384)
    assert (facts.input_price, facts.output_price) == (2.5, 10.0)
    assert {"tools", "images", "json_schema"} <= facts.can
    assert {"audio", "video"} <= facts.cannot
    assert facts.reasoning is None
    assert facts_of("openai", "o3").reasoning is True


def test_facts_of_a_model_that_others_make_are_the_models():
    facts = facts_of("azure", "claude-sonnet-4-5")
    assert (facts.context_window, facts.output_limit, facts.input_price) == (200_000, 64_000, 3.0)


def test_a_name_says_the_same_of_a_model_wherever_it_is_served():
    facts = facts_of("vllm", "llama-3.3-70b-instruct")
    assert "images" in facts.cannot
    assert (facts.context_window, facts.input_price) == (None, None)
    assert facts_of("no-such-provider", "gpt-4o").output_limit == 16_384


def test_of_what_nobody_knows_nothing_is_said():
    assert facts_of("openai", "my-model") == ModelFacts()


def test_a_free_model_costs_nothing_and_that_is_known():
    facts = facts_of("openrouter", "meta-llama/llama-3.3-70b-instruct:free")
    assert (facts.input_price, facts.output_price) == (0.0, 0.0)


def test_an_alias_of_a_provider_knows_the_same():
    assert facts_of("google", "gemini-2.5-pro") == facts_of("gemini", "gemini-2.5-pro")


def test_facts_are_found_once_and_only_so_many_are_kept():
    assert facts_of("openai", "gpt-4o") is facts_of("openai", "gpt-4o")
    for number in range(REMEMBERED + 10):
        facts_of("vllm", f"model-{number}")
    assert facts_of.cache_info().currsize == REMEMBERED
