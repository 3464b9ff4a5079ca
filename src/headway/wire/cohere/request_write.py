"""A request written for Cohere.

Where Cohere takes less than was asked, its nearest is sent and the field listed. A choice among some of the tools is
kept by offering only those; whether JSON can be asked for beside tools is Cohere's rule, and it says no.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from operator import attrgetter
from types import MappingProxyType

import msgspec

from headway.wire.cohere.messages_write import Conversation
from headway.wire.cohere.vocabulary import BUDGETS, NAMES
from headway.wire.form import abilities
from headway.wire.form.function_tools import offered, written
from headway.wire.form.request import (
    Output,
    Request,
    Thinking,
    Tool,
    ToolChoice,
    Toward,
    Unsupported,
    Written,
)
from headway.wire.form.unspoken import Unspoken

_MOST_STOPS = 5
_KEPT_IN_MESSAGES = "messages["

_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "temperature": (0.0, 1.0),
        "top_p": (0.01, 0.99),
        "top_k": (0, 500),
        "frequency_penalty": (0.0, 1.0),
        "presence_penalty": (0.0, 1.0),
    }
)
_PLAIN = ("max_output", "temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "logprobs")
_ANY = (-inf, inf)
_plain_values = attrgetter(*_PLAIN)

_UNKNOWN = Unspoken(
    "parallel_tool_calls",
    "top_logprobs",
    "logit_bias",
    "user",
    "metadata",
    "service_tier",
    "verbosity",
    "cache_key",
)
"""Fields of the form that Cohere has no word for."""


_encode = msgspec.json.Encoder().encode

Body = dict[str, object]


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    own = request.dialect == "cohere"
    # What only Cohere can do is no reason to refuse Cohere's own requests.
    asked = msgspec.structs.replace(request, needs=()) if own and request.needs else request
    # Sounds, films and files, which this dialect has no words for, are refused where they are met.
    lacking = abilities.missing(asked, toward) or _impossible(request)
    if lacking is not None:
        return lacking
    conversation = Conversation(own=own, kept=request.aside)
    for number, message in enumerate(request.messages):
        lacking = conversation.add(number, message)
        if lacking is not None:
            return lacking
    dropped = conversation.dropped
    body: Body = {"model": toward.model, "messages": conversation.written, "stream": request.stream}
    if request.tools and (lacking := _tools(request, body, dropped)) is not None:
        return lacking
    _parameters(request, toward, body, dropped, own=own)
    if own:
        body.update(request.extra)
        body.update(pair for pair in request.aside.items() if not pair[0].startswith(_KEPT_IN_MESSAGES))
    else:
        dropped += request.extra
    for usual, wanted in toward.renames.items():
        if usual in body:
            body[wanted] = body.pop(usual)
    return Written(_encode(body), tuple(dict.fromkeys(dropped)))


def _impossible(request: Request) -> Unsupported | None:
    if request.n is not None and request.n > 1:
        return Unsupported("n", "gives one answer at a time")
    if request.output is not None and request.tools:
        feature = abilities.SCHEMA if request.output.schema else abilities.JSON_OUTPUT
        return Unsupported(feature, "cannot be held to JSON while it is offered tools")
    return None


def _tools(request: Request, body: Body, dropped: list[str]) -> Unsupported | None:
    tools = offered(request, "cohere", dropped)
    if isinstance(tools, Unsupported):
        return tools
    body["tools"] = written(tools)
    strict = [bool(tool.strict) for _, tool in tools if isinstance(tool, Tool)]
    _strictness(request, strict, body, dropped)
    return None


def _strictness(request: Request, strict: list[bool], body: Body, dropped: list[str]) -> None:
    """Cohere is strict about all tools or none."""
    if strict and all(strict):
        body["strict_tools"] = True
    elif any(strict):
        dropped.append("tools.strict")
    elif request.dialect == "cohere" and any(isinstance(t, Tool) and t.strict is False for t in request.tools):
        body["strict_tools"] = False


def _parameters(request: Request, toward: Toward, body: Body, dropped: list[str], *, own: bool) -> None:
    lacks = toward.lacks
    for name, value in zip(_PLAIN, _plain_values(request), strict=True):
        if value is None:
            continue
        if name in lacks:
            dropped.append(name)
            continue
        lowest, highest = _RANGES.get(name, _ANY)
        fits = own or lowest <= value <= highest
        body[NAMES.get(name, name)] = value if fits else min(max(value, lowest), highest)
        if not fits:
            dropped.append(name)
    for (name, write), value in zip(_STRUCTURED.items(), _structured_values(request), strict=True):
        if value:
            if name in lacks:
                dropped.append(name)
            else:
                write(request, body, dropped)
    dropped += _UNKNOWN.in_request(request)


def _stop(request: Request, body: Body, dropped: list[str]) -> None:
    stop = request.stop
    if len(stop) > _MOST_STOPS and request.dialect != "cohere":
        stop = stop[:_MOST_STOPS]
        dropped.append("stop")
    body["stop_sequences"] = stop


def _output(request: Request, body: Body, dropped: list[str]) -> None:
    output = request.output or Output()
    if output.description is not None:
        dropped.append("output.description")
    form: Body = {"type": "json_object"}
    if output.schema:
        form["json_schema"] = output.schema
    body["response_format"] = form


def _thinking(request: Request, body: Body, dropped: list[str]) -> None:
    thinking = request.thinking or Thinking()
    if thinking.summary is not None:
        dropped.append("thinking.summary")
    if thinking.show is False:
        dropped.append("thinking.show")
    budget = thinking.budget
    if thinking.effort is not None and (budget is None or budget < 0):
        budget = 0 if thinking.effort == "none" else BUDGETS.get(thinking.effort)
    told: Body = {"type": "disabled" if budget == 0 else "enabled"}
    if budget is not None and budget > 0:
        told["token_budget"] = budget
    body["thinking"] = told


def _choice(request: Request, body: Body, dropped: list[str]) -> None:
    choice = request.tool_choice or ToolChoice("auto")
    if not request.tools and request.dialect != "cohere":
        dropped.append("tool_choice")  # Cohere refuses it without tools.
    elif choice.mode != "auto":
        body["tool_choice"] = choice.mode.upper()


_STRUCTURED: Mapping[str, Callable[[Request, Body, list[str]], None]] = MappingProxyType(
    {
        "stop": _stop,
        "output": _output,
        "thinking": _thinking,
        "tool_choice": _choice,
    }
)
_structured_values = attrgetter(*_STRUCTURED)
