"""Why a page of the administration does not answer, in the form that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from headway.admin.configuration_shapes import problem_shown
from headway.admin.publishing import NotPublishedError
from headway.admin.records import NoLogError
from headway.storage.accounts import AccountError
from headway.storage.database import BROKEN

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}


def refuse(
    status: int,
    message: str,
    *,
    code: str,
    param: str | None = None,
    retry_after: float | None = None,
    more: Mapping[str, object] | None = None,
) -> JSONResponse:
    """`retry_after` is in seconds. `more` stands beside the error."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}, **(more or {})}
    headers = {"cache-control": "no-store"} | ({"www-authenticate": "Bearer"} if status == 401 else {})
    if retry_after is not None:
        headers["retry-after"] = str(ceil(retry_after))
    return JSONResponse(body, status, headers)


def handle_refusals(app: FastAPI) -> None:
    """Have the app tell of everything that can go wrong in one form."""

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"][1:]) or None
        return refuse(422, f"{place or 'the request'}: {first['msg']}", code="invalid_request", param=place)

    async def other(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        said = {404: "there is nothing here; /api/docs lists what there is", 405: "this path does not take that method"}
        return refuse(error.status_code, said.get(error.status_code, error.detail), code="refused")

    async def no_log(_: Request, error: Exception) -> JSONResponse:
        return refuse(409, str(error), code="no_request_log")

    async def not_published(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, NotPublishedError)
        problems = [problem_shown(each).model_dump() for each in error.problems]
        more = ({"problems": problems} if problems else {}) | ({} if error.newest is None else {"newest": error.newest})
        param = problems[0]["path"] if problems else None
        return refuse(error.status, error.message, code=error.code, param=param, more=more)

    async def no_such_change(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, AccountError)
        return refuse(404 if error.kind == "missing" else 409, str(error), code=error.kind)

    async def no_database(_: Request, error: Exception) -> JSONResponse:
        what = "the database of the request log does not answer; the gateway's log says why"
        return refuse(503, what, code="database_unavailable")

    app.exception_handlers.update(
        {
            RequestValidationError: invalid,
            HTTPException: other,
            NoLogError: no_log,
            NotPublishedError: not_published,
            AccountError: no_such_change,
            **dict.fromkeys(BROKEN, no_database),
        }
    )
