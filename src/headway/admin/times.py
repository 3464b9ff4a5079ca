"""From when to when a page is to tell."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query
from fastapi.exceptions import RequestValidationError

Moment = Annotated[
    datetime | None, Query(description="Unix time in seconds, or a date and time by ISO 8601 (UTC if it says no zone).")
]
DAY = 86400.0


def unix(moment: datetime | None) -> float | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def span(since: datetime | None, until: datetime | None) -> tuple[float, float]:
    """The last day, where nothing is said."""
    end = unix(until)
    end = time.time() if end is None else end
    begin = unix(since)
    begin = end - DAY if begin is None else begin
    if begin > end:
        raise RequestValidationError([{"loc": ("query", "since"), "msg": "must not be after until", "type": "value"}])
    return begin, end
