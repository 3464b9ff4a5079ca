"""Zero configuration: which providers the environment alone is enough for."""

from __future__ import annotations

import pytest

from headway.config.load import discover
from headway.config.problems import ConfigError
from headway.providers.catalogue import catalogue
from headway.types import Resilience, Server


def found(**environ: str) -> dict[str, str]:
    return {name: provider.base_url for name, provider in discover(environ).providers.items()}


def test_an_empty_environment_has_no_providers():
    snapshot = discover({}, generation=3)
    assert (snapshot.providers, snapshot.routes, snapshot.bare_models) == ({}, {}, {})
    assert (snapshot.source, snapshot.generation) == ("environment", 3)
    assert (snapshot.server, snapshot.resilience) == (Server(), Resilience())


def test_every_provider_whose_usual_key_is_set_is_there():
    assert found(OPENAI_API_KEY="k1", MISTRAL_API_KEY="k2") == {
        "openai": "https://api.openai.com/v1",
        "mistral": "https://api.mistral.ai/v1",
    }


def test_a_variable_that_is_set_to_nothing_is_not_set():
    assert found(OPENAI_API_KEY="", MISTRAL_API_KEY=" ") == {}


def test_its_address_may_be_moved():
    assert found(OPENAI_API_KEY="k1", OPENAI_BASE_URL="http://127.0.0.1:9/v1") == {"openai": "http://127.0.0.1:9/v1"}
    assert found(OPENAI_BASE_URL="http://127.0.0.1:9/v1") == {}


def test_an_address_with_gaps_needs_the_variables_that_fill_them():
    assert found(CLOUDFLARE_API_TOKEN="k1") == {}
    url = found(CLOUDFLARE_API_TOKEN="k1", CLOUDFLARE_ACCOUNT_ID="abc")["cloudflare"]
    assert url == "https://api.cloudflare.com/client/v4/accounts/abc/ai/v1"


def test_a_server_of_ones_own_is_there_only_if_its_address_is_set():
    local = next(entry for entry in catalogue().values() if entry.local and entry.keyless and entry.base_url_env)
    assert found(**dict.fromkeys(local.key_env, "k1")) == {}
    assert list(found(**{local.base_url_env[0]: "http://127.0.0.1:9/v1"})) == [local.name]


def test_what_was_found_leads_somewhere():
    snapshot = discover({"OPENAI_API_KEY": "k1"})
    assert snapshot.bare_models["gpt-4o-mini"] == ("openai",)
    assert [key.name for key in snapshot.providers["openai"].credentials] == ["default"]


def test_an_address_or_key_that_cannot_be_used_is_told_without_repeating_it():
    with pytest.raises(ConfigError) as caught:
        discover({"OPENAI_API_KEY": "hunter 2", "GROQ_API_KEY": "k1", "GROQ_BASE_URL": "hunter2"})
    text = str(caught.value)
    assert "environment: providers.openai: the key in OPENAI_API_KEY must be one word" in text
    assert "environment: providers.groq: the address in GROQ_BASE_URL must be an http" in text
    assert "hunter" not in text
