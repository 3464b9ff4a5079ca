"""The alerts that last and those that have ended of late, newest first."""

from __future__ import annotations

import msgspec
from fastapi import APIRouter, Depends
from fastapi.responses import Response

from headway.admin.callers import Needs
from headway.admin.described import of_now, told_as
from headway.admin.state import State
from headway.types import Alert


class Alerts(msgspec.Struct, frozen=True):
    """Newest first."""

    alerts: tuple[Alert, ...]


def alert_pages(state: State) -> APIRouter:
    router = APIRouter(tags=["alerts"], dependencies=[Depends(Needs("read"))], default_response_class=Response)

    @router.head("/alerts", include_in_schema=False)
    @router.get("/alerts", summary="What is wrong", responses=told_as(Alerts, "Those that last, and some that ended."))
    async def alerts() -> Response:
        return of_now(Alerts(state.gateway.alerts()))

    return router
