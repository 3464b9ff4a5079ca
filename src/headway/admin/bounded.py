"""How large a body may be that the administration reads."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from headway.admin.bodies import bounded

LARGEST = 2**20
_TOO_LARGE = f"the body is larger than {LARGEST // 2**20} MiB"


class BoundedRoute(APIRoute):
    """A route that stops reading at `LARGEST`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            length = request.headers.get("content-length", "0")
            if length.isdecimal() and int(length[:20]) > LARGEST:
                raise HTTPException(413, _TOO_LARGE)
            return await answer(Request(request.scope, bounded(request.receive, LARGEST)))

        return answered
