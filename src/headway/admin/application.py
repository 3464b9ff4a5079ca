"""The administration as one ASGI app: everything below /api, behind one guard, described by /api/openapi.json."""

from __future__ import annotations

from fastapi import Depends
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from headway.admin.account_pages import account_pages
from headway.admin.alerts import Alerts, alert_pages
from headway.admin.audit_pages import audit_pages
from headway.admin.bodies import MOST, MOST_FROM_OUTSIDE, bounded
from headway.admin.callers import Needs
from headway.admin.configuration import configuration_routers
from headway.admin.contents import content_pages
from headway.admin.described import DescribedApp
from headway.admin.door import Door, Refusal
from headway.admin.entrance import Entrance, Guard
from headway.admin.live import live_pages
from headway.admin.login_pages import login_pages
from headway.admin.logs import log_pages
from headway.admin.overview_page import overview_page
from headway.admin.passwords import Passwords
from headway.admin.playground import Play, playground_pages
from headway.admin.records import Records
from headway.admin.refusals import handle_refusals, refuse
from headway.admin.sign_on_pages import sign_on_pages
from headway.admin.state import Gateway, State
from headway.admin.statistics import statistics_pages
from headway.admin.status import status_pages
from headway.admin.targets import target_pages
from headway.admin.token_pages import token_pages
from headway.observability.feed import Feed
from headway.types import Overview, Secret
from headway.version import __version__

_ABOUT = """What has happened, what it cost, and how the gateway stands. Times are Unix time or seconds, money is
integers of micro-dollars. Errors have the form of `Problem`."""


class Administration:
    """Nothing of it is reached past the door. `setup_token` is what the first administrator shows who comes from
    elsewhere.
    """

    def __init__(
        self,
        gateway: Gateway,
        guard: Guard,
        feed: Feed,
        *,
        setup_token: Secret | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self._records = Records(lambda: gateway.snapshot.storage)
        self._passwords = passwords or Passwords()
        entrance = Entrance(
            guard,
            self._records,
            lambda: gateway.snapshot.administration,
            passwords=self._passwords,
            setup_token=setup_token,
        )
        self._door = Door(entrance)
        self.pages = _app(State(gateway, self._records, feed, entrance))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            met = await self._door.meet(scope)
            if isinstance(met, Refusal):
                await refuse(met.status, met.message, code=met.code)(scope, receive, send)
                return
            if met is not None:
                scope["headway.caller"] = met
            receive = bounded(receive, MOST_FROM_OUTSIDE if met is None else MOST)
        await self.pages(scope, receive, send)

    async def close(self) -> None:
        self._passwords.close()
        await self._records.close()


def _app(state: State) -> ASGIApp:
    app = DescribedApp(
        title="Headway",
        version=__version__,
        description=_ABOUT,
        openapi_url="/openapi.json",
        docs_url=None,  # FastAPI's page would have a browser fetch scripts from elsewhere
        redoc_url=None,
    )
    app.structs = (Alerts, Overview, Play)
    app.router.redirect_slashes = False
    handle_refusals(app)
    told = (status_pages, target_pages, alert_pages, log_pages, content_pages, statistics_pages, live_pages)
    for pages in (*told, playground_pages):
        app.include_router(pages(state))
    for about_people in (login_pages, sign_on_pages, account_pages, token_pages, audit_pages):
        app.include_router(about_people(state.entrance))
    for router in configuration_routers(state.gateway, state.records):
        app.include_router(router)

    @app.get("/docs", include_in_schema=False, dependencies=[Depends(Needs("read"))])
    async def docs() -> HTMLResponse:
        return HTMLResponse(overview_page(app.openapi()))

    return app
