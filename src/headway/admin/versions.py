"""What pages that publish have in common: the version that a change was made of, and how it is answered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from headway.admin.configuration_shapes import Change, ManagedBy, Refusal, change_shown
from headway.admin.configured import Configured
from headway.admin.publishing import NotPublishedError, Publishing
from headway.admin.shapes import Problem
from headway.config.changes import Difference

IfMatch = Annotated[str | None, Header(max_length=40, description="The version that the change was made of, as ETag.")]
_ETAG = re.compile(r'(?:W/)?"?(\d{1,10})"?')
REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem},
    403: {"model": Problem},
    409: {"model": Refusal},
    413: {"model": Problem},
    422: {"model": Refusal},
    503: {"model": Problem},
}


def wanted_base(if_match: str | None, said: int | None) -> int | None:
    """The version that a change was made of; None: it does not matter."""
    if if_match is None or if_match.strip() == "*":
        return said
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise NotPublishedError(400, 'If-Match must be a version such as "7"', code="invalid_request")
    return int(found[1])


def managed_by(gateway: Configured, section: str) -> ManagedBy:
    return gateway.snapshot.managed.get(section, "default")


def changes(publishing: Publishing, found: Sequence[Difference]) -> list[Change]:
    shown = publishing.shown
    return [
        change_shown(each, shown(each.before, each.before_path), shown(each.after, each.after_path)) for each in found
    ]


def tagged(body: BaseModel, version: int) -> JSONResponse:
    return JSONResponse(body.model_dump(mode="json"), headers={"etag": f'"{version}"', "cache-control": "no-store"})
