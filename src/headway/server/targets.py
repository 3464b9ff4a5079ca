"""The pages that tell how targets stand: `/api/targets`, and `/api/explain` for one model name.

What they tell is `core.explain`'s business, who may read it `server.access`'.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headway.core.load import Load
from headway.failures import Failure
from headway.pipeline.endings import ending
from headway.server.guard import Guarded, guarded, of_now
from headway.types import Overview, RouteRecord
from headway.wire.openai import errors

TARGETS, EXPLAIN = "/api/targets", "/api/explain"
_INVALID = "invalid_request"
_LONGEST = 12
"""Digits of a number of tokens."""
_encode = msgspec.json.Encoder().encode


class State(Guarded, Protocol):
    """What the pages tell about."""

    def overview(self) -> Overview: ...

    def explain(self, model: str, load: Load, session: str | None) -> RouteRecord | Failure: ...


def target_routes(state: State) -> list[Route]:
    async def targets(_: Request) -> Response:
        return of_now(_encode(state.overview()))

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
            return of_now(end.body, end.status)
        return of_now(_encode(found))

    return [Route(TARGETS, guarded(state, targets)), Route(EXPLAIN, guarded(state, explain))]


def _error(status: int, message: str, param: str) -> Response:
    return of_now(errors.body(message, status=status, code=_INVALID, param=param), status)
