"""What a strict reader refuses and every client reads: half a surrogate pair in a string, NaN for a number, and fields
of an answer that are not of the kind that they should be.

What is mended reads as a client shows it. A field that carries what the model said is never left out.
"""

from __future__ import annotations

import json
import re
from typing import Any, cast

_PLACE = re.compile(r" - at `\$([^`]*)`$")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_SAID = frozenset(
    {
        "choices",
        "index",
        "delta",
        "message",
        "content",
        "text",
        "refusal",
        "tool_calls",
        "function",
        "function_call",
        "custom",
        "name",
        "arguments",
        "input",
    }
)
"""What an answer is not the same without."""


def mended(payload: bytes) -> bytes | None:
    """The same document in strict JSON; None if it is none at all."""
    try:
        document: object = json.loads(payload, parse_constant=_nothing)
        return json.dumps(document, ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):
        return None


def _nothing(_constant: str) -> None:
    return None


def leave_out(document: object, error: Exception) -> bool:
    """Take the field that a reader complained of out of the document; False where it must not be left out."""
    place = _PLACE.search(str(error))
    if place is None:
        return False
    steps = [int(index) if index else name for name, index in _STEP.findall(place[1])]
    if not steps or not isinstance(steps[-1], str) or steps[-1] in _SAID:
        return False
    for step in steps[:-1]:
        document = _within(document, step)
    if not isinstance(document, dict):
        return False
    return cast("dict[str, Any]", document).pop(steps[-1], None) is not None


def _within(document: object, step: int | str) -> object:
    if isinstance(document, dict) and isinstance(step, str):
        return cast("dict[str, object]", document).get(step)
    if isinstance(document, list) and isinstance(step, int):
        items = cast("list[object]", document)
        return items[step] if step < len(items) else None
    return None
