"""What a request lost on its way, and what may be lost: what somebody named, and what meant nothing.

A fact that is gone must be explained by a name in the dropped lists. `_NAMED` says by which; otherwise the client's own
name for the setting, or the form's name for it, must be there. `_NOTHING` lists what may go without a word, each with
the reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from crossing.facts import Fact, facts_of
from headway.types import Dialect
from headway.wire.dialects import CODECS

_TITLES = (
    "messages.context",
    "messages.title",
    "messages.filename",
    "messages.name",
    "messages.media_type",
    "messages.mimeType",
)


class Named(NamedTuple):
    """Facts with such a path, told by such a name in the dropped list."""

    path: str
    names: str
    dialects: Sequence[Dialect] = ()
    targets: Sequence[Dialect] = ()


class Nothing(NamedTuple):
    """Facts with such a path and value that mean nothing, or what is done anyway."""

    path: str
    value: str
    why: str
    dialects: Sequence[Dialect] = ()
    targets: Sequence[Dialect] = ()


_CACHING_ANYWAY: tuple[Dialect, ...] = ("openai_responses", "gemini")
_STRICT_ANYWAY: tuple[Dialect, ...] = ("gemini", "converse", "cohere", "anthropic", "ollama")
_SHOWN_ANYWAY: tuple[Dialect, ...] = ("openai_chat", "cohere", "ollama")
_CITED = r"messages\[\]\.citations?"

_NAMED = (
    Named(r"words of system", r"messages\[\]\.role"),
    Named(r"words of \w+", r"messages\[\]\.(reasoning|compaction|refusal)"),
    Named(
        r"messages\.(thinking|signature|data|encrypted_content|redactedContent|reasoning\w*|id|summary|thought|format|tool_plan)",
        r"messages\[\]\.(reasoning|signature)",
    ),
    Named(r"media", r"messages\[\]\.reasoning"),
    Named(r"media|messages\.(file_id|filename)", r"messages\[\]\.(file|image)"),
    Named(r"messages\.(is_error|status|response)", r"messages\[\]\.is_error"),
    Named(r"messages\.(ttl|mode)", r"messages\[\]\.cache"),
    Named(r"messages\.detail", r"messages\[\]\.detail"),
    Named(r"messages\.(title|filename|name)", r"messages\[\]\.name"),
    Named(r"messages\.(tool_name|name)", r"messages\[\]\.(tool_reference|tool_addition|tool_search\w*)"),
    Named(r"messages\.(\w+_(index|number|title)|cited_text|title|source|sources|start|end|text|url|type)", _CITED),
    Named(r"messages\.\w+|words of assistant", _CITED, ("cohere",)),
    Named(r"messages\.citations.*|media|messages\.enabled|messages\.(location|sourceContent|web|domain)", _CITED),
    Named(r"messages\.(call|input|name|id|ttl|redactedContent|signature)", r"messages\[\]\.(server_tool_use|toolUse)"),
    Named(r"messages\.ttl", r"messages\[\]\.cachePoint"),
    Named(r"messages\.\w+", r"messages\[\]\.web_search_tool_result"),
    Named(r"messages\.tool_id", r"messages\[\]\.server_tool_use"),
    Named(r"messages\.caller_id", r"input\[\]\.caller"),
    Named(r".*inputSchema", r"tools(\[\])?\.parameters"),
    Named(r"toolConfig\.tools\.cachePoint.*", r"toolConfig\.cachePoint"),
    Named(r"metadata", r"user|metadata", ("anthropic",)),
    Named(r"thinking(\..*)?|.*(display|[iI]ncludeThoughts|summary)", r"thinking(\.\w+)?|output_config\.effort"),
    Named(r".*(stop|stopSequences|stop_sequences)", r"stop"),
    Named(r".*top_?[kK]|k", r"top_k"),
    Named(r".*top_?[pP]|p", r"top_p"),
    Named(r".*temperature", r"temperature"),
    Named(r".*strict(_tools)?", r"tools(\[\])?\.strict|output\.strict"),
    Named(r".*(schema|Schema)", r"output\.schema"),
    Named(r".*(responseMimeType|response_format.*|text\.format.*)", r"output"),
    Named(r"tools\..*", r"tools\[\]\.(web_search)"),
    Named(r".*parameters", r"tools(\[\])?\.parameters"),
    Named(r".*description", r"output\.description"),
    Named(r".*[lL]ogprobs", r"(top_)?logprobs"),
    Named(r"labels\..*", r"metadata"),
    Named(r"serviceTier\.type", r"service_tier"),
    Named(r"prompt_cache_key", r"cache_key"),
)
_NOTHING = (
    Nothing(r"(.*\.)?thinkingConfig|diagnostics", "'{}'", "likewise"),
    Nothing(r"parallel_tool_calls", "True", "likewise"),
    Nothing(r"background", "False", "likewise"),
    Nothing(r"truncation", "'disabled'", "likewise"),
    Nothing(r"modalities", "'text'", "likewise"),
    Nothing(r".*display", ".*", "shown wherever there are any"),
    Nothing(
        r"metadata|labels|requestMetadata|additionalModelRequestFields|text|reasoning|outputConfig|thinkingConfig|output_config",
        "'{}'",
        "likewise",
    ),
    Nothing(r".*[pP]enalty", "0.0", "likewise"),
    Nothing(r"(.*\.)?(p|top_p|topP)", "1.0", "likewise"),
    Nothing(r".*([lL]ogprobs|strict_tools|enabled)", "False", "likewise"),
    Nothing(r"service_tier", "'auto'", "likewise"),
    Nothing(r"messages\.arguments", "''", "likewise"),
    Nothing(r"thinking", "False", "likewise, in Claude's words", dialects=("anthropic", "converse")),
    Nothing(r"messages\.status", "'(in_progress|incomplete)'", "how far an answer had come"),
    Nothing(r"stream", "False", "what a request means that does not speak of it"),
    Nothing(r"messages\.is_error", "False", "likewise"),
    Nothing(r"messages\.status", "'(success|completed)'", "likewise"),
    Nothing(r"messages\.prefix", "False", "likewise"),
    Nothing(r".*strict", "False", "likewise"),
    Nothing(r".*description", "''", "likewise"),
    Nothing(r"n|.*candidateCount", "1", "likewise"),
    Nothing(r".*detail", "'auto'", "likewise"),
    Nothing(r"text\.format\.type|response_format\.type", "'text'", "likewise"),
    Nothing(r".*responseModalities", "'TEXT'", "likewise"),
    Nothing(r"inferenceConfig|generationConfig|toolConfig", "'{}'", "likewise"),
    Nothing(r"thinking", "False", "what Claude does unasked", targets=("anthropic", "converse")),
    Nothing(r"temperature", "1(.0)?", "Claude's own, where top_p is asked for too", targets=("anthropic",)),
    Nothing(r"messages\.ttl", "'5m'", "what a mark means that does not speak of it", targets=("converse",)),
    Nothing(r"messages\.ttl", "'30m'", "likewise, in OpenAI's words"),
    Nothing(r"messages\.ttl", ".*", "a mark to cache", dialects=("openai_chat", "openai_responses")),
    Nothing(r"messages\.(ttl|mode)", ".*", "a mark to cache, where it is done anyway", targets=_CACHING_ANYWAY),
    Nothing(r"messages\.mode", ".*", "likewise, once it is back", dialects=("openai_responses", "openai_chat")),
    Nothing(r"cache_control\..*|tools\.defer_loading", ".*", "a wish about the client's own provider's ways"),
    Nothing(r"include", "'reasoning.encrypted_content'", "what is encrypted is sent unasked"),
    Nothing(r"store", ".*", "nobody else keeps answers"),
    Nothing(r"stream_options\..*", ".*", "answered by the gateway"),
    Nothing(r"messages\.(thoughtSignature|id|index)", ".*", "means nothing to another provider"),
    Nothing(r".*(jsonSchema|json_schema|format)\.name", ".*", "a label that no model sees"),
    Nothing(r".*(json_schema|format)\.strict", "True", "what is done anyway", targets=_STRICT_ANYWAY),
    Nothing(r"tools\.type", "'custom'", "what a tool is that does not say it", dialects=("anthropic",)),
    Nothing(r"messages\.thought", "True", "thoughts that follow one another are one", targets=("gemini",)),
    Nothing(r"messages\.reasoning(_content)?", ".*", "told under one name", ("openai_chat",), ("openai_chat",)),
    Nothing(r"reasoning.generate_summary", ".*", "its old name", targets=("openai_responses",)),
    Nothing(r".*[iI]ncludeThoughts", "False", "thoughts that nobody looks at"),
    Nothing(
        r".*[iI]ncludeThoughts|.*display", "(True|'summarized')", "shown wherever there are any", targets=_SHOWN_ANYWAY
    ),
    Nothing(r"thinking", "True", "done by models that think", targets=("openai_chat",)),
    Nothing(
        r"thinking",
        "True",
        "OpenRouter's `enabled`, likewise",
        dialects=("openai_chat",),
        targets=("gemini", "cohere", "ollama"),
    ),
    Nothing(r"tools.*strict", "True", "done where a tool must be called", targets=("gemini",)),
    Nothing(r"messages\.(format|mimeType|media_type)", ".*", "the name of a form that another may call otherwise"),
)


def unexplained(dialect: Dialect, target: Dialect, before: Any, after: Any, dropped: Sequence[str]) -> list[Fact]:
    """Facts that were lost in silence."""
    names = [re.sub(r"\[\d+\]", "[]", name) for name in dropped]
    return [fact for fact in _lost(before, after) if not _explained(fact, dialect, target, names)]


def _lost(before: Any, after: Any) -> Iterator[Fact]:
    kept = facts_of(after)
    words: dict[str, str] = {}
    for fact in kept:
        if fact.path == "messages.arguments":  # where free text for a tool may be now
            words["words of assistant"] = words.get("words of assistant", "") + "\n" + str(fact.value)
        if fact.path == "media":  # where a document that is text may be now
            words["words of user"] = words.get("words of user", "") + "\n" + fact.value
        if fact.path.startswith("words"):
            words[fact.path] = words.get(fact.path, "") + "\n" + fact.value
    everything = "\n".join(words.values())
    everything += re.sub(r"\W+", " ", everything)
    for fact in facts_of(before) - kept:
        if fact.path.startswith("words"):
            spoken = words.get(fact.path, "")
            found = fact.value in spoken or json.dumps(fact.value)[1:-1] in spoken
        elif fact.path == "thinking":
            found = fact in kept
        else:  # documents that are text may be told as words
            found = fact.path in ("media", *_TITLES) and fact.value in everything
        if not found:
            yield fact


def _explained(fact: Fact, dialect: Dialect, target: Dialect, names: list[str]) -> bool:
    for nothing in _NOTHING:
        if _concerns(nothing, fact, dialect, target) and re.fullmatch(nothing.value, repr(fact.value), re.DOTALL):
            return True
    for named in _NAMED:
        if _concerns(named, fact, dialect, target) and any(re.fullmatch(named.names, name) for name in names):
            return True
    if any(fact.path.rpartition(".")[2] == name.rpartition(".")[2] for name in names):
        return True
    own = {CODECS[dialect].names.get(name, name) for name in names}
    return any(fact.path == name or fact.path.startswith(f"{name}.") for name in own)


def _concerns(rule: Named | Nothing, fact: Fact, dialect: Dialect, target: Dialect) -> bool:
    return (
        re.fullmatch(rule.path, fact.path) is not None
        and (not rule.dialects or dialect in rule.dialects)
        and (not rule.targets or target in rule.targets)
    )
