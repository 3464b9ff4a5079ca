"""Answers that real providers gave, as their bytes came in, and in which dialect."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from headway.types import Dialect

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
ENDS: tuple[tuple[str, Dialect], ...] = (
    ("/chat/completions", "openai_chat"),
    ("/responses", "openai_responses"),
    ("/v1/messages", "anthropic"),
    (":generateContent", "gemini"),
    (":streamGenerateContent", "gemini"),
    ("/converse", "converse"),
    ("/converse-stream", "converse"),
    ("/v2/chat", "cohere"),
)
"""What the path of a URL ends in, where a model is asked for words."""


class Recording(NamedTuple):
    id: str
    provider: str
    dialect: Dialect
    streamed: bool
    asked: dict[str, Any]
    body: bytes


def read(line: str) -> Recording | None:
    """None: it is no good answer to a request for words."""
    fields = json.loads(line)
    request, response = fields["request"], fields["response"]
    path = urlsplit(request["url"]).path
    dialect = next((dialect for end, dialect in ENDS if path.endswith(end)), None)
    if dialect is None or request["method"] != "POST" or response["status"] != 200:
        return None
    kind = response["headers"].get("content-type", "")
    return Recording(
        fields["id"],
        fields["provider"],
        cast("Dialect", dialect),
        "event" in kind,
        request["body"] if isinstance(request["body"], dict) else {},
        _bytes(response),
    )


def _bytes(response: dict[str, Any]) -> bytes:
    match response["body_kind"]:
        case "json":
            return json.dumps(response["body"]).encode()
        case "base64":
            return base64.b64decode(response["body"])
        case _:
            return response["body"].encode()


@cache
def all_recorded() -> tuple[Recording, ...]:
    found: list[Recording] = []
    for path in sorted(CORPUS.glob("*.jsonl")):
        with path.open() as lines:
            found.extend(each for each in map(read, lines) if each is not None)
    return tuple(found)


def is_unfinished(recording: Recording) -> bool:
    """An answer that the Responses API is to give later."""
    return recording.dialect == "openai_responses" and b'"status": "queued"' in recording.body


def has_failed(recording: Recording) -> bool:
    """The provider reports an error in the midst of its stream."""
    return recording.streamed and recording.dialect == "openai_chat" and b'"error":' in recording.body


def is_signed(recording: Recording) -> bool:
    return (
        re.search(rb'"(signature|thought_?[sS]ignature|encrypted_content|redacted_thinking)": "[^"]', recording.body)
        is not None
    )
