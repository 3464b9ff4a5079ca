"""What all sections have in common, and how settings with a short form are told from their long one."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Discriminator, model_validator

TEXT, LIST, MAPPING = "<text>", "<list>", "<mapping>"
JSONL, WEBHOOK = "<jsonl>", "<webhook>"
"""Which form or kind was written. They stand in pydantic's locations, in brackets unlike any setting's name."""


def nothing_is_empty(value: object) -> object:
    """A section that is named and left empty is an empty section."""
    return {} if value is None else value


class Section(BaseModel):
    """A mapping of settings. Unknown ones are errors."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True, defer_build=True
    )
    later: ClassVar[frozenset[str]] = frozenset()
    """Settings of later versions."""
    elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Settings that do not stand here, with a few words on where they do."""

    _empty = model_validator(mode="before")(nothing_is_empty)


def short_or_long(message: str) -> Discriminator:
    """Tells the forms of a setting apart; the message is for what is neither."""
    return Discriminator(_form, custom_error_type="form", custom_error_message=message)


def _form(value: object) -> str | None:
    if isinstance(value, str):
        return TEXT
    if isinstance(value, list):
        return LIST
    return MAPPING if isinstance(value, dict | Section) else None
