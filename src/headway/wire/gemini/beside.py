"""What parts and tools of a Gemini client said that the form has no place for: names under which it travels.

`messages[i].parts[j].NAME` and `tools[i].NAME`, in the request's `extra` and `aside`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

PARTS = re.compile(r"(messages\[\d+\]\.parts\[\d+\])\.")
TOOLS = re.compile(r"(tools\[\d+\])\.")

Beside = dict[str, dict[str, msgspec.Raw]]


def by_place(pattern: re.Pattern[str], *told: Mapping[str, msgspec.Raw]) -> Beside:
    """By place, the names and what they hold."""
    found: Beside = {}
    for fields in told:
        for name, raw in fields.items():
            place = pattern.match(name)
            if place is not None:
                found.setdefault(place[1], {})[name[place.end() :]] = raw
    return found
