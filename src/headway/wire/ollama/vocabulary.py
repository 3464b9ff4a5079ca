"""Ollama's words for why a model stopped, what was used, when it answered, how much it thinks and how likely each token
was.

One mapping for whole and streamed answers. `prompt_eval_count` is left out where all of a prompt was still in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from headway.types import Usage
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import Stop
from headway.wire.ollama.calls import one_line

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "max_output": "options.num_predict",
        "temperature": "options.temperature",
        "top_p": "options.top_p",
        "top_k": "options.top_k",
        "seed": "options.seed",
        "stop": "options.stop",
        "frequency_penalty": "options.frequency_penalty",
        "presence_penalty": "options.presence_penalty",
        "output": "format",
        "thinking": "think",
    }
)
"""Ollama's names of parameters, by those of the form."""

_STOPS: Mapping[str, Stop] = MappingProxyType({"stop": Stop.END, "length": Stop.LENGTH})
_LENGTHS = frozenset({Stop.LENGTH, Stop.CONTEXT})

EFFORTS: Mapping[str, str] = MappingProxyType(
    {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
)
"""What models with levels of thinking are told for each effort."""


class _Tokens(msgspec.Struct, frozen=True):
    content: msgspec.Raw = msgspec.Raw()


_encode = msgspec.json.Encoder().encode
_read_tokens = msgspec.json.Decoder(_Tokens).decode


def stop_of(reason: str | None, *, calls: bool) -> Stop:
    """Some versions give no reason at the end of a complete answer."""
    stop = _STOPS.get(reason or "", Stop.END)
    return Stop.TOOLS if calls and stop is Stop.END else stop


def reason_of(stop: Stop | None) -> str:
    return "length" if stop in _LENGTHS else "stop"


def usage_of(prompt: int | None, answer: int | None) -> Usage | None:
    if prompt is None and answer is None:
        return None
    return Usage(input_tokens=prompt or 0, output_tokens=answer or 0)


def logprobs_of(raw: msgspec.Raw) -> msgspec.Raw:
    """In the words of Chat Completions, which has the same for each token."""
    return msgspec.Raw(b'{"content":' + bytes(raw) + b"}")


def written_logprobs(raw: msgspec.Raw) -> msgspec.Raw | None:
    """Chat Completions' in Ollama's words."""
    try:
        content = _read_tokens(raw).content
    except UNREADABLE:
        return None
    if not content or content == msgspec.Raw(b"null"):
        return None
    return msgspec.Raw(one_line(bytes(content)))
