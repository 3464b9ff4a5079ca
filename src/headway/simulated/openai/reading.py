"""Reading a request's body into what its endpoint asks, or refusing it in OpenAI's words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import msgspec

from headway.simulated import complaints
from headway.simulated.complaints import Complaint
from headway.simulated.openai import multipart
from headway.simulated.openai.audio import SpeechAsk, TranscriptionAsk
from headway.simulated.openai.chat import ChatAsk
from headway.simulated.openai.completions import CompletionAsk
from headway.simulated.openai.embeddings import EmbeddingAsk
from headway.simulated.openai.images import ImageAsk
from headway.simulated.openai.moderations import ModerationAsk
from headway.simulated.openai.responses import ResponsesAsk
from headway.simulated.reply import Ask, Refusal

JsonAsk = (
    type[ChatAsk]
    | type[CompletionAsk]
    | type[ResponsesAsk]
    | type[EmbeddingAsk]
    | type[ModerationAsk]
    | type[ImageAsk]
    | type[SpeechAsk]
)

JSON_ENDPOINTS: Mapping[str, JsonAsk] = MappingProxyType(
    {
        "/chat/completions": ChatAsk,
        "/completions": CompletionAsk,
        "/responses": ResponsesAsk,
        "/embeddings": EmbeddingAsk,
        "/moderations": ModerationAsk,
        "/images/generations": ImageAsk,
        "/audio/speech": SpeechAsk,
    }
)

_DECIMALS = frozenset({"temperature", "top_p"})
FORM_ENDPOINTS = ("/audio/transcriptions", "/audio/translations")

_NAMES = {"string": "a string", "integer": "an integer", "number": "a decimal", "boolean": "a boolean"}


def read_json(kind: JsonAsk, body: bytes) -> Ask | Refusal:
    """The body of one of the JSON endpoints."""
    asked = complaints.read(cast("type[Ask]", kind), body)
    return refusal_of(asked) if isinstance(asked, Complaint) else asked


def read_form(path: str, content_type: str, body: bytes) -> Ask | Refusal:
    """The body of one of the upload endpoints."""
    fields = multipart.parse(content_type, body)
    if fields is None:
        return Refusal(message="Could not parse multipart form")
    for name in ("file", "model"):
        if name not in fields:
            return _missing(name)
    values = {
        "model": fields["model"].decode("utf-8", "replace"),
        "audio": fields["file"],
        "task": "translate" if path.endswith("translations") else "transcribe",
        "response_format": fields.get("response_format", b"json").decode("utf-8", "replace"),
        "stream": fields.get("stream", b"").strip().lower() in {b"true", b"1"},
        "language": fields.get("language", b"english").decode("utf-8", "replace"),
    }
    try:
        return msgspec.convert(values, TranscriptionAsk)
    except msgspec.ValidationError as wrong:
        return refusal_of(complaints.complaint(str(wrong)))


def refusal_of(complaint: Complaint) -> Refusal:
    """What OpenAI would say."""
    place, said = complaint.place, complaint.said
    match complaint.kind:
        case "json":
            message = (
                "We could not parse the JSON body of your request. The API expects a JSON payload, but what was sent "
                "was not valid JSON."
            )
            return Refusal(message=message)
        case "missing":
            return _missing(place) if place != "model" else Refusal(message="you must provide a model parameter")
        case "short":
            message = (
                f"Invalid '{place}': empty array. Expected an array with minimum length {said}, but got an empty array "
                "instead."
            )
            return Refusal(message=message, param=place, code="empty_array")
        case "range":
            kind = "decimal" if place in _DECIMALS else "integer"
            side, word = ("below minimum", "below_min") if complaint.got == ">=" else ("above maximum", "above_max")
            message = f"Invalid '{place}': {kind} {side} value. Expected a value {complaint.got} {said}."
            return Refusal(message=message, param=place, code=f"{kind}_{word}_value")
        case "enum":
            return Refusal(message=f"Invalid value: '{said}'.", param=place, code="invalid_value")
        case "type" if not place:
            return Refusal(message="The body of your request must be a JSON object.")
        case "type":
            wanted = " or ".join(_named(name) for name in said.split(" or "))
            message = f"Invalid type for '{place}': expected {wanted}, but got {_named(complaint.got)} instead."
            return Refusal(message=message, param=place, code="invalid_type")
        case _:
            return Refusal(message=said or f"Invalid '{place}'.", param=place or None)


def _named(kind: str) -> str:
    return _NAMES.get(kind, f"an {kind}" if kind in {"array", "object"} else kind)


def _missing(name: str) -> Refusal:
    return Refusal(message=f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
