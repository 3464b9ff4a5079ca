"""As much of PromQL as dashboards and rules here are written in: its grammar, its types, and the labels of a result.

It refuses what Prometheus would refuse, and some that it would not: a label that no series has, a matcher on a label
that a metric lacks, a quantile of buckets whose `le` was summed away. Grammar and functions:
https://prometheus.io/docs/prometheus/latest/querying/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Type = Literal["vector", "range", "scalar", "string"]
Labels = frozenset[str]


class PromqlError(ValueError):
    """Says what, and in which expression."""


TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<duration>(?:\d+(?:ms|[smhdwy]))+)(?!\w)
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?!\w)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<mark>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){}\[\],:])
    """,
    re.VERBOSE,
)
LEVELS = (("or",), ("and", "unless"), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/", "%"), ("^",))
"""Binary operators, those that bind least first."""
SETS = {"or", "and", "unless"}
AGGREGATIONS = {"sum", "min", "max", "avg", "count", "group", "stddev", "stdvar"}
FUNCTIONS: dict[str, tuple[tuple[Type, ...], Type]] = {
    **dict.fromkeys(("rate", "increase", "delta", "changes", "resets"), (("range",), "vector")),
    **dict.fromkeys((f"{name}_over_time" for name in ("avg", "min", "max", "sum", "last")), (("range",), "vector")),
    **dict.fromkeys(("abs", "ceil", "floor", "absent", "sort", "sort_desc"), (("vector",), "vector")),
    "histogram_quantile": (("scalar", "vector"), "vector"),
    "clamp_max": (("vector", "scalar"), "vector"),
    "clamp_min": (("vector", "scalar"), "vector"),
    "vector": (("scalar",), "vector"),
    "time": ((), "scalar"),
}


@dataclass(frozen=True)
class Constant:
    type: Type


@dataclass(frozen=True)
class Selector:
    name: str
    matchers: tuple[tuple[str, str, str], ...]
    """Label, operator, value."""
    ranged: bool = False

    @property
    def type(self) -> Type:
        return "range" if self.ranged else "vector"


@dataclass(frozen=True)
class Call:
    name: str
    args: tuple[Node, ...]

    @property
    def type(self) -> Type:
        return FUNCTIONS[self.name][1]


@dataclass(frozen=True)
class Aggregation:
    by: Labels
    of: Node
    type: Type = field(default="vector", init=False)


@dataclass(frozen=True)
class Binary:
    operator: str
    left: Node
    right: Node
    on: Labels | None

    @property
    def type(self) -> Type:
        return "scalar" if self.left.type == self.right.type == "scalar" else "vector"


Node: TypeAlias = Constant | Selector | Call | Aggregation | Binary


def parse(text: str) -> Node:
    parser = _Parser(text)
    found = parser.binary(0)
    parser.end()
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text), ("end", "")]
        self._at = 0

    def end(self) -> None:
        self._want("")

    def binary(self, level: int) -> Node:
        if level == len(LEVELS):
            return self._unary()
        left = self.binary(level + 1)
        while self._next() in LEVELS[level]:
            operator = self._take()
            if self._next() == "bool":
                self._take()
            on = None
            if self._next() == "on":
                self._take()
                on = self._names()
            left = self._joined(operator, left, self.binary(level if operator == "^" else level + 1), on)
        return left

    def _joined(self, operator: str, left: Node, right: Node, on: Labels | None) -> Node:
        types = {left.type, right.type}
        if not types <= ({"vector"} if operator in SETS or on is not None else {"vector", "scalar"}):
            raise self._error(f"{operator} between {left.type} and {right.type}")
        return Binary(operator, left, right, on)

    def _unary(self) -> Node:
        if self._next() in ("-", "+"):
            self._take()
            return self._unary()
        return self._ranged(self._primary())

    def _ranged(self, found: Node) -> Node:
        if self._next() == "[":
            if not isinstance(found, Selector):
                raise self._error("a range of what is no selector")
            self._take()
            self._want_kind("duration")
            self._want("]")
            found = Selector(found.name, found.matchers, ranged=True)
        if self._next() == "offset":
            self._take()
            self._want_kind("duration")
        return found

    def _primary(self) -> Node:
        kind, token = self._tokens[self._at]
        if token == "(":
            self._take()
            found = self.binary(0)
            self._want(")")
            return found
        if kind in ("number", "string"):
            self._take()
            return Constant("scalar" if kind == "number" else "string")
        if kind != "name":
            raise self._error(f"an expression was to begin at {token!r}")
        self._take()
        if token in AGGREGATIONS:
            return self._aggregation()
        return self._call(token) if self._next() == "(" else self._selector(token)

    def _aggregation(self) -> Node:
        by = self._by()
        self._want("(")
        of = self.binary(0)
        self._want(")")
        if of.type != "vector":
            raise self._error(f"an aggregation of a {of.type}")
        return Aggregation(by or self._by() or frozenset(), of)

    def _by(self) -> Labels | None:
        if self._next() != "by":
            return None
        self._take()
        return self._names()

    def _call(self, name: str) -> Node:
        if name not in FUNCTIONS:
            raise self._error(f"no function {name}")
        self._want("(")
        args: list[Node] = []
        while self._next() != ")":
            args.append(self.binary(0))
            if self._next() != ")":
                self._want(",")
        self._want(")")
        if tuple(arg.type for arg in args) != FUNCTIONS[name][0]:
            raise self._error(f"{name} of {[arg.type for arg in args]}")
        return Call(name, tuple(args))

    def _selector(self, name: str) -> Node:
        matchers: list[tuple[str, str, str]] = []
        if self._next() == "{":
            self._take()
            while self._next() != "}":
                label = self._want_kind("name")
                operator = self._take()
                if operator not in ("=", "!=", "=~", "!~"):
                    raise self._error(f"{operator} is no matcher")
                matchers.append((label, operator, _unquoted(self._want_kind("string"))))
                if self._next() != "}":
                    self._want(",")
            self._want("}")
        for _, operator, value in matchers:
            if operator in ("=~", "!~"):
                re.compile(value)
        return Selector(name, tuple(matchers))

    def _names(self) -> Labels:
        found: list[str] = []
        self._want("(")
        while self._next() != ")":
            found.append(self._want_kind("name"))
            if self._next() != ")":
                self._want(",")
        self._want(")")
        if len(set(found)) != len(found):
            raise self._error("a label twice")
        return frozenset(found)

    def _next(self) -> str:
        return self._tokens[self._at][1]

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _want(self, token: str) -> None:
        if self._next() != token:
            raise self._error(f"{token or 'the end'!r} was to come, not {self._next()!r}")
        self._at = min(self._at + 1, len(self._tokens) - 1)

    def _want_kind(self, kind: str) -> str:
        if self._tokens[self._at][0] != kind:
            raise self._error(f"a {kind} was to come, not {self._next()!r}")
        return self._take()

    def _error(self, what: str) -> PromqlError:
        return PromqlError(f"{what}: {self._text}")


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise PromqlError(f"{text[at : at + 10]!r} is no PromQL: {text}")
        if match.lastgroup != "space":
            yield match.lastgroup, match[0]
        at = match.end()


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def selectors(node: Node) -> Iterator[Selector]:
    match node:
        case Selector():
            yield node
        case Call(args=args):
            for arg in args:
                yield from selectors(arg)
        case Aggregation(of=of):
            yield from selectors(of)
        case Binary(left=left, right=right):
            yield from selectors(left)
            yield from selectors(right)
        case Constant():
            pass


def labels(node: Node, series: Mapping[str, Labels]) -> Labels:
    """Those that a result may have. `series` has those of each name that may be selected."""
    match node:
        case Constant():
            return frozenset()
        case Selector(name=name, matchers=matchers):
            if name not in series:
                raise PromqlError(f"there is no {name}")
            _within(frozenset(label for label, _, _ in matchers), series[name], name)
            return series[name]
        case Aggregation(by=by, of=of):
            return _within(by, labels(of, series), "what is aggregated")
        case Call(name="histogram_quantile", args=(_, of)):
            return labels(of, series) - _within(frozenset({"le"}), labels(of, series), "buckets")
        case Call(args=args):
            return frozenset[str]().union(*[labels(arg, series) for arg in args])
        case Binary(operator=operator, left=left, right=right, on=on):
            return _joined(operator, left, right, on, series)


def _joined(operator: str, left: Node, right: Node, on: Labels | None, series: Mapping[str, Labels]) -> Labels:
    ours, theirs = labels(left, series), labels(right, series)
    if on is not None:
        _within(on, ours & theirs, f"both sides of {operator}")
    elif left.type == right.type == "vector" and ours != theirs:
        raise PromqlError(f"{operator} between {sorted(ours)} and {sorted(theirs)} matches nothing")
    return ours | theirs if operator == "or" or left.type == "scalar" else ours


def _within(wanted: Labels, there: Labels, where: str) -> Labels:
    if not wanted <= there:
        raise PromqlError(f"no label {sorted(wanted - there)} in {where}, which has {sorted(there)}")
    return wanted
