"""An OpenID provider: where to send people, and whether what it says of them is to be believed.

OpenID Connect Core §3.1, discovery, RFC 7636 (PKCE) and RFC 9207. What its claims mean here is `claims`' business.
Imported where single sign-on is set up: it needs the extra `oidc`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote_plus, urlencode

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from headway.admin.claims import Claims, IdentityError
from headway.admin.sign_on import SignOn
from headway.types import SingleSignOn

PATIENCE = 10.0
"""Seconds for one answer of the provider's."""
KEPT = 3600.0
"""Seconds after which its description and its keys are asked for again."""
_FRESH = 30.0
"""Seconds for which keys are not asked for again because of one that is not among them."""
_MOST = 1024 * 1024
_LEEWAY = 60
"""Seconds that clocks may differ by."""
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""With a public key. `none` and those with a shared key are not among them."""
_PUBLIC = frozenset({"RSA", "EC"})

Answer = TypeVar("Answer")


class _Description(msgspec.Struct):
    """OpenID Connect Discovery §3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct):
    id_token: str


class _Keys(msgspec.Struct):
    keys: list[dict[str, Any]]


class IdentityProvider:
    def __init__(self, settings: SingleSignOn, *, wall: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._wall = wall
        self._described: tuple[float, _Description] | None = None
        self._known: tuple[float, KeySet] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def address_for(self, sign_on: SignOn, redirect: str) -> str:
        """Where somebody logs in who shall come back to `redirect`."""
        description = await self._description()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(self.settings.scopes),
            "state": sign_on.state,
            "nonce": sign_on.nonce,
            "code_challenge": sign_on.challenge,
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in description.authorization_endpoint else "?"
        return description.authorization_endpoint + separator + urlencode(asked)

    async def claims_for(self, code: str, sign_on: SignOn, redirect: str, *, issuer: str | None) -> Claims:
        """What it says of whoever came back with the code. `issuer` is whom the answer says to be from, if it does."""
        description = await self._description()
        if issuer is not None and issuer != description.issuer:  # RFC 9207 §2.4
            raise IdentityError("the answer is another identity provider's")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": sign_on.verifier,
        }
        tokens = await self._fetch(_Tokens, description.token_endpoint, form, self._proof(description))
        return await self._believed(tokens.id_token, sign_on, description)

    def _proof(self, description: _Description) -> dict[str, str] | httpx.BasicAuth:
        """RFC 6749 §2.3.1: as a header, unless it takes the form alone."""
        name, secret = self.settings.client_id, self.settings.client_secret.reveal()
        methods = description.token_endpoint_auth_methods_supported
        if "client_secret_post" in methods and "client_secret_basic" not in methods:
            return {"client_id": name, "client_secret": secret}
        return httpx.BasicAuth(quote_plus(name), quote_plus(secret))

    async def _believed(self, token: str, sign_on: SignOn, description: _Description) -> Claims:
        wanted = jwt.JWTClaimsRegistry(
            now=int(self._wall()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": description.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            nonce={"essential": True, "value": sign_on.nonce},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
        )
        try:
            claims = (await self._decoded(token, description)).claims
            wanted.validate(claims)
        except (JoseError, ValueError) as error:
            raise IdentityError(f"the identity provider's ID token does not hold ({type(error).__name__})") from None
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise IdentityError("the identity provider's ID token is another client's")
        return claims

    async def _decoded(self, token: str, description: _Description) -> jwt.Token:
        try:
            return jwt.decode(token, await self._keys(description, newer_than=KEPT), algorithms=_ALGORITHMS)
        except InvalidKeyIdError:  # it may have taken a new one
            return jwt.decode(token, await self._keys(description, newer_than=_FRESH), algorithms=_ALGORITHMS)

    async def _description(self) -> _Description:
        async with self._one_at_a_time:
            now = self._wall()
            if self._described is not None and now - self._described[0] < KEPT:
                return self._described[1]
            found = await self._fetch(_Description, f"{self.settings.issuer}/.well-known/openid-configuration")
            if found.issuer.rstrip("/") != self.settings.issuer:
                raise IdentityError("the identity provider calls itself something else than auth.admin.oidc.issuer")
            addresses = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
            scheme = self.settings.issuer.partition("://")[0]
            if not all(address.startswith(("https://", f"{scheme}://")) for address in addresses):
                raise IdentityError("the identity provider names addresses without TLS")
            self._described = now, found
            return found

    async def _keys(self, description: _Description, *, newer_than: float) -> KeySet:
        async with self._one_at_a_time:
            now = self._wall()
            if self._known is not None and now - self._known[0] < newer_than:
                return self._known[1]
            told = await self._fetch(_Keys, description.jwks_uri)
            usable = [key for key in told.keys if key.get("kty") in _PUBLIC and key.get("use", "sig") == "sig"]
            found = KeySet.import_key_set({"keys": usable})  # type: ignore[typeddict-item]
            self._known = now, found
            return found

    async def _fetch(
        self,
        shape: type[Answer],
        url: str,
        form: dict[str, str] | None = None,
        proof: dict[str, str] | httpx.BasicAuth | None = None,
    ) -> Answer:
        """GET, or POST with a form."""
        auth = proof if isinstance(proof, httpx.BasicAuth) else None
        sent = None if form is None else form | (proof if isinstance(proof, dict) else {})
        body = bytearray()
        try:
            async with asyncio.timeout(PATIENCE), httpx.AsyncClient(timeout=PATIENCE) as client:
                method = "GET" if sent is None else "POST"
                async with client.stream(method, url, data=sent, auth=auth) as response:
                    async for part in response.aiter_bytes():
                        body += part
                        if len(body) > _MOST:
                            raise IdentityError("the identity provider's answer is too long")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise IdentityError(f"the identity provider does not answer ({type(error).__name__})") from None
        if response.status_code != 200:
            raise IdentityError(f"the identity provider answers with status {response.status_code}")
        try:
            return msgspec.json.decode(body, type=shape)
        except (msgspec.DecodeError, ValueError):
            raise IdentityError("the identity provider's answer cannot be understood") from None
