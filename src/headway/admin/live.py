"""What ends just now, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse

from headway.admin.callers import Needs
from headway.admin.refusals import refuse
from headway.admin.shapes import Problem
from headway.admin.state import State
from headway.types import ExchangeEvent

SIGN_OF_LIFE = 15.0
"""Seconds after which a silent stream says that it lives."""
_encode = msgspec.json.Encoder().encode


def live_pages(state: State) -> APIRouter:
    router = APIRouter(tags=["live"], dependencies=[Depends(Needs("read"))])

    @router.get(
        "/live",
        summary="Requests as they end",
        response_class=StreamingResponse,
        responses={
            200: {"content": {"text/event-stream": {}}, "description": "`exchange` events, each a line of the log."},
            429: {"model": Problem},
        },
    )
    async def live(
        route: Annotated[str | None, Query(max_length=256)] = None,
        outcome: Annotated[str | None, Query(max_length=32, description="ok, failed, or a kind of failure")] = None,
    ) -> Response:
        if state.feed.full:
            return refuse(429, "as many listen as may; close one of them first", code="too_many_listeners")

        def fits(event: ExchangeEvent) -> bool:
            if route is not None and event.route != route:
                return False
            return outcome is None or event.outcome == outcome or (outcome == "failed" and event.outcome != "ok")

        async def frames() -> AsyncIterator[bytes]:
            yield b": the exchanges of this worker, as they end\n\n"
            async with aclosing(state.feed.listen(every=SIGN_OF_LIFE)) as portions:
                async for events, missed in portions:
                    told = [b"event: exchange\ndata: %b\n\n" % _encode(event) for event in events if fits(event)]
                    if missed:
                        told.append(b'event: missed\ndata: {"count":%d}\n\n' % missed)
                    yield b"".join(told) or b": nothing new\n\n"

        return StreamingResponse(frames(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    return router
