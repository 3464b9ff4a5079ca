"""How the gateway stands."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from headway.admin.callers import Needs
from headway.admin.entrance import Entrance, Way
from headway.admin.records import NoLogError
from headway.admin.shapes import LogState, Status
from headway.admin.state import State
from headway.storage.database import BROKEN
from headway.version import __version__


def status_pages(state: State) -> APIRouter:
    router = APIRouter(tags=["status"], dependencies=[Depends(Needs("read"))])

    @router.get("/status", summary="How the gateway stands")
    async def status() -> Status:
        gateway = state.gateway
        snapshot, log = gateway.snapshot, gateway.request_log
        return Status(
            version=__version__,
            generation=snapshot.generation,
            source=snapshot.source,
            config_error=gateway.last_config_error,
            in_flight=gateway.in_flight,
            draining=gateway.draining,
            providers=len(snapshot.providers),
            routes=list(snapshot.routes),
            access=await _way(state.entrance),
            request_log=LogState(stored=log.stored, dropped=log.dropped, error=log.error),
        )

    return router


async def _way(entrance: Entrance) -> Way | None:
    try:
        return await entrance.way()
    except (*BROKEN, NoLogError):
        return None
