"""Rankings as providers give them, and as clients of each dialect expect them."""

from __future__ import annotations

import msgspec

from headway.types import Usage
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.reply import NoReply
from headway.wire.rerank.form import Document, Ranked, Reply, Request, Show


class _Result(msgspec.Struct, gc=False):
    index: int
    relevance_score: float


class _Usage(msgspec.Struct, gc=False):
    total_tokens: int | None = None
    prompt_tokens: int | None = None


class _Count(msgspec.Struct, gc=False):
    input_tokens: float | None = None
    search_units: float | None = None


class _Meta(msgspec.Struct):
    billed_units: _Count | None = None
    tokens: _Count | None = None


class _Reply(msgspec.Struct):
    """`results` in most dialects, `data` in Voyage's."""

    results: list[_Result] | None = None
    data: list[_Result] | None = None
    id: str | None = None
    model: str | None = None
    usage: _Usage | None = None
    meta: _Meta | None = None
    error: msgspec.Raw = msgspec.Raw()
    detail: msgspec.Raw = msgspec.Raw()
    message: msgspec.Raw = msgspec.Raw()


_decode_reply = msgspec.json.Decoder(_Reply).decode
_encode = msgspec.json.Encoder().encode


def read_reply(body: bytes, request: Request) -> Reply | NoReply:
    try:
        read = _decode_reply(body)
    except UNREADABLE:
        return NoReply("it is no ranking")
    found = read.data if read.results is None else read.results
    if found is None:
        return NoReply("it holds no ranking", is_error=bool(read.error or read.detail or read.message))
    known = len(request.documents)
    if any(not 0 <= each.index < known for each in found):
        return NoReply("it ranks documents that nobody sent")
    if len({each.index for each in found}) < len(found):
        return NoReply("it ranks a document twice")
    units = None if read.meta is None or read.meta.billed_units is None else read.meta.billed_units.search_units
    return Reply(
        id=read.id,
        model=read.model,
        results=[Ranked(each.index, each.relevance_score) for each in found],
        usage=_usage(read),
        units=units,
    )


def _usage(read: _Reply) -> Usage | None:
    tokens: float | None = None
    if read.usage is not None:
        tokens = read.usage.total_tokens if read.usage.prompt_tokens is None else read.usage.prompt_tokens
    elif read.meta is not None:
        counts = read.meta.tokens or read.meta.billed_units
        tokens = None if counts is None else counts.input_tokens
    return None if tokens is None else Usage(input_tokens=max(int(tokens), 0))


# --- for clients ---


def write_cohere(reply: Reply, show: Show) -> bytes:
    return _encode(
        {
            "id": reply.id or show.request_id,
            "results": _results(reply, show, default=False),
            "meta": _meta(reply),
        }
    )


def write_jina(reply: Reply, show: Show) -> bytes:
    """With what Cohere's clients look for too, since its first version had the same path."""
    tokens = 0 if reply.usage is None else reply.usage.input_tokens
    return _encode(
        {
            "id": reply.id or show.request_id,
            "model": reply.model or show.model,
            "object": "list",
            "usage": {"total_tokens": tokens, "prompt_tokens": tokens},
            "results": _results(reply, show, default=True),
            "meta": _meta(reply),
        }
    )


def write_voyage(reply: Reply, show: Show) -> bytes:
    tokens = 0 if reply.usage is None else reply.usage.input_tokens
    return _encode(
        {
            "object": "list",
            "data": _results(reply, show, default=False, flat=True),
            "model": reply.model or show.model,
            "usage": {"total_tokens": tokens},
        }
    )


def write_cohere_invoke(reply: Reply, show: Show) -> bytes:
    return _encode({"id": reply.id or show.request_id, "results": _results(reply, show, default=False)})


def _results(reply: Reply, show: Show, *, default: bool, flat: bool = False) -> list[dict[str, object]]:
    """`default`: whether documents are repeated where the client did not say; `flat`: as texts, not objects."""
    request = show.request
    results: list[dict[str, object]] = []
    shown = default if request.show_documents is None else request.show_documents
    for each in reply.results:
        result: dict[str, object] = {"index": each.index, "relevance_score": each.score}
        if shown and each.index < len(request.documents):
            result["document"] = _document(request.documents[each.index], flat=flat)
        results.append(result)
    return results


def _document(one: str | Document, *, flat: bool) -> object:
    if isinstance(one, str):
        return one if flat else {"text": one}
    return one.text if flat else one.raw


def _meta(reply: Reply) -> dict[str, object]:
    meta: dict[str, object] = {"api_version": {"version": "2"}}
    if reply.units is not None:
        meta["billed_units"] = {"search_units": reply.units}
    if reply.usage is not None:
        meta["tokens"] = {"input_tokens": reply.usage.input_tokens}
    return meta
