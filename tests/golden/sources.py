"""What was said in a recorded answer, read without the product's code.

Whole answers and streams of Chat Completions are read straight from the recorded JSON, as providers add to that dialect
what OpenAI's client cannot put together; other streams are read by the official client of their dialect.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from golden.clients import Clients, Document
from golden.heard import HEAR, Heard
from golden.recordings import Recording


def heard_in(recording: Recording, clients: Clients) -> Heard:
    if not recording.streamed:
        document: Document = json.loads(recording.body)
    elif recording.dialect == "openai_chat":
        document = chat_of(list(chunks_of(recording.body)))
    else:
        document = clients.streamed(recording.dialect, recording.body)
    return HEAR[recording.dialect](document)


def chunks_of(body: bytes) -> Iterator[Document]:
    for line in body.decode().replace("\r\n", "\n").split("\n"):
        data = line.removeprefix("data:").strip()
        if line.startswith("data:") and data != "[DONE]":
            yield json.loads(data)


def chat_of(chunks: list[Document]) -> Document:
    """The whole answer that chunks of a chat amount to: of its first choice, text, thoughts and calls."""
    message: Document = {"content": [], "tool_calls": {}, "reasoning_details": []}
    whole: Document = {"choices": [{"message": message, "finish_reason": None}]}
    for chunk in chunks:
        whole["usage"] = chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage") or whole.get("usage")
        first = next((each for each in chunk.get("choices", ()) if not each.get("index")), None)
        if first is not None:
            whole["choices"][0]["finish_reason"] = first.get("finish_reason") or whole["choices"][0]["finish_reason"]
            _add(message, first["delta"])
    message["tool_calls"] = list(message["tool_calls"].values())
    return whole


def _add(message: Document, delta: Document) -> None:
    content = delta.get("content") or []
    message["content"].extend([{"type": "text", "text": content}] if isinstance(content, str) else content)
    message["reasoning_details"].extend(delta.get("reasoning_details") or ())
    for name in ("refusal", "reasoning", "reasoning_content"):
        message[name] = message.get(name, "") + (delta.get(name) or "")
    for piece in delta.get("tool_calls") or ():
        call = message["tool_calls"].setdefault(
            piece.get("index", piece.get("id")), {"id": None, "function": {"name": "", "arguments": ""}}
        )
        call["id"] = piece.get("id") or call["id"]
        function = piece.get("function") or {}
        for name in ("name", "arguments"):
            call["function"][name] += function.get(name) or ""
