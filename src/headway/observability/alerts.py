"""Which alerts there are: when one begins, what is the same one, when it is told again, when it has ended.

What is wrong just now is told once a second, as conditions; `observability.conditions` knows those. Here a condition
that lasts is one alert, however often it is seen. One that comes back within a minute has not ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import get_args

import msgspec

from headway.types import Alert, AlertKind, Severity

SETTLES = 60.0
"""Seconds for which a condition must be gone before it has ended."""
MOST_ALERTS = 200
"""Alerts that are kept. The oldest resolved ones go first; while all of them last, no new one begins."""
KINDS: tuple[AlertKind, ...] = get_args(AlertKind)


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong just now. The same kind and subject are the same alert."""

    kind: AlertKind
    severity: Severity
    subject: str
    message: str
    times: int = 0
    """How often it happened since the last look; 0 where it just lasts."""
    so_far: int = 1
    """What an alert counts that begins with it."""


class Alerts:
    """`repeat` is after how many seconds an alert that lasts is told again."""

    def __init__(self, repeat: float) -> None:
        self.repeat = repeat
        self._firing: dict[tuple[AlertKind, str], Alert] = {}
        self._told: dict[tuple[AlertKind, str], float] = {}
        """When each of them was told last (Unix time)."""
        self._resolved: list[Alert] = []
        """Oldest first."""

    def see(self, conditions: Iterable[Condition], at: float) -> list[Alert]:
        """What is wrong now: all of it. The alerts that should be told: those that began or became critical, those
        that have lasted for so long, and those that have ended.
        """
        told = [alert for condition in conditions if (alert := self._lasts(condition, at)) is not None]
        gone = [name for name, alert in self._firing.items() if at - alert.last_seen >= SETTLES]
        return told + [self._resolve(name, at) for name in gone]

    def listed(self) -> tuple[Alert, ...]:
        """Those that last and those that have ended of late, newest first."""
        return tuple(sorted([*self._firing.values(), *self._resolved], key=lambda each: -each.first_seen))

    def firing(self) -> dict[AlertKind, int]:
        """How many last, of every kind."""
        counts = Counter(kind for kind, _ in self._firing)
        return {kind: counts[kind] for kind in KINDS}

    def _lasts(self, condition: Condition, at: float) -> Alert | None:
        """The alert, if it should be told."""
        name = (condition.kind, condition.subject)
        before = self._firing.get(name)
        if before is None and not self._has_room():
            return None
        alert = self._firing[name] = Alert(
            kind=condition.kind,
            severity=condition.severity,
            subject=condition.subject,
            message=condition.message,
            first_seen=at if before is None else before.first_seen,
            last_seen=at,
            count=max(condition.times, condition.so_far) if before is None else before.count + condition.times,
        )
        worse = before is not None and before.severity != alert.severity == "critical"
        if before is not None and not worse and at - self._told[name] < self.repeat:
            return None
        self._told[name] = at
        return alert

    def _has_room(self) -> bool:
        if len(self._firing) + len(self._resolved) >= MOST_ALERTS and self._resolved:
            del self._resolved[0]
        return len(self._firing) < MOST_ALERTS

    def _resolve(self, name: tuple[AlertKind, str], at: float) -> Alert:
        del self._told[name]
        alert = msgspec.structs.replace(self._firing.pop(name), resolved_at=at)
        self._resolved.append(alert)
        return alert
