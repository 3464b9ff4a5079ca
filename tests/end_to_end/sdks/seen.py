"""What an application has seen of one answer, and what it asks: the same for every official client."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal, Protocol

import msgspec
import pydantic

Document = dict[str, Any]

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture."""


class Forecast(pydantic.BaseModel):
    """What an answer may have to look like."""

    city: str
    sky: Literal["clear", "cloudy"]
    degrees: int


def schema(name: str) -> Document:
    """Of a tool that wants one text."""
    fields = {name: {"type": "string"}}
    return {"type": "object", "properties": fields, "required": [name], "additionalProperties": False}


TOOLS = {"weather": schema("city"), "clock": schema("zone")}
"""Names of tools and the schemas of their arguments."""


class Call(msgspec.Struct, frozen=True):
    id: str
    name: str
    arguments: Document


class Seen(msgspec.Struct, kw_only=True):
    """One answer. `turn` is it as the client wants it in the history of the next request."""

    text: str
    pieces: list[str] = []
    """What a stream's text came in."""
    calls: list[Call] = []
    stop: str
    """In the words of the client's own dialect."""
    spent: tuple[int, int]
    """Tokens of the prompt and of the answer."""
    thought: str = ""
    turn: list[Any] = []


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked besides the history."""

    stream: bool = False
    tools: bool = False
    thinks: bool = False


PLAIN = Wish()


class Application(Protocol):
    """Uses one official client as its documentation shows it, through the gateway."""

    broken: tuple[type[Exception], ...]
    """What the client raises for a stream that ends with an error."""
    refused: type[Exception]
    """What it raises for an error instead of an answer."""
    stops: tuple[str, str]
    """How it calls the usual end, and the one by calls of tools."""
    keeps_signatures: bool
    """Whether its dialect has a place for signatures of thoughts."""
    heard: list[str]
    """The pieces of text of the last stream, also of one that broke."""

    def said(self, text: str, picture: bytes | None = None) -> Any:
        """Words of the user, and perhaps a picture, as a message of the history."""
        ...

    def answered(self, calls: list[Call]) -> list[Any]:
        """What the tools returned for these calls, as messages of the history."""
        ...

    def ask(self, model: str, history: list[Any], wish: Wish = PLAIN) -> Seen: ...

    def refusal(self, error: Exception) -> str:
        """The client's own name for an error, and what it says of its kind."""
        ...

    def parsed(self, model: str, text: str) -> Forecast:
        """An answer in the form of a forecast."""
        ...

    def close(self) -> None: ...


def result_of(call: Call) -> str:
    """What a tool returns."""
    return f"{call.name} says {'sunny' if call.name == 'weather' else 'noon'}"


def arguments_in(text: str) -> Document:
    return json.loads(text)


class SaysAsOpenAI:
    """A client whose messages are as those of Chat Completions."""

    def said(self, text: str, picture: bytes | None = None) -> Document:
        if picture is None:
            return {"role": "user", "content": text}
        url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        return {
            "role": "user",
            "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}],
        }

    def refusal(self, error: Exception) -> str:
        return type(error).__name__

    def answered(self, calls: list[Call]) -> list[Any]:
        return [{"role": "tool", "tool_call_id": call.id, "content": result_of(call)} for call in calls]
