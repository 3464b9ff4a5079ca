"""Tools for dialects that describe them as OpenAI's Chat Completions once did: as functions, with JSON schemas.

Such a dialect has no tools with free text and no list of allowed tools: those that may not be called are not offered.
How strictly calls are to keep to the schemas, and which tool must be called, each dialect says in its own way.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headway.types import Dialect
from headway.wire.form.request import HostedTool, Request, Tool, Unsupported

NO_PARAMETERS = msgspec.Raw(b'{"type":"object","properties":{}}')
"""The schema of a tool that has none, for dialects that want one."""


class _Function(msgspec.Struct, omit_defaults=True):
    name: str
    parameters: msgspec.Raw
    description: str | None = None


class _FunctionTool(msgspec.Struct, tag_field="type", tag="function"):
    function: _Function


Offered = list[tuple[int, Tool | HostedTool]]
"""Tools with their places in the request."""


def offered(request: Request, dialect: Dialect, dropped: list[str]) -> Offered | Unsupported:
    """The tools that may be called."""
    names = () if request.tool_choice is None else request.tool_choice.names
    found: Offered = []
    for number, tool in enumerate(request.tools):
        if isinstance(tool, HostedTool):
            if tool.dialect != dialect:
                return Unsupported(tool.kind, f"has no tool {tool.kind!r} of its own")
        elif tool.custom:
            return Unsupported("tools", "takes no tools with free text")
        elif names and tool.name not in names:
            continue
        elif tool.cache is not None:
            dropped.append(f"tools[{number}].cache")
        found.append((number, tool))
    return found or Unsupported("tool_choice", "was told to choose a tool that it was not given")


def written(tools: Iterable[tuple[int, Tool | HostedTool]]) -> list[_FunctionTool | msgspec.Raw]:
    return [tool.raw if isinstance(tool, HostedTool) else _written(tool) for _, tool in tools]


def _written(tool: Tool) -> _FunctionTool:
    return _FunctionTool(_Function(tool.name, tool.parameters or NO_PARAMETERS, tool.description))
