"""A request written as the input of a model on Replicate.

A prediction is asked for as a whole, whatever the client wants: its own streams are at another address. Clients do not
speak this dialect.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.wire.form import abilities
from headway.wire.form.codec import Said
from headway.wire.form.request import Request, Thinking, Toward, Unsupported, Written
from headway.wire.malformed import Malformed
from headway.wire.replicate.prompt import Conversation, conversation_of
from headway.wire.replicate.vocabulary import Family, family_of

_LACKS = frozenset(
    {
        abilities.TOOLS,
        abilities.AUDIO,
        abilities.VIDEO,
        abilities.FILES,
        abilities.JSON_OUTPUT,
        abilities.SCHEMA,
    }
)
_NUMBERS = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "verbosity")
_UNKNOWN = (
    "tool_choice",
    "parallel_tool_calls",
    "logprobs",
    "top_logprobs",
    "user",
    "service_tier",
    "cache_key",
)
_UNKNOWN_RAW = ("logit_bias", "metadata")

_encode = msgspec.json.Encoder().encode

Input = dict[str, object]


def read_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    del fields, said
    return Malformed("predictions are asked of providers only")


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    lacking = abilities.missing(request, toward, _LACKS)
    if lacking is None and request.n is not None and request.n > 1:
        lacking = Unsupported("n", "gives one answer at a time")
    if lacking is not None:
        return lacking
    conversation = conversation_of(request.messages)
    if isinstance(conversation, Unsupported):
        return conversation
    family = family_of(toward.model)
    told: Input = {}
    lacking = _conversation(conversation, family, told)
    if lacking is not None:
        return lacking
    dropped = conversation.dropped
    _settings(request, toward, family, told, dropped)
    dropped += request.extra
    body: Input = {"input": {toward.renames.get(name, name): value for name, value in told.items()}}
    if ":" in toward.model:
        body["version"] = toward.model
    return Written(_encode(body), tuple(dict.fromkeys(dropped)))


def _conversation(conversation: Conversation, family: Family, told: Input) -> Unsupported | None:
    pictures = conversation.pictures
    if pictures and not (family.pictures or (family.picture and len(pictures) == 1)):
        return Unsupported("images", "takes but one picture" if family.picture else "takes no images")
    several = len(conversation.turns) != 1
    if family.messages and several:
        if pictures:
            return Unsupported("images", "takes no images in a conversation of several turns")
        system = [{"role": "system", "content": text} for text in conversation.instructions]
        told["messages"] = [*system, *({"role": turn.role, "content": turn.text} for turn in conversation.turns)]
        return None
    prompt, instructions = conversation.prompt(), "\n\n".join(conversation.instructions)
    if instructions and not family.system:
        prompt = f"{instructions}\n\n{prompt}"
    elif instructions:
        told[family.system] = instructions
    told["prompt"] = prompt
    if pictures:
        told[family.pictures or family.picture] = pictures if family.pictures else pictures[0]
    return None


def _settings(request: Request, toward: Toward, family: Family, told: Input, dropped: list[str]) -> None:
    lacks = toward.lacks
    for name in _NUMBERS:
        value = getattr(request, name)
        if value is None:
            continue
        if name in lacks or name not in family.parameters:
            dropped.append(name)
        else:
            told[name] = value
    _bound(request, toward, family, told, dropped)
    if request.stop:
        if "stop" in lacks or not family.stops or any("," in stop for stop in request.stop):
            dropped.append("stop")
        else:
            told[family.stops] = ",".join(request.stop)
    if request.thinking is not None and ("thinking" in lacks or not _thinking(request.thinking, family, told)):
        dropped.append("thinking")
    dropped += [name for name in _UNKNOWN if getattr(request, name) is not None]
    dropped += [name for name in _UNKNOWN_RAW if getattr(request, name)]


def _bound(request: Request, toward: Toward, family: Family, told: Input, dropped: list[str]) -> None:
    wanted = request.max_output
    if wanted is None:
        return
    most = wanted if toward.most_output is None else min(wanted, toward.most_output)
    bound = max(most, family.least)
    if "max_output" in toward.lacks:
        dropped.append("max_output")
        return
    if bound != wanted:
        dropped.append("max_output")
    told[family.bound] = bound


def _thinking(thinking: Thinking, family: Family, told: Input) -> bool:
    """Can it be said how much to think?"""
    if thinking.effort is not None and family.effort:
        told[family.effort] = thinking.effort
        return thinking.budget is None
    budget = thinking.budget
    if budget is None or budget < 0 or not family.budget:
        return False
    if budget or not family.thinks:
        told[family.budget] = budget
    if family.thinks:
        told[family.thinks] = budget > 0
    return thinking.effort is None
