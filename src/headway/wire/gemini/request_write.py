"""A request for a Gemini, written.

Schemas of other dialects go as the JSON schemas that they are. What Gemini cannot say is listed; a request that comes
from a Gemini client gets back everything that it had.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from headway.wire.form.abilities import missing
from headway.wire.form.request import NO_FIELDS, HostedTool, Request, Tool, ToolChoice, Toward, Unsupported, Written
from headway.wire.gemini import thinking
from headway.wire.gemini.beside import PARTS, TOOLS, by_place
from headway.wire.gemini.turns import Turns
from headway.wire.gemini.vocabulary import service_tier_of, version_of

_encode = msgspec.json.Encoder().encode

_PLAIN = (
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("n", "candidateCount"),
    ("max_output", "maxOutputTokens"),
    ("stop", "stopSequences"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    ("logprobs", "responseLogprobs"),
    ("top_logprobs", "logprobs"),
)
_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "seed": (-(2**31), 2**31 - 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "top_logprobs": (0, 20),
}
_MOST_ANSWERS = 8
_MOST_STOPS = 5


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    made = _written(request, toward)
    if isinstance(made, Unsupported):
        return made
    body, dropped = made
    return Written(_encode(body), tuple(dropped))


def body_of(request: Request, toward: Toward) -> tuple[dict[str, Any], list[str]] | Unsupported:
    """The request, not encoded yet, and what was left out of it."""
    return _written(request, toward)


def _written(request: Request, toward: Toward) -> tuple[dict[str, Any], list[str]] | Unsupported:
    own = request.dialect == "gemini"
    asked = msgspec.structs.replace(request, needs=()) if own and request.needs else request
    refused = missing(asked, toward) or (None if own else _refused(request, toward))
    if refused is not None:
        return refused
    beside = by_place(PARTS, request.extra, request.aside) if own else {}
    turns = Turns(own=own, version=version_of(toward.model), beside=beside)
    turns.take(request.messages)
    if turns.unsupported is not None:
        return turns.unsupported
    body: dict[str, Any] = {"contents": turns.contents}
    dropped = turns.dropped
    if turns.system:
        body["systemInstruction"] = {"parts": turns.system}
    if request.tools:
        body["tools"] = _tools(request, dropped)
    functions = any(isinstance(tool, Tool) for tool in request.tools)  # without any, Gemini refuses a choice
    if request.tool_choice is not None and (
        "tool_choice" in toward.lacks or not (functions or request.dialect == "gemini")
    ):
        dropped.append("tool_choice")
    elif request.tool_choice is not None:
        body["toolConfig"] = {"functionCallingConfig": _choice(request.tool_choice)}
    config = _config(request, toward, dropped)
    if config:
        body["generationConfig"] = config
    _write_service_tier(request, toward, body, dropped)
    _write_others(request, body, dropped)
    return body, dropped


def _refused(request: Request, toward: Toward) -> Unsupported | None:
    if request.n is not None and request.n > _MOST_ANSWERS:
        return Unsupported("n", f"gives no more than {_MOST_ANSWERS} answers at a time")
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            if tool.dialect != "gemini":
                return Unsupported(tool.kind, f"does not run the tool {tool.kind!r}")
        elif tool.custom:
            return Unsupported("custom_tools", "takes no tools whose input is free text")
    if request.tools and request.output is not None and (version_of(toward.model) or (0, 0)) < (3, 0):
        feature = "json_schema" if request.output.schema else "json_output"
        return Unsupported(feature, "cannot be held to JSON while it has tools")
    return None


def _tools(request: Request, dropped: list[str]) -> list[dict[str, Any]]:
    """All functions in one, which is what Vertex AI wants. Calls that are asked for keep to their schemas (mode ANY or
    VALIDATED), those that are left to the model need not.
    """
    choice = request.tool_choice
    keeps = choice is not None and (choice.mode == "required" or bool(choice.names))
    declarations: list[dict[str, Any]] = []
    made: list[Any] = []
    own = request.dialect == "gemini" and (request.extra or request.aside)
    beside = by_place(TOOLS, request.extra, request.aside) if own else {}
    for index, tool in enumerate(request.tools):
        if isinstance(tool, HostedTool):
            made.append(tool.raw)
            continue
        if not declarations:
            made.append({"functionDeclarations": declarations})
        declarations.append(_declaration(tool))
        if tool.strict and not keeps:
            dropped.append(f"tools[{index}].strict")
        if tool.cache is not None and "cache" not in dropped:
            dropped.append("cache")
        if beside:
            declarations[-1].update(beside.get(f"tools[{index}]", NO_FIELDS))
            if "parameters" in declarations[-1]:
                declarations[-1].pop("parametersJsonSchema", None)
    return made


def _declaration(tool: Tool) -> dict[str, Any]:
    made: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        made["description"] = tool.description
    if tool.parameters:
        made["parametersJsonSchema"] = tool.parameters
    return made


def _choice(choice: ToolChoice) -> dict[str, Any]:
    if choice.mode == "none":
        return {"mode": "NONE"}
    mode = "ANY" if choice.mode == "required" else "VALIDATED" if choice.names else "AUTO"
    return {"mode": mode, "allowedFunctionNames": choice.names} if choice.names else {"mode": mode}


def _config(request: Request, toward: Toward, dropped: list[str]) -> dict[str, Any]:
    config: dict[str, Any] = {}
    own, lacks = request.dialect == "gemini", toward.lacks
    for name, theirs in _PLAIN:
        value = getattr(request, name)
        if value is None or value == ():
            continue
        if name in lacks:
            dropped.append(name)
            continue
        if not own:
            value = _fitting(name, value, dropped)
        config[theirs] = value
    if request.output is not None:
        config["responseMimeType"] = "application/json"
        if request.output.schema:
            config["responseJsonSchema"] = request.output.schema
        if request.output.description is not None:
            dropped.append("output.description")
    _write_thinking(request, toward, config, dropped)
    if toward.renames:
        return {toward.renames.get(name, name): value for name, value in config.items()}
    return config


def _fitting(name: str, value: Any, dropped: list[str]) -> Any:
    """The value, or the nearest that Gemini takes."""
    if name == "stop":
        if len(value) > _MOST_STOPS:
            dropped.append(name)
        return value[:_MOST_STOPS]
    bounds = _RANGES.get(name)
    if bounds is None or bounds[0] <= value <= bounds[1]:
        return value
    dropped.append(name)
    return value & (2**31 - 1) if name == "seed" else min(max(value, bounds[0]), bounds[1])


def _write_thinking(request: Request, toward: Toward, config: dict[str, Any], dropped: list[str]) -> None:
    asked = request.thinking
    if asked is None:
        return
    if "thinking" in toward.lacks:
        dropped.append("thinking")
        return
    if request.dialect == "gemini":
        config["thinkingConfig"] = thinking.own(asked)
        return
    told, exact = thinking.written(asked, toward.model, version_of(toward.model))
    if told is not None:
        config["thinkingConfig"] = told
    if not exact:
        dropped.append("thinking")


def _write_service_tier(request: Request, toward: Toward, body: dict[str, Any], dropped: list[str]) -> None:
    tier = request.service_tier
    if tier is None or tier == "auto":
        return
    told = None if "service_tier" in toward.lacks else service_tier_of(tier)
    if told is None:
        dropped.append("service_tier")
    else:
        body["serviceTier"] = told


def _write_others(request: Request, body: dict[str, Any], dropped: list[str]) -> None:
    for name, value in (("user", request.user), ("verbosity", request.verbosity), ("cache_key", request.cache_key)):
        if value is not None:
            dropped.append(name)
    if request.logit_bias:
        dropped.append("logit_bias")
    if request.parallel_tool_calls is False:
        dropped.append("parallel_tool_calls")
    if request.dialect != "gemini":
        if request.metadata:
            dropped.append("metadata")
        dropped.extend(request.extra)
        return
    if request.metadata:
        body["labels"] = request.metadata
    for beside in (request.extra, request.aside):
        for name, raw in beside.items():
            if not name.startswith(("messages[", "tools[")):
                _put(body, name, raw)
    if "generationConfig.responseSchema" in request.aside:
        body["generationConfig"].pop("responseJsonSchema", None)


def _put(body: dict[str, Any], name: str, raw: msgspec.Raw) -> None:
    *outer, last = name.split(".")
    for each in outer:
        inner = body.setdefault(each, {})
        if not isinstance(inner, dict):
            return
        body = cast("dict[str, Any]", inner)
    body[last] = raw
