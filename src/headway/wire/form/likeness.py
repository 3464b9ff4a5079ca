"""Frames of a stream that differ from the last one in a text alone, as most of a long answer do.

Where a frame has said more of a text and nothing else, the next is likely to be the same bytes with another JSON string
in its place. It need not be decoded to be understood: that is known from the bytes around the string.
"""

from __future__ import annotations

import re

import msgspec

from headway.wire.form.reply import Event, TextDelta

_encode = msgspec.json.Encoder().encode
_STRING = re.compile(rb'"(?:[ !#-\[\]-~\x80-\xff]++|\\["/bfnrt])++"')
"""A JSON string that is not empty. One with a backslash of its own or an escaped code point is left to a decoder."""
_MOST_MISSES = 16
"""Frames in a row that cannot be learned from, after which there is no more trying."""


class Likeness:
    """Frames like the last one. `event` is what it said; `characters` how long the text is that was found last."""

    __slots__ = ("_head", "_misses", "_tail", "characters", "event")

    def __init__(self) -> None:
        self.event = TextDelta("")
        self.characters = 0
        self._head = self._tail = b""
        self._misses = 0

    def learn(self, frames: list[bytes], events: list[Event]) -> bool:
        """Can frames be known from this one? Only if it said more of a text, where that stands once and unescaped."""
        if self._misses >= _MOST_MISSES or len(frames) != 1 or len(events) != 1:
            return False
        frame, event = frames[0], events[0]
        if not isinstance(event, TextDelta) or not event.text:
            return False
        before, found, after = frame.partition(_encode(event.text))
        if not found or found in after or b"\\" in frame:
            self._misses += 1
            return False
        self._misses = 0
        self._head, self._tail, self.event = before, after, event
        return True

    def text_in(self, frame: bytes) -> bytes | None:
        """The JSON string in which this frame differs from the learned one; None if it differs otherwise."""
        head, tail = self._head, self._tail
        if not (frame.startswith(head) and frame.endswith(tail)):
            return None
        start, end = len(head), len(frame) - len(tail)
        if _STRING.fullmatch(frame, start, end) is None:
            return None
        string = frame[start:end]
        characters = len(string)
        if not string.isascii():
            try:
                characters = len(string.decode())
            except UnicodeDecodeError:
                return None
        self.characters = characters - 2 - string.count(b"\\")
        return string
