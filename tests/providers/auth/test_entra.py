"""Microsoft Entra's tokens, got by azure-identity from servers on loopback."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential

from headway.providers.auth import entra
from headway.providers.auth.signer import AuthError, TokenSigner

RESOURCE = "https://r.openai.azure.com/openai/v1"
SCOPE = "https://cognitiveservices.azure.com/.default"


class FakeCredential:
    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.scopes: list[str] = []
        self.failure: Exception | None = None

    def get_token(self, *scopes: str) -> AccessToken:
        self.scopes.extend(scopes)
        if self.failure is not None:
            raise self.failure
        return AccessToken(f"token-{len(self.scopes)}", int(self.clock.now) + 3600)


def fields(signer: TokenSigner, now: float) -> bytes | None:
    return signer.fields(b"POST", b"/", b"{}", now)


@pytest.mark.parametrize(
    ("base_url", "scope"),
    [
        (RESOURCE, SCOPE),
        ("https://r.services.ai.azure.com/openai/v1", SCOPE),
        ("https://proxy.example", SCOPE),
        ("https://r.openai.azure.us", "https://cognitiveservices.azure.us/.default"),
        ("https://r.openai.azure.cn", "https://cognitiveservices.azure.cn/.default"),
        ("https://azure.us.example", SCOPE),
    ],
)
def test_the_scope_is_that_of_the_cloud(base_url: str, scope: str):
    assert entra.scope_of(base_url) == scope


def test_a_token_is_renewed_five_minutes_before_it_ends_and_after_a_failure(clock: Any):
    credential = FakeCredential(clock)
    signer = TokenSigner(entra.Tokens(lambda: credential, SCOPE).fetch, clock)
    signer.refresh()
    assert fields(signer, clock.now) == b"authorization: Bearer token-1\r\n"
    assert not signer.due(clock.now + 3299)
    clock.now += 3300
    assert signer.due(clock.now)
    credential.failure = ClientAuthenticationError("the secret has ended\nTrace ID: 1")
    with pytest.raises(AuthError) as caught:
        signer.refresh()
    said = "Microsoft Entra gave no token: ClientAuthenticationError: the secret has ended"
    assert str(caught.value) == said
    assert fields(signer, clock.now) == b"authorization: Bearer token-1\r\n"
    credential.failure = None
    signer.refresh()
    assert fields(signer, clock.now) == b"authorization: Bearer token-3\r\n"
    assert set(credential.scopes) == {SCOPE}


@pytest.mark.real
def test_a_managed_identity_is_asked_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, token_server: Any):
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{token_server.url}/msi")
    monkeypatch.setenv("IDENTITY_HEADER", "a-header")
    expires = int(time.time()) + 7200
    token_server.answer = lambda asked: (
        200,
        {"access_token": "eyJ.managed", "expires_on": str(expires), "resource": "r", "token_type": "Bearer"},
    )
    signer = entra.from_surroundings(RESOURCE)
    signer.refresh()
    assert fields(signer, time.time()) == b"authorization: Bearer eyJ.managed\r\n"
    (asked,) = token_server.asked
    assert parse_qs(urlsplit(asked.path).query)["resource"] == ["https://cognitiveservices.azure.com"]
    assert asked.headers["x-identity-header"] == "a-header"


@pytest.mark.real
def test_a_clients_secret_is_exchanged_for_a_token(monkeypatch: pytest.MonkeyPatch, tls_token_server: Any):
    for name, value in (("TENANT_ID", "a-tenant"), ("CLIENT_ID", "a-client"), ("CLIENT_SECRET", "s3cret")):
        monkeypatch.setenv(f"AZURE_{name}", value)
    tokens: list[str] = []

    def answer(asked: Any) -> tuple[int, Any]:
        if asked.method == "GET":
            authority = f"{tls_token_server.url}/a-tenant"
            return 200, {
                "token_endpoint": f"{authority}/token",
                "authorization_endpoint": f"{authority}/authorize",
                "issuer": authority,
            }
        tokens.append(asked.body)
        return 200, {"access_token": "eyJ.client", "expires_in": 3600, "token_type": "Bearer"}

    tls_token_server.answer = answer
    credential = DefaultAzureCredential(authority=tls_token_server.url, disable_instance_discovery=True)
    signer = TokenSigner(entra.Tokens(lambda: credential, SCOPE).fetch)
    signer.refresh()
    assert fields(signer, time.time()) == b"authorization: Bearer eyJ.client\r\n"
    asked = parse_qs(tokens[0])
    assert (asked["client_id"], asked["client_secret"], asked["scope"]) == (["a-client"], ["s3cret"], [SCOPE])
    assert not signer.due(time.time() + 3200)
    assert signer.due(time.time() + 3301)


@pytest.mark.real
def test_a_wrong_secret_is_an_error_in_one_line_without_it(monkeypatch: pytest.MonkeyPatch, tls_token_server: Any):
    for name, value in (("TENANT_ID", "a-tenant"), ("CLIENT_ID", "a-client"), ("CLIENT_SECRET", "s3cret")):
        monkeypatch.setenv(f"AZURE_{name}", value)
    tls_token_server.answer = lambda asked: (
        (200, {"token_endpoint": f"{tls_token_server.url}/t", "authorization_endpoint": "", "issuer": ""})
        if asked.method == "GET"
        else (401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."})
    )
    credential = DefaultAzureCredential(authority=tls_token_server.url, disable_instance_discovery=True)
    with pytest.raises(AuthError, match="AADSTS7000215: Invalid client secret provided") as caught:
        TokenSigner(entra.Tokens(lambda: credential, SCOPE).fetch).refresh()
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_where_nothing_is_found_the_ways_out_are_named(clock: Any):
    credential = FakeCredential(clock)
    credential.failure = ClientAuthenticationError("DefaultAzureCredential failed to retrieve a token\nAttempted: all")
    with pytest.raises(AuthError, match=r"AZURE_CLIENT_SECRET.*managed identity"):
        TokenSigner(entra.Tokens(lambda: credential, SCOPE).fetch).refresh()
