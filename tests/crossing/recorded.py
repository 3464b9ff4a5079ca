"""Requests for words that were recorded in front of real providers, and in which dialect."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from headway.types import Dialect

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
_PATHS: tuple[tuple[str, Dialect, bool], ...] = (
    (r"/chat/completions$", "openai_chat", False),
    (r"/responses$", "openai_responses", False),
    (r"/v1/messages$", "anthropic", False),
    (r"/models/(?P<model>[^/]+):generateContent$", "gemini", False),
    (r"/models/(?P<model>[^/]+):streamGenerateContent$", "gemini", True),
    (r"/model/(?P<model>[^/]+)/converse$", "converse", False),
    (r"/model/(?P<model>[^/]+)/converse-stream$", "converse", True),
    (r"/v2/chat$", "cohere", False),
)
"""What the path of a URL ends in, the dialect, and whether that path streams (else the body says it)."""


class Asked(NamedTuple):
    """A request as a client sent it."""

    id: str
    dialect: Dialect
    model: str
    stream: bool
    body: dict[str, Any]


def _read(line: str) -> Asked | None:
    fields = json.loads(line)
    request = fields["request"]
    path = urlsplit(request["url"]).path
    if request["method"] != "POST" or fields["response"]["status"] != 200:
        return None
    for pattern, dialect, streams in _PATHS:
        found = re.search(pattern, path)
        body = _document(request)
        if found and body is not None:
            model = unquote(found["model"]) if "model" in found.groupdict() else body["model"]
            return Asked(fields["id"], dialect, model, streams or body.get("stream") is True, body)
    return None


def _document(request: dict[str, Any]) -> dict[str, Any] | None:
    if request["body_kind"] == "json":
        return request["body"]
    try:
        return json.loads(request["body"]) if request["body_kind"] == "text" else None
    except ValueError:  # a recorded picture may have been cut short
        return None


@cache
def all_recorded() -> tuple[Asked, ...]:
    """Every accepted request, each but once."""
    found: dict[str, Asked] = {}
    for path in sorted(CORPUS.glob("*.jsonl")):
        with path.open(encoding="utf-8") as lines:
            for asked in map(_read, lines):
                if asked is not None:
                    found.setdefault(f"{asked.dialect} {asked.stream} {json.dumps(asked.body)}", asked)
    return tuple(found.values())
