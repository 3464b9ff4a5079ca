"""Vertex AI's `predict`, in which its models of embeddings other than Gemini's are asked: instances, predictions."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.types import Usage
from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import EmbeddingCodec, Format, Purpose, Reply, Request, Show
from headway.wire.embedding.vectors import numbers_of, vectors_in
from headway.wire.embedding.vocabulary import purpose_in
from headway.wire.embedding.writing import NOTHING_BUT_TEXT, Body, encode, formats_to_ask, missing, text_of
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed

_NATIVE: frozenset[Format] = frozenset({"float"})


class _Instance(msgspec.Struct):
    content: str
    task_type: str | None = None
    title: str | None = None


_decode_instances = msgspec.json.Decoder(list[_Instance]).decode
_decode_keys = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def read_request(raw: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    fields = Fields(raw)
    given = fields.take("instances")
    parameters = Fields(fields.object("parameters") or {}, "parameters.")
    dimensions = parameters.integer("outputDimensionality")
    cut = parameters.flag("autoTruncate")
    if parameters.wrong is not None:
        return parameters.wrong
    if fields.wrong is not None:
        return fields.wrong
    try:
        instances = [] if given is None else _decode_instances(given)
        kept = [] if given is None else _decode_keys(given)
    except UNREADABLE as error:
        fields.unreadable("instances", error)
        instances, kept = [], []
    if given is None or not instances:
        return fields.wrong or Malformed("instances must be a list that is not empty", "instances")
    extra = {**fields.rest(), **{f"parameters.{name}": value for name, value in parameters.rest().items()}}
    purpose, unlike = _purpose(instances)
    if unlike or any(name not in ("content", "task_type", "title") for each in kept for name in each):
        extra["instances"] = given
        needs: tuple[str, ...] = ("instances",)
    else:
        needs = ()
    return Request(
        dialect="vertex_predict",
        model=said.model,
        inputs=tuple(each.content for each in instances),
        titles=tuple(each.title for each in instances) if any(each.title is not None for each in instances) else (),
        dimensions=dimensions,
        purpose=purpose,
        truncate=None if cut is None else "end" if cut else "none",
        extra=extra,
        needs=needs,
    )


def _purpose(instances: list[_Instance]) -> tuple[Purpose | None, bool]:
    """What all of them are for, and whether they differ in it, or say what the form has no word for."""
    words = {each.task_type for each in instances}
    word = instances[0].task_type
    purpose = None if word is None else purpose_in(word, "vertex_predict")
    return purpose, len(words) > 1 or (word is not None and purpose is None)


def write_request(request: Request, toward: Toward) -> Written | Unsupported:
    unable = missing(request, toward, "vertex_predict", NOTHING_BUT_TEXT)
    if unable is not None:
        return unable
    formats = formats_to_ask(request, _NATIVE)
    if isinstance(formats, Unsupported):
        return formats
    body = Body(request, toward, "vertex_predict")
    purpose: dict[str, object] = {}
    body.purpose("task_type", into=purpose)
    titles = request.titles or (None,) * len(request.inputs)
    instances: list[dict[str, object]] = []
    for one, title in zip(request.inputs, titles, strict=True):
        instance: dict[str, object] = {"content": text_of(one), **purpose}
        if title is not None:
            instance["title"] = title
        instances.append(instance)
    parameters: dict[str, object] = {}
    body.say("dimensions", "outputDimensionality", request.dimensions, parameters)
    body.truncates("autoTruncate", parameters)
    body.fields["instances"] = instances
    if parameters:
        body.fields["parameters"] = parameters
    body.leave_out("normalized", "user")
    return body.written()


def path(request: Request, model: str) -> str:
    return f"/{model if '/' in model else f'models/{model}'}:predict"


class _Statistics(msgspec.Struct):
    tokens: float | None = msgspec.field(default=None, name="token_count")


class _Embeddings(msgspec.Struct):
    values: msgspec.Raw
    statistics: _Statistics | None = None


class _Prediction(msgspec.Struct):
    embeddings: _Embeddings


class _Reply(msgspec.Struct):
    predictions: list[_Prediction] | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode_reply = msgspec.json.Decoder(_Reply).decode


def read_reply(body: bytes, request: Request) -> Reply | NoReply:
    try:
        read = _decode_reply(body)
    except UNREADABLE:
        return NoReply("it is no list of vectors")
    if read.predictions is None:
        return NoReply("it holds no vectors", is_error=bool(read.error))
    found = [each.embeddings for each in read.predictions]
    vectors = numbers_of([each.values for each in found], request)
    if isinstance(vectors, NoReply):
        return vectors
    counts = [each.statistics.tokens for each in found if each.statistics is not None]
    known = [int(count) for count in counts if count is not None]
    usage = Usage(input_tokens=max(sum(known), 0)) if known else None
    return Reply(vectors=vectors, usage=usage)


def write_reply(reply: Reply, show: Show) -> bytes | NoReply:
    """The count of all goes to the first, since nobody knows that of each."""
    vectors = vectors_in(reply, "float")
    if isinstance(vectors, NoReply):
        return vectors
    tokens = 0 if reply.usage is None else reply.usage.input_tokens
    predictions = [
        {"embeddings": {"values": each, "statistics": {"truncated": False, "token_count": 0 if number else tokens}}}
        for number, each in enumerate(vectors)
    ]
    return encode({"predictions": predictions})


CODEC = EmbeddingCodec(
    dialect="vertex_predict",
    names={
        "inputs": "instances",
        "dimensions": "outputDimensionality",
        "purpose": "task_type",
        "truncate": "autoTruncate",
        "titles": "title",
    },
    read_request=read_request,
    write_request=write_request,
    path=path,
    read_reply=read_reply,
    write_reply=write_reply,
)
