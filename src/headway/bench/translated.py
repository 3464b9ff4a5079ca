"""A provider of another dialect, for measuring translation: Anthropic's Messages behind Chat Completions."""

from __future__ import annotations

from typing import Any

import msgspec

from headway.bench import payloads

_encode = msgspec.json.Encoder().encode

CONFIG = """
providers:
  mock:
    dialect: anthropic
    base_url: http://127.0.0.1:9/v1
    keys: [{name: a, value: k1}, {name: b, value: k2}, {name: c, value: k3}, {name: d, value: k4}]
models:
  bench: [mock/claude-sonnet-4-5]
"""

_USAGE = {"input_tokens": 250, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 40}


def reply() -> bytes:
    """A whole answer of about 1 KB."""
    return payloads.whole_reply(_encode(_message([{"type": "text", "text": "All is well. " * 50}], "end_turn")))


def beginning() -> bytes:
    """The head of a stream and its first events."""
    began = _event("message_start", {"message": _message([], None)})
    block = _event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    return payloads.stream_head() + payloads.framed(began + block + chunk())


def chunk() -> bytes:
    """One more word."""
    return _event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": " word"}})


def long_chunk() -> bytes:
    """One more piece of text, as large as one of OpenAI's chunks in all."""
    text = " word" * 24
    return payloads.framed(_event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}}))


def end() -> bytes:
    """The last events of a stream, and the end of its body."""
    stopped = _event("content_block_stop", {"index": 0})
    counted = {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 40}}
    return payloads.framed(stopped + _event("message_delta", counted) + _event("message_stop", {})) + b"0\r\n\r\n"


def _message(content: list[dict[str, Any]], stop: str | None) -> dict[str, Any]:
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": _USAGE,
    }


def _event(name: str, fields: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name, **fields}))
