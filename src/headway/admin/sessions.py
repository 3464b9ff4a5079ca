"""How a session begins and ends over HTTP: its cookie, and what its holder is told."""

from __future__ import annotations

import time

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from headway.admin.access_shapes import Me
from headway.admin.door import ANYBODY, address_of
from headway.admin.entrance import Entrance
from headway.admin.origins import is_https
from headway.admin.proofs import csrf_of, digest_of, new_session, session_cookie, session_of
from headway.storage.accounts import Account
from headway.storage.audit import record
from headway.types import PERMISSIONS, Caller


def holder_of(account: Account, request: Request) -> Caller:
    """Whoever has just shown to be this one."""
    return Caller(
        name=account.name,
        proof="session",
        permissions=PERMISSIONS[account.role],
        address=address_of(request.scope),
    )


def outsider(request: Request) -> Caller:
    """Whoever asks has shown nothing yet."""
    return Caller(name=ANYBODY, proof="open", permissions=frozenset(), address=address_of(request.scope))


async def tell_of_failure(entrance: Entrance, subject: str, request: Request) -> None:
    """Somebody did not come in; about the same subject once in a while."""
    if entrance.attempts.is_told(subject, time.monotonic()):
        async with (await entrance.accounts()).engine.begin() as connection:
            await record(connection, outsider(request), "session.refuse", subject)


async def begin_session(entrance: Entrance, account: Account, request: Request) -> tuple[str, float]:
    """The session's token, and when it ends."""
    session, now = new_session(), time.time()
    expires = now + entrance.settings.session
    sessions = await entrance.sessions()
    await sessions.begin(holder_of(account, request), digest_of(session), now=now, expires=expires)
    return session, expires


def cookie_for(entrance: Entrance, session: str, request: Request) -> str:
    settings = entrance.settings
    return session_cookie(session, age=settings.session, https=is_https(request.scope, settings.public_url))


async def welcome(entrance: Entrance, account: Account, request: Request, status: int = 200) -> Response:
    """A session begins, and its holder is told so."""
    session, expires = await begin_session(entrance, account, request)
    told = Me(
        name=account.name,
        proof="session",
        role=account.role,
        permissions=sorted(PERMISSIONS[account.role]),
        csrf=csrf_of(session),
        expires=expires,
    )
    fields = {"cache-control": "no-store", "set-cookie": cookie_for(entrance, session, request)}
    return JSONResponse(told.model_dump(), status, fields)


async def farewell(entrance: Entrance, caller: Caller, request: Request) -> Response:
    """The session ends, and its cookie goes. Whoever has none is told the same."""
    session = session_of(request.headers)
    if caller.proof == "session" and session is not None:
        await (await entrance.sessions()).end(caller, digest_of(session))
    https = is_https(request.scope, entrance.settings.public_url)
    fields = {"cache-control": "no-store", "set-cookie": session_cookie("", age=0, https=https)}
    return Response(status_code=204, headers=fields)


async def told_of(entrance: Entrance, caller: Caller, request: Request) -> Me:
    """Who asks."""
    session = session_of(request.headers) if caller.proof == "session" else None
    found = None
    if session is not None:
        found = await (await entrance.sessions()).find(digest_of(session), now=time.time())
    return Me(
        name=caller.name,
        proof=caller.proof,
        role=None if found is None else found.role,
        permissions=sorted(caller.permissions),
        csrf=None if session is None else csrf_of(session),
        expires=None if found is None else found.expires,
    )
