"""What the schema finds wrong, in words that help the person who wrote it.

pydantic's errors become findings with the path as it was written, and suggestions for misspelt names. No message
repeats a value. What can only be judged by looking at several settings together is `references`' and `provider`'s
business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from headway.config.problems import ConfigError, ConfigPath, Finding, Problem, UnreadableConfigError, closest
from headway.config.schema import Config
from headway.config.sections.alerts import WebhookSection
from headway.config.sections.base import JSONL, LIST, MAPPING, TEXT, WEBHOOK, Section
from headway.config.sections.provider import KeySection
from headway.config.shape import choices_at, section_at

__all__ = ["Checked", "ConfigError", "Problem", "UnreadableConfigError", "validate"]

_TAGS = frozenset({TEXT, LIST, MAPPING, JSONL, WEBHOOK})
_DICT_KEY = "[key]"
_SETTING_LIKE = re.compile(r"[a-z][a-z_]{0,23}")
_ESSENTIAL = frozenset({"kind", "base_url", "auth", "keys"})
"""Settings of a provider without which the rest of it cannot be judged."""
_HOLDS_SECRET: dict[type[Section], str] = {
    KeySection: "must be text in quotes, or a mapping with 'value'",
    WebhookSection: "must be a mapping with 'url'",
}
"""Sections where someone may have written the secret itself where a setting's name belongs, and what is said then."""
_NOT_HERE = "is not available in this version"


class Checked(NamedTuple):
    """What a schema check found. `config` is the sound part: sections, providers and models without an error."""

    config: Config
    findings: tuple[Finding, ...]


def validate(data: Mapping[str, object]) -> Checked:
    """Every error that the schema sees, and the part of the configuration that has none."""
    try:
        return Checked(Config.model_validate(data), ())
    except ValidationError as error:
        details = error.errors(include_url=False)
    findings = tuple(_finding(each) for each in details)
    broken = frozenset(_written(each["loc"])[0][:3] for each in details)
    return Checked(Config.model_validate(_sound_part(data, broken)), findings)


def _sound_part(data: Mapping[str, object], broken: frozenset[ConfigPath]) -> dict[str, object]:
    """The data without what is broken. `broken` has the paths of the errors, cut to three parts."""
    touched = {path[:length] for path in broken for length in (1, 2)}
    sound: dict[str, object] = {}
    for name, value in data.items():
        if name == "providers" and value is not None:  # none at all would mean those of the environment
            sound[name] = _sound_providers(value, broken)
        elif name == "models" and isinstance(value, dict):
            models = cast("dict[str, object]", value)
            sound[name] = {key: model for key, model in models.items() if (name, key) not in touched}
        elif (name,) not in touched:
            sound[name] = value
    return sound


def _sound_providers(written: object, broken: frozenset[ConfigPath]) -> dict[str, object]:
    touched = {path[:2] for path in broken}
    sound: dict[str, object] = {}
    for name, section in (cast("dict[str, object]", written) if isinstance(written, dict) else {}).items():
        if ("providers", name) not in touched:
            sound[name] = section
        elif (rest := _sound_provider(("providers", name), section, broken)) is not None:
            sound[name] = rest
    return sound


def _sound_provider(path: ConfigPath, section: object, broken: frozenset[ConfigPath]) -> dict[str, object] | None:
    """The section without its broken settings; None if it is broken itself, or one of them is what it stands on."""
    lost = {each[2] for each in broken if len(each) == 3 and each[:2] == path}
    if path in broken or lost & _ESSENTIAL or not isinstance(section, dict):
        return None
    return {name: value for name, value in cast("dict[str, object]", section).items() if name not in lost}


def _written(loc: tuple[str | int, ...]) -> tuple[ConfigPath, bool]:
    """pydantic's location as a path in the text, and whether it is the name of a setting that is wrong."""
    return tuple(part for part in loc if part not in _TAGS and part != _DICT_KEY), loc[-1:] == (_DICT_KEY,)


def _finding(error: ErrorDetails) -> Finding:
    path, on_key = _written(error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return _unknown_setting(error["loc"], path)
        case "literal_error":
            return _unknown_choice(error["loc"], path, error["input"])
        case "missing":
            return Finding(path=path, message="is required")
        case kind:
            return Finding(path=path, message=_complaint(kind, error), on_key=on_key)


def _unknown_setting(loc: tuple[str | int, ...], path: ConfigPath) -> Finding:
    section, name = section_at(loc[:-1]), str(loc[-1])
    if section is None:
        return Finding(path=path, message="no such setting", on_key=True)
    if name in section.later:
        return Finding(path=path, message=_NOT_HERE, on_key=True)
    if name in section.elsewhere:
        return Finding(path=path, message=section.elsewhere[name], on_key=True)
    suggestion = closest(name, section.model_fields)
    if section in _HOLDS_SECRET and suggestion is None and not _SETTING_LIKE.fullmatch(name):
        return Finding(path=path[:-1], message=_HOLDS_SECRET[section])
    known = "" if suggestion else f"; there are {', '.join(section.model_fields)}"
    return Finding(path=path, message=f"no such setting{known}", suggestion=suggestion, on_key=True)


def _unknown_choice(loc: tuple[str | int, ...], path: ConfigPath, value: object) -> Finding:
    choices = choices_at(loc)
    suggestion = closest(value, choices) if isinstance(value, str) else None
    return Finding(
        path=path,
        message=f"must be {', '.join(choices[:-1])}{' or ' * (len(choices) > 1)}{choices[-1]}",
        suggestion=suggestion,
    )


def _complaint(kind: str, error: ErrorDetails) -> str:
    if error["input"] is None:
        return "has no value"
    match kind:
        case "value_error":
            return str(error.get("ctx", {}).get("error", error["msg"]))
        case "string_type":
            return "must be text; put it in quotes"
        case "bool_type" | "bool_parsing":
            return "must be true or false"
        case "list_type":
            return "must be a list"
        case "dict_type" | "model_type":
            return "must be a mapping (name: value)"
        case "too_short" | "string_too_short":
            return "must not be empty"
        case _:
            return error["msg"]
