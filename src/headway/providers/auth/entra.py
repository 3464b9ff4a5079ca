"""Access tokens of Microsoft Entra for Azure's models.

azure-identity decides how: a client's secret or certificate (AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_CLIENT_SECRET), a
workload's or managed identity, the login of the Azure CLI. This module asks it in a thread. Needs the extra `entra`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential

from headway.providers.auth.signer import AuthError, Fetched, TokenSigner, bearer, plainly
from headway.providers.classification.masking import masked

_CLOUDS = {".azure.us": "https://cognitiveservices.azure.us", ".azure.cn": "https://cognitiveservices.azure.cn"}
_ANSWER = re.compile(r"AADSTS\d+: [^\r\n]*")
NO_CREDENTIALS = (
    "no credentials were found: set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or run where a managed "
    "identity or the login of the Azure CLI is at hand"
)
_PUBLIC = "https://cognitiveservices.azure.com"


class AccessToken(Protocol):
    @property
    def token(self) -> str: ...

    @property
    def expires_on(self) -> int: ...


class TokenCredential(Protocol):
    def get_token(self, *scopes: str) -> AccessToken: ...


def from_surroundings(base_url: str) -> TokenSigner:
    return TokenSigner(Tokens(DefaultAzureCredential, scope_of(base_url)).fetch)


def scope_of(base_url: str) -> str:
    """Sovereign clouds have audiences of their own."""
    host = urlsplit(base_url).hostname or ""
    audience = next((each for suffix, each in _CLOUDS.items() if host.endswith(suffix)), _PUBLIC)
    return f"{audience}/.default"


class Tokens:
    """The credential is made once it is needed, since making it looks at files and variables."""

    def __init__(self, make: Callable[[], TokenCredential], scope: str) -> None:
        self._make = make
        self._scope = scope
        self._credential: TokenCredential | None = None

    def fetch(self) -> Fetched[bytes]:
        try:
            credential = self._credential
            if credential is None:
                credential = self._credential = self._make()
            token = credential.get_token(self._scope)
        except (AzureError, OSError, ValueError) as error:
            raise AuthError(f"Microsoft Entra gave no token: {_said(error)}") from None
        return Fetched(bearer(token.token), float(token.expires_on))


def _said(error: Exception) -> str:
    """Of the chain's account of all it tried: what Entra itself answered, which begins with its number of an error."""
    answered = _ANSWER.search(str(error))
    if answered is not None:
        return masked(answered[0])[:300]
    return NO_CREDENTIALS if str(error).startswith("DefaultAzureCredential failed") else plainly(error)
