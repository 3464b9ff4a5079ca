"""Whether a database refuses what it is given for what it is, and would for ever."""

from __future__ import annotations

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError


def is_refusal(error: DBAPIError | OverflowError) -> bool:
    """Of a value, by PostgreSQL's classes of errors: data, integrity, limits."""
    if isinstance(error, OverflowError | DataError | IntegrityError):
        return True
    return str(getattr(error.orig, "sqlstate", ""))[:2] in ("22", "23", "54")
