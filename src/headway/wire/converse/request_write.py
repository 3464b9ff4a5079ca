"""A request of the form written as Converse's.

Messages are `messages_write`'s, tools `tools_write`'s. Here are the parameters, and what cannot be said: it is listed
as dropped, or refused.
"""

from __future__ import annotations

import msgspec

from headway.wire.converse import thinking
from headway.wire.converse.messages_write import write_messages
from headway.wire.converse.parts_write import RequestParts, Words
from headway.wire.converse.thinking import Family
from headway.wire.converse.tools_write import write_tools
from headway.wire.converse.vocabulary import TIERS, fits_metadata
from headway.wire.converse.writing import Writing
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form import abilities
from headway.wire.form.request import (
    HostedTool,
    Output,
    Request,
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


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    own = request.dialect == "converse"
    asked = msgspec.structs.replace(request, needs=()) if own and request.needs else request
    refused = abilities.missing(asked, toward) or _refused(request, own=own)
    if refused is not None:
        return refused
    family = thinking.family_of(toward.model)
    writing = Writing(request, toward, family, own, RequestParts(family, own=own))
    write_messages(writing)
    if writing.parts.refused is not None:
        return writing.parts.refused
    write_tools(writing)
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


def _body(writing: Writing) -> Words:
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


def _text_format(output: Output) -> Words:
    schema: Words = {"schema": bytes(output.schema).decode(errors="replace")}
    if output.name is not None:
        schema["name"] = output.name
    if output.description is not None:
        schema["description"] = output.description
    return {"type": "json_schema", "structure": {"jsonSchema": schema}}


def _additional(writing: Writing) -> None:
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


def _own_thinking(writing: Writing) -> Words:
    told = writing.request.thinking
    if told is None:
        return {}
    only_effort = told.effort is not None and told.budget is None
    if only_effort and writing.family in (Family.CLAUDE, Family.OTHER, Family.UNKNOWN):
        writing.output["effort"] = told.effort
        return {}
    return thinking.own_words(told, writing.family)


def _foreign_thinking(writing: Writing) -> Words:
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


def _may_think(writing: Writing, told: object) -> bool:
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


def _inference(writing: Writing) -> None:
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


def _share(writing: Writing, config: Words, name: str, field: str, value: float) -> None:
    """A parameter from 0 to 1; what lies beyond is brought back, and listed."""
    fit = value if writing.own else min(1.0, max(0.0, value))
    if fit != value:
        writing.dropped.append(field)
    config[name] = fit


def _suit_thinking(writing: Writing, config: Words) -> None:
    """While it thinks, Claude takes no temperature but 1, and top_p from 0.95 on."""
    temperature, top_p = config.get("temperature"), config.get("topP")
    if temperature is not None and temperature != 1:
        del config["temperature"]
        writing.dropped.append("temperature")
    if isinstance(top_p, float) and top_p < 0.95:
        del config["topP"]
        writing.dropped.append("top_p")


def _settings(writing: Writing) -> None:
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


def _put_back(writing: Writing) -> None:
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
