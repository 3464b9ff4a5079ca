"""The tables that say which error is of which kind, and how they are searched.

The data are in rules.yaml: a table for each provider that has something of its own to say, and one for all. A rule
names codes, types, texts or statuses; all it names have to fit. Rules are asked in phases, and inside a phase the
provider's own come first, then those of the tables it is `like`, then everybody's; within a table, in order:

1. `code`: rules that name a code, which is as exact as a provider gets;
2. `type`: rules that name a type, but no code;
3. `text`: rules that name only phrases;
4. `general`: rules marked so, whose codes and types say little more than a status does;
5. `status`: rules that name nothing but statuses.

A text is one phrase or more of which one has to occur. In a phrase, `…` stands for any text, a leading `^` and a
trailing `$` for the beginning and the end of the message. Searching is linear: no pattern can backtrack.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, get_args

import msgspec
import yaml

from headway.failures import FailureKind
from headway.providers.classification.kinds import OURS, PARKS_A_KEY

Status = int | Literal["1xx", "2xx", "3xx", "4xx", "5xx", "none"]
"""A status, a class of them, or `none`: an error in a stream that names no status."""
Phase = Literal["code", "type", "text", "general", "status"]

PHASES: tuple[Phase, ...] = get_args(Phase)
DEFAULT = "default"

_THE_CLIENTS = frozenset({"none", "4xx", "2xx", 400, 404, 409, 413, 415, 422})
"""Statuses whose messages may repeat what the client wrote."""
_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row. Words and phrases are in lower case."""

    id: str
    kind: FailureKind
    code: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    status: tuple[Status, ...] = ()
    general: bool = False

    @property
    def phase(self) -> Phase:
        if self.general:
            return "general"
        if self.code:
            return "code"
        if self.type:
            return "type"
        return "text" if self.text else "status"

    def may_apply(self, status: int) -> bool:
        """`status` 0 is none."""
        return not self.status or any(_is_among(status, each) for each in self.status)


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    like: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    tables: dict[str, _Table]


class _Test:
    """What a rule asks beyond the status."""

    __slots__ = ("_code", "_phrases", "_type", "_words", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._code = frozenset(rule.code)
        self._type = frozenset(rule.type)
        self._words = tuple(phrase for phrase in rule.text if not set("^$…") & set(phrase))
        self._phrases = tuple(Phrase(phrase) for phrase in rule.text if set("^$…") & set(phrase))

    def passes(self, codes: list[str], types: list[str], text: str) -> bool:
        if self._code and self._code.isdisjoint(codes):
            return False
        if self._type and self._type.isdisjoint(types):
            return False
        if not self.rule.text:
            return True
        for word in self._words:
            if word in text:
                return True
        return any(phrase.occurs(text) for phrase in self._phrases)


class Phrase:
    """`^begin … middle … end$`: parts in this order, with anything between them."""

    __slots__ = ("_ends", "_parts", "_starts")

    def __init__(self, phrase: str) -> None:
        self._starts = phrase.startswith("^")
        self._ends = phrase.endswith("$")
        body = phrase.removeprefix("^").removesuffix("$")
        self._parts = [part.strip() for part in body.split("…")] if "…" in body else [body]

    def occurs(self, text: str) -> bool:
        parts = self._parts
        if self._starts and not text.startswith(parts[0]):
            return False
        stop = len(text)
        if self._ends:
            if not text.endswith(parts[-1]):
                return False
            parts, stop = parts[:-1], stop - len(parts[-1])
        start = 0
        for part in parts:
            found = text.find(part, start, stop)
            if found < 0:
                return False
            start = found + len(part)
        return True


class Rules:
    """All tables, ready to be searched."""

    def __init__(self, version: int, tables: Mapping[str, tuple[Rule, ...]]) -> None:
        self.version = version
        self.tables = tables
        """For each provider that has a table: its rules with those it inherits, in the order they are asked in."""
        self._tests: dict[tuple[str, int], tuple[_Test, ...]] = {}
        """By table and status, those that may apply; filled as they are met."""

    def find(
        self, provider: str, status: int, codes: list[str], types: list[str], text: str
    ) -> tuple[FailureKind, str]:
        """The kind, and the id of the rule that says so. `status` is 0, or has three digits."""
        table = provider if provider in self.tables else DEFAULT
        tests = self._tests.get((table, status))
        if tests is None:
            tests = tuple(_Test(rule) for rule in self.tables[table] if rule.may_apply(status))
            self._tests[table, status] = tests
        for test in tests:
            if test.passes(codes, types, text):
                return test.rule.kind, test.rule.id
        return FailureKind.UNKNOWN, "unknown"


@cache
def rules() -> Rules:
    return parse(files("headway.providers.classification").joinpath("rules.yaml").read_text("utf-8"))


def parse(text: str) -> Rules:
    """Raises ValueError (msgspec.ValidationError is one) for anything that does not fit."""
    data: Any = yaml.load(text, _LOADER)
    document = msgspec.convert(data, _Document)
    for name, table in document.tables.items():
        _check(name, table, document.tables)
    tables = {name: _in_order(name, document.tables) for name in document.tables}
    return Rules(document.version, MappingProxyType(tables))


def _in_order(name: str, tables: Mapping[str, _Table]) -> tuple[Rule, ...]:
    chain = [name, *tables[name].like]
    if DEFAULT not in chain:
        chain.append(DEFAULT)
    named = [msgspec.structs.replace(rule, id=f"{owner}.{rule.id}") for owner in chain for rule in tables[owner].rules]
    return tuple(rule for phase in PHASES for rule in named if rule.phase == phase)


def _check(name: str, table: _Table, tables: Mapping[str, _Table]) -> None:
    for other in table.like:
        if other not in tables or tables[other].like:
            raise ValueError(f"rules of {name!r}: like {other!r}, which is no table, or is like another")
    seen: set[str] = set()
    for rule in table.rules:
        where = f"rule {name}.{rule.id}"
        if rule.id in seen:
            raise ValueError(f"{where}: there are two of that id")
        seen.add(rule.id)
        if rule.kind in OURS or rule.kind is FailureKind.UNKNOWN:
            raise ValueError(f"{where}: no rule may give {rule.kind.value}")
        for word in (*rule.code, *rule.type, *rule.text):
            if word != word.lower() or not word.strip("^$… "):
                raise ValueError(f"{where}: {word!r} is empty or not in lower case")
        if not (rule.code or rule.type or rule.text or rule.status):
            raise ValueError(f"{where}: it names nothing")
        if rule.general and not (rule.code or rule.type):
            raise ValueError(f"{where}: general, but without a code or type")
        if rule.kind in PARKS_A_KEY and not rule.code and not rule.type and _a_client_could_write(rule):
            raise ValueError(f"{where}: a client could write this text; anchor it with ^ or name the statuses")


def _a_client_could_write(rule: Rule) -> bool:
    if not rule.text or all(phrase.startswith("^") for phrase in rule.text):
        return False
    return not rule.status or any(each in _THE_CLIENTS for each in rule.status)


def _is_among(status: int, wanted: Status) -> bool:
    if isinstance(wanted, int):
        return status == wanted
    if wanted == "none":
        return status == 0
    return status // 100 == int(wanted[0])
