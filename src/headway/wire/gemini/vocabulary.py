"""The words of Gemini and those of the form: stop reasons, service tiers, usage, thinking, models.

One mapping each, for whole and for streamed answers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from headway.types import Usage
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import Stop

_STOPS: Mapping[str, Stop] = {
    "STOP": Stop.END,
    "MAX_TOKENS": Stop.LENGTH,
    "SAFETY": Stop.FILTER,
    "RECITATION": Stop.FILTER,
    "LANGUAGE": Stop.FILTER,
    "BLOCKLIST": Stop.FILTER,
    "PROHIBITED_CONTENT": Stop.FILTER,
    "SPII": Stop.FILTER,
    "MODEL_ARMOR": Stop.FILTER,
    "IMAGE_SAFETY": Stop.FILTER,
    "IMAGE_PROHIBITED_CONTENT": Stop.FILTER,
    "IMAGE_RECITATION": Stop.FILTER,
    "CONTINUATION": Stop.PAUSE,
}
"""Everything else is a fault: MALFORMED_FUNCTION_CALL, UNEXPECTED_TOOL_CALL, NO_IMAGE, OTHER and those to come."""

_REASONS: Mapping[Stop, str] = {
    Stop.END: "STOP",
    Stop.SEQUENCE: "STOP",
    Stop.TOOLS: "STOP",
    Stop.LENGTH: "MAX_TOKENS",
    Stop.CONTEXT: "MAX_TOKENS",
    Stop.FILTER: "SAFETY",
    Stop.REFUSAL: "SAFETY",
    Stop.PAUSE: "OTHER",
    Stop.FAULT: "MALFORMED_FUNCTION_CALL",
}

_TIERS: Mapping[str, str] = {"standard": "default", "flex": "flex", "priority": "priority"}
_TRAFFIC: Mapping[str, str] = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex"}
_TIERS_OUT: Mapping[str, str] = {**{theirs: ours for ours, theirs in _TIERS.items()}, "standard": "standard"}


def stop_of(reason: str | None, *, calls: bool) -> Stop | None:
    """Gemini says STOP also when it wants tools to be used."""
    if reason is None or reason == "FINISH_REASON_UNSPECIFIED":
        return None
    stop = _STOPS.get(reason, Stop.FAULT)
    return Stop.TOOLS if calls and stop is Stop.END else stop


def reason_of(stop: Stop | None) -> str:
    """An answer that is complete has a reason, whatever its provider said."""
    return _REASONS[stop or Stop.END]


def tier_of(service_tier: str) -> str:
    tier = service_tier.lower().removeprefix("service_tier_")
    return _TIERS.get(tier, tier)


def tier_told(told: UsageMetadata | None) -> str | None:
    """The tier that an answer was given in; Vertex AI tells it as the kind of its traffic."""
    if told is None:
        return None
    return _TRAFFIC.get(told.traffic_type or "") if told.service_tier is None else tier_of(told.service_tier)


def service_tier_of(tier: str) -> str | None:
    """None for what Gemini has no word for."""
    return _TIERS_OUT.get(tier)


# --- usage ---


class Modality(msgspec.Struct, rename="camel", gc=False):
    modality: str = ""
    token_count: int = 0


class UsageMetadata(msgspec.Struct, rename="camel"):
    prompt_token_count: int = 0
    candidates_token_count: int = 0
    thoughts_token_count: int = 0
    cached_content_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    total_token_count: int = 0
    prompt_tokens_details: list[Modality] | None = None
    candidates_tokens_details: list[Modality] | None = None
    cache_tokens_details: list[Modality] | None = None
    tool_use_prompt_tokens_details: list[Modality] | None = None
    service_tier: str | None = None
    traffic_type: str | None = None


_decode_usage = msgspec.json.Decoder(UsageMetadata).decode


def usage_told(raw: msgspec.Raw) -> UsageMetadata | None:
    """None: there is nothing, or nothing that can be read."""
    try:
        return _decode_usage(raw) if raw else None
    except UNREADABLE:
        return None


def usage_of(told: UsageMetadata, searches: int = 0) -> Usage:
    """What was thought is not among `candidatesTokenCount`, nor what tools brought in among `promptTokenCount`."""
    prompt, answer, cached = told.prompt_tokens_details, told.candidates_tokens_details, told.cache_tokens_details
    brought = told.tool_use_prompt_tokens_details
    return Usage(
        input_tokens=told.prompt_token_count + told.tool_use_prompt_token_count,
        output_tokens=told.candidates_token_count + told.thoughts_token_count,
        cached_input_tokens=told.cached_content_token_count,
        reasoning_tokens=told.thoughts_token_count,
        audio_input_tokens=_of(prompt, "AUDIO") + _of(brought, "AUDIO"),
        audio_output_tokens=_of(answer, "AUDIO"),
        cached_audio_input_tokens=_of(cached, "AUDIO"),
        image_input_tokens=_of(prompt, "IMAGE") + _of(brought, "IMAGE"),
        image_output_tokens=_of(answer, "IMAGE"),
        searches=searches,
    )


def _of(details: list[Modality] | None, modality: str) -> int:
    return sum(each.token_count for each in details if each.modality == modality) if details else 0


def usage_metadata(usage: Usage, service_tier: str | None = None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "promptTokenCount": usage.input_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "totalTokenCount": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_input_tokens:
        told["cachedContentTokenCount"] = usage.cached_input_tokens
    if usage.reasoning_tokens:
        told["thoughtsTokenCount"] = usage.reasoning_tokens
    told["promptTokensDetails"] = _details(usage.input_tokens, usage.audio_input_tokens, usage.image_input_tokens)
    if usage.audio_output_tokens or usage.image_output_tokens:
        words = usage.output_tokens - usage.reasoning_tokens
        told["candidatesTokensDetails"] = _details(words, usage.audio_output_tokens, usage.image_output_tokens)
    if usage.cached_audio_input_tokens:
        told["cacheTokensDetails"] = _details(usage.cached_input_tokens, usage.cached_audio_input_tokens, 0)
    tier = None if service_tier is None else service_tier_of(service_tier)
    if tier is not None:
        told["serviceTier"] = tier
    return told


def _details(tokens: int, audio: int, image: int) -> list[dict[str, Any]]:
    told = [("TEXT", max(tokens - audio - image, 0)), ("AUDIO", audio), ("IMAGE", image)]
    return [{"modality": modality, "tokenCount": count} for modality, count in told if count or modality == "TEXT"]


# --- models and what they think ---

_VERSION = re.compile(r"gemini-(\d{1,3})(?:\.(\d{1,3}))?")

BUDGETS: Mapping[str, int] = {"none": 0, "minimal": 512, "low": 1024, "medium": 8192, "high": 24576}
LEVELS = frozenset({"minimal", "low", "medium", "high"})


def version_of(model: str) -> tuple[int, int] | None:
    """The version that a model's name tells; names without one (gemini-flash-latest) are of the newest, and None is no
    Gemini.
    """
    found = _VERSION.search(model)
    if found is not None:
        return int(found[1]), int(found[2] or 0)
    return (3, 0) if "gemini" in model else None
