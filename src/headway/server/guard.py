"""Pages for those who may see how the gateway stands inside. Who that is, is `server.access`' decision."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from headway.server.access import Access
from headway.server.answers import written
from headway.wire.openai import errors

Answer = Callable[[Request], Coroutine[Any, Any, Response]]


class Guarded(Protocol):
    """What has an access that may be replaced while it runs."""

    @property
    def access(self) -> Access: ...


def guarded(state: Guarded, answer: Answer) -> Answer:
    async def checked(request: Request) -> Response:
        refusal = state.access.refusal(request.headers)
        if refusal is None:
            return await answer(request)
        headers = {"www-authenticate": "Bearer"} if refusal.status == 401 else {}
        body = errors.body(refusal.message, status=refusal.status, code="access_denied")
        return of_now(body, refusal.status, headers)

    return checked


def of_now(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON that holds for a moment."""
    return written(body, status, {"cache-control": "no-store", **(headers or {})})
