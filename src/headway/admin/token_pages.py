"""Tokens for tools: everybody with an account may make some, with no more than they may do themselves."""

from __future__ import annotations

import secrets
import time

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from headway.admin.access_shapes import NewToken, TokenList, TokenMade, TokenShown, problems
from headway.admin.callers import AsCaller, Needs
from headway.admin.entrance import Entrance
from headway.admin.proofs import digest_of, new_api_token
from headway.admin.refusals import refuse
from headway.storage.api_tokens import ApiToken
from headway.types import Caller

_PROBLEMS = problems(403, 409, 422, 503)


def token_pages(entrance: Entrance) -> APIRouter:
    router = APIRouter(prefix="/tokens", tags=["tokens"], dependencies=[Depends(Needs("read"))], responses=_PROBLEMS)

    @router.get("", summary="Your tokens; of everybody, for those who may change accounts")
    async def every(caller: AsCaller) -> TokenList:
        found = await (await entrance.api_tokens()).of(_only_of(caller))
        return TokenList(tokens=[_shown(each) for each in found])

    @router.post("", summary="Make a token", status_code=201, response_model=TokenMade)
    async def make(asked: NewToken, caller: AsCaller) -> TokenMade | Response:
        if caller.proof in ("open", "api_token"):
            return refuse(403, "only an account, or the gateway's own token, may make tokens", code="access_denied")
        beyond = sorted(frozenset(asked.scopes) - caller.permissions)
        if beyond:
            return refuse(403, f"you do not have the permission {beyond[0]!r} yourself", code="access_denied")
        now = time.time()
        if asked.expires is not None and asked.expires <= now:
            return refuse(422, "expires: must be in the future", code="invalid_request", param="expires")
        token = ApiToken(
            id=secrets.token_hex(8),
            name=asked.name,
            scopes=frozenset(asked.scopes),
            author=caller.name,
            created=now,
            expires=asked.expires,
            used=None,
            revoked=False,
        )
        given = new_api_token()
        await (await entrance.api_tokens()).make(caller, token, digest_of(given))
        return TokenMade(**_shown(token).model_dump(), token=given)

    @router.delete("/{number}", summary="Revoke a token", status_code=204, responses=problems(404))
    async def revoke(number: str, caller: AsCaller) -> Response:
        if not await (await entrance.api_tokens()).revoke(caller, number, author=_only_of(caller)):
            return refuse(404, "there is no such token", code="not_found")
        return Response(status_code=204)

    return router


def _only_of(caller: Caller) -> str | None:
    """Whose tokens somebody sees and revokes; None: everybody's. A tool's token sees none that its author made."""
    return None if "accounts" in caller.permissions else caller.name


def _shown(token: ApiToken) -> TokenShown:
    return TokenShown(
        id=token.id,
        name=token.name,
        author=token.author,
        scopes=sorted(token.scopes),
        created=token.created,
        expires=token.expires,
        used=token.used,
    )
