"""Which settings exist where: the schema as something one can walk.

pydantic says where an error is as a list of keys; this module finds the section or the choices that stand there, and
lists every setting by its path for the documentation's test. It knows no setting by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Tag

from headway.config.schema import Config
from headway.config.sections.base import Section

Annotation = Any
"""What stands to the right of a field's colon; Python has no type for it."""


def section_at(loc: Sequence[str | int]) -> type[Section] | None:
    """The section that an error's location leads into, or None if something else stands there."""
    for _, plain in _alternatives(_annotation_at(loc)):
        if _is_section(plain):
            return plain
    return None


def choices_at(loc: Sequence[str | int]) -> tuple[str, ...]:
    """The values that a location's setting may have, if they are a closed set."""
    return tuple(
        value
        for _, plain in _alternatives(_annotation_at(loc))
        if get_origin(plain) is Literal
        for value in get_args(plain)
    )


def settings() -> Iterator[str]:
    """Every setting by its path: `server.port`, `providers.*.keys[*].weight`; `*` stands for a name or a place."""
    yield from _settings_in(Config, "")


def _settings_in(annotation: Annotation, path: str) -> Iterator[str]:
    for _, plain in _alternatives(annotation):
        if _is_section(plain):
            for name, field in plain.model_fields.items():
                inner = f"{path}.{name}" if path else name
                yield inner
                yield from _settings_in(field.annotation, inner)
        elif get_origin(plain) is dict:
            yield from _settings_in(get_args(plain)[1], f"{path}.*")
        elif get_origin(plain) is list:
            yield from _settings_in(get_args(plain)[0], f"{path}[*]")


def _annotation_at(loc: Sequence[str | int]) -> Annotation:
    here: Annotation = Config
    for part in loc:
        here = _inside(here, part)
    return here


def _inside(annotation: Annotation, part: str | int) -> Annotation:
    for tag, plain in _alternatives(annotation):
        if tag is not None and tag == part:
            return plain
        if _is_section(plain) and part in plain.model_fields:
            return plain.model_fields[str(part)].annotation
        if get_origin(plain) is dict:
            return get_args(plain)[1]
        if get_origin(plain) is list and isinstance(part, int):
            return get_args(plain)[0]
    return None


def _alternatives(annotation: Annotation, tag: str | None = None) -> Iterator[tuple[str | None, Annotation]]:
    """The plain types that an annotation allows, each with the tag that pydantic puts in a location for it."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *marks = get_args(annotation)
        tags = [mark.tag for mark in marks if isinstance(mark, Tag)]
        yield from _alternatives(inner, tags[0] if tags else tag)
    elif origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _alternatives(member, tag)
    elif annotation is not None and annotation is not NoneType:
        yield tag, annotation


def _is_section(annotation: Annotation) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)
