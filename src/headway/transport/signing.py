"""Who signs requests to providers that want more than a key: the signers of `providers.auth`, kept fresh.

A signer may have to fetch a token first, which blocks and so happens in a thread; whoever needs it meanwhile waits. A
token is renewed before it ends, so that only the first request ever does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from headway.failures import Failure, FailureKind
from headway.providers.auth import AuthError, Signer, signer_for
from headway.types import Target

PAUSE = 5.0
"""Seconds after a failed attempt to get a token in which nobody tries again."""

Done = Callable[[Failure | None], None]


class Signing:
    """One signer. Call it inside the loop."""

    def __init__(self, signer: Signer, who: str, loop: asyncio.AbstractEventLoop) -> None:
        self._signer = signer
        self._who = who
        self._loop = loop
        self._refreshing: asyncio.Future[None] | None = None
        self._waiting: list[Done] = []
        self._failure: Failure | None = None
        self._not_before = 0.0

    def fields(self, method: bytes, path: bytes, body: bytes) -> bytes | None:
        """Header lines for one request; None while there is no token."""
        now = time.time()
        if self._signer.due(now):
            self._refresh()
        return self._signer.fields(method, path, body, now)

    def wait(self, done: Done) -> None:
        """Call back once there is a token, or there will be none."""
        if self._refreshing is None and time.monotonic() < self._not_before:
            self._loop.call_soon(done, self._failure)
            return
        self._waiting.append(done)
        self._refresh()

    def close(self) -> None:
        self._waiting.clear()

    def _refresh(self) -> None:
        if self._refreshing is not None or time.monotonic() < self._not_before:
            return
        self._refreshing = asyncio.ensure_future(self._fetch())

    async def _fetch(self) -> None:
        failure = Failure(kind=FailureKind.INTERNAL, source="gateway", message=f"{self._who}: no token could be got")
        try:
            await self._loop.run_in_executor(None, self._signer.refresh)
            failure = None
        except AuthError as error:
            message = f"{self._who} cannot be asked: {error}"
            failure = Failure(kind=FailureKind.AUTH_INVALID, source="gateway", message=message)
        finally:  # whoever waits must hear of it, whatever went wrong
            self._refreshing = None
            self._failure = failure
            if failure is not None:
                self._not_before = time.monotonic() + PAUSE
            waiting, self._waiting = self._waiting, []
            for done in waiting:
                done(failure)


class Signers:
    """All of a gateway, one for each credential; they survive a reload."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._loop = asyncio.get_running_loop()
        self._known: dict[tuple[object, ...], Signing | None] = {}

    def of(self, target: Target) -> Signing | None:
        """None: what stands in the head of every request is enough."""
        provider, credential = target.deployment.provider, target.credential
        if provider.auth not in ("sigv4", "google", "entra"):
            return None
        key = (provider.name, provider.base_url, provider.auth, credential.name, credential.secret)
        if key not in self._known:
            signer = signer_for(provider, credential, self._environ)
            self._known[key] = None if signer is None else Signing(signer, provider.name, self._loop)
        return self._known[key]

    def close(self) -> None:
        for signing in self._known.values():
            if signing is not None:
                signing.close()
