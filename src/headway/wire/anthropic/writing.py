"""What is noted down while a request is written: what could not be said, and why it cannot be said at all."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from headway.wire.form.request import Request, Unsupported

_PLACE = re.compile(r"messages\[(\d+)\]((?:\.parts\[\d+\]){0,2})\.([^.\[\]]+)")
_OF_A_TOOL = re.compile(r"tools\[(\d+)\]\.([^.\[\]]+)")
_LONGEST_NAME = 64
NO_ODD: Mapping[str, msgspec.Raw] = {}


class Refused(Exception):  # noqa: N818 - a way out of nested calls, which the writer of the request catches
    def __init__(self, feature: str, message: str) -> None:
        super().__init__(message)
        self.unsupported = Unsupported(feature, message)


def quoted(name: str) -> str:
    """A name that a client chose, in a sentence."""
    return repr(name[:_LONGEST_NAME])


class Writing:
    """`own`: the request was read from this dialect, so that nothing in it needs to be adapted."""

    def __init__(self, request: Request) -> None:
        self.own = request.dialect == "anthropic"
        self.dropped: dict[str, None] = {}
        """Names of what is left out, in order."""
        self.odd: dict[str, dict[str, msgspec.Raw]] = {}
        """By the place of a block (`messages[1].parts[0]`, `tools[2]`): its fields that the form has no place for."""
        self.settings: dict[str, msgspec.Raw] = {}
        if not self.own:
            self.dropped.update(dict.fromkeys(request.extra))
            return
        for name, raw in (*request.extra.items(), *request.aside.items()):
            if (found := _PLACE.fullmatch(name)) is not None:
                self.odd.setdefault(f"messages[{found[1]}]{found[2]}", {})[found[3]] = raw
            elif (found := _OF_A_TOOL.fullmatch(name)) is not None:
                self.odd.setdefault(f"tools[{found[1]}]", {})[found[2]] = raw
            else:
                self.settings[name] = raw

    def drop(self, name: str) -> None:
        self.dropped[name] = None

    def odd_of(self, place: str) -> Mapping[str, msgspec.Raw]:
        return self.odd.get(place, NO_ODD)
