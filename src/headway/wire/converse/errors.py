"""Errors in the words of Bedrock: as a body, by the type that a header names, and in the midst of a stream."""

from __future__ import annotations

import msgspec

from headway.wire.eventstream import frame, header_block

_TYPES = {
    400: "ValidationException",
    401: "AccessDeniedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    413: "ValidationException",
    422: "ValidationException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    499: "ModelTimeoutException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
    529: "ServiceUnavailableException",
}
_encode = msgspec.json.Encoder().encode


def error_type(status: int) -> str:
    """The exception that the header `x-amzn-errortype` names for a status."""
    return _TYPES.get(status) or ("ValidationException" if 400 <= status < 500 else "InternalServerException")


def error_body(message: str, _status: int, _code: str, _param: str | None) -> bytes:
    return _encode({"message": message})


def stream_exception(status: int) -> str:
    """The exception of a stream, of which there are fewer."""
    if status == 429:
        return "throttlingException"
    if status in (503, 529):
        return "serviceUnavailableException"
    if status in (400, 413, 422):
        return "validationException"
    return "internalServerException" if status == 500 else "modelStreamErrorException"


def exception_frame(message: str, status: int) -> bytes:
    """A message of a stream that makes the client's SDK raise."""
    headers = {
        ":exception-type": stream_exception(status),
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return frame(header_block(headers), _encode({"message": message}))
