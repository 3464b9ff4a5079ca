"""Parts of a conversation as a client sends them, and back into a request.

What a part says beside its content (the frames per second of a film, a display name) travels in the request's `extra`
under `messages[i].parts[j].NAME`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Opaque, Part, Text, ToolCall, ToolResult
from headway.wire.gemini import media, shapes, signatures
from headway.wire.gemini.shapes import Rest, ShapeError

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_NO_NAME_CHARACTER = re.compile(r"[^A-Za-z0-9_-]+")


def call_id(number: int, within: str) -> str:
    """An id for a call that came without one: unique within a conversation if `within` is."""
    return f"call_{number}_{_NO_NAME_CHARACTER.sub('', within)[:40]}"


def content_part(part: shapes.Part) -> tuple[Part, Rest | None]:
    """Any part but calls and results, and what is said beside it."""
    rest = part.rest
    if part.text is not None:
        if part.thought:
            return signatures.reasoning(part.text, part.thought_signature), rest
        return Text(part.text, signature=part.thought_signature), rest
    inline, file = part.inline_data, part.file_data
    if inline is not None and not part.thought:
        if inline.data is None:
            raise ShapeError(".inlineData.data is missing", ".inlineData.data")
        made = media.of_data(inline.mime_type, inline.data, part.thought_signature)
        return made, _beside(part, "inlineData", inline.rest)
    if file is not None and not part.thought:
        if file.file_uri is None:
            raise ShapeError(".fileData.fileUri is missing", ".fileData.fileUri")
        made = media.of_uri(file.mime_type, file.file_uri, part.thought_signature)
        return made, _beside(part, "fileData", file.rest)
    if rest or inline is not None or file is not None:
        kind = next(iter(rest)) if rest else "thought"
        return Opaque("gemini", kind, _whole(part)), None
    if part.thought_signature is not None:
        made = signatures.reasoning("", part.thought_signature)
        return (made if part.thought or made.origin != "gemini" else Text("", signature=part.thought_signature)), None
    raise ShapeError(" holds nothing that a part can hold", "")


def _beside(part: shapes.Part, name: str, inner: Rest | None) -> Rest | None:
    if inner is None:
        return part.rest
    return {**(part.rest or {}), **{f"{name}.{key}": value for key, value in inner.items()}}


def _whole(part: shapes.Part) -> msgspec.Raw:
    """The part as it was, in camel case."""
    told: dict[str, Any] = dict(part.rest or {})
    if part.thought is not None:
        told["thought"] = part.thought
    if part.thought_signature is not None:
        told["thoughtSignature"] = part.thought_signature
    inline, file = part.inline_data, part.file_data
    if inline is not None:
        told["inlineData"] = _set(mimeType=inline.mime_type, data=inline.data) | (inline.rest or {})
    if file is not None:
        told["fileData"] = _set(mimeType=file.mime_type, fileUri=file.file_uri) | (file.rest or {})
    return msgspec.Raw(_encode(told))


def _set(**fields: str | None) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def call(part: shapes.Part, made: shapes.FunctionCall, id: str) -> ToolCall:  # noqa: A002
    arguments = "{}"
    if made.args:
        arguments = bytes(made.args).decode(errors="replace")
        if arguments[:1] != "{":
            raise ShapeError(".functionCall.args must be an object", ".functionCall.args")
    signature = part.thought_signature
    if signature is not None and signatures.is_mark(signature):
        signature = None
    return ToolCall(id=id, name=made.name, arguments=arguments, signature=signature)


def call_beside(part: shapes.Part, made: shapes.FunctionCall) -> Rest | None:
    return _beside(part, "functionCall", made.rest)


def result(answer: shapes.FunctionResponse, id: str) -> ToolResult:  # noqa: A002
    """`{"result": TEXT}` and `{"error": TEXT}` are the text; every other answer is a document."""
    document = bytes(answer.response) if answer.response else b"{}"
    try:
        fields = _decode_object(document)
        text, is_error, is_json = document.decode(), "error" in fields, True
        if len(fields) == 1 and ("result" in fields or is_error):
            only = next(iter(fields.values()))
            if bytes(only)[:1] == b'"':
                text, is_json = _decode_text(only), False
    except UNREADABLE:
        raise ShapeError(".functionResponse.response must be an object", ".functionResponse.response") from None
    parts: list[Part] = [Text(text)]
    for number, piece in enumerate(answer.parts or ()):
        parts.append(_of_result(piece, number))
    return ToolResult(
        call_id=id,
        parts=tuple(parts),
        name=answer.name or None,
        is_error=is_error,
        json=is_json and len(parts) == 1,
    )


def _of_result(piece: shapes.ResponsePart, number: int) -> Part:
    whole = shapes.Part(inline_data=piece.inline_data, file_data=piece.file_data, rest=piece.rest)
    try:
        made, beside = content_part(whole)
    except ShapeError as error:
        raise error.within(f".functionResponse.parts[{number}]") from None
    return Opaque("gemini", "functionResponse.parts", _whole(whole)) if beside else made


def result_beside(part: shapes.Part, answer: shapes.FunctionResponse) -> Rest | None:
    return _beside(part, "functionResponse", answer.rest)
