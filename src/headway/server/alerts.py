"""The page of alerts, `/api/alerts`: those that last and those that have ended of late, newest first."""

from __future__ import annotations

from typing import Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headway.server.guard import Guarded, guarded, of_now
from headway.types import Alert

ALERTS = "/api/alerts"
_encode = msgspec.json.Encoder().encode


class State(Guarded, Protocol):
    """What the page tells about."""

    def alerts(self) -> tuple[Alert, ...]: ...


def alert_routes(state: State) -> list[Route]:
    async def alerts(_: Request) -> Response:
        return of_now(_encode({"alerts": state.alerts()}))

    return [Route(ALERTS, guarded(state, alerts))]
