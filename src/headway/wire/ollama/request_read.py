"""What a client asks of Ollama, read from its request.

Settings of a model come in `options`; those that the form has no place for are kept as `options.NAME`. Ollama streams
unless it is told not to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from headway.wire.complaints import absent, explain
from headway.wire.foreign_json import UNREADABLE, Decode, decoder
from headway.wire.form.codec import Said
from headway.wire.form.request import HostedTool, Output, Request, Thinking, Tool
from headway.wire.malformed import Malformed
from headway.wire.ollama.messages_read import read_messages

_Found = dict[str, Any]


_OPTIONS: Mapping[str, tuple[str, Decode]] = MappingProxyType(
    {
        "temperature": ("temperature", decoder(float | None)),
        "top_p": ("top_p", decoder(float | None)),
        "top_k": ("top_k", decoder(int | None)),
        "seed": ("seed", decoder(int | None)),
        "frequency_penalty": ("frequency_penalty", decoder(float | None)),
        "presence_penalty": ("presence_penalty", decoder(float | None)),
    }
)
_PLAIN: Mapping[str, tuple[str, Decode]] = MappingProxyType(
    {"logprobs": ("logprobs", decoder(bool | None)), "top_logprobs": ("top_logprobs", decoder(int | None))}
)


_OF_THE_SERVER = frozenset(
    {
        "keep_alive",
        "numa",
        "num_ctx",
        "num_batch",
        "num_gpu",
        "main_gpu",
        "low_vram",
        "f16_kv",
        "logits_all",
        "vocab_only",
        "use_mmap",
        "use_mlock",
        "embedding_only",
        "num_thread",
    }
)
"""How a server is to load the model, which means nothing to those that others run."""


class _Function(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()


class _Tool(msgspec.Struct):
    type: str = "function"
    function: _Function | None = None


_read_text = msgspec.json.Decoder(str | None).decode
_read_count = msgspec.json.Decoder(int | None).decode
_read_stop = msgspec.json.Decoder(str | tuple[str, ...] | None).decode
_read_flag = msgspec.json.Decoder(bool | None).decode
_read_think = msgspec.json.Decoder(bool | str | None).decode
_read_tools = msgspec.json.Decoder(list[_Tool] | None).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_read_options = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_read_format = msgspec.json.Decoder(str | dict[str, msgspec.Raw] | None).decode


def read_request(fields: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    """The model is the one in the body; `said` stands in where there is none."""
    messages = read_messages(fields["messages"]) if "messages" in fields else ()
    if isinstance(messages, Malformed):
        return messages
    found: _Found = {"model": said.model, "messages": messages, "stream": True, "extra": {}, "aside": {}}
    for name, raw in fields.items():
        if name == "messages":
            continue
        try:
            wrong = _take(name, raw, found)
        except UNREADABLE as error:
            return explain(error, name)
        if wrong is not None:
            return wrong
    return Request(dialect="ollama", **found)


def _take(name: str, raw: msgspec.Raw, found: _Found) -> Malformed | None:
    plain = _PLAIN.get(name)
    if plain is not None:
        found[plain[0]] = plain[1](raw)
        return None
    reader = _OTHERS.get(name)
    if reader is not None:
        return reader(raw, found)
    if bytes(raw) != b"null":
        found["aside" if name in _OF_THE_SERVER else "extra"][name] = raw
    return None


def _take_model(raw: msgspec.Raw, found: _Found) -> None:
    found["model"] = _read_text(raw) or found["model"]


def _take_stream(raw: msgspec.Raw, found: _Found) -> None:
    found["stream"] = _read_flag(raw) is not False


def _take_options(raw: msgspec.Raw, found: _Found) -> Malformed | None:
    options = _read_options(raw)
    if options is None:
        return None
    for name, value in options.items():
        try:
            if name == "num_predict":
                _take_length(value, found)
            elif name == "stop":
                stop = _read_stop(value) or ()
                found["stop"] = (stop,) if isinstance(stop, str) else stop
            elif name in _OPTIONS:
                usual, decode = _OPTIONS[name]
                found[usual] = decode(value)
            elif bytes(value) != b"null":
                found["aside" if name in _OF_THE_SERVER else "extra"][f"options.{name}"] = value
        except UNREADABLE as error:
            return explain(error, f"options.{name}")
    return None


def _take_length(raw: msgspec.Raw, found: _Found) -> None:
    """Less than nothing says that there is no bound, or that of the context."""
    length = _read_count(raw)
    if length is not None and length < 0:
        found["aside"]["options.num_predict"] = raw
    else:
        found["max_output"] = length


def _take_think(raw: msgspec.Raw, found: _Found) -> None:
    match _read_think(raw):
        case True:
            found["thinking"] = Thinking(budget=-1)
        case False:
            found["thinking"] = Thinking(budget=0)
        case str() as effort:
            found["thinking"] = Thinking(effort=effort)
        case _:
            pass


def _take_format(raw: msgspec.Raw, found: _Found) -> Malformed | None:
    match _read_format(raw):
        case None | "":
            pass
        case "json":
            found["output"] = Output()
        case str():
            return Malformed("format must be json or a JSON schema", "format")
        case _:
            found["output"] = Output(schema=raw)
    return None


def _take_tools(raw: msgspec.Raw, found: _Found) -> Malformed | None:
    tools: list[Tool | HostedTool] = []
    for index, tool in enumerate(_read_tools(raw) or ()):
        function = tool.function
        if tool.type != "function":
            tools.append(HostedTool("ollama", tool.type, _split(raw)[index].copy()))
        elif function is None:
            return absent(f"tools[{index}].function")
        else:
            tools.append(Tool(name=function.name, description=function.description, parameters=function.parameters))
    found["tools"] = tuple(tools)
    return None


_OTHERS: Mapping[str, Callable[[msgspec.Raw, _Found], Malformed | None]] = MappingProxyType(
    {
        "model": _take_model,
        "stream": _take_stream,
        "options": _take_options,
        "think": _take_think,
        "format": _take_format,
        "tools": _take_tools,
    }
)
