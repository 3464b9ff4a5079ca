"""Inputs as completions and embeddings take them: one text, several, one list of token numbers, or several."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from headway.simulated import tokens


class Prompt(NamedTuple):
    text: str
    tokens: int


def prompts(value: str | list[Any]) -> list[Prompt] | None:
    """The inputs in order; None if it is none of the four forms."""
    if isinstance(value, str):
        return [_of_text(value)]
    if value and all(isinstance(item, int) for item in value):
        return [_of_numbers(value)]
    found: list[Prompt] = []
    for item in value:
        if isinstance(item, str):
            found.append(_of_text(item))
        elif isinstance(item, list) and all(isinstance(number, int) for number in cast("list[Any]", item)):
            found.append(_of_numbers(cast("list[int]", item)))
        else:
            return None
    return found or None


def _of_text(text: str) -> Prompt:
    return Prompt(text, tokens.count(text))


def _of_numbers(numbers: list[int]) -> Prompt:
    return Prompt(" ".join(map(str, numbers)), len(numbers))
