"""Coming in and going out: login by password, the first administrator, who one is, one's own password."""

from __future__ import annotations

import time

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from headway.admin.access_shapes import Login, Me, OwnPassword, Setup, Ways, problems
from headway.admin.callers import AsCaller, Needs
from headway.admin.door import address_of, without_origin
from headway.admin.entrance import Entrance
from headway.admin.passwords import fault_of
from headway.admin.refusals import refuse
from headway.admin.sessions import farewell, outsider, tell_of_failure, told_of, welcome
from headway.storage.accounts import Account, AccountChange

_TOO_OFTEN = "too many failed logins; come again later"
_WRONG = "name or password is wrong"
_PROBLEMS = problems(401, 403, 409, 422, 429, 503)


def login_pages(entrance: Entrance) -> APIRouter:
    router = APIRouter(tags=["login"])

    @router.get("/login", summary="How one may come in")
    async def ways() -> Ways:
        way = await entrance.way()
        setup = "closed" if way != "open" or not entrance.keeps_accounts else "open"
        if setup == "open" and entrance.has_setup_token:
            setup = "token"
        accounts = entrance.keeps_accounts and await (await entrance.accounts()).exist()
        return Ways(password=accounts, oidc=entrance.settings.oidc is not None, setup=setup)

    @router.post("/login", summary="Begin a session by name and password", response_model=Me, responses=_PROBLEMS)
    async def login(asked: Login, request: Request) -> Response:
        name = asked.name.lower()
        late = _slowed(entrance, name, request)
        if late is not None:
            return late
        account = await _known(entrance, name, asked.password.get_secret_value())
        if account is None:
            await tell_of_failure(entrance, await _subject(entrance, name), request)
            return refuse(401, _WRONG, code="wrong_login")
        entrance.attempts.succeeded(name, address_of(request.scope))
        return await welcome(entrance, account, request)

    @router.post(
        "/setup", summary="Make the first administrator", status_code=201, response_model=Me, responses=_PROBLEMS
    )
    async def setup(asked: Setup, request: Request) -> Response:
        refused = await _setup_refused(entrance, asked, request)
        if refused is not None:
            return refused
        digest = await entrance.passwords.hash(asked.password.get_secret_value())
        caller = outsider(request)
        accounts = await entrance.accounts()
        account = await accounts.add(caller, asked.name, "admin", digest, now=time.time(), first=True)
        return await welcome(entrance, account, request, 201)

    @router.post("/logout", summary="End the session", status_code=204, responses=problems(403))
    async def logout(caller: AsCaller, request: Request) -> Response:
        return await farewell(entrance, caller, request)

    router.include_router(_own_pages(entrance))
    return router


def _own_pages(entrance: Entrance) -> APIRouter:
    """For those who are in."""
    router = APIRouter()

    @router.get("/me", summary="Who you are, and what you may do")
    async def me(caller: AsCaller, request: Request) -> Me:
        return await told_of(entrance, caller, request)

    @router.post(
        "/me/password",
        summary="Change your own password",
        description="Ends all sessions of the account, and begins a new one.",
        response_model=Me,
        responses=_PROBLEMS,
        dependencies=[Depends(Needs("read"))],
    )
    async def own_password(asked: OwnPassword, caller: AsCaller, request: Request) -> Response:
        if caller.proof != "session":
            return refuse(403, "only a session has a password of its own to change", code="access_denied")
        late = _slowed(entrance, caller.name, request)
        if late is not None:
            return late
        if await _known(entrance, caller.name, asked.current.get_secret_value()) is None:
            await tell_of_failure(entrance, caller.name, request)
            return refuse(403, "the current password is wrong", code="wrong_login", param="current")
        entrance.attempts.succeeded(caller.name, address_of(request.scope))
        fault = fault_of(asked.password.get_secret_value(), caller.name)
        if fault is not None:
            return refuse(422, fault, code="invalid_request", param="password")
        digest = await entrance.passwords.hash(asked.password.get_secret_value())
        accounts = await entrance.accounts()
        account = await accounts.change(caller, caller.name, AccountChange(digest=digest), now=time.time())
        return await welcome(entrance, account, request)

    return router


def _slowed(entrance: Entrance, name: str, request: Request) -> JSONResponse | None:
    if entrance.passwords.busy:
        return refuse(429, "too many logins at a time", code="rate_limited", retry_after=1.0)
    wait = entrance.attempts.admit(name, address_of(request.scope), time.monotonic())
    return refuse(429, _TOO_OFTEN, code="rate_limited", retry_after=wait) if wait > 0 else None


async def _known(entrance: Entrance, name: str, password: str) -> Account | None:
    """The account whose password this is. Without one it takes as long."""
    accounts = await entrance.accounts()
    account = await accounts.one(name)
    checked = await entrance.passwords.check(password, None if account is None else account.digest)
    if account is None or not checked.right or not account.enabled:
        return None
    if checked.again is not None:
        await accounts.rehash(name, account.digest, checked.again)
    return account


async def _subject(entrance: Entrance, name: str) -> str:
    """A name that nobody has may be a password in the wrong field: it is not written down."""
    return name if await (await entrance.accounts()).one(name) is not None else "(nobody)"


async def _setup_refused(entrance: Entrance, asked: Setup, request: Request) -> Response | None:
    if await entrance.way() != "open":
        return refuse(409, "there is an administrator, or another way in, already", code="not_first")
    refusal = entrance.guard.refusal(without_origin(request.headers))
    if refusal is not None or asked.token is not None:
        late = _slowed(entrance, "(setup)", request)
        if late is not None:
            return late
        given = "" if asked.token is None else asked.token.get_secret_value()
        if not entrance.is_setup_token(given):
            said = "this needs the token that the gateway has written to its standard error at its start"
            return refuse(403, said, code="access_denied", param="token")
        entrance.attempts.succeeded("(setup)", address_of(request.scope))
    fault = fault_of(asked.password.get_secret_value(), asked.name)
    return None if fault is None else refuse(422, fault, code="invalid_request", param="password")
