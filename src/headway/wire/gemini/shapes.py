"""The shapes of a generateContent request, and what is said of one that does not have them.

The API takes protocol-buffer JSON: names in camel or in snake case, null for what is not set, one object where a list
is due, numbers in quotes. What follows the usual spelling is decoded at once; anything else is put into it first, and
fields that are no part of a shape are kept beside it in `rest`. What the fields mean is the readers' business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from headway.wire.complaints import RefusedError, explain
from headway.wire.foreign_json import UNREADABLE
from headway.wire.malformed import Malformed

_REST = " rest"
_T = TypeVar("_T")

Rest = dict[str, msgspec.Raw]


class Shape(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """`rest`: fields that the shape does not have, by their names in camel case."""

    rest: Rest | None = msgspec.field(default=None, name=_REST)


class Blob(Shape):
    mime_type: str | None = None
    data: str | None = None


class FileData(Shape):
    mime_type: str | None = None
    file_uri: str | None = None


class FunctionCall(Shape):
    name: str = ""
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw()


class ResponsePart(Shape):
    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(Shape):
    name: str = ""
    id: str | None = None
    response: msgspec.Raw = msgspec.Raw()
    parts: list[ResponsePart] | None = None


class Part(Shape):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None


class Content(Shape):
    role: str | None = None
    parts: list[Part] | None = None


class FunctionDeclaration(Shape):
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    parameters_json_schema: msgspec.Raw = msgspec.Raw()


class Tool(Shape):
    """Every other field is a tool that the provider runs."""

    function_declarations: list[FunctionDeclaration] | None = None


class FunctionCallingConfig(Shape):
    mode: str | None = None
    allowed_function_names: list[str] | None = None


class ToolConfig(Shape):
    function_calling_config: FunctionCallingConfig | None = None


class ThinkingConfig(Shape):
    include_thoughts: bool | None = None
    thinking_budget: int | None = None
    thinking_level: str | None = None


class GenerationConfig(Shape):
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    candidate_count: int | None = None
    max_output_tokens: int | None = None
    stop_sequences: list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    response_logprobs: bool | None = None
    logprobs: int | None = None
    response_mime_type: str | None = None
    response_schema: msgspec.Raw = msgspec.Raw()
    response_json_schema: msgspec.Raw = msgspec.Raw()
    response_modalities: list[str] | None = None
    thinking_config: ThinkingConfig | None = None


_NESTED: Mapping[type[Shape], Mapping[str, tuple[type[Shape], bool]]] = {
    ResponsePart: {"inlineData": (Blob, False), "fileData": (FileData, False)},
    FunctionResponse: {"parts": (ResponsePart, True)},
    Part: {
        "inlineData": (Blob, False),
        "fileData": (FileData, False),
        "functionCall": (FunctionCall, False),
        "functionResponse": (FunctionResponse, False),
    },
    Content: {"parts": (Part, True)},
    Tool: {"functionDeclarations": (FunctionDeclaration, True)},
    ToolConfig: {"functionCallingConfig": (FunctionCallingConfig, False)},
    GenerationConfig: {"thinkingConfig": (ThinkingConfig, False)},
}
"""Fields that hold other shapes; whether they are lists of them."""

_SHAPES = (Blob, FileData, FunctionCall, FunctionDeclaration, FunctionCallingConfig, ThinkingConfig, *_NESTED)
_KNOWN = {shape: frozenset(field.encode_name for field in msgspec.structs.fields(shape)) for shape in _SHAPES}

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode
_UNDERSCORE = re.compile(r"(?<=[A-Za-z0-9])_([A-Za-z0-9])")


class ShapeError(RefusedError):
    """A request that cannot be read; it is caught where reading begins."""

    def __init__(self, message: str, param: str) -> None:
        super().__init__(Malformed(message, param))

    def within(self, place: str) -> ShapeError:
        """The same of a field that has been named as seen from `place`."""
        return ShapeError(place + self.malformed.message, place + (self.malformed.param or ""))


class One(msgspec.Struct, frozen=True):
    """How to read a field that holds one shape."""

    strict: msgspec.json.Decoder[Any]
    lenient: msgspec.json.Decoder[Any]
    shape: type[Shape]
    is_list: bool = False


def one(shape: type[Shape]) -> One:
    return One(msgspec.json.Decoder(shape), msgspec.json.Decoder(shape, strict=False), shape)


def many(shape: type[Shape]) -> One:
    of: Any = list[shape]
    return One(msgspec.json.Decoder(of), msgspec.json.Decoder(of, strict=False), shape, is_list=True)


def read(raw: msgspec.Raw, how: One, name: str) -> Any:
    """The shape, or the list of shapes, that a field holds. Raises `ShapeError`."""
    try:
        return how.strict.decode(raw)
    except UNREADABLE:
        pass
    try:
        return how.lenient.decode(_encode(_tidy(raw, how.shape, is_list=how.is_list)))
    except UNREADABLE as error:
        raise _refused(error, name) from None


def plain(raw: msgspec.Raw, decoder: msgspec.json.Decoder[_T], name: str) -> _T:
    try:
        return decoder.decode(raw)
    except UNREADABLE as error:
        raise _refused(error, name) from None


def camel(name: str) -> str:
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name) if "_" in name else name


def _tidy(raw: msgspec.Raw, shape: type[Shape], *, is_list: bool) -> Any:
    """The same in the usual spelling. What is not even an object is left as it is, for the decoder to refuse."""
    if is_list:
        items = [raw] if bytes(raw)[:1] == b"{" else _listed(raw)
        return raw if items is None else [_tidy(item, shape, is_list=False) for item in items]
    try:
        fields = _decode_object(raw)
    except msgspec.ValidationError:
        return raw
    known, nested = _KNOWN[shape], _NESTED.get(shape, {})
    tidy: dict[str, Any] = {}
    rest: Rest = {}
    for key, value in fields.items():
        name = camel(key)
        if bytes(value) == b"null":
            continue
        if name not in known:
            if not name.isidentifier():
                raise msgspec.ValidationError("not the name of a field")
            rest[name] = value
            continue
        inner = nested.get(name)
        tidy[name] = value if inner is None else _tidy(value, inner[0], is_list=inner[1])
    if rest:
        tidy[_REST] = rest
    return tidy


def _listed(raw: msgspec.Raw) -> list[msgspec.Raw] | None:
    try:
        return _decode_list(raw)
    except msgspec.ValidationError:
        return None


def _refused(error: Exception, name: str) -> ShapeError:
    said = explain(error, name)
    return ShapeError(said.message, said.param or name)
