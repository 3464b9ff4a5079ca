"""What models on Replicate call things, and what their answers' figures mean.

Each model there has inputs of its own. Those of one maker are alike, and families are told apart by the maker; names
are those of the inputs in the models' published schemas. One mapping for whole and streamed answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from headway.types import Usage

NAMES: Mapping[str, str] = MappingProxyType({"max_output": "max_tokens", "stop": "stop_sequences"})
"""Usual names of parameters, by those of the form."""

_SAMPLING = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed")


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """How the models of one maker are asked. Empty names: they have no such input."""

    system: str = "system_prompt"
    messages: bool = False
    """They take a conversation as it is."""
    bound: str = "max_tokens"
    least: int = 1
    """The lowest bound on an answer that they take."""
    parameters: tuple[str, ...] = _SAMPLING
    """Of those that are called as in the form."""
    stops: str = ""
    """Where stop sequences go, with commas between them."""
    pictures: str = ""
    """Where a list of pictures goes."""
    picture: str = ""
    """Where one picture goes."""
    effort: str = ""
    budget: str = ""
    thinks: str = ""
    """What turns a budget of thought on, if it must be."""


_USUAL = Family(stops="stop_sequences")
_FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "openai": Family(
            messages=True,
            bound="max_completion_tokens",
            parameters=("temperature", "top_p", "frequency_penalty", "presence_penalty", "verbosity"),
            pictures="image_input",
            effort="reasoning_effort",
        ),
        "anthropic": Family(
            parameters=(), least=1024, picture="image", budget="thinking_budget_tokens", thinks="extended_thinking"
        ),
        "google": Family(
            system="system_instruction",
            bound="max_output_tokens",
            parameters=("temperature", "top_p"),
            pictures="images",
            budget="thinking_budget",
        ),
        "deepseek-ai": Family(system="", parameters=("temperature", "top_p", "frequency_penalty", "presence_penalty")),
    }
)


def family_of(model: str) -> Family:
    owner = model.removeprefix("deployments/").partition("/")[0]
    return _FAMILIES.get(owner, _USUAL)


class Metrics(msgspec.Struct, gc=False):
    input_token_count: int | None = None
    output_token_count: int | None = None


def usage_of(metrics: Metrics | None) -> Usage | None:
    """Models that run by the second count no tokens."""
    if metrics is None or (metrics.input_token_count is None and metrics.output_token_count is None):
        return None
    return Usage(
        input_tokens=max(metrics.input_token_count or 0, 0), output_tokens=max(metrics.output_token_count or 0, 0)
    )
