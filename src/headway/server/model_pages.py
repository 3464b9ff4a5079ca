"""The pages that list models, each under the paths and in the words of one API: OpenAI's and Anthropic's share their
paths, and Anthropic's clients name the version that they speak. What is listed is `server.models`'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headway.server import answers
from headway.server.models import anthropic_list, gemini_list, openai_list
from headway.types import Snapshot
from headway.wire.endpoints import Style
from headway.wire.styles import STYLES

_PREFIXES = ("/v1", "/openai/v1", "/openai", "/anthropic/v1", "/anthropic")
_PREFIXES_OF_GEMINI = ("/v1beta", "/genai/v1beta", "/genai/v1", "/genai/v1beta1")
_LISTS = {"openai": "/v1/models", "anthropic": "/anthropic/v1/models", "gemini": "/v1beta/models"}
_VERSION = "anthropic-version"


class State(Protocol):
    """What the pages tell about."""

    @property
    def snapshot(self) -> Snapshot: ...


def model_routes(state: State) -> list[Route]:
    async def models(request: Request) -> Response:
        if _VERSION in request.headers:
            return answers.json(await run_in_threadpool(anthropic_list, state.snapshot))
        return answers.json({"object": "list", "data": await run_in_threadpool(openai_list, state.snapshot)})

    async def model(request: Request) -> Response:
        wanted = request.path_params["model"]
        if _VERSION in request.headers:
            listed = await run_in_threadpool(anthropic_list, state.snapshot)
            return _one(listed["data"], "id", wanted, "anthropic")
        return _one(await run_in_threadpool(openai_list, state.snapshot), "id", wanted, "openai")

    async def models_of_gemini(_: Request) -> Response:
        return answers.json(await run_in_threadpool(gemini_list, state.snapshot))

    async def model_of_gemini(request: Request) -> Response:
        wanted = f"models/{request.path_params['model'].removeprefix('models/')}"
        listed = await run_in_threadpool(gemini_list, state.snapshot)
        return _one(listed["models"], "name", wanted, "gemini")

    routes: list[Route] = []
    for prefixes, several, single in (
        (_PREFIXES, models, model),
        (_PREFIXES_OF_GEMINI, models_of_gemini, model_of_gemini),
    ):
        for prefix in prefixes:
            routes += [Route(f"{prefix}/models", several), Route(f"{prefix}/models/{{model:path}}", single)]
    return routes


def _one(entries: Sequence[dict[str, Any]], key: str, wanted: str, style: Style) -> Response:
    """The entry that has this name, or a 404 in the client's dialect."""
    for each in entries:
        if each[key] == wanted:
            return answers.json(each)
    message = f"there is no model {wanted!r}; GET {_LISTS[style]} lists them all"
    body = STYLES[style].body(message, 404, "model_not_found", None)
    return answers.written(body, 404)
