"""Single sign-on: to the identity provider, and back with what it says."""

from __future__ import annotations

import hmac
import time
from importlib import import_module
from typing import Annotated, Protocol, cast

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from headway.admin.access_shapes import problems
from headway.admin.claims import Claims, IdentityError, name_of, role_of
from headway.admin.door import address_of
from headway.admin.entrance import Entrance
from headway.admin.origins import front_page, is_https
from headway.admin.proofs import cookie, cookies_in
from headway.admin.refusals import refuse
from headway.admin.sessions import begin_session, cookie_for, outsider, tell_of_failure
from headway.admin.sign_on import COOKIE, LONGEST, SignOn, begin_sign_on, seal, unseal
from headway.storage.accounts import Account
from headway.types import SingleSignOn

_PATH = "/api/login/oidc"
_SUBJECT = "(single sign-on)"
_STALE = "this login took too long or was begun elsewhere; begin again at /api/login/oidc"
Parameter = Annotated[str | None, Query(max_length=4096)]


class Provider(Protocol):
    """`identity.IdentityProvider`."""

    settings: SingleSignOn

    async def address_for(self, sign_on: SignOn, redirect: str) -> str: ...

    async def claims_for(self, code: str, sign_on: SignOn, redirect: str, *, issuer: str | None) -> Claims: ...


class _RefusedError(Exception):
    """Why somebody does not come in."""


class _SignOns:
    """The provider that is configured just now, with what it has told of itself."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self._provider: Provider | None = None

    def provider(self) -> Provider | None:
        """Imported when it is needed: its libraries are an extra."""
        settings = self._entrance.settings.oidc
        if settings is None:
            return None
        if self._provider is None or self._provider.settings != settings:
            make = import_module("headway.admin.identity").IdentityProvider
            self._provider = cast("Provider", make(settings))
        return self._provider

    async def account(
        self, provider: Provider, code: str, sign_on: SignOn, request: Request, issuer: str | None
    ) -> Account:
        """Of whoever came back. Raises `_RefusedError` or `IdentityError`."""
        claims = await provider.claims_for(code, sign_on, _redirect(self._entrance, request), issuer=issuer)
        name, role = name_of(provider.settings, claims), role_of(provider.settings, claims)
        if name is None:
            raise _RefusedError("the identity provider tells no name that can be used")
        if role is None:
            raise _RefusedError("nothing that the identity provider tells of you brings a role here")
        accounts = await self._entrance.accounts()
        account = await accounts.signed_on(outsider(request), name, role, now=time.time())
        if not account.enabled:
            raise _RefusedError("your account is disabled")
        return account


def sign_on_pages(entrance: Entrance) -> APIRouter:
    router = APIRouter(tags=["login"], responses=problems(403, 404, 409, 429, 502))
    sign_ons = _SignOns(entrance)

    @router.get("/login/oidc", summary="To the identity provider", status_code=302, response_class=RedirectResponse)
    async def leave(request: Request) -> Response:
        provider = sign_ons.provider()
        if provider is None:
            return refuse(404, "single sign-on is not set up: auth.admin.oidc", code="not_found")
        sign_on = begin_sign_on(time.time())
        try:
            address = await provider.address_for(sign_on, _redirect(entrance, request))
        except IdentityError as error:
            return refuse(502, str(error), code="identity_provider")
        answer = RedirectResponse(address, 302, {"cache-control": "no-store"})
        answer.headers.append(
            "set-cookie", _cookie(entrance, request, seal(sign_on, provider.settings.client_secret), LONGEST)
        )
        return answer

    @router.get(
        "/login/oidc/callback",
        summary="Back from the identity provider",
        status_code=303,
        response_class=RedirectResponse,
    )
    async def back(
        request: Request,
        code: Parameter = None,
        state: Parameter = None,
        iss: Parameter = None,
        error: Parameter = None,
    ) -> Response:
        provider = sign_ons.provider()
        if provider is None:
            return refuse(404, "single sign-on is not set up: auth.admin.oidc", code="not_found")
        sign_on = _remembered(provider, request)
        if sign_on is None or not hmac.compare_digest(sign_on.state.encode(), (state or "").encode()):
            return refuse(403, _STALE, code="stale_login")
        if code is None or error is not None:
            return refuse(403, "the identity provider has let nobody in", code="access_denied")
        address = address_of(request.scope)
        wait = entrance.attempts.admit(f"{_SUBJECT} {address}", address, time.monotonic())
        if wait > 0:
            return refuse(429, "too many failed logins; come again later", code="rate_limited", retry_after=wait)
        try:
            account = await sign_ons.account(provider, code, sign_on, request, iss)
        except _RefusedError as refusal:
            await tell_of_failure(entrance, _SUBJECT, request)
            return refuse(403, str(refusal), code="access_denied")
        except IdentityError as failure:
            await tell_of_failure(entrance, _SUBJECT, request)
            return refuse(502, str(failure), code="identity_provider")
        entrance.attempts.succeeded(f"{_SUBJECT} {address}", address)
        return await _let_in(entrance, account, request)

    return router


async def _let_in(entrance: Entrance, account: Account, request: Request) -> Response:
    session, _ = await begin_session(entrance, account, request)
    front = (entrance.settings.public_url or "") + "/"
    answer = RedirectResponse(front, 303, {"cache-control": "no-store"})
    answer.headers.append("set-cookie", cookie_for(entrance, session, request))
    answer.headers.append("set-cookie", _cookie(entrance, request, "", 0))
    return answer


def _remembered(provider: Provider, request: Request) -> SignOn | None:
    found = [value for field in request.headers.getlist("cookie") for value in cookies_in(field, COOKIE)]
    return unseal(found[0], provider.settings.client_secret, time.time()) if len(found) == 1 else None


def _cookie(entrance: Entrance, request: Request, value: str, age: float) -> str:
    """Lax: it has to come along when the identity provider sends its person back."""
    https = is_https(request.scope, entrance.settings.public_url)
    return cookie(COOKIE, value, path=_PATH, age=age, https=https, same_site="Lax")


def _redirect(entrance: Entrance, request: Request) -> str:
    return front_page(request.scope, request.headers, entrance.settings.public_url) + f"{_PATH}/callback"
