"""Reading a request's body into what its endpoint asks, or refusing it in OpenAI's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

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

FORM_ENDPOINTS = ("/audio/transcriptions", "/audio/translations")

_NAMES = {
    "str": "a string",
    "int": "an integer",
    "float": "a decimal",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
}
_MISSING = re.compile(r"Object missing required field `([^`]+)`(?: - at `\$\.?([^`]*)`)?")
_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`(?: - at `\$\.?([^`]*)`)?")
_SHORT = re.compile(r"Expected `array` of length >= (\d+) - at `\$\.?([^`]*)`")
_RANGE = re.compile(r"Expected `(int|float)` (>=|<=) ([\d.]+) - at `\$\.?([^`]*)`")
_ENUM = re.compile(r"Invalid enum value '?([^']*)'? - at `\$\.?([^`]*)`")


def read_json(kind: JsonAsk, body: bytes) -> Ask | Refusal:
    """The body of one of the JSON endpoints."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as wrong:
        return refusal_of(str(wrong))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Refusal(
            message="We could not parse the JSON body of your request. The API expects a JSON payload, but what was "
            "sent was not valid JSON."
        )


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
        return refusal_of(str(wrong))


def refusal_of(complaint: str) -> Refusal:
    """What OpenAI would say where msgspec says this."""
    if found := _MISSING.match(complaint):
        name = f"{found[2]}.{found[1]}" if found[2] else found[1]
        return _missing(name) if name != "model" else Refusal(message="you must provide a model parameter")
    if found := _SHORT.match(complaint):
        return Refusal(
            message=f"Invalid '{found[2]}': empty array. Expected an array with minimum length {found[1]}, but got an "
            "empty array instead.",
            param=found[2],
            code="empty_array",
        )
    if found := _RANGE.match(complaint):
        kind = "integer" if found[1] == "int" else "decimal"
        side, word = ("below minimum", "below_min") if found[2] == ">=" else ("above maximum", "above_max")
        bound = found[3].removesuffix(".0")
        return Refusal(
            message=f"Invalid '{found[4]}': {kind} {side} value. Expected a value {found[2]} {bound}.",
            param=found[4],
            code=f"{kind}_{word}_value",
        )
    if found := _ENUM.match(complaint):
        return Refusal(message=f"Invalid value: '{found[1]}'.", param=found[2], code="invalid_value")
    if found := _TYPE.match(complaint):
        if not found[3]:
            return Refusal(message="The body of your request must be a JSON object.")
        wanted = " or ".join(_NAMES.get(name, name) for name in found[1].split(" | ") if name != "null")
        return Refusal(
            message=f"Invalid type for '{found[3]}': expected {wanted}, but got "
            f"{_NAMES.get(found[2], found[2])} instead.",
            param=found[3],
            code="invalid_type",
        )
    return Refusal(message=complaint)


def _missing(name: str) -> Refusal:
    return Refusal(message=f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
