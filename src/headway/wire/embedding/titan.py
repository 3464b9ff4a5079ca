"""Amazon's Titan models of embeddings behind InvokeModel of Bedrock: one input, one vector.

The tokens are counted in the body and in a header.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from headway.types import Usage
from headway.wire.embedding.cohere import COUNTED_IN
from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import EmbeddingCodec, Format, Input, Reply, Request, Show, Tokens
from headway.wire.embedding.vectors import ARRAY, compact, opening, vectors_in
from headway.wire.embedding.writing import AUDIO, FILES, TOKENS, VIDEO, Body, encode, formats_to_ask, missing
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.parts import Image, Part, Source, Text
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed

_LACKS = frozenset({AUDIO, VIDEO, FILES, TOKENS})
_NATIVE: frozenset[Format] = frozenset({"float"})  # its binary vectors are not packed as those of others
_OF_V1 = 1536
"""The one size of the first generation's vectors."""

_decode_words = msgspec.json.Decoder(list[str]).decode


def read_request(raw: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    fields = Fields(raw)
    text, image = fields.text("inputText"), fields.text("inputImage")
    dimensions = fields.integer("dimensions")
    normalized = fields.flag("normalize")
    config = fields.object("embeddingConfig")
    if config is not None:
        inner = Fields(config, "embeddingConfig.")
        dimensions = inner.integer("outputEmbeddingLength") or dimensions
        if inner.wrong is not None:
            return inner.wrong
        fields.left.update({f"embeddingConfig.{name}": value for name, value in inner.rest().items()})
    types = fields.take("embeddingTypes")
    needs: tuple[str, ...] = ()
    if types is not None:
        try:
            words = _decode_words(types)
        except UNREADABLE as error:
            fields.unreadable("embeddingTypes", error)
            words = []
        fields.left["embeddingTypes"] = types
        needs = ("embeddingTypes",) if any(word != "float" for word in words) else ()
    if text is None and image is None:
        fields.missing("inputText")
    if fields.wrong is not None:
        return fields.wrong
    return Request(
        dialect="titan",
        model=said.model,
        inputs=(_read_input(text, image),),
        alone=True,
        dimensions=dimensions,
        formats=("float",) if types is not None and not needs else (),
        normalized=normalized,
        extra=fields.rest(),
        also=("embeddingTypes",) if types is not None else (),
        needs=needs,
    )


def _read_input(text: str | None, image: str | None) -> Input:
    if image is None:
        return text or ""
    parts: list[Part] = [] if text is None else [Text(text)]
    parts.append(Image(Source(data=image)))
    return tuple(parts)


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    if len(request.inputs) != 1:
        return Unsupported("input", "takes one text a request")
    unable = missing(request, toward, "titan", _LACKS)
    if unable is not None:
        return unable
    formats = formats_to_ask(request, _NATIVE)
    if isinstance(formats, Unsupported):
        return formats
    with_images = "embed-image" in toward.model
    first = "embed-text-v1" in toward.model or "embed-g1" in toward.model
    if first and request.dimensions not in (None, _OF_V1):
        return Unsupported("dimensions", "cannot change the size of its vectors")
    body = Body(request, toward, "titan")
    unable = _say_input(body.fields, request.inputs[0], with_images=with_images)
    if unable is not None:
        return unable
    if with_images and request.dimensions is not None:
        body.fields["embeddingConfig"] = {"outputEmbeddingLength": request.dimensions}
    elif not first:
        body.say("dimensions", "dimensions", request.dimensions)
    if with_images or first:
        body.leave_out("normalized")
    else:
        body.say("normalized", "normalize", request.normalized)
    body.leave_out("purpose", "truncate", "user", "titles")
    return body.written()


def _say_input(fields: dict[str, object], one: Input, *, with_images: bool) -> Unsupported | None:
    if isinstance(one, str):
        fields["inputText"] = one
        return None
    parts = () if isinstance(one, Tokens) else one
    images = [part for part in parts if isinstance(part, Image)]
    texts = [part.text for part in parts if isinstance(part, Text)]
    if images and not with_images:
        return Unsupported("images", "takes no images")
    if len(images) > 1 or any(image.source.data is None for image in images):
        return Unsupported("images", "takes one image a request, with its data")
    if texts:
        fields["inputText"] = "\n".join(texts)
    for image in images:
        fields["inputImage"] = image.source.data
    return None


def path(request: Request, model: str) -> str:
    return f"/model/{quote(model, safe='')}/invoke"


class _Reply(msgspec.Struct):
    embedding: msgspec.Raw = msgspec.Raw()
    tokens: int | None = msgspec.field(default=None, name="inputTextTokenCount")
    message: str | None = None


_decode_reply = msgspec.json.Decoder(_Reply).decode


def read_reply(body: bytes, request: Request) -> Reply | NoReply:
    try:
        read = _decode_reply(body)
    except UNREADABLE:
        return NoReply("it is no vector")
    if opening(read.embedding) != ARRAY:
        return NoReply("it holds no vector", is_error=bool(read.message))
    if len(request.inputs) != 1:
        return NoReply(f"it holds one vector for {len(request.inputs)} inputs")
    usage = None if read.tokens is None else Usage(input_tokens=max(read.tokens, 0))
    return Reply(vectors={"float": [compact(read.embedding)]}, usage=usage)


def write_reply(reply: Reply, show: Show) -> bytes | NoReply:
    vectors = vectors_in(reply, "float")
    if isinstance(vectors, NoReply):
        return vectors
    vector = vectors[0]
    body: dict[str, object] = {"embedding": vector}
    if "text-v2" in show.request.model or show.request.formats:
        body["embeddingsByType"] = {"float": vector}
    body["inputTextTokenCount"] = 0 if reply.usage is None else reply.usage.input_tokens
    return encode(body)


CODEC = EmbeddingCodec(
    dialect="titan",
    names={"inputs": "inputText", "normalized": "normalize", "formats": "embeddingTypes"},
    read_request=read_request,
    write_request=write_request,
    path=path,
    read_reply=read_reply,
    write_reply=write_reply,
    counted_in=COUNTED_IN,
)
