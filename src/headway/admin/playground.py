"""A request sent by hand: in whatever dialect, through the same door as every client's, and answered with what a client
would get. Which door and which body is decided here; everything after it is the data plane's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from headway.admin.callers import Needs
from headway.admin.described import REFERENCE
from headway.admin.refusals import refuse
from headway.admin.shapes import Problem
from headway.admin.state import State
from headway.pipeline.wishes import FORWARDED

TAG = b"playground"
Spoken = Literal["openai_chat", "openai_responses", "anthropic", "gemini", "converse", "cohere"]
_TAGS = b"x-headway-tags"
_OWN = b"x-headway-"
_PASSED = frozenset[bytes]().union(*FORWARDED.values())


class Play(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of `messages` and `body`. `model` and `stream` take the place of what the body says."""

    model: str
    dialect: Spoken = "openai_chat"
    messages: list[msgspec.Raw] | None = None
    body: dict[str, msgspec.Raw] | None = None
    stream: bool = False


def _below_model(prefix: str, whole: str, stream: str) -> Callable[[Play], str]:
    return lambda play: f"{prefix}{quote(play.model, safe='')}{stream if play.stream else whole}"


_PATHS: Mapping[Spoken, str | Callable[[Play], str]] = MappingProxyType(
    {
        "openai_chat": "/v1/chat/completions",
        "openai_responses": "/v1/responses",
        "anthropic": "/v1/messages",
        "cohere": "/v2/chat",
        "gemini": _below_model("/v1beta/models/", ":generateContent", ":streamGenerateContent?alt=sse"),
        "converse": _below_model("/bedrock/model/", "/converse", "/converse-stream"),
    }
)
"""Where each dialect's clients ask. A path of one's own for each model says whether it streams, too."""

_decode = msgspec.json.Decoder(Play).decode
_encode = msgspec.json.Encoder().encode
_ASKED = {"required": True, "content": {"application/json": {"schema": {"$ref": REFERENCE.format(name="Play")}}}}


def playground_pages(state: State) -> APIRouter:
    router = APIRouter(tags=["playground"], dependencies=[Depends(Needs("playground"))])

    @router.post(
        "/playground",
        summary="Send a request as a client would; it costs what a client's does",
        response_class=Response,
        openapi_extra={"requestBody": _ASKED},
        responses={
            200: {"description": "The model's answer in the dialect's own form, with the headers that clients get."},
            413: {"model": Problem},
            422: {"model": Problem},
            "default": {
                "description": "What a client would get as an error, in the form and with the status of the dialect."
            },
        },
    )
    async def play(request: Request) -> Response:
        body = await request.body()
        try:
            asked = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return refuse(422, f"the request: {error}", code="invalid_request")
        problem = _problem(asked)
        if problem is not None:
            return refuse(422, problem[1], code="invalid_request", param=problem[0])
        return Passed(state.gateway.application, asked, _fields(request.headers.raw))

    return router


def _problem(asked: Play) -> tuple[str, str] | None:
    """What is wrong with it, after the parameter at fault."""
    if not asked.model:
        return "model", "model: which one? GET /v1/models lists them"
    if (asked.messages is None) == (asked.body is None):
        return "body", "give one of messages and body"
    if asked.messages is not None and asked.dialect != "openai_chat":
        return "messages", f"messages are OpenAI's; give a body as {asked.dialect} has it"
    return None


def _fields(given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of the request that is sent: what the caller wishes of the gateway, and nothing of who the caller is.
    It is filed under our tag as well as the caller's.
    """
    fields = [(name, value) for name, value in given if name in _PASSED or (name.startswith(_OWN) and name != _TAGS)]
    tags = b", ".join([TAG, *[value for name, value in given if name == _TAGS]])
    return [*fields, (b"content-type", b"application/json"), (_TAGS, tags)]


class Passed(Response):
    """The data plane's answer, as it comes."""

    def __init__(self, application: ASGIApp, asked: Play, fields: list[tuple[bytes, bytes]]) -> None:
        super().__init__()
        self._application = application
        self._asked = asked
        self._fields = fields

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        first: list[Message] = [{"type": "http.request", "body": _body(self._asked), "more_body": False}]

        async def receive_next() -> Message:
            return first.pop() if first else await receive()

        target = _PATHS[self._asked.dialect]
        path, _, query = (target if isinstance(target, str) else target(self._asked)).partition("?")
        inner: dict[str, Any] = {
            **{name: scope[name] for name in ("type", "http_version", "scheme", "server", "client") if name in scope},
            "asgi": {"version": "3.0"},
            "method": "POST",
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": self._fields,
        }
        await self._application(inner, receive_next, send)


def _body(asked: Play) -> bytes:
    """Nested values go as they came."""
    fields: dict[str, object] = dict(asked.body or {"messages": asked.messages})
    if isinstance(_PATHS[asked.dialect], str):
        fields |= {"model": asked.model, "stream": asked.stream}
    return _encode(fields)
