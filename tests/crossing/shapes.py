"""What a type of an official SDK says about JSON: which fields, which of them are required, which values.

One reading of the SDKs' types (typed dictionaries and pydantic models alike) serves both to make values and to check
them. A field that the type does not know is a fault here, though most SDKs would let it pass.
"""

from __future__ import annotations

import base64
import binascii
import collections.abc
import datetime
import enum
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import pydantic
import typing_extensions
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

LISTS = (list, collections.abc.Iterable, collections.abc.Sequence)
DICTS = (dict, collections.abc.Mapping)


class Field(NamedTuple):
    type: Any
    required: bool


@cache
def fields_of(shape: Any) -> Mapping[str, Field] | None:
    """The fields of an object by their JSON names. None: the type is no object with named fields."""
    if typing_extensions.is_typeddict(shape):
        hints = typing_extensions.get_type_hints(shape, include_extras=True)
        return {name: _field(hint, name in shape.__required_keys__) for name, hint in hints.items()}
    if isinstance(shape, type) and issubclass(shape, pydantic.BaseModel):
        camel = shape.model_config.get("alias_generator") is to_camel
        return {
            _alias(info) or (to_camel(name) if camel else name): Field(bare(info.annotation), info.is_required())
            for name, info in shape.model_fields.items()
        }
    return None


def _field(hint: Any, required: bool) -> Field:
    while (origin := typing_extensions.get_origin(hint)) in (typing_extensions.Required, typing_extensions.NotRequired):
        required = origin is typing_extensions.Required
        hint = typing_extensions.get_args(hint)[0]
    return Field(bare(hint), required)


def _alias(info: FieldInfo) -> str | None:
    """Cohere's client notes the name on the wire beside the type."""
    return next((each.alias for each in info.metadata if getattr(each, "alias", None)), None)


def bare(hint: Any) -> Any:
    """The type without its annotations and under no other name."""
    while True:
        if typing_extensions.get_origin(hint) is typing.Annotated:
            hint = typing_extensions.get_args(hint)[0]
        elif type(hint).__name__ == "TypeAliasType":
            hint = hint.__value__
        else:
            return hint


def options_of(hint: Any) -> tuple[Any, ...]:
    """The types that a union is made of, flat; anything else is its own only option."""
    hint = bare(hint)
    if typing_extensions.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(each for option in typing_extensions.get_args(hint) for each in options_of(option))
    return (hint,)


def fault(hint: Any, value: Any, place: str = "") -> str | None:
    """Where and why a JSON value is not what the type allows; None: it is."""
    options = options_of(hint)
    if len(options) == 1:
        return _fault(options[0], value, place)
    found: list[str] = []
    for option in options:
        wrong = _fault(option, value, place)
        if wrong is None:
            return None
        found.append(wrong)
    return max(found, key=_depth)  # the option that fits best got furthest


def _depth(wrong: str) -> int:
    return wrong.partition(":")[0].count(".")


def _fault(option: Any, value: Any, place: str) -> str | None:
    fields = fields_of(option)
    if fields is not None:
        return _fault_of_object(option, fields, value, place)
    origin, arguments = typing_extensions.get_origin(option), typing_extensions.get_args(option)
    if origin is typing.Literal:
        right = any(value == each and type(value) is type(each) for each in arguments)
    elif origin in LISTS or option is list:
        if isinstance(value, list):
            inner = arguments[0] if arguments else Any
            return next(
                (found for at, each in enumerate(value) if (found := fault(inner, each, f"{place}.{at}"))), None
            )
        right = False
    elif origin in DICTS or option is dict:
        if isinstance(value, dict):
            inner = arguments[1] if arguments else Any
            return next((found for key, each in value.items() if (found := fault(inner, each, f"{place}.{key}"))), None)
        right = False
    else:
        right = _is_scalar(option, value)
    return None if right else f"{place}: {_short(value)} is not {option}"


def _fault_of_object(shape: Any, fields: Mapping[str, Field], value: Any, place: str) -> str | None:
    if not isinstance(value, dict):
        return f"{place}: {_short(value)} is not {shape.__name__}"
    for name, field in fields.items():
        if name in value:
            found = fault(field.type, value[name], f"{place}.{name}")
            if found is not None:
                return found
        elif field.required:
            return f"{place}: {shape.__name__} wants {name}"
    unknown = value.keys() - fields.keys()
    return f"{place}: {shape.__name__} knows no {sorted(unknown)}" if unknown else None


def _is_scalar(option: Any, value: Any) -> bool:
    if option in (Any, object):
        return True
    if option is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if option in (str, int, bool, type(None)):
        return type(value) is option
    if option is bytes:
        return isinstance(value, str) and _is_base64(value)
    if option is datetime.datetime:
        return isinstance(value, str)
    if isinstance(option, type) and issubclass(option, enum.Enum):
        return value in [each.value for each in option]
    return False  # what only Python has, such as an open file


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f"{text[:77]}..."
