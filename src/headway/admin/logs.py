"""The request log: pages of it by filters, and everything about one request."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from headway.admin.callers import Needs
from headway.admin.refusals import refuse
from headway.admin.shapes import LoggedRequest, LoggedRequests, Problem, WholeRequest
from headway.admin.state import State
from headway.admin.times import Moment, unix
from headway.storage.request_log import MOST_ON_A_PAGE, Filters

Text = Annotated[str | None, Query(max_length=384)]


def filters(
    *,
    request_id: Text = None,
    route: Text = None,
    target: Annotated[str | None, Query(max_length=384, description="provider/model")] = None,
    provider: Text = None,
    key: Text = None,
    endpoint: Text = None,
    model: Text = None,
    outcome: Annotated[str | None, Query(max_length=32, description="ok, failed, or a kind of failure")] = None,
    status: Annotated[int | None, Query(ge=100, le=599)] = None,
    stream: bool | None = None,
    session: Text = None,
    tag: Text = None,
    since: Moment = None,
    until: Moment = None,
    slower: Annotated[float | None, Query(ge=0, le=1e6, description="Seconds that it took at least.")] = None,
) -> Filters:
    return Filters(
        request_id=request_id,
        route=route,
        target=target,
        provider=provider,
        key=key,
        endpoint=endpoint,
        model=model,
        outcome=outcome,
        status=status,
        stream=stream,
        session=session,
        tag=tag,
        since=unix(since),
        until=unix(until),
        slower=slower,
    )


def log_pages(state: State) -> APIRouter:
    router = APIRouter(prefix="/logs", tags=["logs"], dependencies=[Depends(Needs("read"))])

    @router.get("", summary="Requests, newest first", responses={409: {"model": Problem}, 503: {"model": Problem}})
    async def page(
        wanted: Annotated[Filters, Depends(filters)],
        limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE)] = 50,
        cursor: Annotated[str | None, Query(pattern=r"^\d{1,19}$", description="`next` of the page before.")] = None,
    ) -> LoggedRequests:
        log = await state.records.requests()
        found = await log.page(wanted, most=limit, before=None if cursor is None else int(cursor))
        rows = [LoggedRequest.model_validate(row) for row in found.rows]
        return LoggedRequests(requests=rows, next=None if found.before is None else str(found.before))

    @router.get(
        "/{request_id}",
        summary="One request",
        response_model=WholeRequest,
        responses={404: {"model": Problem}, 409: {"model": Problem}, 503: {"model": Problem}},
    )
    async def one(request_id: str) -> WholeRequest | Response:
        log = await state.records.requests()
        found = await log.one(request_id)
        if found is None:
            return refuse(404, "no such request is in the log; it may be too old", code="not_found")
        return WholeRequest.model_validate(found)

    return router
