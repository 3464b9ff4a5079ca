"""Days and months of UTC: when each begins, and what it is called."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.periods import began, called
from headway.types import Period


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("per", "now", "since", "name"),
    [
        ("day", "2026-11-24T00:00:00", "2026-11-24", "24 November 2026"),
        ("day", "2026-11-24T23:59:59.999", "2026-11-24", "24 November 2026"),
        ("month", "2026-11-01T00:00:00", "2026-11-01", "November 2026"),
        ("month", "2026-11-30T23:59:59.999", "2026-11-01", "November 2026"),
        ("month", "2028-02-29T12:00:00", "2028-02-01", "February 2028"),
        ("day", "2026-12-31T23:59:59", "2026-12-31", "31 December 2026"),
        ("month", "2027-01-01T00:00:00", "2027-01-01", "January 2027"),
    ],
)
def test_a_period_begins_at_midnight_in_utc(per: Period, now: str, since: str, name: str):
    assert began(per, at(now)) == at(since)
    assert called(per, at(since)) == name


@given(st.sampled_from(["day", "month"]), st.floats(0, 4e9))
def test_what_begins_a_period_lies_in_it(per: Period, now: float):
    since = began(per, now)
    assert since <= now < since + (86400 if per == "day" else 31 * 86400)
    assert began(per, since) == since
