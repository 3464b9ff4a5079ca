"""What a refusal says about the abilities of a model."""

from __future__ import annotations

from headway.core.lessons import Lesson


def lesson_in(kind: str, status: int, body: bytes) -> Lesson | None:
    """What an upstream's error body teaches; None for nearly all."""
    return None
