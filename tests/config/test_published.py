"""A file and what is published, compiled to one snapshot; and secrets of documents, masked and put back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headway.config.changes import differences
from headway.config.load import Above, ConfigError, load_text
from headway.config.masking import Unmasking, masked, sealed
from headway.config.problems import render_path
from headway.config.published import Published
from headway.types import Snapshot

PUBLIC = "https://api.example.com/v1"
PROVIDERS = {"alpha": {"base_url": PUBLIC, "keys": ["sealed:key-of-alpha"]}}


def unseal(text: str) -> str:
    if "damaged" in text:
        raise ValueError("is sealed, and damaged: set it again")
    return text.removeprefix("sealed:")


def compiled(text: str, document: Any, **environ: str) -> Snapshot:
    above = Above(Published(version=7, document=document), unseal)
    return load_text(text, name="headway.yaml", folder=Path(), environ=environ, above=above)


def told(text: str, document: Any, **environ: str) -> str:
    with pytest.raises(ConfigError) as refused:
        compiled(text, document, **environ)
    return str(refused.value)


def test_what_the_file_lacks_is_as_it_was_published():
    snapshot = compiled("models: {x: [alpha/m]}", {"providers": PROVIDERS, "models": {"y": ["alpha/m"]}})
    assert list(snapshot.routes) == ["x"]
    (credential,) = snapshot.providers["alpha"].credentials
    assert credential.secret is not None
    assert credential.secret.reveal() == "key-of-alpha"
    assert snapshot.source == "headway.yaml and published version 7"
    assert (snapshot.published, dict(snapshot.managed)) == (7, {"models": "file", "providers": "database"})


def test_the_gateways_own_sections_are_never_taken():
    snapshot = compiled("", {"server": {"port": 1}, "auth": {"admin": {"session": "1m"}}, "storage": {"url": "off"}})
    assert snapshot.server.port == 8080
    assert snapshot.storage.url is not None
    assert snapshot.administration.session == 12 * 3600.0


def test_a_problem_is_told_where_it_stands():
    said = told("models:\n  x: [beta/m]\n", {"providers": {"alpha": {"base_uri": PUBLIC}}})
    assert "published version 7: providers.alpha.base_uri: no such setting; did you mean 'base_url'?" in said
    assert "headway.yaml:2:7: models.x[0]: no provider 'beta'" in said


def test_what_cannot_be_opened_is_told_by_its_place():
    said = told("", {"providers": {"alpha": {"base_url": PUBLIC, "keys": ["sealed:damaged"]}}})
    assert said == "published version 7: providers.alpha.keys[0]: is sealed, and damaged: set it again"


def test_what_was_written_past_the_api_is_held_to_the_same():
    provider = {"base_url": PUBLIC, "keys": ["sealed:${HEADWAY_ADMIN_TOKEN}"]}
    assert "HEADWAY_*" in told("", {"providers": {"alpha": provider}}, HEADWAY_ADMIN_TOKEN="t")


def test_only_addresses_that_were_published_are_held_to_public_networks():
    text = "auth: {admin: {private_networks: [10.0.0.0/8]}}"
    providers = {**PROVIDERS, "openai": {"keys": ["sealed:k"]}}
    alerts = {"webhooks": [{"url": "sealed:https://hooks.example.com/x"}]}
    snapshot = compiled(text, {"providers": providers, "observability": {"alerts": alerts}})
    assert snapshot.providers["alpha"].reach == ("10.0.0.0/8",)
    assert snapshot.providers["openai"].reach is None, "the catalogue says where it is"
    assert snapshot.alerts.webhooks[0].reach == ("10.0.0.0/8",)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [("sk-0123456789abcdef", "****cdef"), ("short", "****"), ("${NAME}", "${NAME}"), ("file:/run/secrets/x", None)],
)
def test_a_secret_shows_its_end_if_it_can_spare_it(secret: str, shown: str | None):
    document = {"providers": {"a": {"keys": [secret]}}}
    assert masked(document, unseal) == {"providers": {"a": {"keys": [shown or secret]}}}


def test_what_is_no_secret_is_neither_sealed_nor_masked():
    document: Any = {"providers": {"a": {"base_url": PUBLIC, "proxy": "http://proxy.example.com:3128"}}, "models": {}}
    assert sealed(document, lambda _: "sealed:x") == document
    assert masked(document, unseal) == document


def test_a_proxy_with_a_password_is_a_secret():
    document: Any = {"providers": {"a": {"proxy": "http://u:p@proxy.example.com:3128"}}}
    assert masked(document, unseal) == {"providers": {"a": {"proxy": "****3128"}}}
    assert sealed(document, lambda _: "sealed:x") == {"providers": {"a": {"proxy": "sealed:x"}}}


def test_a_sinks_headers_do_not_follow_it_to_another_address():
    def document(url: str, header: str) -> Any:
        return {"observability": {"sinks": [{"kind": "webhook", "url": url, "headers": {"x-token": header}}]}}

    before = document("sealed:https://a.example.com/hook", "sealed:token-that-is-long")
    unmasking = Unmasking(before, unseal)
    assert unmasking.document(document("****hook", "****long")) == before
    assert unmasking.findings == []
    unmasking.document(document("https://b.example.com/hook", "****long"))
    assert [render_path(each.path) for each in unmasking.findings] == ["observability.sinks[0].headers.x-token"]


def test_keys_are_compared_by_name():
    def document(*keys: Any) -> Any:
        return {"providers": {"a": {"keys": list(keys)}}}

    one, two = {"name": "one", "value": "x"}, {"name": "two", "value": "y"}
    found = list(differences(document(one, two), document({**two, "weight": 2}, one)))
    assert [render_path(each.path) for each in found] == ["providers.a.keys.two.weight"]


def test_what_only_the_file_may_say_is_masked_where_it_is_shown():
    document: Any = {
        "storage": {"url": "postgresql://u:hunter2@db.example.com/headway"},
        "auth": {"admin": {"sso": {"client_id": "headway", "client_secret": "a-secret-of-the-client"}}},
    }
    assert masked(document, unseal) == {
        "storage": {"url": "****dway"},
        "auth": {"admin": {"sso": {"client_id": "headway", "client_secret": "****ient"}}},
    }
