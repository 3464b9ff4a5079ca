"""Which fields of a request a dialect has no words for."""

from __future__ import annotations

from operator import attrgetter

from headway.wire.form.request import Request


class Unspoken:
    """Fields of `Request`, two or more, that a dialect has no words for."""

    __slots__ = ("_names", "_unset", "_values")

    def __init__(self, *names: str) -> None:
        self._names = names
        self._values = attrgetter(*names)
        self._unset = self._values(Request(dialect="openai_chat", model="", messages=()))

    def in_request(self, request: Request) -> list[str]:
        """Those that the client set."""
        values = self._values(request)
        if values == self._unset:
            return []
        return [name for name, value, unset in zip(self._names, values, self._unset, strict=True) if value != unset]
