"""What was used: in all, over time, and by whom or what most. Told from sums, never from single requests."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from headway.admin.callers import Needs
from headway.admin.shapes import Point, Problem, Series, Sums, Top, TopEntry
from headway.admin.state import State
from headway.admin.times import Moment, span
from headway.storage.usage import MOST_ROWS, Dimension, Measure, Span

Text = Annotated[str | None, Query(max_length=384)]
By = Annotated[Dimension | None, Query(description="A sum for each value of this dimension.")]


def wanted(
    *,
    since: Moment = None,
    until: Moment = None,
    route: Text = None,
    target: Text = None,
    key: Text = None,
    endpoint: Text = None,
    outcome: Annotated[str | None, Query(max_length=32, description="ok, failed, or a kind of failure")] = None,
) -> Span:
    """The last day, unless it is said otherwise. Up to a day is told by minutes, what is longer by whole hours."""
    begin, end = span(since, until)
    return Span(since=begin, until=end, route=route, target=target, key=key, endpoint=endpoint, outcome=outcome)


Wanted = Annotated[Span, Depends(wanted)]


def statistics_pages(state: State) -> APIRouter:
    router = APIRouter(
        prefix="/statistics",
        tags=["statistics"],
        dependencies=[Depends(Needs("read"))],
        responses={409: {"model": Problem}, 503: {"model": Problem}},
    )

    @router.get("", summary="Sums")
    async def total(wanted: Wanted) -> Sums:
        usage = await state.records.usage()
        return Sums.model_validate(await usage.total(wanted))

    @router.get("/series", summary="Sums over time")
    async def series(
        wanted: Wanted,
        step: Annotated[
            int, Query(ge=60, le=31 * 86400, description="Seconds; coarser where there would be too many.")
        ] = 60,
        by: By = None,
    ) -> Series:
        usage = await state.records.usage()
        found = await usage.series(wanted, step=step, by=by)
        points = [Point.model_validate({**row, "by": None if by is None else row[by]}) for row in found]
        return Series(since=wanted.since, until=wanted.until, points=points)

    @router.get("/top", summary="Who or what had most")
    async def top(
        wanted: Wanted,
        by: Annotated[Dimension | Literal["tag"], Query(description="Tags are told of all requests, by whole hours.")],
        measure: Measure = "requests",
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 20,
    ) -> Top:
        usage = await state.records.usage()
        if by == "tag":
            found = await usage.top_tags(wanted, measure=measure, most=limit)
        else:
            found = await usage.top(wanted, by, measure=measure, most=limit)
        entries = [TopEntry.model_validate({**row, "by": row[by]}) for row in found]
        return Top(since=wanted.since, until=wanted.until, top=entries)

    return router
