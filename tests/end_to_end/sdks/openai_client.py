"""OpenAI's own client, in its two APIs."""

from __future__ import annotations

import base64
from typing import Any

import openai
from openai.types.chat import ChatCompletionMessage

from end_to_end.sdks.seen import (
    PLAIN,
    TOOLS,
    Call,
    Document,
    Forecast,
    SaysAsOpenAI,
    Seen,
    Wish,
    arguments_in,
    result_of,
)


def connected(url: str, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0, timeout=20, **options)


class Chat(SaysAsOpenAI):
    """Chat Completions."""

    broken: tuple[type[Exception], ...] = (openai.APIError,)
    refused: type[Exception] = openai.APIStatusError
    stops: tuple[str, str] = ("stop", "tool_calls")
    keeps_signatures = True

    def __init__(self, url: str) -> None:
        self.sdk = connected(url)
        self.heard: list[str] = []

    def close(self) -> None:
        self.sdk.close()

    def ask(self, model: str, history: list[Any], wish: Wish = PLAIN) -> Seen:
        asked: Document = {"model": model, "messages": history}
        if wish.tools:
            asked["tools"] = [
                {"type": "function", "function": {"name": name, "parameters": fields, "strict": True}}
                for name, fields in TOOLS.items()
            ]
        if wish.thinks:
            asked["reasoning_effort"] = "low"
        if not wish.stream:
            return self._seen(self.sdk.chat.completions.create(**asked), [])
        self.heard = []
        with self.sdk.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
            for event in stream:
                if event.type == "content.delta":
                    self.heard.append(event.delta)
            return self._seen(stream.get_final_completion(), self.heard)

    def _seen(self, completion: Any, pieces: list[str]) -> Seen:
        (choice,) = completion.choices
        message: ChatCompletionMessage = choice.message
        usage = completion.usage
        calls = [
            Call(each.id, each.function.name, arguments_in(each.function.arguments))
            for each in message.tool_calls or ()
            if each.type == "function"
        ]
        turn = message.model_dump(exclude_none=True, warnings=False)
        for call in turn.get("tool_calls", ()):
            call.pop("index", None)
            call["function"].pop("parsed_arguments", None)
        turn.pop("parsed", None)
        return Seen(
            text=message.content or "",
            pieces=pieces,
            calls=calls,
            stop=choice.finish_reason,
            spent=(usage.prompt_tokens, usage.completion_tokens),
            thought=getattr(message, "reasoning_content", None) or "",
            turn=[turn],
        )

    def parsed(self, model: str, text: str) -> Forecast:
        asked: Any = [self.said(text)]
        completion = self.sdk.chat.completions.parse(model=model, messages=asked, response_format=Forecast)
        found = completion.choices[0].message.parsed
        assert found is not None
        return found

    def embedded(self, model: str, texts: list[str]) -> list[list[float]]:
        return [each.embedding for each in self.sdk.embeddings.create(model=model, input=texts).data]

    def models(self) -> set[str]:
        return {each.id for each in self.sdk.models.list()}

    def model(self, model: str) -> str:
        return self.sdk.models.retrieve(model).id


class Responses:
    """Responses, without a memory at the provider."""

    broken: tuple[type[Exception], ...] = (openai.APIError,)
    refused: type[Exception] = openai.APIStatusError
    stops: tuple[str, str] = ("completed", "completed")
    keeps_signatures = True

    def __init__(self, url: str) -> None:
        self.sdk = connected(url)
        self.heard: list[str] = []

    def close(self) -> None:
        self.sdk.close()

    def said(self, text: str, picture: bytes | None = None) -> Document:
        if picture is None:
            return {"role": "user", "content": text}
        url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        return {
            "role": "user",
            "content": [{"type": "input_text", "text": text}, {"type": "input_image", "image_url": url}],
        }

    def refusal(self, error: Exception) -> str:
        return type(error).__name__

    def answered(self, calls: list[Call]) -> list[Any]:
        return [{"type": "function_call_output", "call_id": call.id, "output": result_of(call)} for call in calls]

    def ask(self, model: str, history: list[Any], wish: Wish = PLAIN) -> Seen:
        asked: Document = {"model": model, "input": history, "store": False}
        if wish.tools:
            asked["tools"] = [
                {"type": "function", "name": name, "parameters": fields, "strict": True}
                for name, fields in TOOLS.items()
            ]
        if wish.thinks:
            asked["reasoning"] = {"effort": "low", "summary": "auto"}
            asked["include"] = ["reasoning.encrypted_content"]
        if not wish.stream:
            return self._seen(self.sdk.responses.create(**asked), [])
        self.heard = []
        with self.sdk.responses.stream(**asked) as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    self.heard.append(event.delta)
            return self._seen(stream.get_final_response(), self.heard)

    def _seen(self, response: Any, pieces: list[str]) -> Seen:
        calls = [
            Call(item.call_id, item.name, arguments_in(item.arguments))
            for item in response.output
            if item.type == "function_call"
        ]
        thoughts = [
            part.text
            for item in response.output
            if item.type == "reasoning"
            for part in (*item.summary, *(item.content or ()))
        ]
        return Seen(
            text=response.output_text,
            pieces=pieces,
            calls=calls,
            stop=response.status,
            spent=(response.usage.input_tokens, response.usage.output_tokens),
            thought="".join(thoughts),
            turn=[_item(item) for item in response.output],
        )

    def parsed(self, model: str, text: str) -> Forecast:
        response = self.sdk.responses.parse(model=model, input=text, text_format=Forecast)
        assert response.output_parsed is not None
        return response.output_parsed


def _item(item: Any) -> Document:
    """As it goes into the next request; what the client has parsed is its own affair."""
    document = item.model_dump(exclude_none=True, warnings=False)
    document.pop("parsed_arguments", None)
    for part in document.get("content", ()):
        part.pop("parsed", None)
    return document
