"""The tools that a model may call by a request, whichever way it is told so.

Some dialects name the tools that are allowed of those offered; in others just these are offered. With no tool allowed
it is the same whether any is offered.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

Body = dict[str, Any]


def offered(body: Body) -> Body:
    """The request with the tools alone that may be called, and a choice that says no more than auto or required."""
    body = copy.deepcopy(body)
    if "contents" in body:
        _gemini(body)
    elif "toolConfig" in body:
        _converse(body)
    elif isinstance(body.get("tool_choice"), dict | str):
        _others(body)
    return body


def _gemini(body: Body) -> None:
    config = body.get("toolConfig", {}).get("functionCallingConfig", {})
    names = config.pop("allowedFunctionNames", None)
    if config.get("mode") == "NONE":
        names = []
    if config.get("mode") in ("AUTO", "VALIDATED", "NONE", "MODE_UNSPECIFIED"):
        del config["mode"]
    if not config:
        body.get("toolConfig", {}).pop("functionCallingConfig", None)
    for tool in _listed(body.get("tools", [])):
        if "functionDeclarations" in tool:
            found = _listed(tool["functionDeclarations"])
            tool["functionDeclarations"] = _only(found, names, lambda each: each["name"])


def _listed(value: Any) -> list[Any]:
    """Its JSON may leave out the brackets of a list of one."""
    return value if isinstance(value, list) else [value]


def _converse(body: Body) -> None:
    config = body["toolConfig"]
    choice = config.get("toolChoice", {})
    names = [choice["tool"]["name"]] if "tool" in choice else None
    if "auto" in choice:
        del config["toolChoice"]
    elif choice:
        config["toolChoice"] = "required"
    config["tools"] = _only(config.get("tools", []), names, lambda each: each.get("toolSpec", {}).get("name"))


def _others(body: Body) -> None:
    choice: Any = body["tool_choice"]
    choice = {"type": choice} if isinstance(choice, str) else choice
    kind = choice["type"]
    inner: Any = choice.get("allowed_tools", choice)
    names: list[str] | None = None
    if kind == "allowed_tools":
        names = [_name(each) for each in inner["tools"]]
        kind = inner["mode"]
    elif kind in ("function", "custom", "tool"):
        names, kind = [_name(choice)], "required"
    elif kind in ("none", "NONE"):
        names = []
    if kind in ("any", "required", "REQUIRED"):
        body["tool_choice"] = "required"
    else:
        body["tool_choice"] = choice if kind not in ("auto", "none", "NONE") else None
    if choice.get("disable_parallel_tool_use") is not None:
        body["disable_parallel_tool_use"] = choice["disable_parallel_tool_use"]
    if "tools" in body:
        body["tools"] = _only(body["tools"], names, _name)


def _name(tool: Any) -> Any:
    return (tool.get("function") or tool.get("custom") or tool).get("name")


def _only(tools: Iterable[Any], names: list[str] | None, name_of: Callable[[Any], Any]) -> list[Any]:
    return [tool for tool in tools if names is None or name_of(tool) in names]
