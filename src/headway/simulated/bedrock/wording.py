"""Bedrock's exceptions, the events of its streams and its headers, in the words of the real API."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from headway.simulated.bedrock.frames import frame, padded
from headway.simulated.complaints import Complaint
from headway.simulated.quota import Short
from headway.simulated.reply import Events, Header, Json, Refusal, Voice, Written, encode

STREAM = "application/vnd.amazon.eventstream"
_EXCEPTIONS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("ValidationException", "The input fails to satisfy the constraints specified by Amazon Bedrock."),
        401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
        403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
        404: ("ResourceNotFoundException", "The specified resource ARN was not found."),
        408: (
            "ModelTimeoutException",
            "The request took too long to process. Processing time exceeded the model timeout.",
        ),
        413: ("ValidationException", "Input is too long for requested model."),
        424: ("ModelErrorException", "The request failed due to an error while processing the model."),
        429: ("ThrottlingException", "Too many requests, please wait before trying again."),
        500: ("InternalServerException", "The system encountered an unexpected error during processing. Try again."),
        503: ("ServiceUnavailableException", "Bedrock is unable to process your request."),
    }
)


def _exception(status: int) -> tuple[str, str]:
    return _EXCEPTIONS.get(status) or _EXCEPTIONS[500 if status >= 500 or status < 400 else 400]


def _usual(status: int) -> Refusal:
    type_, message = _exception(status)
    return Refusal(status=status, message=message, type=type_)


def _write(refusal: Refusal, told: Json, _headers: tuple[Header, ...]) -> Written:
    """The type stands in a header."""
    type_ = str(told.get("type") or refusal.type or _exception(refusal.status)[0])
    headers = (("x-amzn-errortype", f"{type_}:http://internal.amazon.com/coral/com.amazon.bedrock/"), *refusal.headers)
    return Written(encode({"message": told.get("message") or refusal.message}), headers)


def _broken_off(_sent: int, told: Json) -> bytes:
    name = str(told.get("type") or "modelStreamErrorException")
    message = "The system encountered an unexpected error during processing. Try your request again."
    document = {"message": told.get("message") or message}
    if name == "modelStreamErrorException":
        document |= {"originalMessage": "The model stopped.", "originalStatusCode": 500}
    return frame(name[:1].lower() + name[1:], encode(document), "exception")


VOICE = Voice(_usual, _write)
EVENTS = Events(
    broken_off=_broken_off,
    malformed=frame("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"te'),
    padded=padded,
)
"""There are neither comments nor pings."""


def invalid(complaint: Complaint) -> Refusal:
    """What Bedrock says of a body that has not the types it should have."""
    place, said = complaint.dotted, complaint.said
    match complaint.kind:
        case "json":
            return Refusal(message="Unable to parse request body", type="SerializationException")
        case "missing" | "short":
            return Refusal(message=_constraint("null", place, "Member must not be null"))
        case "range":
            side = "greater than or equal to" if complaint.got == ">=" else "less than or equal to"
            return Refusal(message=_constraint("the value", place, f"Member must have value {side} {said}"))
        case "enum":
            return Refusal(message=_constraint(said, place, "Member must satisfy enum value set: [user, assistant]"))
        case "pattern":
            return Refusal(
                message=_constraint("the value", place, f"Member must satisfy regular expression pattern: {said}")
            )
        case "type":
            name = "STRUCTURE" if complaint.got == "object" else f"{complaint.got}".upper()
            return Refusal(
                message=f"{name}_VALUE can not be converted to {said or 'a value'} at {place or 'the body'}",
                type="SerializationException",
            )
        case _:
            return Refusal(
                message=said or f"Malformed input request: {place}, please reformat your input and try again."
            )


def _constraint(value: str, place: str, what: str) -> str:
    return f"1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: {what}"


def limited(short: Short) -> Refusal:
    what = "tokens" if short.unit == "tokens" else "requests"
    return Refusal(status=429, message=f"Too many {what}, please wait before trying again.")
