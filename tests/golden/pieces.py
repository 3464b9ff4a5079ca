"""Ways to cut a stream."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from golden.recordings import Recording
from headway.types import Dialect

END: dict[Dialect, tuple[bytes, ...]] = {
    "openai_chat": (b'"finish_reason":"', b'"finish_reason": "', b"data: [DONE]"),
    "openai_responses": (b'"response.completed"', b'"response.incomplete"'),
    "anthropic": (b"event: message_stop",),
    "gemini": (b'"finishReason"',),
    "converse": (b"messageStop",),
    "cohere": (b'"message-end"',),
}
"""What only the frame holds with which an answer is complete. Chat Completions ends with `[DONE]`, but what comes
between a finish reason and that is at most the usage.
"""


def frames_of(recording: Recording) -> list[bytes]:
    """Events with what ends them, cut without the product's code."""
    data, frames = recording.body, list[bytes]()
    while data:
        if recording.dialect == "converse":
            length = int.from_bytes(data[:4], "big")
        else:
            ends = [(data.find(blank), len(blank)) for blank in (b"\r\n\r\n", b"\n\n")]
            length = min((start + size for start, size in ends if start >= 0), default=len(data))
        frames.append(data[:length])
        data = data[length:]
    return frames


def ends_at(recording: Recording) -> int:
    """How many bytes it takes until the answer is complete: not those that only end the line of its last event, nor
    lines that follow in that event.
    """
    passed = 0
    for frame in frames_of(recording):
        if any(mark in frame for mark in END[recording.dialect]):
            lines = frame.rstrip() if recording.dialect != "converse" else frame
            named_last = lines.rfind(b"\nevent: ")
            return passed + (named_last if named_last > lines.rfind(b"data: ") >= 0 else len(lines))
        passed += len(frame)
    raise AssertionError("it has no end")


def in_pieces(data: bytes, chance: Random) -> list[bytes]:
    """Of one byte to what several events take."""
    pieces: list[bytes] = []
    while data:
        size = chance.choice((1, 2, 7, 61, 200, 1000, 5000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def cut_within_each_frame(frames: list[bytes]) -> Iterator[list[bytes]]:
    """All frames cut at their first byte, at their second, and so on: in the end at every byte there is."""
    for offset in range(max(map(len, frames))):
        pieces: list[bytes] = []
        rest = b""
        for frame in frames:
            cut = offset % len(frame)
            pieces.append(rest + frame[:cut])
            rest = frame[cut:]
        yield [piece for piece in (*pieces, rest) if piece]
