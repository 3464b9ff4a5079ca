"""The pages beside the model endpoints: health, metrics, and what is not there. The lists of models are
`server.model_pages`'; everything below /api is the administration's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from headway.server import answers
from headway.server.model_pages import model_routes
from headway.types import Snapshot
from headway.wire.endpoints import BEDROCK, BY_PATH, GEMINI
from headway.wire.openai import errors

ADMINISTRATION = "/api"
TARGETS, EXPLAIN, ALERTS = "/api/targets", "/api/explain", "/api/alerts"
"""Pages of the administration that others name."""
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class State(Protocol):
    """What the pages tell about."""

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def draining(self) -> bool: ...

    @property
    def last_config_error(self) -> str | None: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def has_siblings(self) -> bool: ...

    def render_metrics(self) -> str: ...


def pages(
    state: State, lifespan: Callable[[Any], Any] | None = None, *, administration: ASGIApp | None = None
) -> Starlette:
    """`administration` is everything below /api."""

    async def live(_: Request) -> Response:
        return answers.json({"status": "ok"})

    async def ready(_: Request) -> Response:
        snapshot = state.snapshot
        status = "draining" if state.draining else "ok"
        facts = {
            "status": status,
            "config": {"generation": snapshot.generation, "source": snapshot.source, "error": state.last_config_error},
            "providers": len(snapshot.providers),
            "in_flight": state.in_flight,
        }
        return answers.json(facts, 503 if state.draining else 200)

    async def metrics(_: Request) -> Response:
        # Prometheus keeps its connection for as long as it may, and would see the same one of several workers for ever.
        fields = {"connection": "close"} if state.has_siblings else None
        return Response(state.render_metrics(), media_type=METRICS_TYPE, headers=fields)

    async def failed(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _error(error.status_code, _explain(error.status_code), None, error.headers)

    routes = [
        Route("/", _front(state)),
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics),
        *model_routes(state),
    ]
    routes += [Route(path.decode(), _elsewhere, methods=["POST"]) for path in BY_PATH]  # any other method: 405
    app = Starlette(routes=routes, exception_handlers={HTTPException: failed}, lifespan=lifespan)
    app.router.redirect_slashes = False  # where it would lead is the client's word
    if administration is not None:
        app.router.default = _otherwise(Mount(ADMINISTRATION, administration), app.router.default)
    return app


def _otherwise(mount: Mount, nowhere: ASGIApp) -> ASGIApp:
    """What no route wants, in the midst of the mount or elsewhere. As a route it would take what the routes before it
    refuse for its method.
    """

    async def otherwise(scope: Scope, receive: Receive, send: Send) -> None:
        match, inner = mount.matches(scope)
        if match is Match.FULL:
            scope.update(inner)
            await mount.handle(scope, receive, send)
        else:
            await nowhere(scope, receive, send)

    return otherwise


def _front(state: State) -> Callable[[Request], Any]:
    async def front(_: Request) -> Response:
        paths = ["/v1/models", "/health/live", "/health/ready", "/metrics", TARGETS, EXPLAIN, ALERTS]
        return answers.json(
            {
                "service": "headway",
                "endpoints": [path.decode() for path in BY_PATH if path.startswith((b"/v1/", b"/v2/"))]
                + [f"/v1beta{endpoint.path}" for endpoint in GEMINI.values()]
                + [f"/bedrock{endpoint.path}" for endpoint in BEDROCK.values()]
                + paths,
                "models": list(state.snapshot.routes),
            }
        )

    return front


def _elsewhere(_: Request) -> Response:
    return _error(404, "model endpoints are not served here", None)


def _explain(status: int) -> str:
    if status == 404:
        return "there is nothing here; model endpoints are POST requests below /v1, GET /v1/models lists the models"
    if status == 405:
        return "this path does not take that method; model endpoints take POST"
    return "the request failed"


def _error(status: int, message: str, code: str | None, headers: Any = None) -> Response:
    return answers.written(errors.body(message, status=status, code=code), status, headers)
