"""The administration as one ASGI app: everything below /api, behind one guard, described by /api/openapi.json."""

from __future__ import annotations

from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from headway.admin.callers import Needs
from headway.admin.contents import content_pages
from headway.admin.live import live_pages
from headway.admin.logs import log_pages
from headway.admin.overview_page import overview_page
from headway.admin.records import Records
from headway.admin.refusals import handle_refusals, refuse
from headway.admin.state import Gateway, Guard, State
from headway.admin.statistics import statistics_pages
from headway.admin.status import status_pages
from headway.observability.feed import Feed
from headway.types import PERMISSIONS, Caller
from headway.version import __version__

_ABOUT = """What has happened, what it cost, and how the gateway stands. Times are Unix time or seconds, money is
integers of micro-dollars. Errors have the form of `Problem`."""


class Administration:
    """Nothing of it is reached past the guard."""

    def __init__(self, gateway: Gateway, guard: Guard, feed: Feed) -> None:
        self._guard = guard
        self._records = Records(lambda: gateway.snapshot.storage)
        self.pages = _app(State(gateway, self._records, feed))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            refusal = self._guard.refusal(headers)
            if refusal is not None:
                await refuse(refusal.status, refusal.message, code="access_denied")(scope, receive, send)
                return
            proof = "token" if "authorization" in headers else "open"
            scope["headway.caller"] = Caller(name="admin", proof=proof, permissions=PERMISSIONS["admin"])
        await self.pages(scope, receive, send)

    async def close(self) -> None:
        await self._records.close()


def _app(state: State) -> ASGIApp:
    app = FastAPI(
        title="Headway",
        version=__version__,
        description=_ABOUT,
        openapi_url="/openapi.json",
        docs_url=None,  # FastAPI's page would have a browser fetch scripts from elsewhere
        redoc_url=None,
    )
    app.router.redirect_slashes = False
    handle_refusals(app)
    pages = (status_pages, log_pages, content_pages, statistics_pages, live_pages)
    for router in pages:
        app.include_router(router(state))

    @app.get("/docs", include_in_schema=False, dependencies=[Depends(Needs("read"))])
    async def docs() -> HTMLResponse:
        return HTMLResponse(overview_page(app.openapi()))

    return app
