"""The ASGI app that uvicorn serves: model endpoints to the gateway, everything else to the pages.

On our own protocol the lean lane takes model endpoints before they get here.
"""

from __future__ import annotations

from starlette.types import ASGIApp

from headway.pipeline.gateway import Gateway
from headway.server.asgi import AsgiLane, Receive, Scope, Send
from headway.types import ServerLimits


class Application:
    def __init__(self, gateway: Gateway, pages: ASGIApp) -> None:
        self.gateway = gateway
        self._pages = pages
        self._lane = AsgiLane(gateway, lambda: self.limits.body)

    @property
    def limits(self) -> ServerLimits:
        return self.gateway.snapshot.server.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            place = self._lane.find(scope)
            if place is not None:
                await self._lane(place, scope, receive, send)
                return
        await self._pages(scope, receive, send)
