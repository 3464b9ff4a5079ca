"""YAML text to plain data, with the place of every setting.

It decides what counts as a readable document: YAML 1.2's core types (so `no` is a word and `1:30` is no number), no
key twice, no tags, one document, and bounds on size, depth and what aliases may expand to. What the settings mean is
`schema`'s business.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Protocol, cast

import msgspec
import yaml

from headway.config.problems import ConfigError, ConfigPath, Finding, Problem, render_path

LARGEST_TEXT = 4 * 1024 * 1024
DEEPEST = 48
MOST_NODES = 500_000
"""Steps of the walk over the document with its aliases expanded."""

_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAG = "tag:yaml.org,2002:str"
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]{1,32}(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUES = frozenset({"true", "True", "TRUE"})
_FALSES = frozenset({"false", "False", "FALSE"})


class Mark(msgspec.Struct, frozen=True):
    """A place in the text, counted from 1."""

    line: int
    column: int


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """What a text says, before interpolation."""

    source: str
    data: dict[str, object]
    keys: dict[ConfigPath, Mark]
    """Where the name of a setting stands; list items have none."""
    values: dict[ConfigPath, Mark]
    problems: tuple[Problem, ...] = ()
    """What is wrong with the text although it could be read: names that stand twice."""

    def locate(self, finding: Finding) -> Problem:
        """The finding with its place: the value's; the name's if the value is a section; else the nearest section's."""
        mark = Mark(1, 1) if self.values else Mark(0, 0)
        for length in range(len(finding.path), 0, -1):
            path = finding.path[:length]
            if path in self.values:
                on_name = finding.on_key or length < len(finding.path) or isinstance(self.at(path), dict | list)
                mark = self.keys.get(path, self.values[path]) if on_name else self.values[path]
                break
        return Problem(
            path=render_path(finding.path),
            line=mark.line,
            column=mark.column,
            message=finding.message,
            suggestion=finding.suggestion,
        )

    def at(self, path: ConfigPath) -> object:
        """What the text says at a path, or None if it says nothing there."""
        here: object = self.data
        for part in path:
            if isinstance(here, dict) and part in here:
                here = cast("dict[str | int, object]", here)[part]
            elif isinstance(here, list) and isinstance(part, int) and part < len(cast("list[object]", here)):
                here = cast("list[object]", here)[part]
            else:
                return None
        return here


class _Position(Protocol):
    """Where libyaml or its Python twin says that something is, counted from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Scalar(msgspec.Struct, frozen=True):
    mark: Mark
    text: str
    plain: bool


class _Sequence(msgspec.Struct, eq=False):
    mark: Mark
    items: list[_Node]
    closed: bool = False


class _Mapping(msgspec.Struct, eq=False):
    mark: Mark
    items: list[_Node]
    """Keys and values in turn."""
    closed: bool = False


_Node = _Scalar | _Sequence | _Mapping


def read(text: str, source: str) -> Document:
    """The document in a text. Raises `ConfigError` if it is not one; an empty text is an empty document."""
    if len(text) > LARGEST_TEXT:
        raise _refusal(source, Mark(1, 1), f"the file is larger than {LARGEST_TEXT // 1024**2} MiB")
    try:
        root = _parse(text, source)
    except yaml.MarkedYAMLError as error:
        raise _refusal(source, _mark(error.problem_mark), f"not YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise _refusal(source, _first_control(text), "not YAML: it has control characters") from None
    if root is None or (isinstance(root, _Scalar) and root.plain and root.text in _NULLS):
        return Document(source=source, data={}, keys={}, values={})
    if not isinstance(root, _Mapping):
        raise _refusal(source, root.mark, "a configuration is a mapping of settings (name: value)")
    return _Expansion(source).document(root)


def _parse(text: str, source: str) -> _Node | None:
    """The tree of one document. An alias stands in it as the very node that it names."""
    anchors: dict[str, _Node] = {}
    open_nodes: list[_Sequence | _Mapping] = []
    root: _Node | None = None
    for event in yaml.parse(text, Loader=_LOADER):
        mark = _mark(event.start_mark)
        match event:
            case yaml.AliasEvent():
                node = anchors.get(event.anchor or "")
                if node is None or (not isinstance(node, _Scalar) and not node.closed):
                    raise _refusal(source, mark, "an alias must name an anchor that stands complete above it")
            case yaml.ScalarEvent():
                _refuse_tag(source, mark, event.tag)
                node = _Scalar(mark, event.value, plain=event.implicit[0] and event.tag is None)
            case yaml.SequenceStartEvent():
                _refuse_tag(source, mark, event.tag)
                node = _Sequence(mark, [])
            case yaml.MappingStartEvent():
                _refuse_tag(source, mark, event.tag)
                node = _Mapping(mark, [])
            case yaml.CollectionEndEvent():
                open_nodes.pop().closed = True
                continue
            case yaml.DocumentStartEvent() if root is not None:
                raise _refusal(source, mark, "only one document may stand in the file")
            case _:
                continue
        if not isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            anchors[event.anchor] = node
        if open_nodes:
            open_nodes[-1].items.append(node)
        else:
            root = node
        if isinstance(event, yaml.CollectionStartEvent) and not isinstance(node, _Scalar):
            open_nodes.append(node)
            if len(open_nodes) > DEEPEST:
                raise _refusal(source, mark, f"nested deeper than {DEEPEST} levels")
    return root


class _Expansion:
    """One walk over the tree, in which aliases become copies and every setting gets its path."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: dict[ConfigPath, Mark] = {}
        self._values: dict[ConfigPath, Mark] = {}
        self._problems: list[Problem] = []
        self._nodes = 0

    def document(self, root: _Mapping) -> Document:
        data = self._mapping(root, ())
        return Document(
            source=self._source, data=data, keys=self._keys, values=self._values, problems=tuple(self._problems)
        )

    def _value(self, node: _Node, path: ConfigPath) -> object:
        self._count(node.mark, len(path))
        self._values[path] = node.mark
        match node:
            case _Scalar():
                return _resolve(node)
            case _Sequence():
                return [self._value(item, (*path, index)) for index, item in enumerate(node.items)]
            case _Mapping():
                return self._mapping(node, path)

    def _mapping(self, node: _Mapping, path: ConfigPath) -> dict[str, object]:
        found: dict[str, object] = {}
        self._report_repeated(node, path)
        for key, value in self._entries(node, len(path)):
            self._keys[*path, key.text] = key.mark
            found[key.text] = self._value(value, (*path, key.text))
        return found

    def _entries(self, node: _Mapping, depth: int) -> Iterator[tuple[_Scalar, _Node]]:
        """Names and values, each name once: first what stands here, then what `<<` brings in besides."""
        seen: set[str] = set()
        merged: list[_Node] = []
        for key, value in self._pairs(node, depth):
            if key.plain and key.text == "<<":
                merged.extend(value.items if isinstance(value, _Sequence) else [value])
            elif key.text not in seen:
                seen.add(key.text)
                yield key, value
        for source in merged:
            if not isinstance(source, _Mapping):
                raise _refusal(self._source, source.mark, "<< takes a mapping or a list of mappings")
            for key, value in self._entries(source, depth + 1):
                if key.text not in seen:
                    seen.add(key.text)
                    yield key, value

    def _pairs(self, node: _Mapping, depth: int) -> Iterator[tuple[_Scalar, _Node]]:
        self._count(node.mark, depth)
        for key, value in zip(node.items[::2], node.items[1::2], strict=True):
            self._count(key.mark, depth)
            if not isinstance(key, _Scalar):
                raise _refusal(self._source, key.mark, "the name of a setting must be plain text")
            yield key, value

    def _report_repeated(self, node: _Mapping, path: ConfigPath) -> None:
        first: dict[str, Mark] = {}
        for key, _ in self._pairs(node, len(path)):
            if key.text in first:
                message = f"stands twice; the first is on line {first[key.text].line}"
                shown = render_path((*path, key.text))
                self._problems.append(Problem(path=shown, line=key.mark.line, column=key.mark.column, message=message))
            first.setdefault(key.text, key.mark)

    def _count(self, mark: Mark, depth: int) -> None:
        """Aliases and merges can say exponentially much in a small text; this is where it ends."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _refusal(self._source, mark, "too large once aliases are expanded")
        if depth > DEEPEST:
            raise _refusal(self._source, mark, f"nested deeper than {DEEPEST} levels once aliases are expanded")


def _resolve(node: _Scalar) -> object:
    if not node.plain:
        return node.text
    if node.text in _NULLS:
        return None
    if node.text in _TRUES or node.text in _FALSES:
        return node.text in _TRUES
    if _INTEGER.fullmatch(node.text):
        return int(node.text)
    if _FLOAT.fullmatch(node.text) and math.isfinite(number := float(node.text)):
        return number
    return node.text


def _refuse_tag(source: str, mark: Mark, tag: str | None) -> None:
    if tag not in (None, _TEXT_TAG, "!"):
        raise _refusal(source, mark, "tags (!...) are not supported; quote text that begins with an exclamation mark")


def _mark(mark: _Position | None) -> Mark:
    return Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)


def _first_control(text: str) -> Mark:
    found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]", text)
    before = text[: found.start()] if found else ""
    return Mark(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _refusal(source: str, mark: Mark, message: str) -> ConfigError:
    return ConfigError(source, [Problem(path="", line=mark.line, column=mark.column, message=message)])
