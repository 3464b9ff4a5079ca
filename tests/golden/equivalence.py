"""What a client of one dialect is to hear of an answer that was given in another: written by hand from the dialects'
documentation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from golden.heard import Heard, Used
from headway.types import Dialect

End = Literal["end", "sequence", "length", "context", "tools", "filter", "refusal", "pause", "fault", "silent"]

READ: dict[Dialect, dict[str | None, End]] = {
    "openai_chat": {
        "stop": "end",
        "length": "length",
        "tool_calls": "tools",
        "function_call": "tools",
        "content_filter": "filter",
        "error": "fault",
        "": "silent",  # Snowflake
        None: "silent",
    },
    "openai_responses": {
        "completed": "end",
        "complete": "end",
        "max_output_tokens": "length",
        "content_filter": "filter",
        None: "silent",
    },
    "anthropic": {
        "end_turn": "end",
        "stop_sequence": "sequence",
        "max_tokens": "length",
        "model_context_window_exceeded": "context",
        "tool_use": "tools",
        "refusal": "refusal",
        "pause_turn": "pause",
        None: "silent",
    },
    "gemini": {
        "STOP": "end",
        "MAX_TOKENS": "length",
        "SAFETY": "filter",
        "RECITATION": "filter",
        "BLOCKLIST": "filter",
        "PROHIBITED_CONTENT": "filter",
        "SPII": "filter",
        "MODEL_ARMOR": "filter",
        "MALFORMED_FUNCTION_CALL": "fault",
        "UNEXPECTED_TOOL_CALL": "fault",
        "OTHER": "fault",
        None: "silent",
    },
    "converse": {
        "end_turn": "end",
        "stop_sequence": "sequence",
        "max_tokens": "length",
        "model_context_window_exceeded": "context",
        "tool_use": "tools",
        "content_filtered": "filter",
        "guardrail_intervened": "filter",
        "malformed_tool_use": "fault",
        "malformed_model_output": "fault",
    },
    "cohere": {
        "COMPLETE": "end",
        "STOP_SEQUENCE": "sequence",
        "MAX_TOKENS": "length",
        "TOOL_CALL": "tools",
    },
}
"""What a dialect's word for the end means. A silent provider gives none."""

SAID: dict[Dialect, dict[End, str]] = {
    "openai_chat": {
        "end": "stop",
        "sequence": "stop",
        "length": "length",
        "context": "length",
        "tools": "tool_calls",
        "filter": "content_filter",
        "refusal": "content_filter",
        "pause": "stop",
        "fault": "content_filter",
        "silent": "stop",
    },
    "openai_responses": {
        "end": "completed",
        "sequence": "completed",
        "length": "max_output_tokens",
        "context": "max_output_tokens",
        "tools": "completed",
        "filter": "content_filter",
        "refusal": "content_filter",
        "pause": "max_output_tokens",
        "fault": "failed",
        "silent": "completed",
    },
    "anthropic": {
        "end": "end_turn",
        "sequence": "stop_sequence",
        "length": "max_tokens",
        "context": "model_context_window_exceeded",
        "tools": "tool_use",
        "filter": "refusal",
        "refusal": "refusal",
        "pause": "pause_turn",
        "fault": "end_turn",  # there is no word for it
        "silent": "end_turn",
    },
    "gemini": {
        "end": "STOP",
        "sequence": "STOP",
        "length": "MAX_TOKENS",
        "context": "MAX_TOKENS",
        "tools": "STOP",
        "filter": "SAFETY",
        "refusal": "SAFETY",
        "pause": "OTHER",
        "fault": "MALFORMED_FUNCTION_CALL",
        "silent": "STOP",
    },
    "converse": {
        "end": "end_turn",
        "sequence": "stop_sequence",
        "length": "max_tokens",
        "context": "model_context_window_exceeded",
        "tools": "tool_use",
        "filter": "content_filtered",
        "refusal": "content_filtered",
        "pause": "end_turn",
        "fault": "malformed_model_output",
        "silent": "end_turn",
    },
    "cohere": {
        "end": "COMPLETE",
        "sequence": "STOP_SEQUENCE",
        "length": "MAX_TOKENS",
        "context": "MAX_TOKENS",
        "tools": "TOOL_CALL",
        "filter": "ERROR",
        "refusal": "COMPLETE",
        "pause": "COMPLETE",
        "fault": "ERROR",
        "silent": "COMPLETE",
    },
}

REFUSES: frozenset[Dialect] = frozenset({"openai_chat", "openai_responses"})
"""Dialects in which a refusal has a place of its own; in the others it is text."""
COUNTS_CACHE_WRITES: frozenset[Dialect] = frozenset({"openai_chat", "openai_responses", "anthropic", "converse"})
COUNTS_CACHE_APART: frozenset[Dialect] = frozenset({"anthropic", "converse"})
"""What was read and what was written stand beside the rest of the input, so that all of it is never less than both.
OpenRouter counts tokens that were written and read at once twice, but not in the input.
"""
COUNTS_THOUGHTS: frozenset[Dialect] = frozenset({"openai_chat", "openai_responses", "anthropic", "gemini"})


def end_of(heard: Heard, origin: Dialect) -> End:
    """Calls tell that a tool is wanted also where the word for it is that for any end; a refusal likewise."""
    end = READ[origin][heard.ended]
    if end in ("end", "silent") and heard.calls:
        return "tools"
    return "refusal" if end == "end" and heard.refusal and not heard.text else end


def expected(heard: Heard, origin: Dialect, client: Dialect) -> Heard:
    """What the client is to hear, but for ids of calls that the source has none for."""
    return due_for(heard, end_of(heard, origin), client)


def due_for(heard: Heard, end: End, client: Dialect) -> Heard:
    word = SAID[client][end]
    if end == "refusal" and heard.refusal and client in REFUSES:  # it says so itself
        word = SAID[client]["end"]
    told = replace(heard, ended=word, used=_used(heard.used, client))
    if client not in REFUSES:
        told = replace(told, text=heard.text + heard.refusal, refusal="")
    return told


def _used(used: Used | None, client: Dialect) -> Used | None:
    if used is None:
        return None
    counted = used.cached + used.cache_write
    return replace(
        used,
        sent=max(used.sent, counted) if client in COUNTS_CACHE_APART else used.sent,
        cache_write=used.cache_write if client in COUNTS_CACHE_WRITES else 0,
        thought=used.thought if client in COUNTS_THOUGHTS else 0,
    )


def differences(told: Heard, due: Heard) -> dict[str, tuple[object, object]]:
    """Fields in which a client heard something else than it should have: what it heard, and what was due. Where the
    source gives no id or no usage, anything goes.
    """
    pairs: dict[str, tuple[object, object]] = {
        name: (getattr(told, name), getattr(due, name)) for name in ("text", "refusal", "ended")
    }
    pairs["thoughts"] = ("".join(told.thoughts.split()), "".join(due.thoughts.split()))
    pairs["calls"] = ([call[1:] for call in told.calls], [call[1:] for call in due.calls])
    ids = [(call[0], known[0]) for call, known in zip(told.calls, due.calls, strict=False) if known[0]]
    pairs["ids"] = ([told for told, _ in ids], [known for _, known in ids])
    if due.used is not None:
        pairs["used"] = (told.used, due.used)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
