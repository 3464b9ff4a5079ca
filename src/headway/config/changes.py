"""What differs between two configurations, setting by setting.

Keys are told apart by their names, so that one more key is one change; other lists by place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import msgspec

from headway.config.masking import key_names
from headway.config.problems import ConfigPath


class Absent(msgspec.Struct, frozen=True):
    """Nothing is there, which is not the same as null."""


ABSENT = Absent()


class Difference(msgspec.Struct, frozen=True):
    """A setting or a whole section that is there, gone or other. `before` and `after` are as the documents have them,
    each at its own path: a key may have moved.
    """

    path: ConfigPath
    before_path: ConfigPath
    before: object
    after_path: ConfigPath
    after: object


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Difference]:
    yield from _differences((), (), before, (), after)


def _differences(
    path: ConfigPath, before_path: ConfigPath, before: object, after_path: ConfigPath, after: object
) -> Iterator[Difference]:
    old, new = _parts(before, before_path), _parts(after, after_path)
    if old is None or new is None or isinstance(before, list) != isinstance(after, list):
        if before != after or isinstance(before, bool) != isinstance(after, bool):
            yield Difference(path, before_path, before, after_path, after)
        return
    for name in dict.fromkeys((*old, *new)):
        there, here = old.get(name), new.get(name)
        yield from _differences(
            (*path, name),
            (*before_path, name) if there is None else there[0],
            ABSENT if there is None else there[1],
            (*after_path, name) if here is None else here[0],
            ABSENT if here is None else here[1],
        )


def _parts(value: object, path: ConfigPath) -> dict[str | int, tuple[ConfigPath, object]] | None:
    """What a mapping or a list consists of, by name; None if it is neither."""
    if isinstance(value, Mapping):
        return {name: ((*path, name), each) for name, each in cast("Mapping[str, object]", value).items()}
    if not isinstance(value, list):
        return None
    items = cast("list[object]", value)
    match path:
        case ("providers", str(), "keys"):
            names: list[str | int] = [*key_names(items)]
        case _:
            names = [*range(len(items))]
    if len(set(names)) < len(items):
        names = [*range(len(items))]
    return {name: ((*path, at), each) for at, (name, each) in enumerate(zip(names, items, strict=True))}
