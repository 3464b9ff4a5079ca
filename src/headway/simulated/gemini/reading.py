"""Reading a body as Google's JSON of protocol buffers is read: names in either case, unknown ones refused."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import msgspec

from headway.simulated import complaints
from headway.simulated.complaints import Complaint
from headway.simulated.gemini import wording
from headway.simulated.reply import Refusal

Body = TypeVar("Body")

_FREE = frozenset(
    {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "partMetadata", "metadata"}
)
"""What holds names of others."""


def read(kind: type[Body], body: bytes, **also: object) -> Body | Refusal:
    """The body as that type, with fields that stand elsewhere, or Google's refusal."""
    try:
        named = _camel(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return wording.invalid(Complaint("json"))
    if not isinstance(named, dict):
        return Refusal(message="Invalid JSON payload received. Root element must be a message.")
    try:
        return msgspec.convert({**cast("dict[str, Any]", named), **also}, kind)
    except msgspec.ValidationError as wrong:
        return wording.invalid(complaints.complaint(str(wrong)))
    except RecursionError:
        return wording.invalid(Complaint("json"))


def _camel(value: object) -> object:
    if isinstance(value, list):
        return [_camel(item) for item in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    renamed: dict[str, object] = {}
    for name, inner in cast("dict[str, object]", value).items():
        own = _name(name)
        if own == "properties" and isinstance(inner, dict):
            renamed[own] = {key: _camel(each) for key, each in cast("dict[str, object]", inner).items()}
        else:
            renamed[own] = inner if own in _FREE else _camel(inner)
    return renamed


def _name(name: str) -> str:
    first, *rest = name.split("_")
    if not first or not rest:
        return name
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
