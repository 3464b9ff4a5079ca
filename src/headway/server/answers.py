"""JSON as an answer of the pages."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

_encode = msgspec.json.Encoder().encode


def json(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return written(_encode(data), status, headers)


def written(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` is JSON already."""
    return Response(body, status, headers, "application/json")
