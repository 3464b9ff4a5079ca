"""The list of models, as clients of each API want it: logical names first, then what every provider serves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from headway.types import ModelFacts, Snapshot


class Listed(msgspec.Struct, frozen=True):
    """One model of the list. `facts` is None for a logical name, behind which there may be many."""

    id: str
    owner: str
    facts: ModelFacts | None = None
    context_window: int | None = None


def listed(snapshot: Snapshot) -> Iterator[Listed]:
    for name in snapshot.routes:
        yield Listed(name, "headway")
    for name, models in snapshot.known_models.items():
        facts_of = snapshot.providers[name].facts_of
        for known in models:
            whole = f"{name}/{known.id}"
            if whole in snapshot.routes:
                continue
            facts = None if facts_of is None else facts_of(known.id)
            told = None if facts is None else facts.context_window
            yield Listed(whole, name, facts, told or known.context_window)


def openai_list(snapshot: Snapshot) -> list[dict[str, Any]]:
    """As OpenAI's API has it, with what is known besides: context window, longest answer, abilities, dollars for a
    million tokens.
    """
    return [_openai(model) for model in listed(snapshot)]


def _openai(model: Listed) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": model.id, "object": "model", "created": 0, "owned_by": model.owner}
    if model.context_window is not None:
        entry["context_window"] = model.context_window
    facts = model.facts
    if facts is None:
        return entry
    if facts.output_limit is not None:
        entry["max_output_tokens"] = facts.output_limit
    if facts.can or facts.cannot:
        entry["abilities"] = dict.fromkeys(sorted(facts.can), True) | dict.fromkeys(sorted(facts.cannot), False)
    if facts.reasoning is not None:
        entry["reasoning"] = facts.reasoning
    if facts.input_price is not None or facts.output_price is not None:
        entry["price"] = {"input": facts.input_price, "output": facts.output_price}
    return entry


def anthropic_list(snapshot: Snapshot) -> dict[str, Any]:
    """As Anthropic's API has it, on one page."""
    data = [
        {"type": "model", "id": model.id, "display_name": model.id, "created_at": "1970-01-01T00:00:00Z"}
        for model in listed(snapshot)
    ]
    first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": False, "first_id": first, "last_id": last}


def gemini_list(snapshot: Snapshot) -> dict[str, Any]:
    """As Gemini's API has it, on one page."""
    return {"models": [_gemini(model) for model in listed(snapshot)]}


def _gemini(model: Listed) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": f"models/{model.id}",
        "displayName": model.id,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }
    if model.context_window is not None:
        entry["inputTokenLimit"] = model.context_window
    if model.facts is not None and model.facts.output_limit is not None:
        entry["outputTokenLimit"] = model.facts.output_limit
    return entry
