"""A request of the form, in the words of Chat Completions, for OpenAI and the many servers that speak like it.

Names are those that most of them know (`max_tokens`, `system`); `Toward.renames` says where one wants OpenAI's newer
ones, or takes what the others would refuse. Messages are written by `messages_write`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import cast

import msgspec

from headway.wire.form.abilities import VIDEO, missing
from headway.wire.form.request import HostedTool, Request, Thinking, Tool, ToolChoice, Toward, Unsupported, Written
from headway.wire.openai_chat.messages_write import MessageWriter
from headway.wire.openai_chat.parts_write import UnableError, Wire, cache_control
from headway.wire.openai_chat.reasoning import CHAT
from headway.wire.openai_chat.vocabulary import BREAKPOINT

_encode = msgspec.json.Encoder().encode

_LACKS = frozenset({VIDEO})
_MOST_STOPS = 4
_LOW, _MEDIUM = 2048, 16384
"""Tokens of thought below which an effort is called low or medium."""
_HOTTEST = 2.0

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_output": "max_tokens",
        "output": "response_format",
        "thinking": "reasoning_effort",
        "cache_key": "prompt_cache_key",
        "stream_usage": "stream_options",
    }
)
"""Parameters whose names in the form are others."""

_SCALARS = (
    "top_p",
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "n",
    "user",
    "verbosity",
    "cache_key",
)
"""Parameters that are written as they are."""
_THINKING = frozenset({"reasoning", "thinking", "reasoning_effort"})
"""Where a client of this dialect says how much to think."""
_SAID_ANEW = frozenset({"max_completion_tokens", BREAKPOINT})
"""What is kept aside for its name alone."""
_TIERS: Mapping[str, str] = MappingProxyType(
    {
        "standard_only": "default",
        "standard": "default",
        "on_demand": "default",
        "auto": "auto",
        "default": "default",
        "flex": "flex",
        "priority": "priority",
        "fast": "fast",
        "scale": "scale",
    }
)


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    """The body of a request, and what of it could not be said."""
    own = request.dialect == CHAT
    if own:  # whatever it needs, this dialect can say
        plain = msgspec.structs.replace(request, needs=()) if request.needs else request
        unsupported = missing(plain, toward)
    else:
        unsupported = missing(request, toward, _LACKS)
    if unsupported is not None:
        return unsupported
    dropped: list[str] = []
    body: Wire = {"model": toward.model}
    try:
        body["messages"] = MessageWriter(request, toward, dropped).write(request.messages)
        writer = _Settings(request, toward, body, dropped)
        writer.tools()
    except UnableError as unable:
        return unable.unsupported
    writer.settings()
    writer.others()
    return Written(_encode(body), tuple(dict.fromkeys(dropped)) if dropped else ())


class _Settings:
    """Puts what is no message into the body."""

    __slots__ = ("_body", "_dropped", "_lacks", "_own", "_renames", "_request", "_toward")

    def __init__(self, request: Request, toward: Toward, body: Wire, dropped: list[str]) -> None:
        self._request = request
        self._toward = toward
        self._lacks = toward.lacks
        self._renames = toward.renames
        self._body = body
        self._dropped = dropped
        self._own = request.dialect == CHAT

    def _put(self, name: str, value: object) -> None:
        """A parameter, by its name in the form, unless it is refused there."""
        if name in self._lacks:
            self._dropped.append(name)
            return
        wire = NAMES.get(name, name)
        wire = self._renames.get(wire, wire)
        if wire:
            self._body[wire] = value

    # --- tools ---

    def tools(self) -> None:
        request = self._request
        if self._own and "functions" in request.aside:
            return  # tools, and their choice, are said in the client's older words
        choice = request.tool_choice
        if request.tools:
            written = [self._tool(tool) for tool in request.tools if self._is_allowed(tool, choice)]
            if any(tool.cache is not None for tool in request.tools if isinstance(tool, Tool)) and not self._own:
                self._dropped.append("tools.cache")
            self._body["tools"] = written
        if not request.tools and not self._own:
            return  # OpenAI refuses what is said of tools where there are none
        if choice is not None:
            self._put("tool_choice", self._choice(choice))
        if request.parallel_tool_calls is not None:
            self._put("parallel_tool_calls", request.parallel_tool_calls)

    def _is_allowed(self, tool: Tool | HostedTool, choice: ToolChoice | None) -> bool:
        """Few servers know lists of allowed tools; there, the others are not mentioned at all."""
        if self._own or choice is None or not choice.names or _is_named(choice):
            return True
        return isinstance(tool, HostedTool) or tool.name in choice.names

    def _tool(self, tool: Tool | HostedTool) -> object:
        if isinstance(tool, HostedTool):
            if tool.dialect != CHAT:
                raise UnableError(tool.kind, f"has no tool {tool.kind!r} that a provider runs itself")
            return tool.raw
        told: Wire = {"name": tool.name}
        if tool.description is not None:
            told["description"] = tool.description
        kind = "custom" if tool.custom else "function"
        if tool.custom:
            if tool.format:
                told["format"] = tool.format
        else:
            if tool.parameters:
                told["parameters"] = tool.parameters
            if tool.strict is not None:
                told["strict"] = tool.strict
        wire: Wire = {"type": kind, kind: told}
        if tool.cache is not None and self._own:
            wire["cache_control"] = cache_control(tool.cache)
        return wire

    def _choice(self, choice: ToolChoice) -> object:
        if not choice.names or choice.mode == "none":
            return choice.mode
        custom = {tool.name for tool in self._request.tools if isinstance(tool, Tool) and tool.custom}
        if _is_named(choice):
            return _named(choice.names[0], custom)
        if not self._own:
            return choice.mode
        tools = [_named(name, custom) for name in choice.names]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": tools}}

    # --- settings ---

    def settings(self) -> None:
        request = self._request
        self._bounded()
        for name in _SCALARS:
            value = getattr(request, name)
            if value is None:
                continue
            if name == "top_k" and not self._own and "top_k" not in self._renames:
                self._dropped.append(name)  # OpenAI has none, and refuses it
            else:
                self._put(name, value)
        if request.stop:
            self._stops(request.stop)
        if request.thinking is not None:
            self._thinking(request.thinking)
        if request.output is not None:
            self._output()
        if request.service_tier is not None:
            self._tier(request.service_tier)
        if request.stream:
            self._body["stream"] = True
            self._put("stream_usage", {"include_usage": True})

    def _bounded(self) -> None:
        """What has a most: that is asked for instead of more."""
        request, most = self._request, self._toward.most_output
        wanted = request.max_output
        if wanted is not None and most is not None and wanted > most:
            self._dropped.append("max_output")
            wanted = most
        if wanted is not None:
            self._put("max_output", wanted)
            if "max_completion_tokens" in request.aside and "max_tokens" in self._body and self._own:
                self._body["max_completion_tokens"] = self._body.pop("max_tokens")
        heat = request.temperature
        if heat is not None and heat > _HOTTEST and not self._own:
            self._dropped.append("temperature")
            heat = _HOTTEST
        if heat is not None:
            self._put("temperature", heat)

    def _stops(self, stops: tuple[str, ...]) -> None:
        if len(stops) > _MOST_STOPS and not self._own:
            self._dropped.append("stop")
            stops = stops[:_MOST_STOPS]
        self._put("stop", stops)

    def _thinking(self, thinking: Thinking) -> None:
        if any(name in self._request.aside for name in _THINKING) and self._own:
            return  # it is said in the client's own words
        effort = thinking.effort
        budget = thinking.budget
        if effort is None and budget is not None:
            if budget > 0:
                effort = "low" if budget < _LOW else "medium" if budget < _MEDIUM else "high"
            elif budget == 0:  # it is not known whether the model can do without
                self._dropped.append("thinking")
        if thinking.summary is not None:
            self._dropped.append("thinking.summary")
        if effort is not None:
            self._put("thinking", effort)

    def _output(self) -> None:
        output = self._request.output
        if output is None:
            return
        if not output.schema and output.name is None:
            self._put("output", {"type": "json_object"})
            return
        schema: Wire = {"name": output.name or "answer"}
        if output.description is not None:
            schema["description"] = output.description
        if output.schema:
            schema["schema"] = output.schema
        if output.strict is not None:
            schema["strict"] = output.strict
        self._put("output", {"type": "json_schema", "json_schema": schema})

    def _tier(self, tier: str) -> None:
        known = tier if self._own else _TIERS.get(tier)
        if known is None:
            self._dropped.append("service_tier")
        else:
            self._put("service_tier", known)

    # --- what the form has no place for ---

    def others(self) -> None:
        request = self._request
        if request.logit_bias:
            self._put("logit_bias", request.logit_bias)
        if request.metadata:
            if self._own:
                self._put("metadata", request.metadata)
            else:
                self._dropped.append("metadata")  # OpenAI takes it only for answers that it is to store
        if not self._own:
            self._dropped.extend(request.extra)
            return
        if request.aside:
            self._restore_aside()
        for name, raw in request.extra.items():
            if name in self._lacks or "[" in name:
                self._dropped.append(name)
            else:
                self._restore(name, raw)

    def _restore_aside(self) -> None:
        """What the form said in other words, in the client's own."""
        for name, raw in self._request.aside.items():
            if name in _THINKING and "thinking" in self._lacks:
                self._dropped.append("thinking")
            elif name not in _SAID_ANEW:
                self._restore(name, raw)

    def _restore(self, name: str, raw: msgspec.Raw) -> None:
        outer, _, inner = name.partition(".")
        if outer == "stream_options" and inner:
            options = self._body.get(outer)
            if isinstance(options, dict):
                cast("Wire", options)[inner] = raw
        elif outer not in _THINKING or not inner:
            self._body[name] = raw


def _is_named(choice: ToolChoice) -> bool:
    """Is it this one tool that must be called?"""
    return choice.mode == "required" and len(choice.names) == 1


def _named(name: str, custom: set[str]) -> Wire:
    kind = "custom" if name in custom else "function"
    return {"type": kind, kind: {"name": name}}
