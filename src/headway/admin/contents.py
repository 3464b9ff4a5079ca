"""Messages and replies of one request, for whoever may read them. It is written down who did."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from headway.admin.callers import AsCaller, Needs
from headway.admin.refusals import refuse
from headway.admin.shapes import Problem, RequestContent
from headway.admin.state import State
from headway.storage.audit import record
from headway.storage.contents import Contents

_NOTHING = "nothing is kept of what this request asked and answered: it was not switched on for it, or it is too old"


def content_pages(state: State) -> APIRouter:
    router = APIRouter(prefix="/logs", tags=["logs"], dependencies=[Depends(Needs("content"))])

    @router.get(
        "/{request_id}/content",
        summary="What one request asked and answered, where that is kept",
        response_model=RequestContent,
        responses={404: {"model": Problem}, 409: {"model": Problem}, 503: {"model": Problem}},
    )
    async def content(request_id: str, caller: AsCaller, answer: Response) -> RequestContent | Response:
        engine = await state.records.engine()
        async with engine.begin() as connection:
            found = await Contents(engine).one(connection, request_id)
            if found is None:
                return refuse(404, _NOTHING, code="not_found")
            await record(connection, caller, "content.read", found.request_id)
        answer.headers["cache-control"] = "no-store"
        return RequestContent(
            request_id=found.request_id,
            at=found.at,
            request=found.request,
            reply=found.reply,
            request_cut=found.request_cut,
            reply_cut=found.reply_cut,
        )

    return router
