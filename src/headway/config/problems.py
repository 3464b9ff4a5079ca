"""What is wrong with a configuration, and how that reads.

A `Finding` says what is wrong at which path; the reader of the text turns it into a `Problem` with line and column.
Nothing here decides what is wrong. Messages never quote a value that may be a secret: whoever writes one quotes names
only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import msgspec

ConfigPath = tuple[str | int, ...]
"""Where a setting is: keys of mappings and indices of lists, from the top."""

_PLAIN = re.compile(r"[A-Za-z0-9_/:@-]+")
_LONGEST_NAME = 80


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong at a path. `on_key` points at the setting's name instead of its value."""

    path: ConfigPath
    message: str
    suggestion: str | None = None
    on_key: bool = False


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with its place. Line and column count from 1; both are 0 where there is no text."""

    path: str
    line: int
    column: int
    message: str
    suggestion: str | None = None
    source: str | None = None
    """Where it stands, if not in the text that everything else is from."""

    def render(self, source: str) -> str:
        """One line: `headway.yaml:12:7: models.default[0]: no provider 'antropic'; did you mean 'anthropic'?`"""
        source = self.source or source
        place = f"{source}:{self.line}:{self.column}" if self.line else source
        middle = f" {self.path}:" if self.path else ""
        ending = f"; did you mean {self.suggestion!r}?" if self.suggestion is not None else ""
        return f"{place}:{middle} {self.message}{ending}"


class ConfigError(Exception):
    """A configuration that cannot be used, with every problem that was found, in the order of the text."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        super().__init__(source, problems)
        self.source = source
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(problem.render(self.source) for problem in self.problems)


class UnreadableConfigError(ConfigError):
    """The file could not be read at all: it is missing, a folder, or forbidden."""


def render_path(path: ConfigPath) -> str:
    """`models.default.tiers[0][1]`; a name with dots or blanks stands in quotes: `models."gpt-4.1"`."""
    parts: list[str] = []
    for part in path:
        if isinstance(part, int):
            parts.append(f"[{part}]")
        else:
            parts.append(f".{quoted_unless_plain(part)}" if parts else quoted_unless_plain(part))
    return "".join(parts)


def quoted_unless_plain(name: str) -> str:
    """A name as it may stand in a message: shortened, and in quotes with escapes if it has anything unusual."""
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
    return shown if _PLAIN.fullmatch(shown) else json.dumps(shown)


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant, or None if none is near."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    near = get_close_matches(name.casefold()[:_LONGEST_NAME], by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None
