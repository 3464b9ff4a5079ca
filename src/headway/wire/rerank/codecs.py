"""All dialects of rankings, and which of them a call is in where its path alone does not say."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from functools import partial
from types import MappingProxyType
from urllib.parse import quote

from headway.wire.rerank import response
from headway.wire.rerank.form import Reply, RerankCodec, RerankDialect, Show
from headway.wire.rerank.request import COHERE, COHERE_INVOKE, JINA, VOYAGE, Manner, read_request, write_request


def _at(path: str) -> Callable[[str], str]:
    def where(model: str) -> str:
        return path

    return where


def _invoke(model: str) -> str:
    return f"/model/{quote(model, safe='')}/invoke"


def _codec(manner: Manner, path: Callable[[str], str], write_reply: Callable[[Reply, Show], bytes]) -> RerankCodec:
    named = {
        "top": manner.top,
        "show_documents": "return_documents",
        "tokens_per_document": manner.tokens_per_document,
        "truncate": manner.truncate,
    }
    return RerankCodec(
        dialect=manner.dialect,
        names={field: name for field, name in named.items() if name is not None},
        read_request=partial(read_request, manner),
        write_request=partial(write_request, manner),
        path=path,
        read_reply=response.read_reply,
        write_reply=write_reply,
    )


CODECS: Mapping[RerankDialect, RerankCodec] = MappingProxyType(
    {
        codec.dialect: codec
        for codec in (
            _codec(COHERE, _at("/v2/rerank"), response.write_cohere),
            _codec(JINA, _at("/rerank"), response.write_jina),
            _codec(VOYAGE, _at("/rerank"), response.write_voyage),
            _codec(COHERE_INVOKE, _invoke, response.write_cohere_invoke),
        )
    }
)


def invoked(fields: Container[str]) -> RerankDialect | None:
    """The dialect of a client's InvokeModel by the fields of its body; None where it asks for no ranking."""
    return "cohere_invoke" if "query" in fields and "documents" in fields else None
