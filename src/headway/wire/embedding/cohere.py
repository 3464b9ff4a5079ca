"""Cohere's `/v2/embed`, and the same models behind InvokeModel of Bedrock.

There the model stands in the path, older models answer with plain lists of vectors unless they are asked for types, and
the tokens are counted in a header.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal
from urllib.parse import quote

import msgspec

from headway.types import Usage
from headway.wire.embedding.cohere_inputs import read_inputs, write_inputs
from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import EmbeddingCodec, Format, Purpose, Reply, Request, Show
from headway.wire.embedding.inputs import only_image
from headway.wire.embedding.vectors import ARRAY, STRING, all_open_with, compact, too_few, vectors_in
from headway.wire.embedding.vocabulary import TRUNCATIONS, TRUNCATIONS_MEANT, purpose_in
from headway.wire.embedding.writing import AUDIO, FILES, TOKENS, VIDEO, Body, encode, formats_to_ask, missing
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed

_Dialect = Literal["cohere", "cohere_invoke"]
_LACKS = frozenset({AUDIO, VIDEO, FILES, TOKENS})
_NATIVE: frozenset[Format] = frozenset({"float", "int8", "uint8", "binary", "ubinary"})
_FORMATS: Mapping[str, Format] = {
    "float": "float",
    "base64": "base64",
    "int8": "int8",
    "uint8": "uint8",
    "binary": "binary",
    "ubinary": "ubinary",
}
_KIN = ("cohere", "cohere_invoke")
_SHARED = "max_tokens"
"""What the form has no place for and both kinds know: the bound on each input."""
_IMAGE = "image"
"""The input type that models of the third generation want for pictures."""

COUNTED_IN = "x-amzn-bedrock-input-token-count"

_decode_words = msgspec.json.Decoder(list[str]).decode


# --- requests ---


def read_request(dialect: _Dialect, raw: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    fields = Fields(raw)
    model = fields.text("model") or said.model
    inputs = read_inputs(fields)
    needs: list[str] = []
    formats = _formats(fields, needs)
    purpose = _purpose(fields, dialect)
    truncate = fields.left.get("truncate")
    word = fields.text("truncate")
    cut = None if word is None else TRUNCATIONS_MEANT.get(word)
    if truncate is not None and word is not None and (cut is None or TRUNCATIONS[cut] != word):
        fields.left["truncate"] = truncate
    dimensions = fields.integer("output_dimension")
    if not model:
        fields.missing("model")
    if fields.wrong is not None:
        return fields.wrong
    return Request(
        dialect=dialect,
        model=model,
        inputs=inputs,
        dimensions=dimensions,
        purpose=purpose,
        formats=formats,
        truncate=cut,
        extra=fields.rest(),
        also=("truncate",) if cut is not None and "truncate" in fields.left else (),
        needs=tuple(needs),
    )


def _purpose(fields: Fields, dialect: _Dialect) -> Purpose | None:
    raw = fields.left.get("input_type")
    word = fields.text("input_type")
    purpose = None if word is None else purpose_in(word, dialect)
    if raw is not None and word is not None and purpose is None:
        fields.left["input_type"] = raw
    return purpose


def _formats(fields: Fields, needs: list[str]) -> tuple[Format, ...]:
    raw = fields.take("embedding_types")
    if raw is None:
        return ()
    try:
        words = _decode_words(raw)
    except UNREADABLE as error:
        fields.unreadable("embedding_types", error)
        return ()
    if any(word not in _FORMATS for word in words):
        fields.left["embedding_types"] = raw
        needs.append("embedding_types")
        return ()
    return tuple(dict.fromkeys(_FORMATS[word] for word in words))


def write_request(dialect: _Dialect, request: Request, toward: Toward) -> Written | Unsupported:
    own = request.dialect == dialect
    unable = missing(request, toward, dialect, _LACKS)
    if unable is not None:
        return unable
    formats = request.formats if own else formats_to_ask(request, _NATIVE, several=True)
    if isinstance(formats, Unsupported):
        return formats
    if not formats and not own:
        formats = ("float",)
    body = Body(request, toward, dialect, toward.model if dialect == "cohere" else None)
    name, inputs = write_inputs(request.inputs, flat=dialect == "cohere_invoke")
    body.fields[name] = inputs
    if own:
        body.purpose("input_type")
    elif name == "images" and "v3" in toward.model:
        body.leave_out("purpose")
        body.fields["input_type"] = _IMAGE
    else:
        body.purpose("input_type", "search_document")
    if formats and (own or dialect == "cohere" or formats != ("float",)):
        body.fields["embedding_types"] = formats
    body.say("dimensions", "output_dimension", request.dimensions)
    body.say("truncate", "truncate", None if request.truncate is None else TRUNCATIONS[request.truncate])
    body.leave_out("user", "normalized", "titles")
    shared = request.extra.get(_SHARED) if request.dialect in _KIN else None
    if shared is None:
        return body.written()
    body.fields[_SHARED] = shared
    return body.written(carried=(_SHARED,))


def path(dialect: _Dialect, request: Request, model: str) -> str:
    return "/v2/embed" if dialect == "cohere" else f"/model/{quote(model, safe='')}/invoke"


# --- replies ---


class _Billed(msgspec.Struct):
    input_tokens: float | None = None
    image_tokens: float | None = None


class _Meta(msgspec.Struct):
    billed_units: _Billed | None = None
    tokens: _Billed | None = None


class _Reply(msgspec.Struct):
    embeddings: dict[str, list[msgspec.Raw] | None] | list[msgspec.Raw] | None = None
    id: str | None = None
    meta: _Meta | None = None
    message: msgspec.Raw = msgspec.Raw()


_decode_reply = msgspec.json.Decoder(_Reply).decode


def read_reply(body: bytes, request: Request) -> Reply | NoReply:
    try:
        read = _decode_reply(body)
    except UNREADABLE:
        return NoReply("it is no list of vectors")
    if not read.embeddings:
        return NoReply("it holds no vectors", is_error=bool(read.message))
    types = {"float": read.embeddings} if isinstance(read.embeddings, list) else read.embeddings
    vectors: dict[Format, Sequence[msgspec.Raw]] = {}
    for word, found in types.items():
        if not found or word not in _FORMATS:
            continue
        if len(found) != len(request.inputs):
            return too_few(found, request)
        if not all_open_with(found, STRING if word == "base64" else ARRAY):
            return NoReply("its vectors are not of the type that it names")
        vectors[_FORMATS[word]] = found if word == "base64" else [compact(each) for each in found]
    if not vectors:
        return NoReply("it holds no vectors")
    return Reply(id=read.id, vectors=vectors, usage=None if read.meta is None else _usage(read.meta))


def _usage(meta: _Meta) -> Usage | None:
    units = meta.billed_units or meta.tokens
    if units is None or (units.input_tokens is None and units.image_tokens is None):
        return None
    images = max(int(units.image_tokens or 0), 0)
    return Usage(input_tokens=max(int(units.input_tokens or 0), 0) + images, image_input_tokens=images)


def write_reply(dialect: _Dialect, reply: Reply, show: Show) -> bytes | NoReply:
    request = show.request
    types: dict[str, Sequence[msgspec.Raw]] = {}
    for one in request.formats or ("float",):
        vectors = vectors_in(reply, one)
        if isinstance(vectors, NoReply):
            return vectors
        types[one] = vectors
    plain = dialect == "cohere_invoke" and not request.formats and "v4" not in request.model
    body: dict[str, object] = {
        "id": reply.id or show.request_id,
        "embeddings": types["float"] if plain else types,
        "texts": [each for each in request.inputs if isinstance(each, str)],
        "response_type": "embeddings_floats" if plain else "embeddings_by_type",
    }
    if all(only_image(each) is not None for each in request.inputs):
        del body["texts"]
    if dialect == "cohere":
        body["meta"] = _written_meta(reply.usage)
    return encode(body)


def _written_meta(usage: Usage | None) -> dict[str, object]:
    meta: dict[str, object] = {"api_version": {"version": "2"}}
    if usage is not None:
        images = usage.image_input_tokens
        meta["billed_units"] = {"input_tokens": usage.input_tokens - images, "image_tokens": images}
    return meta


CODECS = tuple(
    EmbeddingCodec(
        dialect=dialect,
        names={
            "inputs": "texts",
            "dimensions": "output_dimension",
            "purpose": "input_type",
            "formats": "embedding_types",
        },
        read_request=partial(read_request, dialect),
        write_request=partial(write_request, dialect),
        path=partial(path, dialect),
        read_reply=read_reply,
        write_reply=partial(write_reply, dialect),
        counted_in=COUNTED_IN if dialect == "cohere_invoke" else None,
    )
    for dialect in ("cohere", "cohere_invoke")
)
