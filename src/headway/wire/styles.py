"""How an error of the gateway's own looks to clients of each API."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from headway.wire.anthropic.codec import CODEC as ANTHROPIC
from headway.wire.cohere.codec import CODEC as COHERE
from headway.wire.converse.codec import CODEC as CONVERSE
from headway.wire.converse.errors import error_type
from headway.wire.endpoints import Style
from headway.wire.gemini.codec import CODEC as GEMINI
from headway.wire.openai import errors


class ErrorStyle(msgspec.Struct, frozen=True):
    """`body` takes message, status, code and the parameter at fault; `fields` gives header lines for a status."""

    body: Callable[[str, int, str, str | None], bytes]
    fields: Callable[[int], bytes]


def _openai(message: str, status: int, code: str, param: str | None) -> bytes:
    return errors.body(message, status=status, code=code, param=param)


def _no_fields(_: int) -> bytes:
    return b""


def _error_type(status: int) -> bytes:
    return b"x-amzn-errortype: %b\r\n" % error_type(status).encode()


STYLES: Mapping[Style, ErrorStyle] = MappingProxyType(
    {
        "openai": ErrorStyle(_openai, _no_fields),
        "anthropic": ErrorStyle(ANTHROPIC.error_body, _no_fields),
        "gemini": ErrorStyle(GEMINI.error_body, _no_fields),
        "bedrock": ErrorStyle(CONVERSE.error_body, _error_type),
        "cohere": ErrorStyle(COHERE.error_body, _no_fields),
    }
)
