"""Cohere's own client, version 2 of its API."""

from __future__ import annotations

import json
from typing import Any

import cohere
import httpx
from cohere.core.api_error import ApiError

from end_to_end.sdks.seen import PLAIN, TOOLS, Call, Document, Forecast, SaysAsOpenAI, Seen, Wish, arguments_in


class Cohere(SaysAsOpenAI):
    broken: tuple[type[Exception], ...] = (httpx.TransportError,)
    """It takes no notice of errors in a stream; only a connection that breaks is one for it."""
    refused: type[Exception] = ApiError
    stops: tuple[str, str] = ("COMPLETE", "TOOL_CALL")
    keeps_signatures = False

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(timeout=20)
        self.sdk = cohere.ClientV2(api_key="any", base_url=f"{url}/cohere", httpx_client=self._http, max_retries=0)
        self.heard: list[str] = []

    def close(self) -> None:
        self._http.close()

    def ask(self, model: str, history: list[Any], wish: Wish = PLAIN) -> Seen:
        asked: Document = {"model": model, "messages": history}
        if wish.tools:
            asked["tools"] = [
                {"type": "function", "function": {"name": name, "parameters": fields}} for name, fields in TOOLS.items()
            ]
        if wish.thinks:
            asked["thinking"] = {"type": "enabled"}
        if wish.stream:
            return self._streamed(self.sdk.chat_stream(**asked))
        answer = self.sdk.chat(**asked)
        return self._seen(answer.message.model_dump(exclude_none=True), answer.finish_reason, answer.usage, [])

    def _streamed(self, events: Any) -> Seen:
        message: Document = {"role": "assistant", "content": [], "tool_calls": []}
        pieces = self.heard = list[str]()
        end: Any = None
        for event in events:
            delta: Any = getattr(getattr(event, "delta", None), "message", None)
            match event.type:
                case "content-start":
                    message["content"].append(delta.content.model_dump(exclude_none=True))
                case "content-delta":
                    for name, piece in delta.content.model_dump(exclude_none=True).items():
                        message["content"][-1][name] = message["content"][-1].get(name, "") + piece
                    pieces.append(delta.content.text or "")
                case "tool-plan-delta":
                    message["tool_plan"] = message.get("tool_plan", "") + delta.tool_plan
                case "tool-call-start":
                    message["tool_calls"].append(delta.tool_calls.model_dump(exclude_none=True))
                case "tool-call-delta":
                    function = message["tool_calls"][-1]["function"]
                    function["arguments"] = (function.get("arguments") or "") + delta.tool_calls.function.arguments
                case "message-end":
                    end = event.delta
                case _:
                    pass
        return self._seen({name: kept for name, kept in message.items() if kept}, end.finish_reason, end.usage, pieces)

    def _seen(self, message: Document, stop: str, usage: Any, pieces: list[str]) -> Seen:
        content = message.get("content") or []
        calls = [
            Call(call["id"], call["function"]["name"], arguments_in(call["function"]["arguments"]))
            for call in message.get("tool_calls") or ()
        ]
        return Seen(
            text="".join(part.get("text", "") for part in content if part["type"] == "text"),
            pieces=[piece for piece in pieces if piece],
            calls=calls,
            stop=stop,
            spent=(int(usage.tokens.input_tokens), int(usage.tokens.output_tokens)),
            thought="".join(part.get("thinking", "") for part in content if part["type"] == "thinking"),
            turn=[message],
        )

    def parsed(self, model: str, text: str) -> Forecast:
        format_: Any = {"type": "json_object", "json_schema": Forecast.model_json_schema()}
        answer = self.sdk.chat(model=model, messages=[self.said(text)], response_format=format_)  # pyright: ignore[reportArgumentType]
        content: Any = answer.message.content
        return Forecast.model_validate(json.loads(content[0].text))

    def embedded(self, model: str, texts: list[str]) -> list[list[float]]:
        answer = self.sdk.embed(model=model, texts=texts, input_type="search_document", embedding_types=["float"])
        return answer.embeddings.float_ or []
