"""OpenAI's `/embeddings`, and the dialects that Voyage and Jina made of it.

They differ in the names of a few parameters, in the formats that they know and in how they count; `_Manner` says how.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from headway.types import Usage
from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import (
    EmbeddingCodec,
    EmbeddingDialect,
    Format,
    Input,
    Purpose,
    Reply,
    Request,
    Show,
    Tokens,
    Truncation,
)
from headway.wire.embedding.inputs import is_mixed, only_image, take_inputs
from headway.wire.embedding.vectors import sorted_out, too_few, vectors_in
from headway.wire.embedding.vocabulary import TRUNCATIONS_MEANT, purpose_in, purpose_in_any
from headway.wire.embedding.writing import (
    AUDIO,
    FILES,
    NOTHING_BUT_TEXT,
    TOKENS,
    VIDEO,
    Body,
    encode,
    formats_to_ask,
    missing,
    text_of,
)
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed


class _Manner(msgspec.Struct, frozen=True, kw_only=True):
    """`purpose` and the like are the names of parameters; None where there is none. `formats`: all that it knows."""

    dialect: EmbeddingDialect
    dimensions: str
    purpose: str | None = None
    truncation: str | None = None
    normalized: str | None = None
    formats: frozenset[Format]
    lacks: frozenset[str] = NOTHING_BUT_TEXT
    usage: tuple[str, ...] = ("prompt_tokens", "total_tokens")


OPENAI = _Manner(
    dialect="openai",
    dimensions="dimensions",
    formats=frozenset({"float", "base64"}),
    lacks=NOTHING_BUT_TEXT - {TOKENS},
)
VOYAGE = _Manner(
    dialect="voyage",
    dimensions="output_dimension",
    purpose="input_type",
    truncation="truncation",
    formats=frozenset({"float", "base64", "int8", "uint8", "binary", "ubinary"}),
    usage=("total_tokens",),
)
JINA = _Manner(
    dialect="jina",
    dimensions="dimensions",
    purpose="task",
    truncation="truncate",
    normalized="normalized",
    formats=frozenset({"float", "binary", "ubinary"}),  # how its base64 is made is not documented
    lacks=frozenset({AUDIO, VIDEO, FILES, TOKENS}),
)

_BORROWED = ("input_type", "task", "task_type")
"""What clients of OpenAI's dialect say the purpose with, to providers that know one."""
_MEANS_MORE = ("late_chunking", "return_multivector")
"""Switches of Jina's that make other vectors of the same texts."""
_FORMATS: Mapping[str, Format] = {
    "float": "float",
    "base64": "base64",
    "int8": "int8",
    "uint8": "uint8",
    "binary": "binary",
    "ubinary": "ubinary",
}


# --- requests ---


def read_request(manner: _Manner, raw: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    fields = Fields(raw)
    model = fields.text("model") or said.model
    inputs, alone = take_inputs(fields, "input", documents=manner.dialect == "jina")
    dimensions = fields.integer(manner.dimensions)
    user = fields.text("user") if manner.dialect == "openai" else None
    normalized = None if manner.normalized is None else fields.flag(manner.normalized)
    also: list[str] = []
    needs: list[str] = []
    purpose = _purpose(manner, fields, also)
    formats = _formats(manner, fields, needs)
    truncate = _truncation(manner, fields, also)
    if fields.wrong is None and not model:
        fields.missing("model")
    if fields.wrong is not None:
        return fields.wrong
    if manner.dialect == "jina":
        needs.extend(name for name in _MEANS_MORE if bytes(fields.left.get(name, b"")) == b"true")
    return Request(
        dialect=manner.dialect,
        model=model,
        inputs=inputs,
        alone=alone,
        dimensions=dimensions,
        purpose=purpose,
        formats=formats,
        truncate=truncate,
        normalized=normalized,
        user=user,
        extra=fields.rest(),
        also=tuple(also),
        needs=tuple(needs),
    )


def _purpose(manner: _Manner, fields: Fields, also: list[str]) -> Purpose | None:
    for name in _BORROWED if manner.purpose is None else (manner.purpose,):
        raw = fields.left.get(name)
        word = fields.text(name)
        if raw is None or word is None:
            continue
        purpose = purpose_in_any(word) if manner.purpose is None else purpose_in(word, manner.dialect)
        if manner.purpose is None or purpose is None:
            fields.left[name] = raw
        if purpose is not None:
            if name in fields.left:
                also.append(name)
            return purpose
    return None


def _formats(manner: _Manner, fields: Fields, needs: list[str]) -> tuple[Format, ...]:
    """One format, as none of these dialects gives several at a time in a way that is known."""
    match manner.dialect:
        case "voyage":
            kept = fields.left.get("encoding_format")
            packed, name = fields.text("encoding_format") == "base64", "output_dtype"
            if packed and kept is not None and bytes(fields.left.get(name, b"null")) not in (b"null", b'"float"'):
                fields.left["encoding_format"] = kept
                needs.append("encoding_format")
                packed = False
        case "jina":
            packed, name = False, "embedding_type"
        case _:
            packed, name = False, "encoding_format"
    raw = fields.left.get(name)
    if name == "embedding_type" and raw is not None and bytes(raw)[:1] == b"[":
        needs.append(name)
        return ()
    word = fields.text(name)
    if raw is not None and word is not None and word not in _FORMATS:
        fields.left[name] = raw
        needs.append(name)
        return ()
    found = None if word is None else _FORMATS[word]
    if packed:
        found = "base64"
    return () if found is None else (found,)


def _truncation(manner: _Manner, fields: Fields, also: list[str]) -> Truncation | None:
    if manner.truncation is not None:
        cut = fields.flag(manner.truncation)
        return None if cut is None else "end" if cut else "none"
    raw = fields.left.get("truncate")
    if raw is None or bytes(raw)[:1] != b'"':
        return None
    word = fields.text("truncate")
    fields.left["truncate"] = raw
    found = None if word is None else TRUNCATIONS_MEANT.get(word)
    if found is not None:
        also.append("truncate")
    return found


def write_request(manner: _Manner, request: Request, toward: Toward) -> Written | Unsupported:
    unable = missing(request, toward, manner.dialect, manner.lacks)
    if unable is not None:
        return unable
    if any(is_mixed(each) for each in request.inputs):
        return Unsupported("images", "takes a text or an image, not both")
    formats = request.formats if request.dialect == manner.dialect else formats_to_ask(request, manner.formats)
    if isinstance(formats, Unsupported):
        return formats
    body = Body(request, toward, manner.dialect, toward.model)
    inputs = [_written_input(each, objects=manner.dialect == "jina") for each in request.inputs]
    body.fields["input"] = inputs[0] if request.alone else inputs
    body.say("dimensions", manner.dimensions, request.dimensions)
    for one in formats:
        _say_format(body, one)
    if manner.purpose is not None:
        body.purpose(manner.purpose)
    elif request.dialect != manner.dialect:
        body.leave_out("purpose")
    if manner.truncation is not None:
        body.truncates(manner.truncation)
    elif request.dialect != manner.dialect:
        body.leave_out("truncate")
    if manner.normalized is not None:
        body.say("normalized", manner.normalized, request.normalized)
    else:
        body.leave_out("normalized")
    if manner.dialect == "openai":
        body.say("user", "user", request.user)
    else:
        body.leave_out("user")
    body.leave_out("titles")
    return body.written()


def _say_format(body: Body, one: Format) -> None:
    if body.dialect == "jina":
        body.fields["embedding_type"] = one
    elif body.dialect == "openai" or one == "base64":
        body.fields["encoding_format"] = one
    else:
        body.fields["output_dtype"] = one


def _written_input(one: Input, *, objects: bool) -> object:
    if isinstance(one, str):
        return one
    if isinstance(one, Tokens):
        return one.ids
    image = only_image(one)
    if image is not None:  # without the head of a data URI, as Jina documents it
        return {"image": image.source.data or image.source.url}
    return {"text": text_of(one)} if objects else text_of(one)


def path(request: Request, model: str) -> str:
    return "/embeddings"


# --- replies ---


class _Vector(msgspec.Struct):
    embedding: msgspec.Raw
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Reply(msgspec.Struct):
    data: list[_Vector] | None = None
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()
    detail: msgspec.Raw = msgspec.Raw()


_decode_reply = msgspec.json.Decoder(_Reply).decode


def read_reply(body: bytes, request: Request) -> Reply | NoReply:
    try:
        read = _decode_reply(body)
    except UNREADABLE:
        return NoReply("it is no list of vectors")
    data = read.data
    if data is None:
        return NoReply("it holds no vectors", is_error=bool(read.error or read.detail))
    if len(data) != len(request.inputs):
        return too_few(data, request)
    if any(each.index is not None and each.index != number for number, each in enumerate(data)):
        if sorted(-1 if each.index is None else each.index for each in data) != list(range(len(data))):
            return NoReply("its vectors are not numbered as the inputs")
        data.sort(key=lambda each: each.index or 0)
    vectors = sorted_out([each.embedding for each in data], request.formats[0] if request.formats else "float")
    if isinstance(vectors, NoReply):
        return vectors
    tokens = None if read.usage is None else read.usage.prompt_tokens or read.usage.total_tokens
    usage = None if tokens is None else Usage(input_tokens=max(tokens, 0))
    return Reply(id=read.id, model=read.model, vectors=vectors, usage=usage)


class _WrittenVector(msgspec.Struct, tag_field="object", tag="embedding"):
    index: int
    embedding: msgspec.Raw


class _WrittenReply(msgspec.Struct, tag_field="object", tag="list"):
    data: list[_WrittenVector]
    model: str
    usage: dict[str, int]


def write_reply(manner: _Manner, reply: Reply, show: Show) -> bytes | NoReply:
    wanted = show.request.formats[0] if show.request.formats else "float"
    vectors = vectors_in(reply, wanted)
    if isinstance(vectors, NoReply):
        return vectors
    tokens = 0 if reply.usage is None else reply.usage.input_tokens
    return encode(
        _WrittenReply(
            [_WrittenVector(number, each) for number, each in enumerate(vectors)],
            reply.model or show.model,
            dict.fromkeys(manner.usage, tokens),
        )
    )


def _codec(manner: _Manner) -> EmbeddingCodec:
    named = {
        "dimensions": manner.dimensions,
        "inputs": "input",
        "formats": "embedding_type" if manner.dialect == "jina" else "encoding_format",
        "purpose": manner.purpose,
        "truncate": manner.truncation,
    }
    return EmbeddingCodec(
        dialect=manner.dialect,
        names={field: name for field, name in named.items() if name is not None},
        read_request=partial(read_request, manner),
        write_request=partial(write_request, manner),
        path=path,
        read_reply=read_reply,
        write_reply=partial(write_reply, manner),
    )


CODECS = tuple(_codec(manner) for manner in (OPENAI, VOYAGE, JINA))
