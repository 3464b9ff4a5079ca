"""Who changed what, for those who may change accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from headway.admin.access_shapes import AuditEntry, AuditPage, problems
from headway.admin.callers import Needs
from headway.admin.entrance import Entrance
from headway.storage.audit import MOST_ON_A_PAGE, AuditLog


def audit_pages(entrance: Entrance) -> APIRouter:
    router = APIRouter(tags=["audit"], dependencies=[Depends(Needs("accounts"))], responses=problems(409))

    @router.get("/audit", summary="Changes, newest first")
    async def audit(
        who: Annotated[str | None, Query(max_length=128)] = None,
        action: Annotated[str | None, Query(max_length=64, description="Such as account.change.")] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE)] = 50,
        cursor: Annotated[str | None, Query(pattern=r"^\d{1,18}$", description="`next` of the page before.")] = None,
    ) -> AuditPage:
        log = AuditLog((await entrance.accounts()).engine)
        before = None if cursor is None else int(cursor)
        found = await log.page(most=limit + 1, before=before, who=who, action=action)
        entries = [AuditEntry.model_validate(each, from_attributes=True) for each in found[:limit]]
        return AuditPage(entries=entries, next=str(entries[-1].id) if len(found) > limit else None)

    return router
