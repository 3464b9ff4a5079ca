"""How targets stand: of all routes, and for one model name. What there is to tell is `core.explain`'s business."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from headway.admin.callers import Needs
from headway.admin.described import of_now, told_as
from headway.admin.refusals import refuse
from headway.admin.shapes import Problem
from headway.admin.state import State
from headway.core.load import Load
from headway.failures import Failure
from headway.pipeline.endings import ending
from headway.types import Overview, RouteRecord

_INVALID = "invalid_request"
_LONGEST = 12
"""Digits of a number of tokens."""


def target_pages(state: State) -> APIRouter:
    router = APIRouter(tags=["targets"], dependencies=[Depends(Needs("read"))], default_response_class=Response)

    @router.head("/targets", include_in_schema=False)
    @router.get("/targets", summary="How all targets stand", responses=told_as(Overview, "All routes."))
    async def targets() -> Response:
        return of_now(state.gateway.overview())

    @router.head("/explain", include_in_schema=False)
    @router.get(
        "/explain",
        summary="Whom a request would be sent to, and why not to others",
        responses=told_as(RouteRecord, "Its targets, tier by tier.")
        | {400: {"model": Problem}, 404: {"model": Problem}},
    )
    async def explain(
        model: Annotated[str, Query(description="As a client would name it; must be given.")] = "",
        tokens: Annotated[str, Query(description="How large the request is.")] = "0",
        session: Annotated[str | None, Query(description="What a session header would say.")] = None,
    ) -> Response:
        if not model:
            return refuse(400, "which model? Ask for /api/explain?model=NAME", code=_INVALID, param="model")
        if not (tokens.isascii() and tokens.isdigit() and len(tokens) <= _LONGEST):
            return refuse(400, "tokens must be a whole number", code=_INVALID, param="tokens")
        found = state.gateway.explain(model, Load(media=int(tokens)), session)
        if isinstance(found, Failure):
            end = ending(found, [], "openai", param="model")
            return Response(end.body, end.status, {"cache-control": "no-store"}, "application/json")
        return of_now(found)

    return router
