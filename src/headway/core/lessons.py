"""What a deployment has refused, so that the next request is made to fit, or goes elsewhere, at once.

A lesson comes from the provider's own words (`providers.classification.lessons`). It is forgotten after a while: models
change.
"""

from __future__ import annotations

import msgspec

LASTS = 3600.0
"""Seconds."""
MOST = 32
"""Lessons of one deployment; beyond it nothing more is learnt until some are forgotten."""


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """`parameter` is refused, and wanted under another name if there is one (`renamed`); or an `ability` is missing."""

    parameter: str = ""
    renamed: str | None = None
    ability: str = ""


class Lessons:
    """Of one deployment. `version` grows with each change; `some`: there are any."""

    __slots__ = ("_learnt", "some", "version")

    def __init__(self) -> None:
        self._learnt: dict[Lesson, float] = {}
        self.version = 0
        self.some = False

    def learn(self, lesson: Lesson, now: float) -> bool:
        """Is it news?"""
        self.forget(now)
        if lesson in self._learnt or len(self._learnt) >= MOST:
            return False
        self._learnt[lesson] = now + LASTS
        self.version += 1
        self.some = True
        return True

    def forget(self, now: float) -> None:
        """What was learnt too long ago."""
        if not self._learnt:
            return
        past = [lesson for lesson, until in self._learnt.items() if until <= now]
        for lesson in past:
            del self._learnt[lesson]
            self.version += 1
        self.some = bool(self._learnt)

    @property
    def renamed(self) -> dict[str, str]:
        """Parameters by the names under which they were refused, with those that are wanted."""
        return {each.parameter: each.renamed for each in self._learnt if each.renamed is not None}

    @property
    def refused(self) -> frozenset[str]:
        """Parameters that must be left out."""
        return frozenset(each.parameter for each in self._learnt if each.parameter and each.renamed is None)

    @property
    def lacking(self) -> frozenset[str]:
        """Abilities."""
        return frozenset(each.ability for each in self._learnt if each.ability)
