"""A request written for Ollama.

Ollama cannot be told to choose a tool: where none may be used none is offered, and where only some may, only those.
Only models of the gpt-oss family are sure to know levels of thinking; others think or they do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec

from headway.wire.form import abilities
from headway.wire.form.function_tools import offered, written
from headway.wire.form.request import Request, Thinking, Tool, Toward, Unsupported, Written
from headway.wire.form.unspoken import Unspoken
from headway.wire.ollama.messages_write import Conversation
from headway.wire.ollama.vocabulary import EFFORTS

_OPTION = "options."
_KNOWS_LEVELS = "gpt-oss"

_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "max_output": "num_predict",
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "seed": "seed",
        "frequency_penalty": "frequency_penalty",
        "presence_penalty": "presence_penalty",
        "stop": "stop",
    }
)
_PLAIN: Mapping[str, str] = MappingProxyType({"logprobs": "logprobs", "top_logprobs": "top_logprobs"})
_UNKNOWN = Unspoken(
    "parallel_tool_calls",
    "logit_bias",
    "user",
    "metadata",
    "service_tier",
    "verbosity",
    "cache_key",
)
"""Fields of the form that Ollama has no word for."""
_option_values = attrgetter(*_OPTIONS)
_plain_values = attrgetter(*_PLAIN)


_encode = msgspec.json.Encoder().encode

Body = dict[str, object]


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    # Sounds, films and files, which this dialect has no words for, are refused where they are met.
    lacking = abilities.missing(request, toward)
    if lacking is None and request.n is not None and request.n > 1:
        lacking = Unsupported("n", "gives one answer at a time")
    if lacking is not None:
        return lacking
    conversation = Conversation()
    for number, message in enumerate(request.messages):
        lacking = conversation.add(number, message)
        if lacking is not None:
            return lacking
    dropped = conversation.dropped
    body: Body = {"model": toward.model, "messages": conversation.written, "stream": request.stream}
    if request.tools and (lacking := _tools(request, body, dropped)) is not None:
        return lacking
    options: Body = {}
    _parameters(request, toward, body, options, dropped)
    if request.dialect == "ollama":
        for name, raw in (*request.extra.items(), *request.aside.items()):
            place, usual = (options, name[len(_OPTION) :]) if name.startswith(_OPTION) else (body, name)
            place[usual] = raw
    else:
        dropped += request.extra
    for usual, wanted in toward.renames.items():
        for place in (body, options):
            if usual in place:
                place[wanted] = place.pop(usual)
    if options:
        body["options"] = options
    return Written(_encode(body), tuple(dict.fromkeys(dropped)))


def _tools(request: Request, body: Body, dropped: list[str]) -> Unsupported | None:
    tools = offered(request, "ollama", dropped)
    if isinstance(tools, Unsupported):
        return tools
    dropped += [f"tools[{number}].strict" for number, tool in tools if isinstance(tool, Tool) and tool.strict]
    if request.tool_choice is None or request.tool_choice.mode != "none":
        body["tools"] = written(tools)
    return None


def _parameters(request: Request, toward: Toward, body: Body, options: Body, dropped: list[str]) -> None:
    lacks = toward.lacks
    dropped += _place(_OPTIONS, _option_values(request), lacks, options)
    dropped += _place(_PLAIN, _plain_values(request), lacks, body)
    if request.tool_choice is not None and request.tool_choice.mode == "required":
        dropped.append("tool_choice")
    if request.output is not None:
        body["format"] = request.output.schema or "json"
        if request.output.description is not None:
            dropped.append("output.description")
    if request.thinking is not None:
        if "thinking" in lacks:
            dropped.append("thinking")
        else:
            body["think"] = _think(request, request.thinking, toward.model, dropped)
    dropped += _UNKNOWN.in_request(request)


def _place(names: Mapping[str, str], values: tuple[Any, ...], lacks: frozenset[str], into: Body) -> list[str]:
    """Which of them the model refuses."""
    refused: list[str] = []
    for (name, usual), value in zip(names.items(), values, strict=True):
        if value is not None and value != ():
            if name in lacks:
                refused.append(name)
            else:
                into[usual] = value
    return refused


def _think(request: Request, thinking: Thinking, model: str, dropped: list[str]) -> bool | str:
    if thinking.summary is not None:
        dropped.append("thinking.summary")
    if thinking.show is False:
        dropped.append("thinking.show")
    if thinking.budget == 0 or thinking.effort == "none":
        return False
    if thinking.budget is not None and thinking.budget > 0:
        dropped.append("thinking.budget")
    effort = thinking.effort
    if effort is None:
        return True
    if request.dialect == "ollama":
        return effort
    level = EFFORTS.get(effort) if _KNOWS_LEVELS in model else None
    if level != effort:
        dropped.append("thinking.effort")
    return level or True
