"""What a request says, leaf by leaf of its JSON: what is compared of a request before and after a way through others.

This knows nothing of the intermediate form. A fact is the path of a value and the value. Within the conversation only
the last name of the path counts, since dialects cut it into messages in their own ways, and words are told by who says
them. Schemas, arguments of tools and the like are one value each.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

CONVERSATION = ("messages", "contents", "input", "system", "instructions", "systemInstruction")
_WHOLE = re.compile(
    r"(parameters|parametersJsonSchema|parameters_json_schema|input_schema|inputSchema|schema|responseSchema"
    r"|responseJsonSchema|arguments|args|response|metadata|requestMetadata|logit_bias)$|(content|toolUse)\.input$|\.json$"
)
"""Paths of objects that are one value."""
_WORDS = frozenset({"text", "content", "instructions", "output", "refusal", "input", "system"})
"""Names of texts that are words of the conversation, where they stand in it."""
_MEDIA = frozenset({"data", "bytes", "url", "uri", "fileUri", "file_data", "image_url", "file_url", "video_url"})
_SHAPE = frozenset({"type", "role"})
"""Names of what tells one form of content from another, within the conversation."""


class Fact(NamedTuple):
    path: str
    value: Any

    def __str__(self) -> str:
        text = repr(self.value)
        return f"{self.path} = {text if len(text) < 60 else text[:57] + '...'}"


def facts_of(body: dict[str, Any]) -> Counter[Fact]:
    """Everything that the request says."""
    return Counter(_leaves(body, "", None))


def _leaves(value: Any, path: str, speaker: str | None) -> Iterator[Fact]:
    if value is None or value == []:
        return
    if isinstance(value, dict) and not _WHOLE.search(path):
        speaker = _speaker(value, path) or speaker
        if not value:
            yield Fact(path, "{}")
        for key, each in value.items():
            yield from _leaves(each, f"{path}.{key}" if path else key, speaker)
    elif isinstance(value, list) and not _WHOLE.search(path):
        for each in value:
            yield from _leaves(each, path, speaker)
    else:
        fact = _fact(value, path, speaker)
        if fact is not None:
            yield fact


def _speaker(value: dict[str, Any], path: str) -> str | None:
    """Who says what is within this object."""
    if str(value.get("type")).endswith("_call_output") or value.keys() & {"toolResult", "functionResponse"}:
        return "tool"
    if value.get("type") == "tool_result":
        return "tool"
    return {"developer": "system", "model": "assistant"}.get(role := value.get("role", ""), role) or None


def _fact(value: Any, path: str, speaker: str | None) -> Fact | None:
    first, _, _ = path.partition(".")
    _, _, last = path.rpartition(".")
    if first not in CONVERSATION:
        return Fact(path, _plain(value))
    if first in ("system", "instructions", "systemInstruction"):
        speaker = "system"
    if last in _SHAPE:
        return None
    if isinstance(value, str) and last in _WORDS:
        words = _plain(value.strip())
        return Fact(f"words of {speaker or 'user'}", words) if words else None
    if isinstance(value, str) and last in _MEDIA:
        return Fact("media", _media(value))
    return Fact(f"messages.{last}", _plain(value))


def _plain(value: Any) -> Any:
    """A value that can be compared: documents without their white space and order, whether text or not."""
    if isinstance(value, str) and value.strip().startswith(("{", "[")):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True)
    return value


def _media(value: str) -> str:
    """Content by itself, without how it is told: of a text, the text."""
    kind, comma, data = value.partition(",")
    if not (comma and kind.startswith("data:")):
        kind, data = "", value
    data = data.replace("-", "+").replace("_", "/") if "://" not in data else data
    try:
        text = base64.b64decode(data, validate=True).decode()
    except ValueError:
        return data
    return text if text.isprintable() or "\n" in text else data
