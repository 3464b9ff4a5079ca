"""How the readers of this dialect break off where a field cannot be read: what they raise."""

from __future__ import annotations

from headway.wire.complaints import RefusedError, explain
from headway.wire.malformed import Malformed


def complaint(error: Exception, field: str) -> RefusedError:
    """The value of a field cannot be decoded."""
    return RefusedError(explain(error, field))


def bad(param: str, rule: str) -> RefusedError:
    """A field breaks a rule, such as "must name a function"."""
    return RefusedError(Malformed(f"{param} {rule}", param))
