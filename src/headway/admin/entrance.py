"""What the administration asks of people just now, and where it looks them up.

Without an account, single sign-on or a token of the gateway's own it is open to whom the guard lets in.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Literal, Protocol

from starlette.datastructures import Headers

from headway.admin.attempts import Attempts
from headway.admin.passwords import Passwords
from headway.admin.records import Records
from headway.storage.accounts import Accounts
from headway.storage.api_tokens import ApiTokens
from headway.storage.sessions import Sessions
from headway.types import Administration, Secret

Way = Literal["open", "token", "accounts"]


class Refused(Protocol):
    """Why somebody may not come in."""

    @property
    def status(self) -> int: ...

    @property
    def message(self) -> str: ...


class Guard(Protocol):
    """The gateway's own token, and who comes in where there is none."""

    @property
    def wants_token(self) -> bool:
        """The gateway has a token."""
        ...

    def refusal(self, headers: Headers, /) -> Refused | None:
        """None: come in. With a token: whoever has it; without: whoever is on this machine."""
        ...


class Entrance:
    """`settings` tells what is configured just now; `setup_token` is what the first administrator shows who comes from
    elsewhere, None if nobody can.
    """

    def __init__(
        self,
        guard: Guard,
        records: Records,
        settings: Callable[[], Administration],
        *,
        passwords: Passwords,
        setup_token: Secret | None = None,
    ) -> None:
        self.guard = guard
        self.passwords = passwords
        self.attempts = Attempts()
        self._records = records
        self._settings = settings
        self._setup_token = setup_token

    @property
    def settings(self) -> Administration:
        return self._settings()

    async def way(self) -> Way:
        """What somebody is asked for who shows nothing. An account ends open access at once, whichever worker made
        it: it is looked up each time.
        """
        if self.settings.oidc is not None:
            return "accounts"
        if not self._records.off and await (await self.accounts()).exist():
            return "accounts"
        return "token" if self.guard.wants_token else "open"

    async def accounts(self) -> Accounts:
        return Accounts(await self._records.engine())

    async def sessions(self) -> Sessions:
        return Sessions(await self._records.engine())

    async def api_tokens(self) -> ApiTokens:
        return ApiTokens(await self._records.engine())

    @property
    def keeps_accounts(self) -> bool:
        return not self._records.off

    @property
    def has_setup_token(self) -> bool:
        return self._setup_token is not None

    def is_setup_token(self, given: str) -> bool:
        wanted = self._setup_token
        return wanted is not None and hmac.compare_digest(given.encode(), wanted.reveal().encode())
