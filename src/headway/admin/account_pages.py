"""Accounts, for those who may change them."""

from __future__ import annotations

import time

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from headway.admin.access_shapes import (
    AccountList,
    AccountShown,
    ChangedAccount,
    NewAccount,
    problems,
)
from headway.admin.callers import AsCaller, Needs
from headway.admin.entrance import Entrance
from headway.admin.passwords import fault_of
from headway.admin.refusals import refuse
from headway.storage.accounts import SIGNED_ON, Account, AccountChange, AccountError
from headway.types import Secret

_PROBLEMS = problems(404, 409, 422, 429, 503)


def account_pages(entrance: Entrance) -> APIRouter:
    router = APIRouter(tags=["accounts"], dependencies=[Depends(Needs("accounts"))], responses=_PROBLEMS)

    @router.get("/accounts", summary="Accounts, by name")
    async def every() -> AccountList:
        return AccountList(accounts=[_shown(each) for each in await (await entrance.accounts()).all()])

    @router.post(
        "/accounts",
        summary="Make an account",
        description="The first has to be an administrator, where whoever is on this machine may come in.",
        status_code=201,
        response_model=AccountShown,
    )
    async def add(asked: NewAccount, caller: AsCaller) -> AccountShown | Response:
        if caller.proof == "open" and asked.role != "admin":
            raise AccountError("not_first", "the first account has to be an administrator: it closes the open access")
        digest = await _hashed(entrance, asked.password.get_secret_value(), asked.name)
        if isinstance(digest, Response):
            return digest
        accounts = await entrance.accounts()
        return _shown(await accounts.add(caller, asked.name, asked.role, digest, now=time.time()))

    @router.get("/accounts/{name}", summary="One account")
    async def one(name: str) -> AccountShown:
        found = await (await entrance.accounts()).one(name.lower())
        if found is None:
            raise AccountError("missing", "there is no such account")
        return _shown(found)

    @router.patch(
        "/accounts/{name}",
        summary="Change role or password, disable or enable",
        description="Ends the account's sessions. The last administrator stays one.",
        response_model=AccountShown,
    )
    async def change(name: str, asked: ChangedAccount, caller: AsCaller) -> AccountShown | Response:
        name, digest = name.lower(), None
        if asked.password is not None:
            digest = await _hashed(entrance, asked.password.get_secret_value(), name)
            if isinstance(digest, Response):
                return digest
        wanted = AccountChange(role=asked.role, enabled=asked.enabled, digest=digest)
        return _shown(await (await entrance.accounts()).change(caller, name, wanted, now=time.time()))

    @router.delete(
        "/accounts/{name}",
        summary="Remove an account",
        description="With its sessions and tokens. The last administrator stays.",
        status_code=204,
    )
    async def remove(name: str, caller: AsCaller) -> None:
        await (await entrance.accounts()).remove(caller, name.lower())

    return router


async def _hashed(entrance: Entrance, password: str, name: str) -> Secret | Response:
    """Or why it may not be."""
    fault = fault_of(password, name)
    if fault is not None:
        return refuse(422, fault, code="invalid_request", param="password")
    if entrance.passwords.busy:
        return refuse(429, "too many passwords at a time", code="rate_limited", retry_after=1.0)
    return await entrance.passwords.hash(password)


def _shown(account: Account) -> AccountShown:
    return AccountShown(
        name=account.name,
        role=account.role,
        enabled=account.enabled,
        single_sign_on=account.name.startswith(SIGNED_ON),
        created=account.created,
        changed=account.changed,
    )
