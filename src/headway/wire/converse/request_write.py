"""A request of the form written as Converse's.

What Bedrock wants of a conversation is seen to here: one message of each side after the other, results of tools in a
user's message, tools described wherever the conversation has used some. What cannot be said is listed as dropped.
"""

from __future__ import annotations

from typing import cast

import msgspec

from headway.wire.converse import thinking
from headway.wire.converse.parts_write import Block, RequestParts, Words, cache_point
from headway.wire.converse.thinking import Family
from headway.wire.converse.vocabulary import TIERS, fits_metadata
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form import abilities
from headway.wire.form.function_tools import NO_PARAMETERS
from headway.wire.form.parts import Message, Text
from headway.wire.form.request import (
    HostedTool,
    Output,
    Request,
    Tool,
    Toward,
    Unsupported,
    Written,
)

_UNSAYABLE = (
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "user",
    "verbosity",
    "cache_key",
)
_MOST = 2**31 - 1
_encode = msgspec.json.Encoder().encode
_texts = msgspec.json.Decoder(dict[str, str]).decode


class Turn(msgspec.Struct):
    """A message of Converse's."""

    role: str
    content: list[Block]


class _Writing(msgspec.Struct):
    """The body so far, and what it could not say."""

    request: Request
    toward: Toward
    family: Family
    own: bool
    parts: RequestParts
    dropped: list[str] = []
    turns: list[Turn] = []
    thoughtful: bool = False
    """Claude is to think first."""
    system: list[Block] = []
    tools: Words = {}
    output: Words = {}
    additional: Words = {}
    inference: Words = {}
    settings: Words = {}

    def may(self, name: str) -> bool:
        """Does the model take this parameter? One that it does not is listed."""
        if name in self.toward.lacks:
            self.dropped.append(name)
            return False
        return True


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    own = request.dialect == "converse"
    asked = msgspec.structs.replace(request, needs=()) if own and request.needs else request
    refused = abilities.missing(asked, toward) or _refused(request, own=own)
    if refused is not None:
        return refused
    family = thinking.family_of(toward.model)
    writing = _Writing(request, toward, family, own, RequestParts(family, own=own))
    _messages(writing)
    if writing.parts.refused is not None:
        return writing.parts.refused
    _tools(writing)
    if request.output is not None and request.output.schema:
        writing.output["textFormat"] = _text_format(request.output)
    elif request.output is not None:  # any JSON: whoever asks for it must say so in the prompt too
        writing.dropped.append("output")
    _additional(writing)
    _inference(writing)
    _settings(writing)
    if own:
        _put_back(writing)
    else:
        writing.dropped += [name for name in _UNSAYABLE if getattr(request, name) is not None]
        if request.logit_bias:
            writing.dropped.append("logit_bias")
        writing.dropped += request.extra
    return Written(_encode(_body(writing)), tuple(dict.fromkeys(writing.dropped + writing.parts.dropped)))


def _body(writing: _Writing) -> Words:
    body: Words = {"messages": writing.turns}
    for name, words in (
        ("system", writing.system),
        ("inferenceConfig", writing.inference),
        ("toolConfig", writing.tools),
        ("outputConfig", writing.output),
        (thinking.FIELDS, writing.additional),
    ):
        if words:
            body[name] = words
    return body | writing.settings


def _refused(request: Request, *, own: bool) -> Unsupported | None:
    if request.n is not None and request.n > 1:
        return Unsupported("n", "gives one answer only")
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            if tool.dialect != "converse":
                return Unsupported(tool.kind, f"has no tool of its own of the kind {tool.kind!r}")
        elif tool.custom and not own:
            return Unsupported("custom_tools", "takes no tools whose input is free text")
    return None


# --- messages ---


def _messages(writing: _Writing) -> None:
    request, parts = writing.request, writing.parts
    start = 0
    opening = request.messages if writing.own else request.messages[:-1]  # Bedrock wants a message of somebody
    for message in opening:
        if message.role not in ("system", "developer") or not (writing.own or _is_text(message)):
            break
        if message.name is not None:
            parts.drop(start, "name")
        parts.write(message.parts, start, writing.system)
        start += 1
    for number, message in enumerate(request.messages[start:], start):
        role = _role(message, number, writing)
        if message.name is not None:
            parts.drop(number, "name")
        blocks: list[Block] = []
        parts.write(message.parts, number, blocks)
        if not blocks and not writing.own:
            continue  # Bedrock takes no empty message
        if writing.turns and writing.turns[-1].role == role:
            writing.turns[-1].content += blocks
        else:
            writing.turns.append(Turn(role, blocks))
    if not writing.turns and writing.system and not writing.own:  # only the instructions say a word
        parts.drop(start - 1, "role")
        writing.turns.append(Turn("user", writing.system))
        writing.system = []
    if parts.documents and not writing.own:
        for turn in writing.turns:
            _introduce_documents(turn.content)


def _introduce_documents(content: list[Block]) -> None:
    """Bedrock wants a text beside every document."""
    if any(isinstance(block, dict) and "text" in block for block in content):
        return
    for at, block in enumerate(content):
        document = block.get("document") if isinstance(block, dict) else None
        if isinstance(document, dict):
            content.insert(at, {"text": f"{cast('Words', document)['name']}:"})
            return


def _is_text(message: Message) -> bool:
    """Bedrock takes instructions as text only."""
    return all(isinstance(part, Text) for part in message.parts)


def _role(message: Message, number: int, writing: _Writing) -> str:
    match message.role:
        case "assistant":
            return "assistant"
        case "system" | "developer":
            if writing.own:
                return "system"
            writing.parts.drop(number, "role")
            return "user"
        case _:
            return "user"


# --- tools and output ---


def _tools(writing: _Writing) -> None:
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
                tools += _cache_of_tool(tool, writing)
    if own and "toolConfig.cachePoint" in request.extra:
        tools.append({"cachePoint": request.extra["toolConfig.cachePoint"]})
    if not tools and used and not own:
        tools = [_placeholder(name) for name in writing.parts.calls or ("tool",)]
    if tools:
        writing.tools["tools"] = tools
    words = _choice(writing) if request.tools else None
    if words is not None and (tools or own):
        writing.tools["toolChoice"] = words


def _tool(tool: Tool, writing: _Writing) -> Words:
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


def _cache_of_tool(tool: Tool, writing: _Writing) -> list[Block]:
    if tool.cache is None:
        return []
    if writing.own or writing.family in (Family.CLAUDE, Family.UNKNOWN):
        return [cache_point(tool.cache, own=writing.own)]
    writing.dropped.append("tools.cache")
    return []


def _placeholder(name: str) -> Words:
    """A tool that the conversation has used, and the request describes no more: Bedrock wants to know of it."""
    return {"toolSpec": {"name": name, "inputSchema": {"json": NO_PARAMETERS}}}


def _choice(writing: _Writing) -> Words | None:
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


def _text_format(output: Output) -> Words:
    schema: Words = {"schema": bytes(output.schema).decode(errors="replace")}
    if output.name is not None:
        schema["name"] = output.name
    if output.description is not None:
        schema["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


# --- parameters ---


def _additional(writing: _Writing) -> None:
    """What goes to the model itself: how it is to think, and Claude's top_k."""
    request = writing.request
    fields = writing.additional
    if request.thinking is not None and writing.may("thinking"):
        fields |= _own_thinking(writing) if writing.own else _foreign_thinking(writing)
    if request.top_k is not None and writing.may("top_k"):
        if writing.own or (writing.family is Family.CLAUDE and not writing.thoughtful):
            fields["top_k"] = min(request.top_k, _MOST)
        else:
            writing.dropped.append("top_k")
    if writing.own:
        for name, raw in request.extra.items():
            if name.startswith(thinking.PREFIX):
                fields[name.removeprefix(thinking.PREFIX)] = raw


def _own_thinking(writing: _Writing) -> Words:
    told = writing.request.thinking
    if told is None:
        return {}
    only_effort = told.effort is not None and told.budget is None
    if only_effort and writing.family in (Family.CLAUDE, Family.OTHER, Family.UNKNOWN):
        writing.output["effort"] = told.effort
        return {}
    return thinking.own_words(told, writing.family)


def _foreign_thinking(writing: _Writing) -> Words:
    request = writing.request
    if request.thinking is None:
        return {}
    bound = request.max_output if request.max_output is not None else writing.toward.most_output
    words = thinking.foreign_words(request.thinking, writing.family, writing.toward.model, bound)
    if words is None:
        writing.dropped.append("thinking")
        return {}
    told = words.get("thinking")
    if writing.family is Family.CLAUDE and told is not None and told != {"type": "disabled"}:
        if not _may_think(writing, told):
            writing.dropped.append("thinking")
            return {}
        writing.thoughtful = True
    return words


def _may_think(writing: _Writing, told: object) -> bool:
    """Claude refuses to think first where a tool is forced on it, or with a budget while its last turn, the calls of
    which are being answered, does not begin with a thought that it signed.
    """
    choice = writing.request.tool_choice
    if choice is not None and choice.mode == "required":
        return False
    turns = writing.turns
    by_itself = isinstance(told, dict) and "budget_tokens" not in told
    if by_itself or len(turns) < 2 or turns[-1].role != "user":
        return True
    if not any(isinstance(block, dict) and "toolResult" in block for block in turns[-1].content):
        return True
    first = turns[-2].content[0]
    return isinstance(first, dict) and "reasoningContent" in first


def _inference(writing: _Writing) -> None:
    request = writing.request
    config = writing.inference
    if request.max_output is not None and writing.may("max_output"):
        config["maxTokens"] = min(request.max_output, _MOST)
    if request.temperature is not None and writing.may("temperature"):
        _share(writing, config, "temperature", "temperature", request.temperature)
    if request.top_p is not None and writing.may("top_p"):
        _share(writing, config, "topP", "top_p", request.top_p)
    if request.stop and writing.may("stop"):
        config["stopSequences"] = request.stop if writing.own else [text for text in request.stop if text]
    if writing.thoughtful:
        _suit_thinking(writing, config)


def _share(writing: _Writing, config: Words, name: str, field: str, value: float) -> None:
    """A parameter from 0 to 1; what lies beyond is brought back, and listed."""
    fit = value if writing.own else min(1.0, max(0.0, value))
    if fit != value:
        writing.dropped.append(field)
    config[name] = fit


def _suit_thinking(writing: _Writing, config: Words) -> None:
    """While it thinks, Claude takes no temperature but 1, and top_p from 0.95 on."""
    temperature, top_p = config.get("temperature"), config.get("topP")
    if temperature is not None and temperature != 1:
        del config["temperature"]
        writing.dropped.append("temperature")
    if isinstance(top_p, float) and top_p < 0.95:
        del config["topP"]
        writing.dropped.append("top_p")


def _settings(writing: _Writing) -> None:
    request = writing.request
    if request.service_tier is not None and request.service_tier != "auto" and writing.may("service_tier"):
        tier = request.service_tier if writing.own else TIERS.get(request.service_tier)
        if tier is None:
            writing.dropped.append("service_tier")
        else:
            writing.settings["serviceTier"] = {"type": tier}
    if request.metadata and writing.may("metadata"):
        if writing.own or _is_fit(request.metadata):
            writing.settings["requestMetadata"] = request.metadata
        elif len(memoryview(request.metadata)) > 2:
            writing.dropped.append("metadata")


def _is_fit(metadata: msgspec.Raw) -> bool:
    try:
        return fits_metadata(_texts(metadata))
    except UNREADABLE:
        return False


def _put_back(writing: _Writing) -> None:
    """What was set aside when the request was read, each under the name that it had."""
    writing.settings |= writing.request.aside
    for name, raw in writing.request.extra.items():
        outer, dot, inner = name.partition(".")
        if not dot:
            writing.settings[name] = raw
        elif outer == "inferenceConfig":
            writing.inference[inner] = raw
        elif outer == "outputConfig":
            writing.output[inner] = raw
        elif outer == "toolConfig" and inner != "cachePoint":
            writing.tools[inner] = raw
