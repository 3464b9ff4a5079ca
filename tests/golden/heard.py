"""What somebody hears who reads an answer in the words of its own dialect: written from the dialects' documentation,
and with none of the product's code.

Each function takes a document as the dialect's API sends it whole. Only the first of several choices counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from headway.types import Dialect

Document = dict[str, Any]


@dataclass
class Used:
    """`sent` and `written` are totals; the others are parts of these."""

    sent: int = 0
    written: int = 0
    cached: int = 0
    cache_write: int = 0
    thought: int = 0


@dataclass
class Heard:
    """`ended` is the dialect's own word."""

    text: str = ""
    refusal: str = ""
    thoughts: str = ""
    calls: list[tuple[str | None, str, Any]] = field(default_factory=list[tuple[str | None, str, Any]])
    """Id, name and arguments."""
    used: Used | None = None
    ended: str | None = None


def arguments_in(text: str | None) -> Any:
    """Blank is as good as an empty object; what is no JSON is but a text."""
    if not (text or "").strip():
        return {}
    try:
        return json.loads(text or "")
    except ValueError:
        return text


def count(words: Document | None, *path: str) -> int:
    value: Any = words
    for step in path:
        value = (value or {}).get(step)
    return int(value or 0)


def chat(document: Document) -> Heard:
    choice = document["choices"][0]
    message = choice["message"]
    heard = Heard(ended=choice["finish_reason"], refusal=message.get("refusal") or "")
    content = message.get("content") or ""
    parts: list[Document] = [{"type": "text", "text": content}] if isinstance(content, str) else content
    for part in parts:
        match part["type"]:
            case "text":
                heard.text += part["text"]
            case "refusal":
                heard.refusal += part["refusal"]
            case "thinking":  # Mistral
                heard.thoughts += "".join(each.get("text", "") for each in part["thinking"])
            case _:
                pass
    told = message.get("reasoning_content") or message.get("reasoning")
    details = message.get("reasoning_details") or ()
    heard.thoughts += told or "".join(each.get("text") or each.get("summary") or "" for each in details)
    for call in message.get("tool_calls") or ():
        if call.get("type") == "custom":
            heard.calls.append((call["id"], call["custom"]["name"], call["custom"]["input"]))
        elif call["function"]["name"]:
            function = call["function"]
            heard.calls.append((call["id"], function["name"], arguments_in(function.get("arguments"))))
    usage: Document | None = document.get("usage") or (document.get("x_groq") or {}).get("usage")
    if usage:
        sent, written = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
        beyond = max(0, count(usage, "total_tokens") - sent - written)  # thoughts, where they are not counted in
        heard.used = Used(
            sent,
            written + beyond,
            count(usage, "prompt_tokens_details", "cached_tokens")
            or count(usage, "prompt_cache_hit_tokens")
            or count(usage, "num_cached_tokens"),
            count(usage, "prompt_tokens_details", "cache_write_tokens"),
            max(beyond, count(usage, "completion_tokens_details", "reasoning_tokens")),
        )
    return heard


def responses(document: Document) -> Heard:
    reason = (document.get("incomplete_details") or {}).get("reason")
    heard = Heard(ended=reason or document["status"])
    for item in document["output"]:
        match item["type"]:
            case "message":
                for part in item["content"]:
                    heard.text += part.get("text") or ""
                    heard.refusal += part.get("refusal") or ""
            case "reasoning":
                told = [*(item.get("summary") or ()), *(item.get("content") or ())]
                heard.thoughts += "".join(part.get("text") or "" for part in told)
            case "function_call":
                group = item.get("namespace")  # nobody else has groups, but for a tool there is one of the same name
                name = item["name"] if group in (None, item["name"]) else f"{group}__{item['name']}"
                heard.calls.append((item["call_id"], name, arguments_in(item["arguments"])))
            case "custom_tool_call":
                heard.calls.append((item["call_id"], item["name"], item["input"]))
            case _:
                pass
    usage = document.get("usage")
    if usage:
        heard.used = Used(
            count(usage, "input_tokens"),
            count(usage, "output_tokens"),
            count(usage, "input_tokens_details", "cached_tokens"),
            count(usage, "input_tokens_details", "cache_write_tokens"),
            count(usage, "output_tokens_details", "reasoning_tokens"),
        )
    return heard


def anthropic(document: Document) -> Heard:
    heard = Heard(ended=document["stop_reason"])
    for block in document["content"]:
        match block["type"]:
            case "text":
                heard.text += block["text"]
            case "thinking":
                heard.thoughts += block["thinking"]
            case "tool_use":
                heard.calls.append((block["id"], block["name"], block["input"]))
            case _:
                pass
    usage = document["usage"]
    read, wrote = count(usage, "cache_read_input_tokens"), count(usage, "cache_creation_input_tokens")
    heard.used = Used(
        count(usage, "input_tokens") + read + wrote,
        count(usage, "output_tokens"),
        read,
        wrote,
        count(usage, "output_tokens_details", "thinking_tokens"),
    )
    return heard


def gemini(document: Document) -> Heard:
    candidates: list[Document] = document.get("candidates") or [{"finishReason": "SAFETY"}]
    heard = Heard(ended=candidates[0].get("finishReason"))
    for part in (candidates[0].get("content") or {}).get("parts") or ():
        if part.get("functionCall"):
            call = part["functionCall"]
            heard.calls.append((call.get("id"), call["name"], call.get("args") or {}))
        elif part.get("thought"):
            heard.thoughts += part.get("text") or ""
        else:
            heard.text += part.get("text") or ""
    usage = document.get("usageMetadata")
    if usage:
        thought = count(usage, "thoughtsTokenCount")
        heard.used = Used(
            count(usage, "promptTokenCount") + count(usage, "toolUsePromptTokenCount"),
            count(usage, "candidatesTokenCount") + thought,
            count(usage, "cachedContentTokenCount"),
            thought=thought,
        )
    return heard


def converse(document: Document) -> Heard:
    heard = Heard(ended=document["stopReason"])
    for block in document["output"]["message"]["content"]:
        if "text" in block:
            heard.text += block["text"]
        elif "toolUse" in block:
            call = block["toolUse"]
            if call.get("type") != "server_tool_use":
                heard.calls.append((call["toolUseId"], call["name"], call["input"]))
        elif "reasoningContent" in block:
            heard.thoughts += block["reasoningContent"].get("reasoningText", {}).get("text", "")
        elif "citationsContent" in block:
            heard.text += "".join(each.get("text", "") for each in block["citationsContent"].get("content", ()))
    usage = document["usage"]
    read, wrote = count(usage, "cacheReadInputTokens"), count(usage, "cacheWriteInputTokens")
    heard.used = Used(count(usage, "inputTokens") + read + wrote, count(usage, "outputTokens"), read, wrote)
    return heard


def cohere(document: Document) -> Heard:
    message = document["message"]
    heard = Heard(ended=document["finish_reason"], thoughts=message.get("tool_plan") or "")
    for block in message.get("content") or ():
        heard.text += block.get("text") or ""
        heard.thoughts += block.get("thinking") or ""
    for call in message.get("tool_calls") or ():
        function = call["function"]
        heard.calls.append((call["id"], function["name"], arguments_in(function.get("arguments"))))
    usage = document.get("usage")
    if usage:
        counts = usage.get("tokens") or usage.get("billed_units")
        heard.used = Used(count(counts, "input_tokens"), count(counts, "output_tokens"), count(usage, "cached_tokens"))
    return heard


HEAR: dict[Dialect, Callable[[Document], Heard]] = {
    "openai_chat": chat,
    "openai_responses": responses,
    "anthropic": anthropic,
    "gemini": gemini,
    "converse": converse,
    "cohere": cohere,
}
