"""Amazon's Nova models of embeddings behind InvokeModel of Bedrock: one text or picture, one vector.

The tokens are counted in a header.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from headway.wire.complaints import absent
from headway.wire.embedding.cohere import COUNTED_IN
from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import EmbeddingCodec, Format, Input, Reply, Request, Show
from headway.wire.embedding.inputs import is_mixed, kind_of, only_image
from headway.wire.embedding.vectors import numbers_of, vectors_in
from headway.wire.embedding.vocabulary import TRUNCATIONS, TRUNCATIONS_MEANT, purpose_in
from headway.wire.embedding.writing import AUDIO, FILES, TOKENS, VIDEO, Body, encode, formats_to_ask, missing, text_of
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.parts import Image, Source
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed

_LACKS = frozenset({AUDIO, VIDEO, FILES, TOKENS})
_NATIVE: frozenset[Format] = frozenset({"float"})
_PARAMS = "singleEmbeddingParams"
_SINGLE = "SINGLE_EMBEDDING"


class _Text(msgspec.Struct, forbid_unknown_fields=True):
    value: str
    cut: str | None = msgspec.field(default=None, name="truncationMode")


class _Bytes(msgspec.Struct, forbid_unknown_fields=True):
    bytes: str


class _Image(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    source: _Bytes


class _Params(msgspec.Struct, forbid_unknown_fields=True):
    purpose: str | None = msgspec.field(default=None, name="embeddingPurpose")
    dimensions: int | None = msgspec.field(default=None, name="embeddingDimension")
    text: _Text | None = None
    image: _Image | None = None


_decode_params = msgspec.json.Decoder(_Params).decode


def read_request(raw: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    """What is more than a text or a picture with its data is left as it is, for a model of the same kind."""
    fields = Fields(raw)
    task = fields.text("taskType")
    given = fields.take(_PARAMS)
    if fields.wrong is not None:
        return fields.wrong
    if task is None:
        return absent("taskType")
    if task != _SINGLE:
        return Request(dialect="nova", model=said.model, inputs=("",), alone=True, extra=raw, needs=("taskType",))
    if given is None:
        return absent(_PARAMS)
    params = _params(given)
    one = None if params is None else _read_input(params)
    if params is None or one is None:
        return Request(dialect="nova", model=said.model, inputs=("",), alone=True, extra=raw, needs=(_PARAMS,))
    purpose = None if params.purpose is None else purpose_in(params.purpose, "nova")
    return Request(
        dialect="nova",
        model=said.model,
        inputs=(one,),
        alone=True,
        dimensions=params.dimensions,
        purpose=purpose,
        truncate=None if params.text is None or params.text.cut is None else TRUNCATIONS_MEANT.get(params.text.cut),
        extra=fields.rest() if params.purpose is None or purpose is not None else {**fields.rest(), _PARAMS: given},
    )


def _params(raw: msgspec.Raw) -> _Params | None:
    try:
        return _decode_params(raw)
    except UNREADABLE:
        return None


def _read_input(params: _Params) -> Input | None:
    if params.text is not None:
        return params.text.value
    if params.image is not None:
        return (Image(Source(media_type=f"image/{params.image.format}", data=params.image.source.bytes)),)
    return None


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    if len(request.inputs) != 1:
        return Unsupported("input", "takes one text a request")
    unable = missing(request, toward, "nova", _LACKS)
    if unable is not None:
        return unable
    formats = formats_to_ask(request, _NATIVE)
    if isinstance(formats, Unsupported):
        return formats
    if request.needs:
        return Written(encode(request.extra))
    body = Body(request, toward, "nova")
    params: dict[str, object] = {}
    body.purpose("embeddingPurpose", "GENERIC_INDEX", into=params)
    body.say("dimensions", "embeddingDimension", request.dimensions, params)
    one = request.inputs[0]
    image = only_image(one)
    if image is not None:
        if image.source.data is None:
            return Unsupported("images", "takes images with their data, not from elsewhere")
        kind = kind_of(image.source).rpartition("/")[2]
        params["image"] = {"format": kind, "source": {"bytes": image.source.data}}
        body.leave_out("truncate")
    elif is_mixed(one):
        return Unsupported("images", "takes a text or an image, not both")
    else:
        params["text"] = {"truncationMode": TRUNCATIONS[request.truncate or "none"], "value": text_of(one)}
    body.fields.update({"taskType": _SINGLE, _PARAMS: params})
    body.leave_out("normalized", "user", "titles")
    return body.written()


def path(request: Request, model: str) -> str:
    return f"/model/{quote(model, safe='')}/invoke"


class _Embedding(msgspec.Struct):
    embedding: msgspec.Raw


class _Reply(msgspec.Struct):
    embeddings: list[_Embedding] | None = None
    message: msgspec.Raw = msgspec.Raw()


_decode_reply = msgspec.json.Decoder(_Reply).decode


def read_reply(body: bytes, request: Request) -> Reply | NoReply:
    try:
        read = _decode_reply(body)
    except UNREADABLE:
        return NoReply("it is no vector")
    found = read.embeddings
    if found is None:
        return NoReply("it holds no vector", is_error=bool(read.message))
    vectors = numbers_of([each.embedding for each in found], request)
    if isinstance(vectors, NoReply):
        return vectors
    return Reply(vectors=vectors)


def write_reply(reply: Reply, show: Show) -> bytes | NoReply:
    vectors = vectors_in(reply, "float")
    if isinstance(vectors, NoReply):
        return vectors
    kind = "TEXT" if isinstance(show.request.inputs[0], str) else "IMAGE"
    return encode({"embeddings": [{"embedding": each, "embeddingType": kind} for each in vectors]})


CODEC = EmbeddingCodec(
    dialect="nova",
    names={
        "inputs": "text",
        "dimensions": "embeddingDimension",
        "purpose": "embeddingPurpose",
        "truncate": "truncationMode",
    },
    read_request=read_request,
    write_request=write_request,
    path=path,
    read_reply=read_reply,
    write_reply=write_reply,
    counted_in=COUNTED_IN,
)
