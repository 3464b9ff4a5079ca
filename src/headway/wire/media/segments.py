"""Where a transcript is cut, and subtitles made of the pieces.

A segment ends with a sentence, before a pause, where another speaks, or when it is as long as one can read at a glance.
"""

from __future__ import annotations

import msgspec

from headway.wire.media.form import Word

_ENDS = (".", "!", "?", "…", "。", "！", "？")
_PAUSE = 1.0
_LONGEST = 7.0
"""Seconds."""
_END_OF_TIME = 100 * 3600.0
_MOST = 84
"""Characters: two lines of subtitles."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    start: float
    end: float
    speaker: str | None
    logprob: float | None
    """On average of its words."""


def segments_of(words: tuple[Word, ...]) -> list[Segment]:
    segments: list[Segment] = []
    under_way: list[Word] = []
    size = 0
    for word in words:
        if under_way and _ends_before(word, under_way, size):
            segments.append(_segment(under_way))
            under_way, size = [], 0
        under_way.append(word)
        size += len(word.space) + len(word.text)
    if under_way:
        segments.append(_segment(under_way))
    return segments


def _ends_before(word: Word, under_way: list[Word], size: int) -> bool:
    last = under_way[-1]
    return (
        last.text.endswith(_ENDS)
        or word.speaker != last.speaker
        or word.start - last.end >= _PAUSE
        or word.end - under_way[0].start > _LONGEST
        or size + len(word.text) > _MOST
    )


def _segment(words: list[Word]) -> Segment:
    logprobs = [word.logprob for word in words if word.logprob is not None]
    return Segment(
        text="".join([word.space + word.text for word in words]).strip(),
        start=words[0].start,
        end=max(words[-1].end, words[0].start),
        speaker=words[0].speaker,
        logprob=sum(logprobs) / len(logprobs) if logprobs else None,
    )


def subtitles(segments: list[Segment], *, vtt: bool) -> str:
    """SubRip, or WebVTT (W3C), where an arrow must not stand in a text."""
    mark = "." if vtt else ","
    cues: list[str] = ["WEBVTT\n\n"] if vtt else []
    for number, segment in enumerate(segments, 1):
        text = segment.text.replace("\n", " ")
        text = (
            text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") if vtt else text.replace("-->", "->")
        )
        head = "" if vtt else f"{number}\n"
        cues.append(f"{head}{_moment(segment.start, mark)} --> {_moment(segment.end, mark)}\n{text}\n\n")
    return "".join(cues)


def _moment(seconds: float, mark: str) -> str:
    whole = round(min(max(seconds, 0.0), _END_OF_TIME) * 1000)
    hours, rest = divmod(whole, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
