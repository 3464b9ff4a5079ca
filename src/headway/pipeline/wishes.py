"""What a client asks for by header: to try less often or for a shorter time, to go first or last, to have an earlier
answer again.
"""

from __future__ import annotations

import msgspec

from headway.pipeline.conversation import RANKS, SESSION_HEADERS
from headway.wire.endpoints import Style
from headway.wire.malformed import Malformed

FORWARDED: dict[Style, frozenset[bytes]] = {
    "openai": frozenset({b"openai-beta"}),
    "anthropic": frozenset({b"anthropic-beta", b"anthropic-version"}),
    "gemini": frozenset(),
    "bedrock": frozenset(),
    "cohere": frozenset(),
}
"""Headers of an API's own that go to targets which are asked in its dialect."""
READ = frozenset[bytes]().union(*FORWARDED.values()) | {
    b"content-type",
    b"idempotency-key",
    b"x-headway-attempts",
    b"x-headway-explain",
    b"x-headway-priority",
    b"x-headway-tags",
    b"x-headway-timeout",
    *SESSION_HEADERS,
}
"""Headers that are looked at, in lower case."""
MOST_TAGS = 16
LONGEST_NAME = 128
"""Characters of a tag, and of a conversation's name in the log."""
_UNITS = {b"ms": 0.001, b"s": 1.0, b"m": 60.0, b"h": 3600.0, b"": 1.0}


class Wishes(msgspec.Struct, frozen=True, gc=False):
    """`forwarded` are header lines that go upstream; `attempts` and `total` only ever lower what is configured; `rank`
    is the place of the priority.
    """

    forwarded: bytes = b""
    key: bytes | None = None
    rank: int | None = None
    attempts: int | None = None
    total: float | None = None
    session: str | None = None
    """What the client calls its conversation."""
    tags: tuple[str, ...] = ()
    explain: bool = False
    """Say in the answer's head how all targets stood."""


NOTHING_SAID = Wishes()


def wishes(read: dict[bytes, bytes], style: Style) -> Wishes | Malformed:
    forwarded = FORWARDED[style]
    attempts = read.get(b"x-headway-attempts")
    if attempts is not None and (not attempts.isdigit() or not int(attempts[:9]) >= 1):
        return Malformed("x-headway-attempts must be a whole number of at least 1")
    timeout = read.get(b"x-headway-timeout")
    total = None if timeout is None else _seconds(timeout)
    if timeout is not None and total is None:
        return Malformed("x-headway-timeout must be a duration such as 500ms, 30s or 5m")
    priority = read.get(b"x-headway-priority")
    rank = None if priority is None else RANKS.get(priority.lower())
    if priority is not None and rank is None:
        return Malformed("x-headway-priority must be high, normal or low")
    tags = _tags(read.get(b"x-headway-tags", b""))
    if isinstance(tags, Malformed):
        return tags
    return Wishes(
        forwarded=b"".join([b"%b: %b\r\n" % pair for pair in read.items() if pair[0] in forwarded]),
        key=read.get(b"idempotency-key"),
        rank=rank,
        attempts=None if attempts is None else int(attempts[:9]),
        total=total,
        session=_session(read),
        tags=tags,
        explain=read.get(b"x-headway-explain", b"0") not in (b"0", b"false", b""),
    )


def _tags(field: bytes) -> tuple[str, ...] | Malformed:
    """What the client files the request under: `team=search, nightly`."""
    tags = tuple([tag for each in field.decode("latin-1").split(",") if (tag := each.strip())])
    if len(tags) > MOST_TAGS:
        return Malformed(f"x-headway-tags may hold at most {MOST_TAGS} tags")
    for tag in tags:
        if len(tag) > LONGEST_NAME or not (tag.isascii() and tag.isprintable()):
            return Malformed(f"a tag in x-headway-tags may hold at most {LONGEST_NAME} printable ASCII characters")
    return tags


def _session(read: dict[bytes, bytes]) -> str | None:
    for name in SESSION_HEADERS:
        if name in read:
            text = read[name][:LONGEST_NAME].decode("latin-1").strip()
            return text if text.isprintable() and text else None
    return None


def _seconds(text: bytes) -> float | None:
    number = text.rstrip(b"mshMSH ")
    unit = text[len(number) :].strip().lower()
    try:
        value = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        return None
    return value if 0.0 < value < 1e7 else None
