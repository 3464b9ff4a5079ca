"""The simulated providers behind the gateway, and where each finds in a request of its own dialect what was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from end_to_end.sdks.seen import Document

KEY = "good-key"
AWS_KEY = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """One provider. The functions take the body of a request as it came there."""

    name: str
    kind: str
    """Entry of the catalogue."""
    settings: Document = {}
    base: str = ""
    """What comes after host and port in its base URL."""
    model: str
    thinker: str = ""
    """A model that thinks and signs its thoughts. Empty: none that is simulated."""
    looker: str = ""
    """A model that takes pictures, if the usual one does not."""
    embedder: str = ""
    embeds_one: bool = False
    """Whether it takes one text a request."""
    embedding_path: str = ""
    """A part of the paths of embeddings."""
    path: tuple[str, str]
    """Patterns of the paths of whole answers and of streams."""
    words: Callable[[Document], str]
    """The text of the last message."""
    tools: Callable[[Document], list[str]]
    calls: Callable[[Document], list[tuple[str, Document]]]
    """Names and arguments of the calls in the history."""
    results: Callable[[Document], list[str]]
    picture: Callable[[Document], str]
    """In base64."""
    schema: Callable[[Document], Document]
    added: int = 0
    """Tokens that it counts for a message beyond four and its text."""
    mark: str = ""
    """What signatures stand under."""


def _content(message: Document) -> list[Document]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(blocks: list[Document]) -> str:
    return "".join(block.get("text", "") for block in blocks)


def _chat_results(body: Document) -> list[str]:
    return [_text(_content(each)) for each in body["messages"] if each["role"] == "tool"]


def _chat_calls(body: Document) -> list[tuple[str, Document]]:
    calls = [call["function"] for message in body["messages"] for call in message.get("tool_calls") or ()]
    return [(call["name"], json.loads(call["arguments"])) for call in calls]


def _ollama_calls(body: Document) -> list[tuple[str, Document]]:
    calls = [call["function"] for message in body["messages"] for call in message.get("tool_calls") or ()]
    return [(call["name"], call["arguments"]) for call in calls]


def _data(url: str | Document) -> str:
    text = url if isinstance(url, str) else url["url"]
    return text.removeprefix("data:image/png;base64,")


def _gemini_results(body: Document) -> list[str]:
    parts = [part for content in body["contents"] for part in content["parts"]]
    found = [part["functionResponse"]["response"] for part in parts if "functionResponse" in part]
    return [str(each.get("result", each.get("output"))) for each in found]


def _gemini_calls(body: Document) -> list[tuple[str, Document]]:
    parts = [part for content in body["contents"] for part in content["parts"]]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return [(call["name"], call["args"]) for call in calls]


def _gemini_schema(body: Document) -> Document:
    config = body["generationConfig"]
    return config.get("responseJsonSchema") or config["responseSchema"]


def _gemini_tools(body: Document) -> list[str]:
    return [each["name"] for tool in body["tools"] for each in tool["functionDeclarations"]]


def _claude_results(body: Document) -> list[str]:
    blocks = [block for message in body["messages"] for block in _content(message)]
    found = [block["content"] for block in blocks if block["type"] == "tool_result"]
    return [each if isinstance(each, str) else _text(each) for each in found]


def _claude_calls(body: Document) -> list[tuple[str, Document]]:
    blocks = [block for message in body["messages"] for block in _content(message)]
    return [(block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]


def _converse_blocks(body: Document, name: str) -> list[Any]:
    return [block[name] for message in body["messages"] for block in message["content"] if name in block]


def _responses_results(body: Document) -> list[str]:
    found = [item["output"] for item in body["input"] if item.get("type") == "function_call_output"]
    return [each if isinstance(each, str) else _text(each) for each in found]


def _responses_calls(body: Document) -> list[tuple[str, Document]]:
    calls = [item for item in body["input"] if item.get("type") == "function_call"]
    return [(call["name"], json.loads(call["arguments"])) for call in calls]


def _responses_words(body: Document) -> str:
    given = body["input"]
    return given if isinstance(given, str) else _text(_content(given[-1]))


CHAT = Upstream(
    name="openai",
    kind="openai",
    settings={"apis": ["chat", "embeddings"]},
    base="/v1",
    model="gpt-4.1",
    embedder="text-embedding-3-small",
    embedding_path="/v1/embeddings",
    path=("/v1/chat/completions", "/v1/chat/completions"),
    words=lambda body: _text(_content(body["messages"][-1])),
    tools=lambda body: [each["function"]["name"] for each in body["tools"]],
    calls=_chat_calls,
    results=_chat_results,
    picture=lambda body: _data(body["messages"][-1]["content"][1]["image_url"]),
    schema=lambda body: body["response_format"]["json_schema"]["schema"],
)
RESPONSES = Upstream(
    name="responses",
    kind="openai",
    settings={"dialect": "openai_responses"},
    base="/v1",
    model="gpt-4.1",
    path=("/v1/responses", "/v1/responses"),
    words=_responses_words,
    tools=lambda body: [each["name"] for each in body["tools"]],
    calls=_responses_calls,
    results=_responses_results,
    picture=lambda body: _data(body["input"][-1]["content"][1]["image_url"]),
    schema=lambda body: body["text"]["format"]["schema"],
)
ANTHROPIC = Upstream(
    name="anthropic",
    kind="anthropic",
    base="/v1",
    model="claude-sonnet-4-5",
    thinker="claude-sonnet-4-5",
    path=("/v1/messages", "/v1/messages"),
    words=lambda body: _text(_content(body["messages"][-1])),
    tools=lambda body: [each["name"] for each in body["tools"]],
    calls=_claude_calls,
    results=_claude_results,
    picture=lambda body: body["messages"][-1]["content"][1]["source"]["data"],
    schema=lambda body: body["output_config"]["format"]["schema"],
    mark="signature",
)
GEMINI = Upstream(
    name="gemini",
    kind="gemini",
    base="/v1beta",
    model="gemini-2.5-flash",
    thinker="gemini-3-flash-preview",
    embedder="gemini-embedding-001",
    embedding_path="mbedContent",
    path=(
        r"/v1(beta)?/models/gemini-[^/:]+:generateContent",
        r"/v1(beta)?/models/gemini-[^/:]+:streamGenerateContent\?alt=sse",
    ),
    words=lambda body: _text(body["contents"][-1]["parts"]),
    tools=_gemini_tools,
    calls=_gemini_calls,
    results=_gemini_results,
    picture=lambda body: body["contents"][-1]["parts"][1]["inlineData"]["data"],
    schema=_gemini_schema,
    mark="thoughtSignature",
)
BEDROCK = Upstream(
    name="bedrock",
    kind="bedrock",
    settings={"auth": "sigv4"},
    model="anthropic.claude-sonnet-4-5-20250929-v1:0",
    thinker="anthropic.claude-sonnet-4-5-20250929-v1:0",
    embedder="amazon.titan-embed-text-v2:0",
    embeds_one=True,
    embedding_path="/invoke",
    path=(r"/model/[^/]+/converse", r"/model/[^/]+/converse-stream"),
    words=lambda body: _text(body["messages"][-1]["content"]),
    tools=lambda body: [each["toolSpec"]["name"] for each in body["toolConfig"]["tools"]],
    calls=lambda body: [(use["name"], use["input"]) for use in _converse_blocks(body, "toolUse")],
    results=lambda body: [_text(each["content"]) for each in _converse_blocks(body, "toolResult")],
    picture=lambda body: body["messages"][-1]["content"][1]["image"]["source"]["bytes"],
    schema=lambda body: json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]),
    mark="signature",
)
COHERE = Upstream(
    name="cohere",
    kind="cohere",
    model="command-a-03-2025",
    thinker="command-a-reasoning-08-2025",
    looker="command-a-vision-07-2025",
    embedder="embed-v4.0",
    embedding_path="/v2/embed",
    added=2,
    path=("/v2/chat", "/v2/chat"),
    words=lambda body: _text(_content(body["messages"][-1])),
    tools=lambda body: [each["function"]["name"] for each in body["tools"]],
    calls=_chat_calls,
    results=_chat_results,
    picture=lambda body: _data(body["messages"][-1]["content"][1]["image_url"]),
    schema=lambda body: body["response_format"]["json_schema"],
)
OLLAMA = Upstream(
    name="ollama",
    kind="ollama-native",
    model="qwen2.5vl",
    thinker="qwen3",
    embedder="nomic-embed-text",
    embedding_path="/api/embed",
    path=("/api/chat", "/api/chat"),
    words=lambda body: body["messages"][-1]["content"],
    tools=lambda body: [each["function"]["name"] for each in body["tools"]],
    calls=_ollama_calls,
    results=_chat_results,
    picture=lambda body: body["messages"][-1]["images"][0],
    schema=lambda body: body["format"],
)

UPSTREAMS = (CHAT, RESPONSES, ANTHROPIC, GEMINI, BEDROCK, COHERE, OLLAMA)


def is_asked_at(upstream: Upstream, path: str, *, stream: bool) -> bool:
    return re.fullmatch(upstream.path[stream], path) is not None
