"""The pages that tell how targets stand: `/api/targets`, and `/api/explain` for one model name.

What they tell is `core.explain`'s business, who may read it `server.access`'.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headway.core.load import Load
from headway.failures import Failure
from headway.pipeline.endings import ending
from headway.server.access import Access
from headway.server.answers import written
from headway.types import Overview, RouteRecord
from headway.wire.openai import errors

TARGETS, EXPLAIN = "/api/targets", "/api/explain"
_INVALID = "invalid_request"
_LONGEST = 12
"""Digits of a number of tokens."""
_encode = msgspec.json.Encoder().encode

Answer = Callable[[Request], Coroutine[Any, Any, Response]]


class State(Protocol):
    """What the pages tell about."""

    @property
    def access(self) -> Access: ...

    def overview(self) -> Overview: ...

    def explain(self, model: str, load: Load, session: str | None) -> RouteRecord | Failure: ...


def target_routes(state: State) -> list[Route]:
    async def targets(_: Request) -> Response:
        return _now(_encode(state.overview()))

    async def explain(request: Request) -> Response:
        asked = request.query_params
        model, tokens = asked.get("model", ""), asked.get("tokens", "0")
        if not model:
            return _error(400, "which model? Ask for /api/explain?model=NAME", "model")
        if not (tokens.isascii() and tokens.isdigit() and len(tokens) <= _LONGEST):
            return _error(400, "tokens must be a whole number", "tokens")
        found = state.explain(model, Load(media=int(tokens)), asked.get("session"))
        if isinstance(found, Failure):
            end = ending(found, [], "openai", param="model")
            return _now(end.body, end.status)
        return _now(_encode(found))

    def guarded(answer: Answer) -> Answer:
        async def checked(request: Request) -> Response:
            refusal = state.access.refusal(request.headers)
            if refusal is None:
                return await answer(request)
            headers = {"www-authenticate": "Bearer"} if refusal.status == 401 else {}
            body = errors.body(refusal.message, status=refusal.status, code="access_denied")
            return _now(body, refusal.status, headers)

        return checked

    return [Route(TARGETS, guarded(targets)), Route(EXPLAIN, guarded(explain))]


def _error(status: int, message: str, param: str) -> Response:
    return _now(errors.body(message, status=status, code=_INVALID, param=param), status)


def _now(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """What stands here holds for a moment."""
    return written(body, status, {"cache-control": "no-store", **(headers or {})})
