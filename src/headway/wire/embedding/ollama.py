"""Ollama's own `/api/embed`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.types import Usage
from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import EmbeddingCodec, Format, Reply, Request, Show
from headway.wire.embedding.inputs import take_inputs
from headway.wire.embedding.vectors import numbers_of, vectors_in
from headway.wire.embedding.writing import NOTHING_BUT_TEXT, Body, encode, formats_to_ask, missing, text_of
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed

_NATIVE: frozenset[Format] = frozenset({"float"})


def read_request(raw: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    fields = Fields(raw)
    model = fields.text("model") or said.model
    inputs, alone = take_inputs(fields, "input")
    dimensions = fields.integer("dimensions")
    cut = fields.flag("truncate")
    if not model:
        fields.missing("model")
    if fields.wrong is not None:
        return fields.wrong
    return Request(
        dialect="ollama",
        model=model,
        inputs=inputs,
        alone=alone,
        dimensions=dimensions,
        truncate=None if cut is None else "end" if cut else "none",
        extra=fields.rest(),
    )


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    unable = missing(request, toward, "ollama", NOTHING_BUT_TEXT)
    if unable is not None:
        return unable
    formats = formats_to_ask(request, _NATIVE)
    if isinstance(formats, Unsupported):
        return formats
    body = Body(request, toward, "ollama", toward.model)
    texts = [text_of(each) for each in request.inputs]
    body.fields["input"] = texts[0] if request.alone else texts
    body.say("dimensions", "dimensions", request.dimensions)
    body.truncates("truncate")
    body.leave_out("purpose", "normalized", "user", "titles")
    return body.written()


def path(request: Request, model: str) -> str:
    return "/api/embed"


class _Reply(msgspec.Struct):
    embeddings: list[msgspec.Raw] | None = None
    model: str | None = None
    tokens: int | None = msgspec.field(default=None, name="prompt_eval_count")
    error: msgspec.Raw = msgspec.Raw()


_decode_reply = msgspec.json.Decoder(_Reply).decode


def read_reply(body: bytes, request: Request) -> Reply | NoReply:
    try:
        read = _decode_reply(body)
    except UNREADABLE:
        return NoReply("it is no list of vectors")
    found = read.embeddings
    if found is None:
        return NoReply("it holds no vectors", is_error=bool(read.error))
    vectors = numbers_of(found, request)
    if isinstance(vectors, NoReply):
        return vectors
    usage = None if read.tokens is None else Usage(input_tokens=max(read.tokens, 0))
    return Reply(model=read.model, vectors=vectors, usage=usage)


def write_reply(reply: Reply, show: Show) -> bytes | NoReply:
    vectors = vectors_in(reply, "float")
    if isinstance(vectors, NoReply):
        return vectors
    body: dict[str, object] = {"model": reply.model or show.model, "embeddings": vectors}
    if reply.usage is not None:
        body["prompt_eval_count"] = reply.usage.input_tokens
    return encode(body)


CODEC = EmbeddingCodec(
    dialect="ollama",
    names={"inputs": "input"},
    read_request=read_request,
    write_request=write_request,
    path=path,
    read_reply=read_reply,
    write_reply=write_reply,
)
