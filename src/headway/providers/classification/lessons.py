"""What a refusal says about a model: a parameter that it does not take, or an ability that it lacks.

Whoever learns a lesson changes every request of an hour. So only sentences that providers are known to write are
understood, each from its first word to its last; of parameters only those count that can be left out without changing
what is asked; and whatever leaves a doubt teaches nothing. A value out of range, a setting that does not go with
another, a name that belongs elsewhere are the client's to hear of. What is done with a lesson is `core.lessons`' and
the pipeline's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from headway.core.lessons import Lesson
from headway.providers.catalogue import find
from headway.providers.classification.reported import as_object, members_of, of, parsed, read
from headway.wire.form.abilities import IMAGES, JSON_OUTPUT, SCHEMA, TOOLS, VIDEO

_STATUSES = (400, 404, 422)
_LONGEST = 1000
"""Characters of a message that may still be one of those that are known."""

_Names = tuple[str, ...]

DROPPABLE = frozenset(
    {
        *("temperature", "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty"),
        *("logprobs", "top_logprobs", "logit_bias", "user", "metadata", "store", "service_tier"),
        *("parallel_tool_calls", "stream_options", "prompt_cache_key", "safety_identifier", "prediction"),
        *("reasoning_effort", "reasoning", "thinking", "reasoning_format", "include_reasoning", "verbosity"),
    }
)
"""What may be left out, by OpenAI's names, or by the names of those who invented it."""
ABILITIES_BEHIND: Mapping[str, _Names] = MappingProxyType(
    {"tools": (TOOLS,), "tool_choice": (TOOLS,), "response_format": (JSON_OUTPUT, SCHEMA)}
)
"""Parameters whose refusal is that of an ability."""
RENAMES: Mapping[str, str] = MappingProxyType(
    {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
)
"""Names of the same thing."""

_OPENAIS = frozenset({"openai", "azure"})
_CLAUDES = ("anthropic", "bedrock", "vertex")
_OLLAMAS = ("ollama", "custom")
_CHATS_ALONE = frozenset(
    {
        *("seed", "top_k", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs"),
        *("prediction", "verbosity", "reasoning_effort", "stream_options"),
    }
)
"""The Responses API does not know them, whatever the model, and a chat with the same model may. Where there are both,
nobody can tell which of them it was that does not know the name.
"""
_TOLD_APART = frozenset({"reasoning_effort", "stream_options"})
"""Except that OpenAI's has words of its own for the first, and knows the second."""
_SAME = MappingProxyType(
    {
        "reasoning_effort": ("reasoning_effort", "reasoning"),
        "reasoning": ("reasoning", "reasoning_effort"),
        "thinking": ("thinking", "reasoning_effort"),
    }
)
"""Parameters that a model takes together or not at all."""
_GOOGLES = MappingProxyType(
    {
        "top_p": ("topP", "top_p"),
        "top_k": ("topK", "top_k"),
        "frequency_penalty": ("frequencyPenalty", "frequency_penalty"),
        "presence_penalty": ("presencePenalty", "presence_penalty"),
        "logprobs": ("responseLogprobs", "logprobs"),
        "thinking": ("thinkingConfig", "thinking", "reasoning_effort"),
        "service_tier": ("serviceTier", "service_tier"),
    }
)
_OTHERWISE: Mapping[str, Mapping[str, _Names]] = MappingProxyType(
    {
        "gemini": _GOOGLES,
        "vertex": _GOOGLES,
        "bedrock": {
            "top_p": ("topP", "top_p"),
            "top_k": ("top_k", "topK"),
            "service_tier": ("serviceTier", "service_tier"),
        },
        "cohere": {"top_p": ("p", "top_p"), "top_k": ("k", "top_k")},
        "ollama": {"thinking": ("think", "reasoning_effort")},
    }
)
"""What a parameter is called in requests to providers that have names of their own: by their own dialect first, then by
others that they are spoken to in.
"""


class Named(NamedTuple):
    """A sentence that names what is refused; the first group is the name. `unknown`: the name is not known there, which
    says nothing of its relatives.
    """

    pattern: re.Pattern[str]
    unknown: bool = False


class Said(NamedTuple):
    """A sentence that says what is refused in words. `kinds`: only if one of these providers says it."""

    pattern: re.Pattern[str]
    parameters: _Names = ()
    abilities: _Names = ()
    kinds: _Names = ()


_MODEL = r"(?:this model|the current model|models/\S{1,200})\.{0,2}"
_NUMBER = r"[-+\d.eE]{1,30}"

NAMED = (
    # OpenAI and Azure, of their reasoning models; the Responses API names the place (reasoning.effort).
    Named(re.compile(r"Unsupported parameter: '([\w.]{1,60})' is not supported with this model\.")),
    Named(
        re.compile(
            rf"Unsupported value: '(\w{{1,60}})' does not support (?:{_NUMBER}|true|false) with this model\. "
            r"Only the default \([\w.]{1,30}\) value is supported\."
        )
    ),
    # OpenAI and Azure, where the part of the API that serves the model does not know the name.
    Named(re.compile(r"Unrecognized request argument supplied: (\w{1,60})"), unknown=True),
    Named(re.compile(r"Unknown parameter: '(\w{1,60})'\."), unknown=True),
    # Groq.
    Named(re.compile(r"`(\w{1,60})` is not supported with this model\.?")),
    Named(re.compile(r"property '(\w{1,60})' is unsupported(?:, did you mean '\w{1,60}'\?)?"), unknown=True),
    # Anthropic, here and on Bedrock.
    Named(re.compile(r"`?(\w{1,60})`? is deprecated for this model\.?")),
    # xAI.
    Named(re.compile(r"Argument not supported on this model: (\w{1,60})\.?")),
    Named(re.compile(r"Model \S{1,200} does not support parameter (\w{1,60})\.?")),
    # Bedrock.
    Named(re.compile(r"This model doesn't support the ([\w.]{1,60}) field\. Remove \1 and try again\.?")),
    # Moonshot: which value it is depends on the mode of thinking, and without any it is the right one.
    Named(re.compile(rf"invalid (\w{{1,60}}): only {_NUMBER} is allowed for this model\.?")),
    # Fireworks.
    Named(re.compile(r"Extra inputs are not permitted, field: '(\w{1,60})'(?:, value: .*)?"), unknown=True),
    # Cohere's compatibility API.
    Named(re.compile(r"unprocessable entity: (\w{1,60}) is not supported"), unknown=True),
    # LiteLLM's proxy, before it asks anybody.
    Named(
        re.compile(
            r"(?:litellm\.(?:exceptions\.)?UnsupportedParamsError: ){1,2}"
            r"\w{1,60} does not support parameters: \['(\w{1,60})'\], for model=\S{1,200}(?: .*)?"
        )
    ),
)
"""Sentences that name a parameter."""

_RENAMED = re.compile(
    r"Unsupported parameter: '(\w{1,60})' is not supported with this model\. Use '(\w{1,60})' instead\."
)

SAID = (
    # --- parameters ---
    Said(
        re.compile(r"`?temperature`? and `?top_p`? cannot both be specified for this model\. Please use only one\."),
        parameters=("top_p",),
    ),
    Said(re.compile(rf"Penalty is not enabled for {_MODEL}"), parameters=("frequency_penalty", "presence_penalty")),
    Said(
        re.compile(rf"Logprobs is not (?:enabled|supported) for {_MODEL}"),
        parameters=("logprobs", "top_logprobs"),
    ),
    Said(re.compile(rf"Thinking is not enabled for {_MODEL}"), parameters=("thinking",)),
    Said(
        re.compile(
            r"thinking is not configurable in this model; "
            r"please remove the thinking_config setting and try it again\.{0,2}"
        ),
        parameters=("thinking",),
    ),
    Said(re.compile(r"\S{1,200} does not support thinking\.?"), parameters=("thinking",), kinds=(*_OLLAMAS, *_CLAUDES)),
    # --- tools ---
    Said(re.compile(r"\S{1,200} does not support tools\.?"), abilities=(TOOLS,), kinds=_OLLAMAS),
    Said(re.compile(r"\S{1,200} does not support Function Calling\.?"), abilities=(TOOLS,), kinds=("deepseek",)),
    Said(re.compile(r"`tool calling` is not supported with this model\.?"), abilities=(TOOLS,)),
    Said(re.compile(r"No endpoints found that support tool use(?:\..*)?"), abilities=(TOOLS,)),
    Said(re.compile(r"This model doesn't support tool use\.?"), abilities=(TOOLS,)),
    Said(re.compile(rf"Function calling is not enabled for {_MODEL}"), abilities=(TOOLS,)),
    Said(re.compile(r"the model does not support function calling\.{0,2}"), abilities=(TOOLS,)),
    Said(
        re.compile(r'"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        abilities=(TOOLS,),
    ),
    # --- what is looked at or listened to ---
    Said(re.compile(r"Invalid content type\. image_url is only supported by certain models\."), abilities=(IMAGES,)),
    Said(re.compile(r"No endpoints found that support image input(?:\..*)?"), abilities=(IMAGES,)),
    Said(re.compile(rf"Image input modality is not enabled for {_MODEL}"), abilities=(IMAGES,)),
    Said(
        re.compile(
            r"This model doesn't support the image content block that you provided\. "
            r"Update the content block and try again\."
        ),
        abilities=(IMAGES,),
    ),
    Said(
        re.compile(
            r"This model doesn't support the video content block that you provided\. "
            r"Update the content block and try again\."
        ),
        abilities=(VIDEO,),
    ),
    Said(re.compile(r"\S{1,200} is not a multimodal model"), abilities=(IMAGES,)),
    Said(re.compile(r"Model does not support images\. Please use a model that does\."), abilities=(IMAGES,)),
    Said(
        re.compile(
            r"Failed to deserialize the JSON body into the target type: messages\[\d{1,6}\]: "
            r"unknown variant `image_url`, expected `text` at line \d{1,9} column \d{1,9}"
        ),
        abilities=(IMAGES,),
        kinds=("deepseek",),
    ),
    # --- JSON ---
    Said(
        re.compile(
            r"Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model(?:\..*)?"
        ),
        abilities=(SCHEMA,),
    ),
    Said(
        re.compile(
            r"Invalid parameter: 'response_format' of type 'json_object' is not supported with this model(?:\..*)?"
        ),
        abilities=(JSON_OUTPUT,),
    ),
    Said(
        re.compile(
            r"The parameter `response_format\.type` specified in the request are not valid: invalid value: "
            r"`json_schema`, supported values are: `json_object` and `text`\..*"
        ),
        abilities=(SCHEMA,),
    ),
    Said(re.compile(r"This model does not support response format `json_schema`(?:\..*)?"), abilities=(SCHEMA,)),
    Said(re.compile(r"This model does not support response format `json_object`(?:\..*)?"), abilities=(JSON_OUTPUT,)),
    Said(re.compile(r"This response_format type is unavailable now"), abilities=(SCHEMA,), kinds=("deepseek",)),
    Said(re.compile(rf"J(?:SON|son) mode is not enabled for {_MODEL}"), abilities=(JSON_OUTPUT, SCHEMA)),
)
"""Sentences that need no name."""

_BEDROCKS = "The model returned the following errors: "
_VERTEX = "Unable to submit request because "
_LITELLMS = re.compile(r"(?:litellm\.)?BadRequestError: \w{1,40}Exception - (?=\{)")
_LITELLMS_END = ". Received Model Group="
"""How those who pass on what a model, or the part that serves it, has said introduce it and end."""
_PYDANTICS = re.compile(
    r"\[\{'type': 'extra_forbidden', 'loc': \('body', '(\w{1,60})'\), 'msg': 'Extra inputs are not permitted', "
)
"""How older vLLM shows a list of them."""
_INSIDE = ("detail", "message", "error")
_DEEPEST = 6


def lesson_in(kind: str, status: int, body: bytes) -> Lesson | None:
    """The first of `lessons_in`, which is what the sentence is about."""
    return next(iter(lessons_in(kind, status, body)), None)


def lessons_in(kind: str, status: int, body: bytes) -> tuple[Lesson, ...]:
    """What an upstream's error body teaches; nothing for nearly all. One sentence may refuse several parameters, or one
    that has different names in the dialects which the provider is spoken to in; and what it refuses is not told apart
    from what was asked. `kind` is the provider's name in the catalogue. Total on arbitrary bytes.
    """
    if status not in _STATUSES:
        return ()
    document: object = parsed(body)
    if document is None:
        return ()
    for line in of(document).lines:
        found = _in_line(kind, line)
        if found:
            return found
    for name in _forbidden(document, _DEEPEST):
        found = _unknown(kind, name)
        if found:
            return found
    return ()


def _in_line(kind: str, line: str) -> tuple[Lesson, ...]:
    for sentence in _sentences(line):
        found = _in_sentence(kind, sentence)
        if found:
            return found
    return ()


def _sentences(line: str) -> Iterator[str]:
    """The line, or what those say whose words it passes on."""
    line = line.removeprefix(_BEDROCKS)
    if line.startswith(_VERTEX):
        line = line[len(_VERTEX) :].partition(" Learn more: ")[0]
    passed = _LITELLMS.match(line)
    if passed is not None:
        line = line[passed.end() :].partition(_LITELLMS_END)[0]
    if line.startswith("{"):  # their whole answer
        yield from read(line.encode("utf-8", "replace")).lines
    else:
        yield line


def _in_sentence(kind: str, sentence: str) -> tuple[Lesson, ...]:
    if len(sentence) > _LONGEST:
        return ()
    renamed = _RENAMED.fullmatch(sentence)
    if renamed is not None:
        old, new = renamed.groups()
        return (Lesson(parameter=old, renamed=new),) if RENAMES.get(old) == new else ()
    for pattern, unknown in NAMED:
        named = pattern.fullmatch(sentence)
        if named is not None:
            return _unknown(kind, named[1]) if unknown else _refused(kind, named[1])
    for said in SAID:
        if (not said.kinds or kind in said.kinds) and said.pattern.fullmatch(sentence) is not None:
            return _parameters(kind, said.parameters) + _abilities(said.abilities)
    return ()


def _refused(kind: str, name: str) -> tuple[Lesson, ...]:
    """The model takes no such thing, whatever it is called."""
    canonical = _canonical(name)
    if canonical in ABILITIES_BEHIND:
        return _abilities(ABILITIES_BEHIND[canonical])
    return _parameters(kind, (canonical,)) if canonical in DROPPABLE else ()


def _unknown(kind: str, name: str) -> tuple[Lesson, ...]:
    """There is no parameter of that name."""
    if name == "max_completion_tokens" and kind not in _OPENAIS:
        return (Lesson(parameter=name, renamed=RENAMES[name]),)
    if name not in DROPPABLE or (name in _CHATS_ALONE and not _is_of_chats(kind, name)):
        return ()
    return (Lesson(parameter=name),)


def _is_of_chats(kind: str, name: str) -> bool:
    """Was it a chat in which the name is unknown?"""
    if kind in _OPENAIS:
        return name in _TOLD_APART
    entry = find(kind)
    return entry is not None and "responses" not in entry.endpoints


def _parameters(kind: str, names: _Names) -> tuple[Lesson, ...]:
    own = _OTHERWISE.get(kind, _SAME)
    spelled = [each for name in names for each in own.get(name) or _SAME.get(name) or (name,)]
    return tuple(Lesson(parameter=each) for each in dict.fromkeys(spelled))


def _abilities(names: _Names) -> tuple[Lesson, ...]:
    return tuple(Lesson(ability=each) for each in names)


def _canonical(name: str) -> str:
    """OpenAI's name of what stands in a known place of a request, or is written as Google, Amazon and xAI write."""
    place, _, leaf = name.rpartition(".")
    if place in ("inferenceConfig", "additionalModelRequestFields"):
        name = leaf
    elif name == "reasoning.effort":
        name = "reasoning_effort"
    elif name == "text.verbosity":
        name = "verbosity"
    return re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)


def _forbidden(value: object, depth: int) -> Iterator[str]:
    """Names at the top of the request that a list of validation errors refuses, as pydantic writes it."""
    if depth == 0:
        return
    if isinstance(value, str):
        shown = _PYDANTICS.match(value)
        if shown is not None:
            yield shown[1]
        elif value[:1] in ("{", "["):
            yield from _forbidden(parsed(value.encode("utf-8", "replace")), depth - 1)
    elif isinstance(value, list):
        for member in members_of(value):  # pyright: ignore[reportUnknownArgumentType]
            yield from _forbidden(member, depth - 1)
    elif (fields := as_object(value)) is not None:
        if fields.get("type") == "extra_forbidden":
            match fields.get("loc"):
                case ["body", str(name)]:
                    yield name
                case _:
                    pass
            return
        for name in _INSIDE:
            if name in fields:
                yield from _forbidden(fields[name], depth - 1)
