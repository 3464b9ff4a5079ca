"""The tools of a request, and which of them may or must be called. Converse wants tools described wherever the
conversation has used some.
"""

from __future__ import annotations

from headway.wire.converse.parts_write import Block, Words, cache_point
from headway.wire.converse.thinking import Family
from headway.wire.converse.writing import Writing
from headway.wire.form.function_tools import NO_PARAMETERS
from headway.wire.form.parts import Cache
from headway.wire.form.request import HostedTool, Tool


def write_tools(writing: Writing) -> None:
    request, own = writing.request, writing.own
    choice = request.tool_choice
    used = bool(writing.parts.calls or writing.parts.results)
    if not own and choice is not None and choice.mode == "none" and not used:
        return  # without tools none can be called
    allowed = choice.names if choice is not None and (len(choice.names) > 1 or choice.mode != "required") else ()
    tools: list[Block] = []
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            tools.append(tool.raw)
        elif not allowed or tool.name in allowed:
            tools.append(_tool(tool, writing))
            if tool.cache is not None:
                tools += _cache_of_tool(tool.cache, writing)
    if own and "toolConfig.cachePoint" in request.extra:
        tools.append({"cachePoint": request.extra["toolConfig.cachePoint"]})
    if not tools and used and not own:
        tools = [_placeholder(name) for name in writing.parts.calls or ("tool",)]
    if tools:
        writing.tools["tools"] = tools
    words = _choice(writing) if request.tools else None
    if words is not None and (tools or own):
        writing.tools["toolChoice"] = words


def _tool(tool: Tool, writing: Writing) -> Words:
    spec: Words = {"name": tool.name}
    if tool.description:
        spec["description"] = tool.description
    empty = len(memoryview(tool.parameters)) < 5 and not writing.own
    spec["inputSchema"] = {"json": NO_PARAMETERS if empty or not tool.parameters else tool.parameters}
    if tool.strict is not None and (tool.strict or writing.own):
        if "strict" in writing.toward.lacks:
            writing.dropped.append("tools.strict")
        else:
            spec["strict"] = tool.strict
    return {"toolSpec": spec}


def _cache_of_tool(cache: Cache, writing: Writing) -> list[Block]:
    if writing.own or writing.family in (Family.CLAUDE, Family.UNKNOWN):
        return [cache_point(cache, own=writing.own)]
    writing.dropped.append("tools.cache")
    return []


def _placeholder(name: str) -> Words:
    """A tool that the conversation has used, and the request describes no more: Bedrock wants to know of it."""
    return {"toolSpec": {"name": name, "inputSchema": {"json": NO_PARAMETERS}}}


def _choice(writing: Writing) -> Words | None:
    request, choice = writing.request, writing.request.tool_choice
    if request.parallel_tool_calls is False:
        writing.dropped.append("parallel_tool_calls")
    if choice is None or not writing.may("tool_choice"):
        return None
    match choice.mode:
        case "auto":
            return {"auto": {}}
        case "required":
            return {"tool": {"name": choice.names[0]}} if len(choice.names) == 1 else {"any": {}}
        case "none":
            writing.dropped.append("tool_choice")
            return None
