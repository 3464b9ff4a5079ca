"""Requests for a ranking: the dialects differ in the names of a few parameters, which `Manner` tells."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.wire.embedding.fields import Fields
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.codec import Said
from headway.wire.form.request import Toward, Unsupported, Written
from headway.wire.malformed import Malformed
from headway.wire.rerank.form import Document, Request, RerankDialect


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """What a dialect calls its parameters; None where it has none. `objects`: it takes documents that are more than
    text. `means`: parameters of its own that the ranking would be wrong without.
    """

    dialect: RerankDialect
    top: str
    show_documents: str | None = None
    tokens_per_document: str | None = None
    truncate: str | None = None
    objects: bool = False
    means: tuple[str, ...] = ()


COHERE = Manner(
    dialect="cohere",
    top="top_n",
    tokens_per_document="max_tokens_per_doc",
    means=("rank_fields", "relevant_spans"),
)
JINA = Manner(dialect="jina", top="top_n", show_documents="return_documents", objects=True, means=("rank_fields",))
VOYAGE = Manner(dialect="voyage", top="top_k", show_documents="return_documents", truncate="truncation")
COHERE_INVOKE = Manner(
    dialect="cohere_invoke", top="top_n", tokens_per_document="max_tokens_per_doc", means=("rank_fields",)
)

_API_VERSION = 2
"""Which Bedrock wants to be told for Cohere's models."""

_encode = msgspec.json.Encoder().encode
_decode_texts = msgspec.json.Decoder(list[str]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_document = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def read_request(manner: Manner, raw: Mapping[str, msgspec.Raw], said: Said) -> Request | Malformed:
    fields = Fields(raw)
    model = fields.text("model") or said.model
    query = _query(fields)
    documents = _documents(fields)
    top = fields.integer(manner.top)
    show = fields.flag("return_documents")
    tokens = None if manner.tokens_per_document is None else fields.integer(manner.tokens_per_document)
    cut = None if manner.truncate is None else fields.flag(manner.truncate)
    if not model:
        fields.missing("model")
    if fields.wrong is not None:
        return fields.wrong
    left = fields.rest()
    if manner.dialect == "cohere_invoke":
        left.pop("api_version", None)
    return Request(
        dialect=manner.dialect,
        model=model,
        query=query,
        documents=documents,
        top=top,
        show_documents=show,
        tokens_per_document=tokens,
        truncate=cut,
        extra=left,
        needs=tuple(name for name in manner.means if name in left),
    )


def _query(fields: Fields) -> str | Document:
    raw = fields.take("query")
    if raw is None:
        fields.missing("query")
        return ""
    try:
        return _document(raw)
    except UNREADABLE as error:
        fields.refuse("query", "a string, or an object with a text", error)
        return ""


def _documents(fields: Fields) -> tuple[str | Document, ...]:
    raw = fields.take("documents")
    if raw is None:
        fields.missing("documents")
        return ()
    try:
        return _not_empty(fields, _decode_texts(raw))
    except UNREADABLE:
        pass
    try:
        several = _decode_list(raw)
    except UNREADABLE as error:
        fields.unreadable("documents", error)
        return ()
    found: list[str | Document] = []
    for number, each in enumerate(several):
        try:
            found.append(_document(each))
        except UNREADABLE:
            fields.refuse(f"documents[{number}]", "a string, or an object with a text")
            return ()
    return _not_empty(fields, found)


def _not_empty(fields: Fields, found: list[str] | list[str | Document]) -> tuple[str | Document, ...]:
    if not found:
        fields.refuse("documents", "a list that is not empty")
    return tuple(found)


def _document(raw: msgspec.Raw) -> str | Document:
    if bytes(raw)[:1] == b'"':
        return _decode_text(raw)
    text = _decode_document(raw).get("text")
    return Document(None if text is None else _decode_text(text), raw)


def write_request(manner: Manner, request: Request, toward: Toward) -> Written | Unsupported:
    own = request.dialect == manner.dialect
    unable = _missing(manner, request, toward, own=own)
    if unable is not None:
        return unable
    fields: dict[str, object] = {} if manner.dialect == "cohere_invoke" else {"model": toward.model}
    dropped: list[str] = []
    fields["query"] = _written(request.query, whole=own or manner.objects)
    fields["documents"] = [_written(each, whole=own or manner.objects) for each in request.documents]
    if not (own or manner.objects):
        dropped.extend(
            f"documents[{number}]" for number, each in enumerate(request.documents) if _is_more_than_text(each)
        )
    for field in ("top", "tokens_per_document", "truncate"):
        value, name = getattr(request, field), getattr(manner, field)
        if value is None:
            continue
        if name is None or field in toward.lacks:
            dropped.append(field)
        else:
            fields[name] = value
    if own:
        if request.show_documents is not None:
            fields["return_documents"] = request.show_documents
        fields.update(request.extra)
    else:
        if manner.show_documents is not None:
            fields[manner.show_documents] = False  # whoever shows the answer has the documents at hand
        dropped.extend(request.extra)
    if manner.dialect == "cohere_invoke" and "cohere" in toward.model:
        fields["api_version"] = _API_VERSION
    return Written(_encode(fields), tuple(dropped))


def _missing(manner: Manner, request: Request, toward: Toward, *, own: bool) -> Unsupported | None:
    if request.needs and not own:
        feature = request.needs[0]
        return Unsupported(feature, f"cannot do what {feature!r} asks for")
    if (not own and not manner.objects) or "images" in toward.lacks:
        for each in (request.query, *request.documents):
            if isinstance(each, Document) and each.text is None:
                return Unsupported("images", "ranks no documents without a text")
    return None


def _written(one: str | Document, *, whole: bool) -> object:
    if isinstance(one, str):
        return one
    return one.raw if whole else one.text


def _is_more_than_text(one: str | Document) -> bool:
    return isinstance(one, Document) and len(_decode_document(one.raw)) > 1
