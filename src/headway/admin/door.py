"""Who comes in: told by the gateway's own token, a tool's token, a session, or by nothing where nothing is asked for.

What each may do there is the pages' to ask. A few pages are for those who are still outside: PUBLIC.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Scope

from headway.admin.entrance import Entrance
from headway.admin.origins import is_own_page
from headway.admin.proofs import CSRF, api_token_of, digest_of, is_csrf, session_of
from headway.admin.records import NoLogError
from headway.storage.database import BROKEN
from headway.types import PERMISSIONS, Caller, Permission

PUBLIC = frozenset(
    {
        ("GET", "/login"),
        ("POST", "/login"),
        ("POST", "/setup"),
        ("GET", "/login/oidc"),
        ("GET", "/login/oidc/callback"),
    }
)
"""What is reached from outside, by method and path."""
TOKEN, ANYBODY = "token", "anybody"
"""What callers without an account are called: whoever has the gateway's own token, and whoever is on this machine."""
_SAFE = frozenset({"GET", "HEAD"})
_ALL = PERMISSIONS["admin"]


class Refusal(NamedTuple):
    status: int
    message: str
    code: str = "access_denied"


_FOREIGN = Refusal(403, "this is closed to web pages of other origins")
_NO_DATABASE = Refusal(
    503, "nobody can be known: the database does not answer; the gateway's log says why", "database_unavailable"
)
_UNKNOWN = Refusal(401, "log in (POST /api/login), or send `Authorization: Bearer TOKEN` with a token that holds")


class Door:
    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance

    async def meet(self, scope: Scope) -> Caller | Refusal | None:
        """None: the page is for everybody. When the database does not answer, only the gateway's own token opens."""
        headers = Headers(scope=scope)
        own_page = is_own_page(headers, self._entrance.settings.public_url)
        if is_public(scope):
            return None if own_page or scope["method"] in _SAFE else _FOREIGN
        address = address_of(scope)
        if self._entrance.guard.wants_token and self._entrance.guard.refusal(headers) is None:
            return Caller(name=TOKEN, proof="token", permissions=_ALL, address=address)
        try:
            return await self._look_up(scope, headers, own_page, address)
        except (*BROKEN, NoLogError):
            return _NO_DATABASE

    async def _look_up(self, scope: Scope, headers: Headers, own_page: bool, address: str | None) -> Caller | Refusal:
        if self._entrance.keeps_accounts:
            if (token := api_token_of(headers)) is not None:
                return await self._by_api_token(token, address)
            if (session := session_of(headers)) is not None:
                caller = await self._by_session(session, address)
                if caller is not None:
                    return _checked(caller, session, scope, headers, own_page)
        return await self._by_nothing(headers, own_page, address)

    async def _by_api_token(self, token: str, address: str | None) -> Caller | Refusal:
        """It may do no more than its author may by now."""
        tokens = await self._entrance.api_tokens()
        found = await tokens.find(digest_of(token), now=time.time())
        if found is None:
            return Refusal(401, "this token is unknown, revoked or too old")
        own: frozenset[Permission] = frozenset() if found.role is None else PERMISSIONS[found.role]
        if found.token.author == TOKEN and self._entrance.guard.wants_token:
            own = _ALL
        permissions = found.token.scopes & own
        if not permissions:
            return Refusal(401, "whoever made this token may not do any of this by now")
        name = f"{found.token.author}/{found.token.name}"
        return Caller(name=name, proof="api_token", permissions=permissions, address=address)

    async def _by_session(self, session: str, address: str | None) -> Caller | None:
        found = await (await self._entrance.sessions()).find(digest_of(session), now=time.time())
        if found is None:
            return None
        return Caller(name=found.name, proof="session", permissions=PERMISSIONS[found.role], address=address)

    async def _by_nothing(self, headers: Headers, own_page: bool, address: str | None) -> Caller | Refusal:
        guard = self._entrance.guard
        if not guard.wants_token and await self._entrance.way() == "accounts":
            return _UNKNOWN
        refused = guard.refusal(without_origin(headers) if own_page else headers)
        if refused is not None:
            return Refusal(refused.status, refused.message)
        return Caller(name=ANYBODY, proof="open", permissions=_ALL, address=address)


def is_public(scope: Scope) -> bool:
    return (scope["method"], path_of(scope)) in PUBLIC


def path_of(scope: Scope) -> str:
    """Below the place where the administration is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def address_of(scope: Scope) -> str | None:
    """As the connection tells; what a header says is anybody's word."""
    client = scope.get("client")
    return None if not client else str(client[0])


def _checked(caller: Caller, session: str, scope: Scope, headers: Headers, own_page: bool) -> Caller | Refusal:
    """A browser sends the cookie whoever has it send the request."""
    if not own_page:
        return _FOREIGN
    if scope["method"] not in _SAFE and not is_csrf(headers, session):
        return Refusal(403, f"a change by session needs `{CSRF}` with what /api/me tells as csrf", "csrf")
    return caller


def without_origin(headers: Headers) -> Headers:
    """The guard is for those who are on this machine: our own page, under a name that it knows, is one of them."""
    kept = MutableHeaders(raw=list(headers.raw))
    del kept["origin"]
    return kept
