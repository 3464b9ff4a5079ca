"""What an upstream means to say to one call; the bytes it says it in are `dialects`'.

Every word carries the number of its call, so that a client can tell whose words it got, and how many of them.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec

Object = dict[str, Any]

SUFFIXES = ("", "", "", ",", "é", "世界", "🙂", '"quoted"', "\\n", "\n", "[DONE]", 'data: {"error"', "x" * 150)
HUGE = 0.002
"""Answers with an event that is too long to be held."""
HONEST = ("length", "content_filter")
"""Finish reasons that say themselves that the answer was cut short."""


class Asking(msgspec.Struct, frozen=True):
    """One request as the upstream received it."""

    endpoint: str
    fields: Object

    @property
    def stream(self) -> bool:
        return self.fields.get("stream") is True

    @property
    def client(self) -> int:
        return int(self.fields["user"])

    @property
    def wants_usage(self) -> bool:
        return bool((self.fields.get("stream_options") or {}).get("include_usage"))

    @property
    def has_tools(self) -> bool:
        return bool(self.fields.get("tools"))

    @property
    def begun(self) -> str | None:
        """The words to go on with, if the last message is the assistant's."""
        messages = self.fields.get("messages") or [{}]
        return messages[-1]["content"] if messages[-1].get("role") == "assistant" else None


class ToolCall(msgspec.Struct):
    id: str
    name: str
    arguments: str
    """JSON, unless the upstream means to cut it short."""


class Said(msgspec.Struct):
    """One choice."""

    words: list[str]
    thoughts: list[str]
    calls: list[ToolCall]
    finish: str

    @property
    def text(self) -> str:
        return "".join(self.words)

    @property
    def thought(self) -> str:
        return "".join(self.thoughts)


class Style(msgspec.Struct, frozen=True):
    """How one provider writes."""

    spaced: bool = False
    """JSON with blanks and escapes."""
    crlf: bool = False
    tight: bool = False
    """`data:` without a blank."""
    done: bool = True
    usage: bool = True
    terse: bool = False
    """One word, in one piece: for runs of many thousand calls."""
    echoes: bool = False
    """A text that it continues is repeated first."""

    def json(self, value: Any) -> bytes:
        return json.dumps(value).encode() if self.spaced else msgspec.json.encode(value)

    def event(self, value: Any, name: str = "") -> bytes:
        return self.raw(self.json(value), name)

    def raw(self, data: bytes, name: str = "") -> bytes:
        end = b"\r\n" if self.crlf else b"\n"
        head = b"event: %b%b" % (name.encode(), end) if name else b""
        return b"%bdata:%b%b%b%b" % (head, b"" if self.tight else b" ", data, end, end)


class Answer(msgspec.Struct, eq=False):
    """`number` is that of the call, unique in a run. `choices` is empty where bytes are no text."""

    number: int
    asking: Asking
    choices: list[Said]
    style: Style
    echo: str = ""
    tokens: tuple[int, int] | None = None
    """Sent and answered, as the upstream counts them; None: by words."""

    @property
    def said(self) -> Said:
        return self.choices[0]

    @property
    def usage(self) -> Object:
        if self.tokens is not None:
            sent, answered = self.tokens
            return {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered}
        words = sum(len(said.words) + len(said.thoughts) for said in self.choices)
        return {"prompt_tokens": 7, "completion_tokens": words, "total_tokens": 7 + words}

    @property
    def noise(self) -> bytes:
        """Audio, as far as anybody here can hear."""
        return b"".join(b"<%d.%d>" % (self.number, n) for n in range(40))


def compose(rng: Random, number: int, asking: Asking, style: Style, *, fit: bool = True) -> Answer:
    """`fit`: the arguments of its tool calls are whole."""
    if style.terse:
        return Answer(number, asking, [Said([f"w{number}.0"], [], [], "stop")], style)
    many = asking.fields.get("n") or 1
    choices = [_said(rng, number, choice, asking, fit=fit) for choice in range(many)]
    begun = asking.begun
    echo = begun if begun is not None and style.echoes and len(begun) >= 8 else ""
    return Answer(number, asking, choices, style, echo)


def _said(rng: Random, number: int, choice: int, asking: Asking, *, fit: bool) -> Said:
    tag = f"{number}" if choice == 0 else f"{number}c{choice}"
    count = rng.choice((1, 2, 4, 8, 8, 16))
    words = [f"{' ' if n else ''}w{tag}.{n}{rng.choice(SUFFIXES)}" for n in range(count)]
    if rng.random() < HUGE:
        words[-1] += "z" * 300_000
    thoughts = [f" t{tag}.{n}" for n in range(rng.choice((0, 0, 0, 3)))] if asking.begun is None else []
    calls: list[ToolCall] = []
    if asking.has_tools and (not fit or rng.random() < 0.7):
        if rng.random() < 0.6:
            words = []
        calls = [_tool_call(rng, tag, n) for n in range(rng.choice((1, 1, 2, 3)))]
        if not fit:
            calls[-1].arguments = calls[-1].arguments[: rng.randrange(1, len(calls[-1].arguments))]
    finish = "tool_calls" if calls else rng.choice(("stop", "stop", "stop", "length"))
    return Said(words, thoughts, calls, finish)


def _tool_call(rng: Random, tag: str, n: int) -> ToolCall:
    arguments = {"tag": f"w{tag}.{n}", "text": "y" * rng.choice((0, 5, 60)), "more": [1, {"deep": "é}{"}]}
    return ToolCall(f"call_{tag}_{n}", "look", json.dumps(arguments))
