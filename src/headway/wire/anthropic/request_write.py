"""A request in the words of Anthropic's Messages, for Claude.

A request of the dialect's own is put together again as it was. One of another dialect is adapted to what the API takes,
and everything that it cannot be told is listed.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import msgspec

from headway.wire.anthropic.messages_write import write_conversation
from headway.wire.anthropic.models import Ways, ways
from headway.wire.anthropic.parts_write import with_cache
from headway.wire.anthropic.schema import adapted
from headway.wire.anthropic.thinking_write import Decided, decide
from headway.wire.anthropic.vocabulary import TIERS_TO_ASK
from headway.wire.anthropic.writing import Refused, Writing, quoted
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.abilities import AUDIO, SCHEMA, VIDEO, missing
from headway.wire.form.request import (
    HostedTool,
    Output,
    Request,
    Thinking,
    Tool,
    ToolChoice,
    Toward,
    Unsupported,
    Written,
)

LACKS = frozenset({AUDIO, VIDEO})
_USUAL_BOUND = 4096
_LONGEST_USER = 256

_WITHOUT_WORDS = (
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "metadata",
    "verbosity",
    "cache_key",
)
"""Fields of the form that the dialect has no words for."""
_unsayable = attrgetter(*_WITHOUT_WORDS)
_MAY_LACK: dict[str, Any] = {
    "tool_choice": None,
    "parallel_tool_calls": None,
    "thinking": None,
    "temperature": None,
    "top_p": None,
    "top_k": None,
    "stop": (),
    "user": None,
    "service_tier": None,
}
"""Parameters that a model may refuse, each with what stands for not having said it."""
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_ANYTHING = msgspec.Raw(b'{"type":"object","properties":{}}')

_encode = msgspec.json.Encoder().encode
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])

Body = dict[str, Any]


class _Typed(msgspec.Struct):
    type: msgspec.Raw = msgspec.Raw()


_typed = msgspec.json.Decoder(_Typed)


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    try:
        body, dropped = compose(request, toward)
    except Refused as refused:
        return refused.unsupported
    if toward.renames:
        body = {toward.renames.get(name, name): value for name, value in body.items()}
    try:
        return Written(_encode(body), dropped)
    except (UnicodeEncodeError, RecursionError):
        return Unsupported("text", "takes no text that is not Unicode")


def compose(request: Request, toward: Toward) -> tuple[Body, tuple[str, ...]]:
    """The fields of the body, and what is missing from them."""
    writing = Writing(request)
    if toward.lacks or request.output is not None or (request.needs and not writing.own):
        # A dialect's own needs are no obstacle to itself. Sounds and films are refused where they are written.
        unable = missing(msgspec.structs.replace(request, needs=()) if writing.own else request, toward, LACKS)
        if unable is not None:
            raise Refused(unable.feature, unable.message)
        refused = toward.refuses
        if refused:
            request = _without(request, refused, writing)
    body: Body = {"model": toward.model}
    conversation = write_conversation(request.messages, writing)
    if writing.own:
        _say_own(request, body, writing)
    else:
        unsigned = request.thinking is not None and _is_unsigned(conversation.messages)
        _say(request, toward, body, writing, unsigned)
    if conversation.system is not None:
        body["system"] = conversation.system
    body["messages"] = conversation.messages
    if request.stream:
        body["stream"] = True
    return body, tuple(writing.dropped)


def _without(request: Request, refused: frozenset[str], writing: Writing) -> Request:
    gone: dict[str, Any] = {}
    for name in sorted(refused):
        if name in _MAY_LACK and getattr(request, name) != _MAY_LACK[name]:
            writing.drop(name)
            gone[name] = _MAY_LACK[name]
        elif name in writing.settings:
            writing.drop(name)
            del writing.settings[name]
    return msgspec.structs.replace(request, **gone) if gone else request


def _is_unsigned(messages: list[dict[str, Any]]) -> bool:
    """With thinking on, the last turn of the assistant must begin with thoughts if it used tools or is to go on."""
    for message in reversed(messages):
        if message["role"] != "assistant":
            continue
        content = message["content"]
        blocks = content if isinstance(content, list) else []  # pyright: ignore[reportUnknownVariableType]
        kinds: list[str] = [block["type"] for block in blocks if isinstance(block, dict)]  # pyright: ignore
        if message is messages[-1] or "tool_use" in kinds:
            return not kinds or kinds[0] not in ("thinking", "redacted_thinking")
        return False
    return False


# --- of the dialect's own ---


def _say_own(request: Request, body: Body, writing: Writing) -> None:
    if request.max_output is not None:
        body["max_tokens"] = request.max_output
    for name, value in (("temperature", request.temperature), ("top_p", request.top_p), ("top_k", request.top_k)):
        if value is not None:
            body[name] = value
    if request.stop:
        body["stop_sequences"] = request.stop
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    if request.service_tier is not None:
        body["service_tier"] = TIERS_TO_ASK.get(request.service_tier, request.service_tier)
    if request.tools:
        body["tools"] = [_own_tool(tool, number, writing) for number, tool in enumerate(request.tools)]
    if request.tool_choice is not None:
        body["tool_choice"] = _choice(request.tool_choice, request.parallel_tool_calls, own=True)
    elif request.parallel_tool_calls is False:
        body["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    _own_thinking(request.thinking, body)
    if request.output is not None and request.output.schema:
        body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": request.output.schema}
    for name, raw in writing.settings.items():
        outer, dot, inner = name.partition(".")
        if not dot:
            body[name] = raw
        elif inner == "format":
            body.setdefault("output_config", {})["format"] = raw
        elif isinstance(within := body.setdefault(outer, {}), dict):
            within[inner] = raw


def _own_tool(tool: Tool | HostedTool, number: int, writing: Writing) -> Body | msgspec.Raw:
    if isinstance(tool, HostedTool):
        return _hosted(tool)
    found = _tool(tool)
    if tool.strict is not None:
        found["strict"] = tool.strict
    found.update(writing.odd_of(f"tools[{number}]"))
    return found


def _own_thinking(thinking: Thinking | None, body: Body) -> None:
    if thinking is None:
        return
    said: Body = {}
    if thinking.budget is not None:
        match thinking.budget:
            case -1:
                said["type"] = "adaptive"
            case 0:
                said["type"] = "disabled"
            case budget:
                said.update(type="enabled", budget_tokens=budget)
        if thinking.show is not None:
            said["display"] = "summarized" if thinking.show else "omitted"
        body["thinking"] = said
    if thinking.effort is not None:
        body["output_config"] = {"effort": thinking.effort}


# --- of another dialect ---


def _say(request: Request, toward: Toward, body: Body, writing: Writing, unsigned: bool) -> None:
    if request.n is not None and request.n > 1:
        raise Refused("n", "gives one answer at a time")
    if any(_unsayable(request)):
        for name, value in zip(_WITHOUT_WORDS, _unsayable(request), strict=True):
            if value:
                writing.drop(name)
    known = ways(toward.model)
    choice = None
    if request.tools or request.tool_choice is not None:
        choice = _say_tools(request, body, writing, known)
    forced = choice is not None and choice.mode == "required"
    thinking = decide(request, known, most=toward.most_output, forced=forced, unsigned=unsigned)
    if choice is not None:
        if forced and thinking.on:  # it always thinks, and then it cannot be made to use a tool
            writing.drop("tool_choice")
            choice = ToolChoice("auto")
        body["tool_choice"] = _choice(choice, request.parallel_tool_calls, own=False)
    _say_thinking(thinking, body, writing)
    body["max_tokens"] = _bound(request, toward, writing, thinking.room)
    if request.temperature is not None or request.top_p is not None or request.top_k is not None:
        _say_sampling(request, body, writing, known, thinking.on)
    if request.output is not None:
        _say_output(request.output, body, writing, known)
    if request.stop or request.user is not None or request.service_tier is not None:
        _say_rest(request, body, writing)


def _bound(request: Request, toward: Toward, writing: Writing, room: int) -> int:
    most = toward.most_output
    if request.max_output is None:
        bound = most if most is not None else max(_USUAL_BOUND, room)
    elif most is not None and request.max_output > most:
        writing.drop("max_output")
        bound = most
    else:
        bound = request.max_output
    return bound


def _say_thinking(thinking: Decided, body: Body, writing: Writing) -> None:
    if thinking.left_out:
        writing.drop("thinking")
    if thinking.thinking is not None:
        body["thinking"] = thinking.thinking
    if thinking.effort is not None:
        body["output_config"] = {"effort": thinking.effort}


def _say_sampling(request: Request, body: Body, writing: Writing, known: Ways, thinks: bool) -> None:
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    if temperature is not None and not 0.0 <= temperature <= 1.0:
        writing.drop("temperature")
        temperature = min(max(temperature, 0.0), 1.0)
    if thinks or not known.sampling:
        if temperature not in (None, 1.0):
            writing.drop("temperature")
        temperature = None
        if top_k is not None:
            writing.drop("top_k")
            top_k = None
    least = 0.95 if known.sampling else 1.0  # the API, of models that think
    if top_p is not None and (thinks or not known.sampling) and (top_p < least or not known.sampling):
        if top_p < least:
            writing.drop("top_p")
        top_p = None
    if temperature is not None and top_p is not None and not known.both:
        if top_p < 1.0:
            writing.drop("top_p")
        top_p = None
    for name, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
        if value is not None:
            body[name] = value


def _say_tools(request: Request, body: Body, writing: Writing, known: Ways) -> ToolChoice | None:
    choice = request.tool_choice
    if not request.tools:
        if choice is not None and choice.mode == "required":
            writing.drop("tool_choice")
        return None
    single = choice is not None and choice.mode == "required" and len(choice.names) == 1
    wanted = choice.names if choice is not None and choice.names and not single else None
    tools: list[Body | msgspec.Raw] = []
    for number, tool in enumerate(request.tools):
        if isinstance(tool, HostedTool):
            tools.append(_hosted(tool))
        elif wanted is None or tool.name in wanted:
            tools.append(_adapted_tool(tool, number, writing, known))
    if tools:
        body["tools"] = tools
    if choice is None and request.parallel_tool_calls is False:
        return ToolChoice("auto")
    if choice is not None and not tools:
        writing.drop("tool_choice")
        return None
    return choice


def _hosted(tool: HostedTool) -> msgspec.Raw:
    if tool.dialect != "anthropic":
        raise Refused(tool.kind, f"has no tool {quoted(tool.kind)} of its own")
    return tool.raw


def _adapted_tool(tool: Tool, number: int, writing: Writing, known: Ways) -> Body:
    if tool.custom:
        raise Refused("custom_tools", "takes no tools that are given free text")
    found = _tool(tool)
    if tool.strict is True:
        if known.structured:
            schema, changed = adapted(found["input_schema"])
            if changed:
                writing.drop(f"tools[{number}].parameters")
            found["input_schema"], found["strict"] = schema, True
        else:
            writing.drop(f"tools[{number}].strict")
    return found


def _tool(tool: Tool) -> Body:
    found: Body = {"name": tool.name}
    if tool.description is not None:
        found["description"] = tool.description
    found["input_schema"] = _parameters(tool.parameters)
    return found if tool.cache is None else with_cache(found, tool.cache)


def _parameters(schema: msgspec.Raw) -> msgspec.Raw:
    """The API wants an object, and to be told so."""
    if not schema:
        return _ANYTHING
    try:
        if _typed.decode(schema).type:
            return schema
        return msgspec.Raw(_encode({"type": "object", **_fields.decode(schema)}))
    except UNREADABLE:
        return _ANYTHING


def _choice(choice: ToolChoice, parallel: bool | None, *, own: bool) -> Body:
    single = choice.mode == "required" and len(choice.names) == 1
    found: Body = {"type": "tool", "name": choice.names[0]} if single else {"type": _CHOICES[choice.mode]}
    if choice.mode != "none" and (parallel is False or (own and parallel is not None)):
        found["disable_parallel_tool_use"] = not parallel
    return found


def _say_output(output: Output, body: Body, writing: Writing, known: Ways) -> None:
    if not output.schema:  # any JSON: whoever asks for it must say so in the prompt too, which Claude follows
        writing.drop("output")
        return
    if not known.structured:
        raise Refused(SCHEMA, "cannot be held to a JSON schema")
    schema, changed = adapted(output.schema)
    if changed:
        writing.drop("output.schema")
    if output.description:
        writing.drop("output.description")
    body.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}


def _say_rest(request: Request, body: Body, writing: Writing) -> None:
    stops = [text for text in request.stop if text.strip()]
    if len(stops) < len(request.stop):
        writing.drop("stop")
    if stops:
        body["stop_sequences"] = stops
    if request.user is not None:
        if len(request.user) <= _LONGEST_USER:
            body["metadata"] = {"user_id": request.user}
        else:
            writing.drop("user")
    if request.service_tier is not None:
        tier = TIERS_TO_ASK.get(request.service_tier)
        if tier is None:
            writing.drop("service_tier")
        else:
            body["service_tier"] = tier
