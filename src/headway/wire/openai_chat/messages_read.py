"""A client's messages, as the form has them.

What a message has beside the fields that the form knows becomes an `Opaque` under the field's name, and a part of
unknown type one under its type, so that its own dialect can say both again. Function calls in OpenAI's older form are
read as the tool calls that have taken their place.
"""

from __future__ import annotations

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form import parts as form
from headway.wire.form.media import source_of
from headway.wire.openai_chat.citations import citations_of
from headway.wire.openai_chat.complaints import bad, complaint
from headway.wire.openai_chat.reasoning import CHAT, reasoning_of
from headway.wire.openai_chat.shapes import Call, FileBody, ImageUrl, Message, Part
from headway.wire.openai_chat.sieve import items, sift
from headway.wire.openai_chat.signatures import sign, signature_in
from headway.wire.openai_chat.vocabulary import BREAKPOINT, is_null, made_id, sound_type

_decode = msgspec.json.Decoder(list[Message]).decode
_TRUE = msgspec.Raw(b"true")


class _Typed(msgspec.Struct):
    type: str


_decode_typed = msgspec.json.Decoder(_Typed).decode


def read_messages(
    raw: msgspec.Raw, extra: dict[str, msgspec.Raw], aside: dict[str, msgspec.Raw]
) -> tuple[form.Message, ...]:
    """The conversation. What is nested too deep in it to be kept with its message is added to `extra`, by path; that
    caching is asked for in OpenAI's words to `aside`.
    """
    reading = _Reading(aside)
    try:
        wires = _decode(raw)
    except msgspec.ValidationError:
        pass
    except UNREADABLE as error:
        raise complaint(error, "messages") from None
    else:
        return tuple([reading.message(wire, at, ()) for at, wire in enumerate(wires)])
    found: list[form.Message] = []
    for at, each in enumerate(items(raw, "messages")):
        path = f"messages[{at}]"
        unknown: dict[str, msgspec.Raw] = {}
        wire = sift(each, Message, path, unknown)
        own: list[form.Opaque] = []
        for name, value in unknown.items():
            key = name[len(path) + 1 :]
            if key.isidentifier():
                if bytes(value) != b"false":  # as good as not said
                    own.append(form.Opaque(CHAT, key, value))
            else:
                extra[name] = value
        found.append(reading.message(wire, at, own))
    return tuple(found)


class _Reading:
    """One reading of a conversation: what earlier messages tell about later ones."""

    __slots__ = ("_aside", "_custom", "_legacy")

    def __init__(self, aside: dict[str, msgspec.Raw]) -> None:
        self._aside = aside
        self._custom: set[str] = set()
        """Ids of calls to custom tools."""
        self._legacy: dict[str, str] = {}
        """Functions called in the older form, and the ids that were made for the last call of each."""

    def message(self, wire: Message, at: int, own: list[form.Opaque] | tuple[()]) -> form.Message:
        role = wire.role
        if role in ("user", "system", "developer"):
            content = wire.content
            parts = (form.Text(content),) if isinstance(content, str) else self._plain(content, at)
            return form.Message(role, (*parts, *own) if own else parts, wire.name)
        if role == "assistant":
            return form.Message("assistant", (*self._said(wire, at), *own), wire.name)
        if role == "tool":
            return form.Message("tool", (self._result(wire, at), *own))
        if role == "function":
            return form.Message("tool", (self._legacy_result(wire, at), *own))
        raise bad(f"messages[{at}].role", "must be one of system, developer, user, assistant, tool")

    def _result(self, wire: Message, at: int) -> form.ToolResult:
        if wire.tool_call_id is None:
            raise bad(f"messages[{at}].tool_call_id", "is missing")
        return form.ToolResult(
            call_id=wire.tool_call_id,
            parts=self._plain(wire.content, at),
            name=wire.name,
            custom=wire.tool_call_id in self._custom,
        )

    def _legacy_result(self, wire: Message, at: int) -> form.ToolResult:
        if wire.name is None:
            raise bad(f"messages[{at}].name", "is missing")
        call_id = self._legacy.get(wire.name) or made_id("function", wire.name)
        return form.ToolResult(call_id=call_id, parts=self._plain(wire.content, at), name=wire.name)

    def _said(self, wire: Message, at: int) -> list[form.Part]:
        parts: list[form.Part] = []
        words = wire.reasoning_content or wire.reasoning
        if words or wire.reasoning_details:
            parts.extend(reasoning_of(wire.reasoning_details or (), words))
        begin = len(parts)
        if isinstance(wire.content, str):
            if wire.content or not (wire.tool_calls or wire.refusal or wire.function_call):
                parts.append(form.Text(wire.content))
        else:
            parts.extend(self._parts(wire.content, at))
        if wire.annotations:
            _cite(parts, begin, wire.annotations)
        if wire.refusal:
            parts.append(form.Refusal(wire.refusal))
        for number, call in enumerate(wire.tool_calls or ()):
            parts.append(self._call(call, f"messages[{at}].tool_calls[{number}]"))
        if wire.function_call is not None:
            called = wire.function_call
            call_id = self._legacy[called.name] = made_id("function", called.name, str(at))
            parts.append(form.ToolCall(id=call_id, name=called.name, arguments=called.arguments))
        signature = signature_in(wire.extra_content)
        if signature is not None:
            sign(parts, begin, signature)
        if wire.audio and not is_null(wire.audio):
            parts.append(form.Opaque(CHAT, "audio", wire.audio))
        return parts

    def _call(self, call: Call, path: str) -> form.ToolCall:
        signature = signature_in(call.extra_content)
        if call.custom is not None and call.type != "function":
            self._custom.add(call.id)
            custom = call.custom
            return form.ToolCall(id=call.id, name=custom.name, arguments=custom.input, custom=True, signature=signature)
        if call.function is None:
            raise bad(f"{path}.function", "is missing")
        return form.ToolCall(
            id=call.id, name=call.function.name, arguments=call.function.arguments, signature=signature
        )

    # --- content ---

    def _plain(self, content: str | list[Part] | None, at: int) -> tuple[form.Part, ...]:
        return (form.Text(content),) if isinstance(content, str) else tuple(self._parts(content, at))

    def _parts(self, content: list[Part] | None, at: int) -> list[form.Part]:
        return [self._part(part, f"messages[{at}].content[{i}]") for i, part in enumerate(content or ())]

    def _part(self, part: Part, path: str) -> form.Part:
        if part.unknown:
            try:
                return form.Opaque(CHAT, _decode_typed(part.unknown).type[:64], part.unknown)
            except UNREADABLE as error:
                raise complaint(error, path) from None
        cache = self._cache(part)
        match part.type:
            case "text" if part.text is not None:
                return form.Text(part.text, cache=cache)
            case "image_url" if part.image_url is not None:
                return _image(part.image_url, cache)
            case "input_audio" if part.input_audio is not None:
                sound = part.input_audio
                return form.Audio(form.Source(media_type=sound_type(sound.format), data=sound.data))
            case "file" if part.file is not None:
                return form.File(_file(part.file, path), part.file.filename, cache=cache)
            case "document_url" if part.document_url is not None:
                return form.File(source_of(part.document_url), part.document_name, cache=cache)
            case "video_url" if part.video_url is not None:
                return form.Video(source_of(part.video_url.url), cache)
            case "refusal" if part.refusal is not None:
                return form.Refusal(part.refusal)
            case "thinking":
                return form.Reasoning(text="".join([each.text for each in part.thinking or ()]))
            case _:
                raise bad(f"{path}.{part.type}", "is missing")

    def _cache(self, part: Part) -> form.Cache | None:
        """OpenAI keeps half an hour, or twelve; Anthropic five minutes, or one."""
        if part.cache_control is not None:
            return form.Cache(part.cache_control.ttl)
        mark = part.prompt_cache_breakpoint
        if mark is None:
            return None
        self._aside[BREAKPOINT] = _TRUE
        return form.Cache("1h" if mark.ttl == "12h" else None)


def _image(found: ImageUrl | str, cache: form.Cache | None) -> form.Image:
    if isinstance(found, str):
        return form.Image(source_of(found), cache=cache)
    return form.Image(source_of(found.url), found.detail, cache)


def _file(body: FileBody, path: str) -> form.Source:
    if body.file_id is not None:
        return form.Source(file_id=body.file_id)
    if body.file_data is None:
        raise bad(f"{path}.file", "must hold file_data or file_id")
    if body.file_data.startswith(("data:", "http://", "https://")):
        return source_of(body.file_data)
    return form.Source(data=body.file_data)


def _cite(parts: list[form.Part], begin: int, annotations: msgspec.Raw) -> None:
    for at in range(begin, len(parts)):
        part = parts[at]
        if isinstance(part, form.Text):
            parts[at] = msgspec.structs.replace(part, citations=tuple(citations_of(annotations)))
            return
