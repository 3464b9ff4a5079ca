"""Anthropic's own client."""

from __future__ import annotations

import base64
from typing import Any

import anthropic

from end_to_end.sdks.seen import PLAIN, TOOLS, Call, Document, Forecast, Seen, Wish, result_of


class Messages:
    broken: tuple[type[Exception], ...] = (anthropic.APIError,)
    refused: type[Exception] = anthropic.APIStatusError
    stops: tuple[str, str] = ("end_turn", "tool_use")
    keeps_signatures = True

    def __init__(self, url: str) -> None:
        self.sdk = anthropic.Anthropic(base_url=f"{url}/anthropic", api_key="any", max_retries=0, timeout=20)
        self.heard: list[str] = []

    def close(self) -> None:
        self.sdk.close()

    def said(self, text: str, picture: bytes | None = None) -> Document:
        if picture is None:
            return {"role": "user", "content": text}
        source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(picture).decode()}
        return {"role": "user", "content": [{"type": "text", "text": text}, {"type": "image", "source": source}]}

    def refusal(self, error: Exception) -> str:
        return type(error).__name__

    def answered(self, calls: list[Call]) -> list[Any]:
        blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": result_of(call)} for call in calls]
        return [{"role": "user", "content": blocks}]

    def ask(self, model: str, history: list[Any], wish: Wish = PLAIN) -> Seen:
        asked: Document = {"model": model, "max_tokens": 4096, "messages": history}
        if wish.tools:
            asked["tools"] = [{"name": name, "input_schema": fields} for name, fields in TOOLS.items()]
        if wish.thinks:
            asked["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if not wish.stream:
            return self._seen(self.sdk.messages.create(**asked), [])
        self.heard = []
        with self.sdk.messages.stream(**asked) as stream:
            for event in stream:
                if event.type == "text":
                    self.heard.append(event.text)
            return self._seen(stream.get_final_message(), self.heard)

    def _seen(self, message: Any, pieces: list[str]) -> Seen:
        blocks = message.content
        usage = message.usage
        prompt = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return Seen(
            text="".join(block.text for block in blocks if block.type == "text"),
            pieces=pieces,
            calls=[Call(block.id, block.name, block.input) for block in blocks if block.type == "tool_use"],
            stop=message.stop_reason,
            spent=(prompt, usage.output_tokens),
            thought="".join(block.thinking for block in blocks if block.type == "thinking"),
            turn=[{"role": "assistant", "content": blocks}],
        )

    def parsed(self, model: str, text: str) -> Forecast:
        message = self.sdk.messages.parse(
            model=model,
            max_tokens=4096,
            messages=[self.said(text)],  # pyright: ignore[reportArgumentType]
            output_format=Forecast,
        )
        assert message.parsed_output is not None
        return message.parsed_output

    def counted(self, model: str, text: str) -> int:
        asked: Any = [self.said(text)]
        return self.sdk.messages.count_tokens(model=model, messages=asked).input_tokens

    def models(self) -> set[str]:
        return {each.id for each in self.sdk.models.list()}

    def model(self, model: str) -> str:
        return self.sdk.models.retrieve(model).id
