"""How much a model is to think, in the words that its family takes beside Converse's own.

`additionalModelRequestFields` goes to the model as it is: Claude takes Anthropic's `thinking`, `output_config` and
`top_k`, Nova 2 `reasoningConfig`, gpt-oss `reasoning_effort`, Qwen 3 `reasoning_config`. Any other field of it stays in
`extra`, as `additionalModelRequestFields.NAME`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

import msgspec

from headway.wire.converse.shapes import Int32
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.request import Thinking

FIELDS = "additionalModelRequestFields"
PREFIX = FIELDS + "."


class Family(Enum):
    CLAUDE = "claude"
    NOVA = "nova"
    GPT_OSS = "gpt-oss"
    QWEN = "qwen"
    OTHER = "other"
    UNKNOWN = "unknown"
    """The name is that of a profile or deployment, which may be any model."""


_MAKERS = re.compile(
    r"(?:^|[./])(?:ai21|amazon|cohere|deepseek|google|meta|minimax|mistral|moonshot|nvidia|openai|qwen|writer|zai)\."
)
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_CLAUDE_ON = (3, 7)
"""The first Claude that thinks, the first that decides by itself how much, and the first that takes no budget."""
_CLAUDE_ADAPTIVE = (4, 6)
_CLAUDE_NO_BUDGET = (4, 7)
_LEAST_BUDGET = 1024
_MOST = 2**31 - 1
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 16384, "max": 16384}
_LOW_TO_HIGH = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_DISPLAYS = {"summarized": True, "omitted": False}


def family_of(model: str) -> Family:
    if "anthropic.claude" in model:
        return Family.CLAUDE
    if "amazon.nova" in model:
        return Family.NOVA
    if "openai.gpt-oss" in model:
        return Family.GPT_OSS
    if "qwen.qwen3" in model:
        return Family.QWEN
    return Family.OTHER if _MAKERS.search(model) else Family.UNKNOWN


def version_of(model: str) -> tuple[int, int]:
    """Of a Claude, from its name; (0, 0) for those before they had numbers in this place."""
    found = _VERSION.search(model)
    return (0, 0) if found is None else (int(found[1]), int(found[2] or 0))


# --- reading ---


class _Thinking(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    budget_tokens: Int32 | None = None
    display: str | None = None


class _Nova(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    type: str
    max_reasoning_effort: str | None = None


class _Effort(msgspec.Struct, forbid_unknown_fields=True):
    effort: str


class Additional(msgspec.Struct, frozen=True):
    """What was read from the additional fields: what the form knows, and the rest by its name."""

    thinking: Thinking | None
    top_k: int | None
    rest: dict[str, msgspec.Raw]


_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_thinking = msgspec.json.Decoder(_Thinking).decode
_decode_nova = msgspec.json.Decoder(_Nova).decode
_decode_effort = msgspec.json.Decoder(_Effort).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_int: Callable[[msgspec.Raw], int] = msgspec.json.Decoder(Int32).decode


def read(raw: msgspec.Raw) -> Additional | None:
    """The additional fields; None if they are no object."""
    try:
        fields = _decode_object(raw)
    except UNREADABLE:
        return None
    top_k = _top_k(fields.get("top_k"))
    if top_k is not None:
        del fields["top_k"]
    thinking: Thinking | None = None
    for name, reader in (
        ("thinking", _of_claude),
        ("reasoning_config", _of_config),
        ("reasoningConfig", _of_nova),
        ("reasoning_effort", _of_text),
    ):
        if name in fields and thinking is None:
            thinking = reader(fields[name])
            if thinking is not None:
                del fields[name]
    effort = _of_output(fields.get("output_config"))
    if effort is not None and (thinking is None or thinking.effort is None):
        del fields["output_config"]
        thinking = Thinking(effort=effort) if thinking is None else msgspec.structs.replace(thinking, effort=effort)
    return Additional(thinking, top_k, fields)


def _top_k(raw: msgspec.Raw | None) -> int | None:
    if raw is None:
        return None
    try:
        return _decode_int(raw)
    except UNREADABLE:
        return None


def _of_claude(raw: msgspec.Raw) -> Thinking | None:
    try:
        told = _decode_thinking(raw)
    except UNREADABLE:
        return None
    if told.display is not None and told.display not in _DISPLAYS:
        return None
    show = None if told.display is None else _DISPLAYS[told.display]
    match told.type:
        case "enabled" if told.budget_tokens is not None and told.budget_tokens > 0:
            return Thinking(budget=told.budget_tokens, show=show)
        case "adaptive" if told.budget_tokens is None:
            return Thinking(budget=-1, show=show)
        case "disabled" if told.budget_tokens is None and show is None:
            return Thinking(budget=0)
        case _:
            return None


def _of_nova(raw: msgspec.Raw) -> Thinking | None:
    try:
        told = _decode_nova(raw)
    except UNREADABLE:
        return None
    if told.type == "disabled" and told.max_reasoning_effort is None:
        return Thinking(budget=0)
    return Thinking(effort=told.max_reasoning_effort) if told.type == "enabled" else None


def _of_config(raw: msgspec.Raw) -> Thinking | None:
    return _of_text(raw) or _of_claude(raw)


def _of_text(raw: msgspec.Raw) -> Thinking | None:
    try:
        return Thinking(effort=_decode_text(raw))
    except UNREADABLE:
        return None


def _of_output(raw: msgspec.Raw | None) -> str | None:
    if raw is None:
        return None
    try:
        return _decode_effort(raw).effort
    except UNREADABLE:
        return None


# --- writing ---


def own_words(thinking: Thinking, family: Family) -> dict[str, object]:
    """What a request of Converse said, in the words of the model that it goes to."""
    if family in (Family.NOVA, Family.GPT_OSS, Family.QWEN):
        words = foreign_words(thinking, family, "", None)
        if words is not None:
            return words
    return _claude_words(thinking)


def foreign_words(thinking: Thinking, family: Family, model: str, max_output: int | None) -> dict[str, object] | None:
    """How this model is told to think so much; None if it cannot be."""
    off = thinking.effort == "none" or thinking.budget == 0
    match family:
        case Family.CLAUDE:
            return _claude(thinking, version_of(model), max_output, off=off)
        case Family.NOVA:
            if off:
                return {"reasoningConfig": {"type": "disabled"}}
            return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": _level(thinking)}}
        case Family.GPT_OSS | Family.QWEN:
            name = "reasoning_effort" if family is Family.GPT_OSS else "reasoning_config"
            return None if off else {name: _level(thinking)}
        case _:
            return None


def _level(thinking: Thinking) -> str:
    if thinking.effort is not None:
        return _LOW_TO_HIGH.get(thinking.effort, "medium")
    return effort_of_budget(thinking.budget)


def effort_of_budget(budget: int | None) -> str:
    if budget is None or budget < 0:
        return "medium"
    return "low" if budget < 2048 else "medium" if budget < 16384 else "high"


def _claude_words(thinking: Thinking) -> dict[str, object]:
    words: dict[str, object] = {}
    if thinking.budget == 0:
        words["thinking"] = {"type": "disabled"}
    elif thinking.budget is not None and thinking.budget > 0:
        words["thinking"] = {"type": "enabled", "budget_tokens": thinking.budget, **_display(thinking.show)}
    elif thinking.budget is not None or thinking.effort is None:
        words["thinking"] = {"type": "adaptive", **_display(thinking.show)}
    if thinking.effort is not None:
        words["output_config"] = {"effort": thinking.effort}
    return words


def _display(show: bool | None) -> dict[str, object]:
    return {} if show is None else {"display": "summarized" if show else "omitted"}


def _claude(
    thinking: Thinking, version: tuple[int, int], max_output: int | None, *, off: bool
) -> dict[str, object] | None:
    if version < _CLAUDE_ON:
        return {} if off else None
    if off:
        return {"thinking": {"type": "disabled"}}
    budgeted = thinking.budget is not None and thinking.budget > 0 and thinking.effort is None
    if version >= _CLAUDE_NO_BUDGET or (version >= _CLAUDE_ADAPTIVE and not budgeted):
        return _adaptive(thinking, version, budgeted=budgeted)
    budget = thinking.budget if thinking.budget is not None and thinking.budget > 0 else None
    if budget is None:
        budget = _BUDGETS.get(thinking.effort or "medium", 4096)
    budget = min(max(_LEAST_BUDGET, budget), _MOST)
    if max_output is not None and budget >= max_output:
        budget = max_output - 1  # the answer's bound includes what is thought
    return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _LEAST_BUDGET else None


def _adaptive(thinking: Thinking, version: tuple[int, int], *, budgeted: bool) -> dict[str, object]:
    show = True if version >= _CLAUDE_NO_BUDGET and (thinking.show or thinking.summary) else None
    words: dict[str, object] = {"thinking": {"type": "adaptive", **_display(show)}}
    effort = effort_of_budget(thinking.budget) if budgeted else thinking.effort
    if effort == "minimal":
        effort = "low"
    if effort == "xhigh" and version < _CLAUDE_NO_BUDGET:
        effort = "high"
    if effort is not None:
        words["output_config"] = {"effort": effort}
    return words
