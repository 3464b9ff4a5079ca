"""What a model answered, whole or in pieces.

An answer that comes in pieces is a list of events; a whole one has the same content at once. A dialect maps usage,
reasons and parts by the same functions for both.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from headway.types import Dialect, Usage
from headway.wire.form.parts import Citation, Part


class Stop(Enum):
    """Why the model said no more."""

    __hash__ = object.__hash__  # quicker than Enum's own, which is no built-in

    END = "end"
    """It had said everything."""
    SEQUENCE = "sequence"
    """It wrote one of the client's stop sequences."""
    LENGTH = "length"
    """It reached the bound on its answer."""
    CONTEXT = "context"
    """It reached the end of its context window."""
    TOOLS = "tools"
    """It wants tools to be used."""
    FILTER = "filter"
    """Its provider withheld the answer, or the rest of it."""
    REFUSAL = "refusal"
    """It declined."""
    PAUSE = "pause"
    """The provider wants to be asked again to go on (Anthropic's pause_turn)."""
    FAULT = "fault"
    """It wrote something that its provider cannot use, such as a malformed tool call."""


class Choice(msgspec.Struct, kw_only=True):
    """One of the answers. `stop` is None where the provider does not say; `sequence` is the stop sequence that ended
    it. `logprobs` are in the words of OpenAI's Chat Completions.
    """

    index: int = 0
    parts: list[Part]
    stop: Stop | None = None
    sequence: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw()


class Reply(msgspec.Struct, kw_only=True):
    """A whole answer. `created` is Unix time in seconds."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    choices: list[Choice]
    usage: Usage | None = None
    service_tier: str | None = None
    fingerprint: str | None = None


class NoReply(msgspec.Struct, frozen=True):
    """Why a body with a good status is no answer: it cannot be read, or it is an error, or it holds no choice."""

    why: str
    is_error: bool = False


# --- pieces of an answer ---


class Began(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The first event of a stream. Readers give it exactly once, before all others but `Reported` and `Malformed`."""

    id: str | None = None
    model: str | None = None
    created: int | None = None
    service_tier: str | None = None
    fingerprint: str | None = None


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """More of a text. `part` counts the parts of a choice from 0, in the order in which they begin: a reader gives each
    run of deltas of one kind a number of its own, and never comes back to a number of another kind.
    """

    text: str
    part: int = 0
    choice: int = 0


class RefusalDelta(msgspec.Struct, frozen=True, gc=False):
    text: str
    part: int = 0
    choice: int = 0


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """More of what the model thinks. `summary` as in `Reasoning`."""

    text: str
    part: int = 0
    choice: int = 0
    summary: bool = False


class Signed(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The signature of a part under way: of reasoning, of a text or a call. `id` and `redacted` as in `Reasoning`."""

    part: int
    signature: str | None = None
    choice: int = 0
    id: str | None = None
    redacted: str | None = None
    origin: Dialect | None = None


class CallBegan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tool call begins. Its arguments follow as `CallDelta`s."""

    part: int
    id: str
    name: str
    choice: int = 0
    custom: bool = False
    item: str | None = None
    signature: str | None = None


class CallDelta(msgspec.Struct, frozen=True, gc=False):
    arguments: str
    part: int
    choice: int = 0


class Cited(msgspec.Struct, frozen=True):
    """A citation of the text that is under way."""

    citation: Citation
    part: int
    choice: int = 0


class Whole(msgspec.Struct, frozen=True):
    """A part that came at once: a picture, redacted reasoning, something opaque."""

    content: Part
    part: int
    choice: int = 0


class PartEnded(msgspec.Struct, frozen=True, gc=False):
    """No more of a part will come. Readers give it for each part before `Finished` of its choice, those of a dialect
    that has no such event as soon as the next part begins.
    """

    part: int
    choice: int = 0


class Logprobs(msgspec.Struct, frozen=True):
    """Of the text before it, in the words of Chat Completions."""

    raw: msgspec.Raw
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, gc=False):
    """A choice is complete."""

    stop: Stop
    choice: int = 0
    sequence: str | None = None


class Counted(msgspec.Struct, frozen=True, gc=False):
    """Usage so far; a later one replaces it."""

    usage: Usage


class Reported(msgspec.Struct, frozen=True, gc=False):
    """The provider's own error, in the midst of the stream: the data of its event. Nothing follows it."""

    payload: bytes


class Malformed(msgspec.Struct, frozen=True, gc=False):
    """Something that is no event of this dialect. Nothing follows it."""

    why: str


Event = (
    Began
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | Signed
    | CallBegan
    | CallDelta
    | Cited
    | Whole
    | PartEnded
    | Logprobs
    | Finished
    | Counted
    | Reported
    | Malformed
)
