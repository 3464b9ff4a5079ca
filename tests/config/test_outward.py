"""What was published may choose addresses; keys that nobody wrote do not go there, and private networks stay out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headway.config.load import Above, load_text
from headway.config.problems import ConfigError
from headway.config.published import Published
from headway.types import Snapshot, WebhookSink

ENVIRON = {"OPENAI_API_KEY": "sk-of-this-machine", "AWS_REGION": "eu-west-1", "HEADWAY_DATABASE_URL": "off"}
ELSEWHERE = "https://elsewhere.example/v1"


def published(document: dict[str, Any], text: str = "") -> Snapshot:
    above = Above(Published(version=1, document=document), lambda sealed: sealed)
    return load_text(text, name="headway.yaml", folder=Path(), environ=ENVIRON, above=above)


@pytest.mark.parametrize(
    "section",
    [
        {"base_url": ELSEWHERE},
        {"proxy": "http://elsewhere.example:3128"},
    ],
)
def test_a_key_of_the_environment_goes_to_no_published_address(section: dict[str, Any]):
    with pytest.raises(ConfigError) as raised:
        published({"providers": {"openai": section}})
    assert "providers.openai: needs 'keys' where its address is set by API" in str(raised.value)
    assert "sk-of" not in str(raised.value)


@pytest.mark.parametrize("auth", ["google", "sigv4", "entra"])
def test_the_machine_s_own_identity_goes_to_no_published_address(auth: str):
    section = {"base_url": ELSEWHERE, "dialect": "openai_chat", "auth": auth}
    with pytest.raises(ConfigError, match="machine's own identity"):
        published({"providers": {"mine": section}})


def test_keys_that_are_written_go_where_they_are_told():
    section = {"base_url": ELSEWHERE, "keys": ["${OPENAI_API_KEY}"]}
    (credential,) = published({"providers": {"openai": section}}).providers["openai"].credentials
    assert credential.secret is not None
    assert credential.secret.reveal() == "sk-of-this-machine"


def test_a_published_provider_at_its_usual_address_has_its_usual_key():
    provider = published({"providers": {"openai": {}}}).providers["openai"]
    assert provider.credentials[0].secret is not None
    assert provider.reach is None


def test_a_server_without_keys_needs_none():
    assert published({"providers": {"own": {"base_url": ELSEWHERE}}}).providers["own"].reach == ()


def test_what_the_file_says_is_the_operator_s_business():
    text = f"providers: {{openai: {{base_url: '{ELSEWHERE}'}}}}"
    provider = published({"models": {"default": ["openai/gpt-5"]}}, text).providers["openai"]
    assert provider.reach is None
    assert provider.credentials[0].secret is not None


def test_webhooks_reach_as_far_as_providers_do():
    told = {
        "alerts": {"webhooks": [{"url": "https://elsewhere.example/alerts"}]},
        "sinks": [{"kind": "webhook", "url": "https://elsewhere.example/events"}],
    }
    text = "auth: {admin: {private_networks: [10.0.0.0/8]}}"
    by_api = published({"observability": told}, text)
    (sink,) = by_api.observability.sinks
    assert isinstance(sink, WebhookSink)
    assert sink.reach == by_api.alerts.webhooks[0].reach == ("10.0.0.0/8",)
    by_file = published({}, "observability: {alerts: {webhooks: [{url: https://elsewhere.example/alerts}]}}")
    assert by_file.alerts.webhooks[0].reach is None
