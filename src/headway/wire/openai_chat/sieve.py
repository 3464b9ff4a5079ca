"""What of a client's field has a place in its shape, and what has none.

Strict reading refuses a field that it does not know. Then this goes through the same shapes slowly, sets aside what
they do not hold, under its path, and reads the rest. A part of unknown type is kept whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.openai_chat.complaints import bad, complaint
from headway.wire.openai_chat.shapes import UNKNOWN, Kind, Message, Part, Tool
from headway.wire.openai_chat.vocabulary import is_null

_Shape = TypeVar("_Shape", bound=msgspec.Struct)

_KINDS = frozenset(get_args(Kind))


class _Field(msgspec.Struct, frozen=True):
    """How a field is read: whole, or as the struct or list of structs that it may be."""

    name: str
    decode: Callable[[msgspec.Raw], Any]
    struct: type[msgspec.Struct] | None
    item: type[msgspec.Struct] | None


_Plan = Mapping[str, _Field]


def _plan_of(shape: type[msgspec.Struct], into: dict[type[msgspec.Struct], _Plan]) -> None:
    plan: dict[str, _Field] = {}
    into[shape] = plan
    for each in msgspec.structs.fields(shape):
        arms = get_args(each.type) if get_origin(each.type) in (Union, UnionType) else (each.type,)
        struct = next((arm for arm in arms if _is_strict(arm)), None)
        item = next((get_args(arm)[0] for arm in arms if get_origin(arm) is list), None)
        item = item if _is_strict(item) else None
        plan[each.encode_name] = _Field(each.name, msgspec.json.Decoder(each.type).decode, struct, item)
        for found in (struct, item):
            if found is not None and found not in into:
                _plan_of(found, into)


def _is_strict(arm: object) -> bool:
    return isinstance(arm, type) and issubclass(arm, msgspec.Struct) and arm.__struct_config__.forbid_unknown_fields


def _plans(*shapes: type[msgspec.Struct]) -> Mapping[type[msgspec.Struct], _Plan]:
    found: dict[type[msgspec.Struct], _Plan] = {}
    for shape in shapes:
        _plan_of(shape, found)
    return MappingProxyType(found)


_PLANS = _plans(Message, Tool)
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


def items(raw: msgspec.Raw, path: str) -> list[msgspec.Raw]:
    """The items of a list."""
    return _read(_decode_list, raw, path)


def sift(raw: msgspec.Raw, shape: type[_Shape], path: str, aside: dict[str, msgspec.Raw]) -> _Shape:
    """The shape that an object has, and what else is in it added to `aside`, by path."""
    fields = _read(_decode_object, raw, path)
    if shape is Part:
        kind = _read(_decode_text, fields.get("type", msgspec.Raw(b"null")), f"{path}.type")
        if kind not in _KINDS:
            return cast("_Shape", Part(type="text", unknown=raw))
    plan = _PLANS[shape]
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if is_null(value):
            continue
        field = plan.get(name)
        if field is None or name == UNKNOWN:
            aside[f"{path}.{_safe(name)}"] = value
        else:
            values[field.name] = _value(field, value, f"{path}.{name}", aside)
    for each in msgspec.structs.fields(shape):
        if each.required and each.name not in values:
            raise bad(f"{path}.{each.encode_name}", "is missing")
    return shape(**values)


def _value(field: _Field, raw: msgspec.Raw, path: str, aside: dict[str, msgspec.Raw]) -> object:
    first = bytes(raw)[:1]
    if first == b"{" and field.struct is not None:
        return sift(raw, field.struct, path, aside)
    if first == b"[" and field.item is not None:
        return [sift(each, field.item, f"{path}[{i}]", aside) for i, each in enumerate(items(raw, path))]
    return _read(field.decode, raw, path)


_Read = TypeVar("_Read")


def _read(decode: Callable[[msgspec.Raw], _Read], raw: msgspec.Raw, path: str) -> _Read:
    try:
        return decode(raw)
    except UNREADABLE as error:
        raise complaint(error, path) from None


def _safe(name: str) -> str:
    """A field's name as it may stand in a path and in a header."""
    return name if name.isidentifier() and name.isascii() and len(name) <= 64 else "unknown"
