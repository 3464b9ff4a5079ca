"""What providers want of a request beyond the types of its fields, as their documentation says.

Turns in their order, results of tools beside their calls, settings that exclude one another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from headway.types import Dialect

Body = dict[str, Any]


class Turn(NamedTuple):
    """A message: who speaks, the calls in it and the calls that it has results of, by id (or name)."""

    role: str
    calls: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


def broken_rule(dialect: Dialect, body: Body) -> str | None:
    """The first rule that the request breaks, in words."""
    return next(_RULES[dialect](body), None)


def _of_calls(turns: list[Turn]) -> Iterator[str]:
    """Every result follows its call at once, and every call but those of the last turn has its result."""
    open_calls: list[str] = []
    for at, turn in enumerate(turns):
        for result in turn.results:
            if result not in open_calls:
                yield f"turn {at} has a result of {result}, which the turn before did not call"
            else:
                open_calls.remove(result)
        if turn.role != "tool" or not turn.results:
            if open_calls:
                yield f"turn {at} comes before the results of {open_calls}"
            open_calls = []
        open_calls += turn.calls
    if open_calls and turns and not turns[-1].calls:
        yield f"calls without results: {open_calls}"


def _alternate(turns: list[Turn]) -> Iterator[str]:
    if not turns:
        yield "no messages"
    for at in range(1, len(turns)):
        if turns[at].role == turns[at - 1].role:
            yield f"turns {at - 1} and {at} are of the same role"


def _of_names(names: list[str], pattern: str = r"[A-Za-z0-9_-]{1,64}") -> Iterator[str]:
    if len(set(names)) < len(names):
        yield f"names of tools are not unique: {names}"
    for name in names:
        if not re.fullmatch(pattern, name):
            yield f"no name for a tool: {name}"


# --- OpenAI ---


def _chat(body: Body) -> Iterator[str]:
    messages = body["messages"]
    if not messages:
        yield "no messages"
    turns: list[Turn] = []
    for message in messages:
        calls = tuple(call["id"] for call in message.get("tool_calls") or ())
        results = (message["tool_call_id"],) if message["role"] == "tool" else ()
        turns.append(Turn(message["role"], calls, results))
        if message["role"] == "assistant" and not calls and message.get("content", message.get("refusal")) is None:
            yield "an assistant's message holds nothing"
        if isinstance(message.get("content"), list) and not message["content"]:
            yield "content is an empty list"
    yield from _of_calls(turns)
    tools = body.get("tools", [])
    yield from _of_names([tool[tool["type"]]["name"] for tool in tools if tool["type"] in ("function", "custom")])
    yield from _excluded(body, "stream_options", "stream")
    yield from _excluded(body, "tool_choice", "tools")
    yield from _excluded(body, "parallel_tool_calls", "tools")
    yield from _excluded(body, "top_logprobs", "logprobs")
    if len(body.get("stop") or ()) > 4 and isinstance(body["stop"], list):
        yield "more than four stops"


def _responses(body: Body) -> Iterator[str]:
    items = body["input"]
    if isinstance(items, str):
        return
    if not items:
        yield "no input"
    waiting: list[str] = []
    for item in items:
        kind = str(item.get("type"))
        if kind in ("function_call", "custom_tool_call"):
            waiting.append(item["call_id"])
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if item["call_id"] not in waiting:
                yield f"a result of {item['call_id']}, which was not called"
            else:
                waiting.remove(item["call_id"])
    if waiting and items[-1].get("call_id") not in waiting:
        yield f"no result of {waiting}"
    tools = body.get("tools", [])
    yield from _of_names([tool["name"] for tool in tools if tool["type"] in ("function", "custom")])
    yield from _excluded(body, "tool_choice", "tools")
    yield from _excluded(body, "stream_options", "stream")


def _excluded(body: Body, name: str, needed: str) -> Iterator[str]:
    if name in body and not body.get(needed):
        yield f"{name} without {needed}"


# --- Anthropic and Converse ---


def _anthropic(body: Body) -> Iterator[str]:
    turns: list[Turn] = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        calls = tuple(block["id"] for block in blocks if block["type"] == "tool_use")
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        turns.append(Turn("tool" if results else message["role"], calls, tuple(results)))
        if not blocks:
            yield "a message without content"
        yield from _first([block["type"] == "tool_result" for block in blocks])
        yield from ("blank text" for block in blocks if block["type"] == "text" and not block["text"].strip())
    yield from _alternate([Turn("user" if turn.role == "tool" else turn.role) for turn in turns])
    yield from _of_calls(turns)
    yield from _of_names([tool["name"] for tool in body.get("tools", ()) if "name" in tool], r"[A-Za-z0-9_-]{1,128}")
    yield from _excluded(body, "tool_choice", "tools")
    if body["max_tokens"] < 1:
        yield "max_tokens below 1"
    yield from _of_claude(
        body, body.get("thinking", {}), body["max_tokens"], (body.get("tool_choice") or {}).get("type")
    )
    if not 0 <= body.get("temperature", 0) <= 1:
        yield "temperature out of range"
    if len(body.get("metadata", {}).get("user_id") or "") > 256:
        yield "user_id too long"


def _of_claude(sampling: Body, thinking: Body, most: int | None, choice: str | None) -> Iterator[str]:
    if thinking.get("type") not in ("enabled", "adaptive"):
        return
    if sampling.get("temperature", 1) != 1:
        yield "thinking excludes another temperature than 1"
    if "top_k" in sampling:
        yield "thinking excludes top_k"
    if choice in ("any", "tool"):
        yield "thinking excludes a tool that must be called"
    budget = thinking.get("budget_tokens")
    if budget is not None and (budget < 1024 or (most is not None and budget >= most)):
        yield f"a budget of {budget} of {most}"


def _first(results: list[bool]) -> Iterator[str]:
    if results != sorted(results, reverse=True):
        yield "results of tools come after other blocks"


def _converse(body: Body) -> Iterator[str]:
    turns: list[Turn] = []
    for message in body["messages"]:
        blocks = message["content"]
        calls = tuple(block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block)
        results = tuple(block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block)
        turns.append(Turn("tool" if results else message["role"], calls, results))
        if not blocks:
            yield "a message without content"
        yield from ("blank text" for block in blocks if not block.get("text", "x").strip())
        documents = [block["document"] for block in blocks if "document" in block]
        if documents and not any("text" in block for block in blocks):
            yield "a document without words beside it"
        yield from (
            f"no name for a document: {each['name']!r}"
            for each in documents
            if not re.fullmatch(r"(?!.*\s\s)[A-Za-z0-9 \-()\[\]]{1,200}", each["name"])
        )
        if len({each["name"] for each in documents}) < len(documents):
            yield "documents share a name"
    yield from _alternate([Turn("user" if turn.role == "tool" else turn.role) for turn in turns])
    yield from _of_calls(turns)
    tools = body.get("toolConfig", {}).get("tools", [])
    if any(turn.calls or turn.results for turn in turns) and not tools:
        yield "tools were used, and none is described"
    yield from _of_names([tool["toolSpec"]["name"] for tool in tools if "toolSpec" in tool])
    if not 0 <= body.get("inferenceConfig", {}).get("temperature", 0) <= 1:
        yield "temperature out of range"
    config, more = body.get("inferenceConfig", {}), body.get("additionalModelRequestFields", {})
    choice = next(iter(body.get("toolConfig", {}).get("toolChoice", {})), None)
    yield from _of_claude(config | more, more.get("thinking", {}), config.get("maxTokens"), choice)


# --- Gemini and Cohere ---


def _gemini(body: Body) -> Iterator[str]:
    turns: list[Turn] = []
    for content in body["contents"]:
        parts = content["parts"]
        calls = tuple(part["functionCall"]["name"] for part in parts if "functionCall" in part)
        results = tuple(part["functionResponse"]["name"] for part in parts if "functionResponse" in part)
        turns.append(Turn("tool" if results else content["role"], calls, results))
        if not parts:
            yield "content without parts"
        yield from _first(["functionResponse" in part for part in parts])
        yield from ("an empty part" for part in parts if not part)
        yield from (f"several kinds in {part.keys()}" for part in parts if len(part.keys() - _BESIDE) != 1)
    if not turns:
        yield "no contents"
    yield from _of_calls(turns)
    tools = body.get("tools", [])
    functions = [each for tool in tools for each in tool.get("functionDeclarations", ())]
    yield from _of_names([each["name"] for each in functions], r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
    config = body.get("generationConfig", {})
    if len(config.get("stopSequences", ())) > 5:
        yield "more than five stops"
    if ("responseSchema" in config or "responseJsonSchema" in config) and "responseMimeType" not in config:
        yield "a schema without a media type"
    if "logprobs" in config and not config.get("responseLogprobs"):
        yield "logprobs without responseLogprobs"
    calling = body.get("toolConfig", {}).get("functionCallingConfig", {})
    if calling and not functions:
        yield "a choice among no functions"
    if not set(calling.get("allowedFunctionNames", ())) <= {each["name"] for each in functions}:
        yield "a choice of unknown functions"


_BESIDE = frozenset({"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"})


def _cohere(body: Body) -> Iterator[str]:
    turns: list[Turn] = []
    for message in body["messages"]:
        calls = tuple(call["id"] for call in message.get("tool_calls") or ())
        results = (message["tool_call_id"],) if message["role"] == "tool" else ()
        turns.append(Turn(message["role"], calls, results))
        if message.get("content") is None and not calls:
            yield f"a message of {message['role']} without content"
    yield from _of_calls(turns)
    yield from _of_names([tool["function"]["name"] for tool in body.get("tools", ())], r"[A-Za-z_][A-Za-z0-9_-]*")
    yield from _excluded(body, "tool_choice", "tools")
    if body.get("tools") and body.get("response_format", {"type": "text"})["type"] != "text":
        yield "JSON beside tools"
    if not 0 <= body.get("temperature", 0) <= 1:
        yield "temperature out of range"
    if len(body.get("stop_sequences", ())) > 5:
        yield "more than five stops"


_RULES: dict[Dialect, Callable[[Body], Iterator[str]]] = {
    "openai_chat": _chat,
    "openai_responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "converse": _converse,
    "cohere": _cohere,
}
