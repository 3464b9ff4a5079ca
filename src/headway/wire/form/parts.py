"""What a conversation is made of: typed parts, the same in requests and in answers.

Binary content stays the base64 text that it came as. JSON documents inside a request, such as the schema of a tool,
stay raw bytes (`msgspec.Raw`): nobody here looks into them, and their order of keys survives.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from headway.types import Dialect


class Cache(msgspec.Struct, frozen=True, gc=False):
    """The provider is asked to keep what was sent up to here. `ttl` in the words of Anthropic and Bedrock: 5m, 1h."""

    ttl: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where the bytes of a picture, sound or document are: exactly one of `data` (base64), `text` (a document that is
    plain text), `url`, and `file_id` (at the provider) is set.
    """

    media_type: str | None = None
    """As IANA calls it: image/png, audio/wav, application/pdf."""
    data: str | None = None
    text: str | None = None
    url: str | None = None
    file_id: str | None = None


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """What a piece of text rests on. `start` and `end` are characters within the text that has it, if they are known.
    `raw` is the whole of it as its dialect wrote it.
    """

    url: str | None = None
    title: str | None = None
    quoted: str | None = None
    start: int | None = None
    end: int | None = None
    raw: msgspec.Raw = msgspec.Raw()
    dialect: Dialect | None = None


class Text(msgspec.Struct, frozen=True):
    text: str
    citations: tuple[Citation, ...] = ()
    cache: Cache | None = None
    signature: str | None = None
    """Gemini signs text too; see `Reasoning.signature`."""


class Image(msgspec.Struct, frozen=True):
    source: Source
    detail: str | None = None
    """How closely it is to be looked at: low, high, auto."""
    cache: Cache | None = None
    signature: str | None = None


class Audio(msgspec.Struct, frozen=True):
    """`transcript` and `id`: of a sound that a model made."""

    source: Source
    transcript: str | None = None
    id: str | None = None


class Video(msgspec.Struct, frozen=True):
    source: Source
    cache: Cache | None = None


class File(msgspec.Struct, frozen=True):
    """A document. `context` describes it to the model; `citations`: the model is to cite it."""

    source: Source
    name: str | None = None
    context: str | None = None
    citations: bool = False
    cache: Cache | None = None


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """The model wants a tool to be used. `arguments` is JSON text as the model wrote it, or any text if the tool is
    `custom`. `item`: the id of the item that holds it in the Responses API, where that differs from `id`.
    """

    id: str
    name: str
    arguments: str
    custom: bool = False
    signature: str | None = None
    """See `Reasoning.signature`."""
    item: str | None = None
    cache: Cache | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool answered. `call_id` is the `id` of its call; `name` that of the tool, where it is known. `json`: the
    one part is the text of a JSON document, which dialects with structured results have as such.
    """

    call_id: str
    parts: tuple[Part, ...]
    name: str | None = None
    is_error: bool = False
    custom: bool = False
    json: bool = False
    cache: Cache | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """What the model thought before it answered. `text` is empty where the provider keeps it to itself, and
    `redacted` then holds what it gave instead (encrypted, base64).

    `signature` lets whoever wrote it recognise it in a later request. It means nothing to anybody else: a writer sends
    it only to its own dialect, and shows it to a client of another one sealed (`form.seals`).
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    id: str | None = None
    summary: bool = False
    """It is a summary of what was thought."""
    origin: Dialect | None = None
    """Whose signature or redaction it is."""


class Refusal(msgspec.Struct, frozen=True):
    """The model declines, in its own words."""

    text: str


class Opaque(msgspec.Struct, frozen=True):
    """A part that only its own dialect knows, such as a search that the provider ran. `kind` names it in messages."""

    dialect: Dialect
    kind: str
    raw: msgspec.Raw


Part = Text | Image | Audio | Video | File | ToolCall | ToolResult | Reasoning | Refusal | Opaque

Role = Literal["system", "developer", "user", "assistant", "tool"]


class Message(msgspec.Struct, frozen=True):
    """`tool` messages hold `ToolResult`s and nothing else, no other message holds any. A dialect that has results and
    words of the user in one message reads it as two, and writes neighbours as one again.
    """

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    """Of the participant, in dialects that tell participants of one role apart."""
