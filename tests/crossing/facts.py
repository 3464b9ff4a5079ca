"""What a request says, leaf by leaf of its JSON: what is compared of a request before and after a way through others.

This knows nothing of the intermediate form. A fact is the path of a value and the value. Within the conversation only
the last name of the path counts, since dialects cut it into messages in their own ways, and words are told by who says
them. Schemas, arguments of tools and the like are one value each; calls are numbered, whatever their ids. How much is
to be thought is said in steps here and in tokens there, so that what counts is whether.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from crossing.offers import offered

CONVERSATION = ("messages", "contents", "input", "system", "instructions", "systemInstruction")
_WHOLE = re.compile(
    r"(^|\.)(parameters|parametersJsonSchema|input_schema|inputSchema|schema|responseSchema|responseJsonSchema"
    r"|arguments|args|response|metadata|requestMetadata|logit_bias)$|\.(content|toolUse)\.input$|\.json$"
)
"""Paths of objects that are one value."""
_SCHEMA = re.compile(r"parameters|schema", re.IGNORECASE)
_WORDS = frozenset({"text", "content", "instructions", "output", "refusal", "input", "system"})
"""Names of texts that are words of the conversation, where they stand in it."""
_MEDIA = frozenset(
    {"data", "bytes", "url", "uri", "fileUri", "file_data", "image_url", "file_url", "video_url", "document_url"}
)
_SHAPE = frozenset({"type", "role"})
"""Names of what tells one form of content from another, within the conversation."""
_IDS = frozenset({"tool_call_id", "call_id", "tool_use_id", "toolUseId"})
_TITLES = frozenset({"title", "filename", "name", "context"})
_SAME = {
    "max_completion_tokens": "max_tokens",
    "safety_identifier": "user",
    "parametersJsonSchema": "parameters",
    "responseJsonSchema": "responseSchema",
}
_THINKING = re.compile(
    r"(.*\.)?(thinking|thinkingConfig|reasoning)\."
    r"(type|budget_tokens|thinkingBudget|thinkingLevel|effort|enabled|max_tokens|token_budget)"
    r"|(.*\.)?(effort|reasoning_effort|reasoning_config)"
)
_OFF = (0, False, "none", "disabled", "NONE")


class Fact(NamedTuple):
    path: str
    value: Any

    def __str__(self) -> str:
        text = repr(self.value)
        return f"{self.path} = {text if len(text) < 60 else text[:57] + '...'}"


def facts_of(body: dict[str, Any]) -> Counter[Fact]:
    """Everything that the request says."""
    body = offered(_camel(body) if "contents" in body else body)
    found = Counter(_leaves(body, "", None))
    numbers: dict[str, int] = {}
    return Counter({_numbered(fact, numbers): count for fact, count in found.items()})


def _camel(value: Any, path: str = "") -> Any:
    """Gemini takes both ways of writing names."""
    if isinstance(value, dict) and not _WHOLE.search(path):
        named = {re.sub(r"_(\w)", lambda found: found[1].upper(), key): each for key, each in value.items()}
        return {key: _camel(each, f"{path}.{key}") for key, each in named.items()}
    if isinstance(value, list):
        return [_camel(each, path) for each in value]
    return value


def _numbered(fact: Fact, numbers: dict[str, int]) -> Fact:
    first = fact.path.removeprefix("messages.")
    if first not in _IDS or not isinstance(fact.value, str):
        return fact
    return Fact("messages.call", numbers.setdefault(fact.value, len(numbers)))


def _leaves(value: Any, path: str, speaker: str | None) -> Iterator[Fact]:
    if value is None or value == []:
        return
    if isinstance(value, dict) and not _WHOLE.search(path):
        speaker = _speaker(value) or speaker
        if not value:
            yield Fact(path, "{}")
        for key, each in value.items():
            name = str(_SAME.get(key, key))
            yield from _leaves(each, f"{path}.{name}" if path else name, speaker)
    elif isinstance(value, list) and not _WHOLE.search(path):
        for each in value:
            yield from _leaves(each, path, speaker)
    else:
        fact = _fact(value, path, speaker)
        if fact is not None:
            yield fact


def _speaker(value: dict[str, Any]) -> str | None:
    """Who says what is within this object."""
    if str(value.get("type")).endswith("_call_output") or value.keys() & {"toolResult", "functionResponse"}:
        return "tool"
    if value.get("type") == "tool_result":
        return "tool"
    role = value.get("role") or ""
    return {"developer": "system", "model": "assistant"}.get(role, role) or None


def _fact(value: Any, path: str, speaker: str | None) -> Fact | None:
    first, _, _ = path.partition(".")
    _, _, last = path.rpartition(".")
    if _THINKING.fullmatch(path) and first not in CONVERSATION:
        return Fact("thinking", value not in _OFF)
    if first not in CONVERSATION:
        return Fact(path, _schema(value) if _SCHEMA.search(last) else _plain(value))
    if first in ("system", "instructions", "systemInstruction"):
        speaker = "system"
    if last in _SHAPE:
        return None
    if isinstance(value, str) and last in _WORDS:
        words = _plain(value.strip())
        return Fact(f"words of {speaker or 'user'}", words) if words else None
    if isinstance(value, str) and last in _MEDIA:
        return Fact("media", _media(value))
    if isinstance(value, str) and last in _TITLES:  # Bedrock takes few characters in names
        value = re.sub(r"\W+", " ", value)
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


def _schema(value: Any) -> Any:
    """Gemini's own schemas have types in capitals, and some names in snake case."""
    plain = _plain(value.get("json", value) if isinstance(value, dict) else value)
    plain = re.sub(r'"property_?[oO]rdering": \[[^\]]*\](, )?', "", plain)  # the order that they stand in
    return re.sub(r'(?<=")\w+(?=")', lambda found: found[0].replace("_", "").lower(), plain)


def _media(value: str) -> str:
    """Content by itself, without how it is told: of a text, the text."""
    kind, comma, data = value.partition(",")
    if not (comma and kind.startswith("data:")):
        data = value.strip()
    data = data if "://" in data else data.replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(data, validate=True).decode()
    except ValueError:
        return data
    return text.strip() if text.isprintable() or "\n" in text else data
