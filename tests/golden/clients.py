"""The official clients of six dialects, each over a transport that answers what it is told.

What a client makes of an answer is given back as a document in the form of the dialect's whole answers. Streams are put
together by the client itself, where it has something for that, and otherwise from the events that it yields.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from typing import Any, cast

import anthropic
import boto3
import cohere
import httpx
import httpx2
import openai
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.config import Config
from google import genai
from google.genai import types
from openai.lib.streaming.chat import ChatCompletionStreamState

from headway.types import Dialect

Document = dict[str, Any]
HI: Any = [{"role": "user", "content": "Hi"}]

CLIENTS: tuple[Dialect, ...] = ("openai_chat", "openai_responses", "anthropic", "gemini", "converse", "cohere")
GROWING = ("input", "text", "signature", "redactedContent")
SPOKEN = (
    "response.output_text.delta",
    "response.refusal.delta",
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
)
ENDINGS = ("response.completed", "response.incomplete", "response.failed")


class Answer:
    """What the transport says next."""

    def __init__(self) -> None:
        self.body = b""
        self.kind = "application/json"

    def give(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=self.body, headers={"content-type": self.kind}, request=request)

    def give2(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=self.body, headers={"content-type": self.kind}, request=request)

    def send(self, request: Any, **_: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, HeadersDict({"content-type": self.kind}), _Body(self.body))


class _Body(io.BytesIO):
    def stream(self, amt: int = 1024, **_: Any) -> Iterator[bytes]:
        while piece := self.read(amt):
            yield piece


class Clients:
    def __init__(self) -> None:
        self._answer = answer = Answer()
        http2 = httpx2.Client(transport=httpx2.MockTransport(answer.give2))
        http = httpx.Client(transport=httpx.MockTransport(answer.give))
        url = "http://127.0.0.1"
        self._openai = openai.OpenAI(api_key="k", base_url=url, max_retries=0, http_client=http2)
        family: Any = http if issubclass(anthropic.DefaultHttpxClient, httpx.Client) else http2
        self._anthropic = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0, http_client=family)
        self._gemini = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url, httpx_client=http))
        self._bedrock: Any = boto3.client(
            "bedrock-runtime",
            region_name="us-east-1",
            aws_access_key_id="a",
            aws_secret_access_key="b",
            config=Config(retries={"total_max_attempts": 1}),
        )
        self._bedrock.meta.events.register("before-send.bedrock-runtime", answer.send)
        self._cohere = cohere.ClientV2(api_key="k", base_url=url, httpx_client=http)

    def whole(self, dialect: Dialect, body: bytes) -> Document:
        self._answer.body, self._answer.kind = body, "application/json"
        match dialect:
            case "openai_chat":
                return self._openai.chat.completions.create(model="m", messages=HI).model_dump(warnings=False)
            case "openai_responses":
                return self._openai.responses.create(model="m", input="Hi").model_dump(warnings=False)
            case "anthropic":
                return self._anthropic.messages.create(model="m", max_tokens=9, messages=HI).model_dump(warnings=False)
            case "gemini":
                reply = self._gemini.models.generate_content(model="m", contents="Hi")
                return json.loads(reply.model_dump_json(by_alias=True, exclude_none=True))
            case "converse":
                return self._bedrock.converse(modelId="m", messages=[{"role": "user", "content": [{"text": "Hi"}]}])
            case "cohere":
                return self._cohere.chat(model="m", messages=HI).model_dump()
            case _:
                raise NotImplementedError(dialect)

    def streamed(self, dialect: Dialect, body: bytes) -> Document:
        self._answer.body, self._answer.kind = body, "text/event-stream"
        match dialect:
            case "openai_chat":
                return self._chat()
            case "openai_responses":
                return self._responses()
            case "anthropic":
                with self._anthropic.messages.stream(model="m", max_tokens=9, messages=HI) as stream:
                    return stream.get_final_message().model_dump(warnings=False)
            case "gemini":
                chunks = self._gemini.models.generate_content_stream(model="m", contents="Hi")
                return _joined([json.loads(each.model_dump_json(by_alias=True, exclude_none=True)) for each in chunks])
            case "converse":
                self._answer.kind = "application/vnd.amazon.eventstream"
                asked = [{"role": "user", "content": [{"text": "Hi"}]}]
                return _conversed(self._bedrock.converse_stream(modelId="m", messages=asked)["stream"])
            case "cohere":
                return _cohered([each.model_dump() for each in self._cohere.chat_stream(model="m", messages=HI)])
            case _:
                raise NotImplementedError(dialect)

    def _chat(self) -> Document:
        state = ChatCompletionStreamState()
        for chunk in self._openai.chat.completions.create(model="m", messages=HI, stream=True):
            state.handle_chunk(chunk)
        return state.current_completion_snapshot.model_dump(warnings=False)

    def _responses(self) -> Document:
        words: dict[str, str] = {}
        document: Document = {}
        with (
            warnings.catch_warnings(action="ignore", category=UserWarning),  # it copies items newer than itself
            self._openai.responses.stream(model="m", input="Hi") as stream,
        ):
            for event in cast("Iterator[Any]", stream):
                if event.type in SPOKEN:
                    words[event.item_id] = words.get(event.item_id, "") + event.delta
                elif event.type in ENDINGS:  # its `get_final_response` knows but the first
                    document = event.response.model_dump(warnings=False)
        for item in document["output"]:
            if item["type"] in ("message", "function_call", "custom_tool_call"):
                parts = item.get("content") or [item]
                said = [part.get(name) or "" for part in parts for name in ("text", "refusal", "arguments", "input")]
                assert words.get(item["id"], "") == "".join(said), "what was said bit by bit is not what was said"
        return document


def _joined(chunks: list[Document]) -> Document:
    """Gemini's chunks hold parts each, and the last word on everything else counts."""
    whole: Document = {}
    candidate: Document = {}
    parts: list[Document] = []
    for chunk in chunks:
        first = next((each for each in chunk.get("candidates", ()) if not each.get("index")), {})
        parts.extend((first.get("content") or {}).get("parts") or ())
        whole |= chunk
        candidate |= first
    return whole | {"candidates": [candidate | {"content": {"parts": parts, "role": "model"}}]}


def _conversed(events: Iterator[Document]) -> Document:
    blocks: dict[int, Document] = {}
    whole: Document = {}
    under_way: int | None = None
    for event in events:
        name, words = next(iter(event.items()))
        match name:
            case "contentBlockStart" | "contentBlockDelta":
                index = words["contentBlockIndex"]
                assert under_way in (None, index), "blocks overlap"
                under_way = index
                _put(blocks.setdefault(index, {}), words.get("start") or words["delta"])
            case "contentBlockStop":
                assert words["contentBlockIndex"] == under_way
                under_way = None
            case _:
                whole |= words
    assert under_way is None, "a block has no end"
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"].get("input") or "{}")
        if "reasoningContent" in block:
            thought = block["reasoningContent"]
            block["reasoningContent"] = thought if "redactedContent" in thought else {"reasoningText": thought}
    return whole | {"output": {"message": {"role": "assistant", "content": list(blocks.values())}}}


def _put(block: Document, told: Document) -> None:
    for kind, value in told.items():
        if not isinstance(value, dict):
            block[kind] = value if isinstance(block.get(kind, []), dict | list) else block[kind] + value
            continue
        fields: Document = block.setdefault(kind, {})
        for name, piece in value.items():
            fields[name] = fields[name] + piece if name in fields and name in GROWING else piece


def _cohered(events: list[Document]) -> Document:
    blocks: dict[int, Document] = {}
    calls: dict[int, Document] = {}
    whole: Document = {"finish_reason": None}
    plan, citations = "", []
    for event in events:
        message = (event.get("delta") or {}).get("message") or {}
        match event["type"]:
            case "content-start":
                blocks[event["index"]] = message["content"]
            case "content-delta":
                block, told = blocks[event["index"]], message["content"]
                for name in ("text", "thinking"):
                    if told.get(name):
                        block[name] = (block.get(name) or "") + told[name]
            case "message-start":
                whole["id"] = event["id"]
            case "citation-start":
                citations.append(message["citations"])
            case "tool-plan-delta":
                plan += message["tool_plan"]
            case "tool-call-start":
                calls[event["index"]] = message["tool_calls"]
            case "tool-call-delta":
                function = calls[event["index"]]["function"]
                more = message["tool_calls"]["function"]["arguments"] or ""
                function["arguments"] = (function.get("arguments") or "") + more
            case "message-end":
                whole |= event["delta"]
            case _:
                pass
    said = {
        "role": "assistant",
        "tool_plan": plan,
        "content": list(blocks.values()),
        "tool_calls": list(calls.values()),
    }
    return whole | {"message": said | {"citations": citations}}
