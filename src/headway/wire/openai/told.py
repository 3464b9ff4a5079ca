"""What the client has been told by one Chat Completions stream, and whether another model could go on from there.

Only plain text can be continued: no other provider accepts signed thinking, calls need tools, and log probabilities
and annotations speak of a whole that two models never share. What a request rules out from the start is
`continuation`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from headway.wire import sse
from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai.response import usage_of

MAX_CHARS = 16_000
"""A text of more characters is not kept, and so cannot be continued."""

ENVELOPE = ("id", "object", "created", "model", "system_fingerprint")
"""What all chunks of one stream have in common."""

Object = dict[str, msgspec.Raw]

_SAYS_NOTHING = (b"null", b'""', b"[]", b"{}")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*(\w*)", re.MULTILINE)


class _Choice(msgspec.Struct):
    index: int = 0
    delta: Object | None = None
    finish_reason: str | None = None
    logprobs: Object | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    citations: msgspec.Raw = msgspec.Raw()
    search_results: msgspec.Raw = msgspec.Raw()


_decode_chunk = msgspec.json.Decoder(_Chunk).decode
_decode_object = msgspec.json.Decoder(Object).decode
_decode_text = msgspec.json.Decoder(str | None).decode


class Told:
    """What the client has been told by one stream."""

    __slots__ = ("_chars", "_parts", "_plain", "_reported", "_said", "envelope")

    def __init__(self) -> None:
        self.envelope: Object = {}
        """The fields of `ENVELOPE` that the first chunk with a choice had."""
        self._parts: list[str] = []
        self._chars = 0
        self._said = False
        self._plain = True
        self._reported: int | None = None

    def feed(self, events: bytes) -> None:
        """Whole server-sent events, as the client was shown them."""
        if not self._plain:
            return
        whole, rest = sse.split(events)
        self._plain = not rest.strip() and all(map(self._takes, whole))
        if not self._plain:
            self._parts.clear()

    @property
    def text(self) -> str:
        """The text so far; empty once it cannot be continued."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    @property
    def continuable(self) -> bool:
        """Is it an unfinished plain text? False for good after anything else; false for now while there is no text but
        white space, and inside a code block of JSON, which is read by a parser.
        """
        return self._plain and self._said and not _inside_json(self.text)

    @property
    def output_tokens(self) -> int:
        """As the stream reported them with its last text or after it, else estimated."""
        return tokens_in(self.text) if self._reported is None else self._reported

    def _takes(self, event: bytes) -> bool:
        """Take in one event; False if it is more than text, or an ending."""
        payload = sse.data_of(event)
        if payload is None:
            return True
        try:
            chunk = _decode_chunk(payload)  # refuses [DONE] too
            if is_error(event, chunk.error) or says_something(chunk.citations) or says_something(chunk.search_results):
                return False
            text = _plain_text(chunk.choices) if chunk.choices else ""
            if text is None:
                return False
            if chunk.choices and not self.envelope:
                found = _decode_object(payload)
                self.envelope = {name: found[name].copy() for name in ENVELOPE if name in found}
        except UNREADABLE:
            return False
        usage = usage_of(chunk.usage) if says_something(chunk.usage) else None
        if usage is not None or text:  # a count from before this text does not cover it
            self._reported = None if usage is None else usage.output_tokens
        return not text or self._add(text)

    def _add(self, text: str) -> bool:
        self._chars += len(text)
        self._parts.append(text)
        self._said = self._said or not text.isspace()
        return self._chars <= MAX_CHARS


def _plain_text(choices: list[_Choice]) -> str | None:
    """The text of a chunk that holds nothing else, and is not the last."""
    choice = choices[0]
    if len(choices) > 1 or choice.index != 0 or choice.finish_reason:
        return None
    if choice.logprobs and any(map(says_something, choice.logprobs.values())):
        return None
    delta = choice.delta or {}
    return content_of(delta) if beyond_text(delta) is None else None


def tokens_in(text: str) -> int:
    """A rough count, at least 1: four bytes a token."""
    return max(1, -(-len(text.encode()) // 4))


def beyond_text(delta: Mapping[str, msgspec.Raw]) -> str | None:
    """The first field of a chunk's delta that tells more than text. Numbers and truth values, which some providers add
    for each token, tell nothing.
    """
    for name, raw in delta.items():
        if name not in ("role", "content") and bytes(raw)[:1] in (b'"', b"[", b"{") and says_something(raw):
            return name
    return None


def content_of(delta: Mapping[str, msgspec.Raw]) -> str:
    """The text in a chunk's delta. Content that is no text, such as a list with thinking in it, is unreadable."""
    raw = delta.get("content")
    return "" if raw is None else _decode_text(raw) or ""


def says_something(raw: msgspec.Raw) -> bool:
    return bool(raw) and bytes(raw) not in _SAYS_NOTHING


def is_error(event: bytes, error: msgspec.Raw) -> bool:
    """`error` is what the event's data has under that name."""
    return says_something(error) or event.startswith((b"event: error", b"event:error"))


def _inside_json(text: str) -> bool:
    """Does the text end within a fenced code block of JSON (CommonMark §4.5)?"""
    fence, language = "", ""
    for match in _FENCE.finditer(text):
        marks, word = match.groups()
        if not fence:
            fence, language = marks, word
        elif marks.startswith(fence) and not word:
            fence = ""
    return bool(fence) and language.lower().startswith("json")
