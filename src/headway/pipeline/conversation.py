"""Which conversation a request goes on with.

The client may say it: by header, by the body's `prompt_cache_key`, or because it is an agent that names its sessions.
Otherwise a conversation is known by its beginning: the instructions and the first thing that the user said.
"""

from __future__ import annotations

from collections.abc import Mapping

from headway.core.line import PRIORITIES
from headway.wire.openai.peek import JsonRequest, MultipartRequest

Headers = list[tuple[bytes, bytes]]
"""Names in lower case."""

SESSION_HEADERS = (
    b"x-headway-session",
    b"x-claude-code-session-id",
    b"session_id",
    b"x-session-id",
    b"x-session-affinity",
)
"""In order of preference."""
BEFORE, AFTER = 512, 1024
"""Bytes around the word that says that a message is the user's. Some clients write what was said before it, some after.
"""
_NAMES_A_FIELD = (b":", b" ")
_USER, _MESSAGES = b'"user"', b'"messages"'
RANKS: dict[bytes, int] = {name.encode(): rank for rank, name in enumerate(PRIORITIES)}
NORMAL = RANKS[b"normal"]


def session_of(said: Mapping[bytes, bytes], request: JsonRequest | MultipartRequest, body: bytes) -> int | None:
    """A number for the conversation; None if a request belongs to none that can be known. `said` are headers."""
    if len(said) > (b"content-type" in said):
        for name in SESSION_HEADERS:
            session = said.get(name)
            if session:
                return hash(session)
    if not isinstance(request, JsonRequest):
        return None
    key = request.fields.get("prompt_cache_key")
    if key is not None and len(bytes(key)) > 2:
        return hash(bytes(key))
    return _by_opening(body)


def _by_opening(body: bytes) -> int | None:
    """By the first message that is the user's, and what stands before it; whatever the conversation came to be."""
    start = body.find(_USER)
    while start >= 0 and body[start + len(_USER) : start + len(_USER) + 1] in _NAMES_A_FIELD:
        start = body.find(_USER, start + len(_USER))
    if start < 0:
        return None
    begin = start - BEFORE if start > BEFORE else 0
    messages = body.rfind(_MESSAGES, begin, start)
    begin = max(begin, messages)  # other fields may differ from turn to turn
    end = body.find(b"}", start, start + AFTER)
    return hash(body[begin : end if end >= 0 else start + AFTER])
