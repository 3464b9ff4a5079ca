"""Gemini's `embedContent` and `batchEmbedContents`, on its own API and on Vertex AI.

On Vertex the settings stand in an object of their own, and one input goes by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

import msgspec

from headway.types import Usage
from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import EmbeddingCodec, Input, Purpose, Reply, Request, Show
from headway.wire.embedding.gemini_parts import Plain, read_content, read_plain, written_content
from headway.wire.embedding.vectors import numbers_of, vectors_in
from headway.wire.embedding.vocabulary import purpose_in
from headway.wire.embedding.writing import TOKENS, Body, encode, formats_to_ask, missing
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed

_Dialect = Literal["gemini", "vertex"]
_UNSPECIFIED = "TASK_TYPE_UNSPECIFIED"
_SNAKES = {
    "task_type": "taskType",
    "output_dimensionality": "outputDimensionality",
    "auto_truncate": "autoTruncate",
    "embed_content_config": "embedContentConfig",
}
"""Google reads either spelling."""
_CONFIG = "embedContentConfig"
_decode_list = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


# --- requests ---


class _One(msgspec.Struct):
    """One input with its settings. `strange`: it has some that the form has no place for."""

    content: Input
    title: str | None
    settings: tuple[Purpose | None, str | None, int | None, bool | None]
    """Purpose, its word if it is none of ours, dimensions, and whether to truncate."""
    extra: Mapping[str, msgspec.Raw]


def read_request(dialect: _Dialect, raw: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    fields = Fields(raw)
    batch = fields.take("requests")
    if batch is None:
        one = _read_one(fields.left, dialect, "")
        if isinstance(one, Malformed):
            return one
        return _request(dialect, said.model, [one], alone=True, batch=None, beside={})
    plain = read_plain(batch)
    if plain:
        request = _plain_request(dialect, said.model, plain, fields.rest())
        if request is not None:
            return request
    try:
        found = _decode_list(batch)
    except UNREADABLE as error:
        fields.unreadable("requests", error)
        found = []
    if not found:
        return fields.wrong or Malformed("requests must not be empty", "requests")
    ones: list[_One] = []
    for number, each in enumerate(found):
        one = _read_one(each, dialect, f"requests[{number}].")
        if isinstance(one, Malformed):
            return one
        ones.append(one)
    return _request(dialect, said.model, ones, alone=False, batch=batch, beside=fields.rest())


def _plain_request(
    dialect: _Dialect, model: str, plain: Sequence[Plain], extra: Mapping[str, msgspec.Raw]
) -> Request | None:
    """None if they are for a use that is not known."""
    task = plain[0].task
    purpose = None if task is None else purpose_in(task, dialect)
    if task is not None and purpose is None:
        return None
    return Request(
        dialect=dialect,
        model=model,
        inputs=tuple([each.content.parts[0].text for each in plain]),
        titles=_titles([each.title for each in plain]),
        dimensions=plain[0].dimensions,
        purpose=purpose,
        extra=extra,
    )


def _titles(titles: Sequence[str | None]) -> tuple[str | None, ...]:
    return tuple(titles) if any(title is not None for title in titles) else ()


def _read_one(raw: Mapping[str, msgspec.Raw], dialect: _Dialect, place: str) -> _One | Malformed:
    """`place` stands before the names in complaints."""
    fields = Fields(raw, place)
    fields.take("model")
    fields.rename(_SNAKES)
    content = read_content(fields, "content")
    config = fields.object(_CONFIG)
    settings = fields if config is None else Fields(config, place)
    settings.rename(_SNAKES)
    word = settings.text("taskType")
    title = settings.text("title")
    dimensions = settings.integer("outputDimensionality")
    cut = settings.flag("autoTruncate")
    for each in (fields, settings):
        if each.wrong is not None:
            return each.wrong
    extra = fields.rest()
    if settings is not fields:
        extra |= {f"{_CONFIG}.{name}": raw for name, raw in settings.rest().items()}
    purpose = None if word is None else purpose_in(word, dialect)
    unknown = word if purpose is None and word != _UNSPECIFIED else None
    return _One(content, title, (purpose, unknown, dimensions, cut), extra)


def _request(
    dialect: _Dialect,
    model: str,
    ones: Sequence[_One],
    *,
    alone: bool,
    batch: msgspec.Raw | None,
    beside: Mapping[str, msgspec.Raw],
) -> Request:
    first = ones[0]
    purpose, unknown, dimensions, cut = first.settings
    extra = {**beside, **first.extra}
    needs: tuple[str, ...] = ()
    if batch is not None and any(each.settings != first.settings or each.extra for each in ones):
        extra, needs, unknown = {**beside, "requests": batch}, ("requests",), None
    if unknown is not None:
        extra["taskType"] = msgspec.Raw(encode(unknown))
    return Request(
        dialect=dialect,
        model=model,
        inputs=tuple(each.content for each in ones),
        alone=alone,
        titles=_titles([each.title for each in ones]),
        dimensions=dimensions,
        purpose=purpose,
        truncate=None if cut is None else "end" if cut else "none",
        extra=extra,
        needs=needs,
    )


def write_request(dialect: _Dialect, request: Request, toward: Toward) -> Written | Unsupported:
    unable = missing(request, toward, dialect, frozenset({TOKENS}))
    if unable is not None:
        return unable
    formats = formats_to_ask(request, frozenset({"float"}))
    if isinstance(formats, Unsupported):
        return formats
    body = Body(request, toward, dialect)
    model = toward.model if "/" in toward.model else f"models/{toward.model}"
    if "requests" in request.extra and request.dialect == dialect:
        written = _as_it_came(request, model if dialect == "gemini" else None)
        return Unsupported("requests", "cannot be asked this again") if written is None else written
    settings = _settings(body, request)
    ones = [
        _one(content, settings, dialect, request.titles[number] if request.titles else None)
        for number, content in enumerate(request.inputs)
    ]
    body.leave_out("user", "normalized")
    if _goes_alone(dialect, request):
        body.fields.update(ones[0])
        return body.written(said=("taskType",))
    if dialect == "gemini":
        for one in ones:
            one["model"] = model
    body.fields["requests"] = ones
    return body.written(said=("taskType",))


def _settings(body: Body, request: Request) -> dict[str, object]:
    settings: dict[str, object] = {}
    body.purpose("taskType", into=settings)
    unknown = request.extra.get("taskType")
    if unknown is not None and request.dialect == body.dialect:
        settings["taskType"] = unknown
    body.say("dimensions", "outputDimensionality", request.dimensions, settings)
    if body.dialect in ("vertex", request.dialect):
        body.truncates("autoTruncate", settings)
    else:
        body.leave_out("truncate")
    return settings


def _one(content: Input, settings: Mapping[str, object], dialect: _Dialect, title: str | None) -> dict[str, object]:
    own = settings if title is None else {**settings, "title": title}
    one: dict[str, object] = {"content": written_content(content)}
    if dialect == "gemini":
        one.update(own)
    elif own:
        one[_CONFIG] = dict(own)
    return one


def _as_it_came(request: Request, model: str | None) -> Written | None:
    """Requests whose settings differ from each other go on as they are, with the provider's name of the model."""
    try:
        ones = _decode_list(request.extra["requests"])
    except UNREADABLE:
        return None
    if model is not None:
        named = msgspec.Raw(encode(model))
        for one in ones:
            one["model"] = named
    return Written(encode({**request.extra, "requests": ones}))


def _goes_alone(dialect: _Dialect, request: Request) -> bool:
    if len(request.inputs) != 1:
        return False
    return dialect == "vertex" if request.dialect != dialect else request.alone


def path(dialect: _Dialect, request: Request, model: str) -> str:
    verb = "embedContent" if _goes_alone(dialect, request) else "batchEmbedContents"
    return f"/{model if '/' in model else f'models/{model}'}:{verb}"


# --- replies ---


class _Embedding(msgspec.Struct):
    values: msgspec.Raw


class _Modality(msgspec.Struct):
    modality: str | None = None
    tokens: int | None = msgspec.field(default=None, name="tokenCount")


class _Usage(msgspec.Struct):
    tokens: int | None = msgspec.field(default=None, name="promptTokenCount")
    details: list[_Modality] | None = msgspec.field(default=None, name="promptTokensDetails")
    batch_details: list[_Modality] | None = msgspec.field(default=None, name="promptTokenDetails")


class _Reply(msgspec.Struct):
    embedding: _Embedding | None = None
    embeddings: list[_Embedding] | None = None
    usage: _Usage | None = msgspec.field(default=None, name="usageMetadata")
    error: msgspec.Raw = msgspec.Raw()


_decode_reply = msgspec.json.Decoder(_Reply).decode


def read_reply(body: bytes, request: Request) -> Reply | NoReply:
    try:
        read = _decode_reply(body)
    except UNREADABLE:
        return NoReply("it is no list of vectors")
    found = read.embeddings if read.embedding is None else [read.embedding]
    if found is None:
        return NoReply("it holds no vectors", is_error=bool(read.error))
    vectors = numbers_of([each.values for each in found], request)
    if isinstance(vectors, NoReply):
        return vectors
    return Reply(vectors=vectors, usage=None if read.usage is None else _usage(read.usage))


def _usage(read: _Usage) -> Usage | None:
    if read.tokens is None:
        return None
    of: dict[str | None, int] = {}
    for each in read.details or read.batch_details or ():
        of[each.modality] = of.get(each.modality, 0) + max(each.tokens or 0, 0)
    return Usage(
        input_tokens=max(read.tokens, 0),
        image_input_tokens=of.get("IMAGE", 0),
        audio_input_tokens=of.get("AUDIO", 0),
    )


def write_reply(reply: Reply, show: Show) -> bytes | NoReply:
    vectors = vectors_in(reply, "float")
    if isinstance(vectors, NoReply):
        return vectors
    embeddings = [_Embedding(each) for each in vectors]
    body: dict[str, object] = {}
    if show.request.alone and len(embeddings) == 1:
        body["embedding"] = embeddings[0]
    else:
        body["embeddings"] = embeddings
    if reply.usage is not None:
        body["usageMetadata"] = _written_usage(reply.usage, alone="embedding" in body)
    return encode(body)


def _written_usage(usage: Usage, *, alone: bool) -> dict[str, object]:
    """A batch counts a little differently from one input by itself, and spells it differently too."""
    total, images, audio = usage.input_tokens, usage.image_input_tokens, usage.audio_input_tokens
    counts = {"TEXT": total - images - audio, "IMAGE": images, "AUDIO": audio}
    details = [{"modality": modality, "tokenCount": count} for modality, count in counts.items() if count > 0]
    if alone:
        return {"promptTokenCount": total, "promptTokensDetails": details, "totalTokenCount": total}
    return {"promptTokenCount": total, "promptTokenDetails": details}


CODECS = tuple(
    EmbeddingCodec(
        dialect=dialect,
        names={
            "inputs": "requests",
            "dimensions": "outputDimensionality",
            "purpose": "taskType",
            "truncate": "autoTruncate",
            "titles": "title",
        },
        read_request=partial(read_request, dialect),
        write_request=partial(write_request, dialect),
        path=partial(path, dialect),
        read_reply=read_reply,
        write_reply=write_reply,
    )
    for dialect in ("gemini", "vertex")
)
