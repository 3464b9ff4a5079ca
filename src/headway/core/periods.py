"""When the period of a budget began, and what it is called. Days and months are those of UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from headway.types import Period


def began(per: Period, at: float) -> float:
    """Of the period that `at` lies in. Both are Unix time."""
    day = datetime.fromtimestamp(at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day if per == "day" else day.replace(day=1)).timestamp()


def called(per: Period, since: float) -> str:
    """`24 November 2026`, or `November 2026`."""
    day = datetime.fromtimestamp(since, UTC)
    return f"{day.day} {day:%B %Y}" if per == "day" else f"{day:%B %Y}"
