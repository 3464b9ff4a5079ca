"""Frames of a stream that differ from the last one in a text alone, as most of a long answer do.

Where a frame has said more of a text and nothing else, the next is likely to be the same bytes with another JSON string
in its place. It need not be decoded to be understood: that is known from the bytes around the string.
"""

from __future__ import annotations

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import Event, TextDelta

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(str).decode
_MOST_MISSES = 16
"""Frames in a row that cannot be learned from, after which there is no more trying."""


class Likeness:
    """Frames like the last one. `event` is what it said; `characters` how long the texts are that were found since."""

    __slots__ = ("_head", "_left", "_misses", "_right", "_tail", "characters", "event")

    def __init__(self) -> None:
        self.event = TextDelta("")
        self.characters = 0
        self._head = self._tail = b""
        self._left = self._right = 0
        """Where the string begins in a frame, and how far from the frame's end it ends."""
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
        self._misses = self.characters = 0
        self._head, self._tail, self.event = before + b'"', b'"' + after, event
        self._left, self._right = len(before), len(after)
        return True

    def text_in(self, frame: bytes) -> bytes | None:
        """The JSON string in which this frame differs from the learned one; None if it differs otherwise."""
        if not (frame.startswith(self._head) and frame.endswith(self._tail)):
            return None
        string = frame[self._left : len(frame) - self._right]
        try:
            characters = len(_decode(string))
        except UNREADABLE:
            return None
        self.characters += characters
        return string if characters else None
