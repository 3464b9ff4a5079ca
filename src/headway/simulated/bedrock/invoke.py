"""`invoke`: embeddings of Titan, Nova and Cohere, and Cohere's ranking. The body says which it is."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import msgspec
from msgspec import Meta

from headway.simulated import ranking, tokens
from headway.simulated.bedrock.shapes import Shape
from headway.simulated.reply import Context, Json, Refusal, Reply, whole
from headway.simulated.vectors import numbers

_TITAN = 1024
_COHERE = 1536
_NOVA = 3072


class TitanAsk(Shape, kw_only=True):
    model: str = ""
    """From the path."""
    input_text: str
    dimensions: Literal[256, 512, 1024, 1536] | None = None
    normalize: bool | None = None
    embedding_types: list[Literal["float", "binary"]] | None = None

    def need(self) -> int:
        return tokens.count(self.input_text)

    def answer(self, context: Context) -> Reply | Refusal:
        if not self.input_text:
            return Refusal(
                message="Malformed input request: expected minLength: 1, actual: 0, please reformat your input."
            )
        vector = numbers(context, self.input_text, self.dimensions or _TITAN)
        document = {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": self.need()}
        return _counted(document, self.need())


class CohereEmbedAsk(msgspec.Struct, kw_only=True):
    model: str = ""
    """From the path."""
    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: Annotated[list[str], Meta(min_length=1, max_length=96)]
    embedding_types: list[Literal["float", "int8", "uint8", "binary", "ubinary"]] | None = None
    truncate: str | None = None
    output_dimension: Literal[256, 512, 1024, 1536] | None = None
    max_tokens: int | None = None

    def need(self) -> int:
        return sum(map(tokens.count, self.texts))

    def answer(self, context: Context) -> Reply | Refusal:
        vectors = [numbers(context, text, self.output_dimension or _COHERE) for text in self.texts]
        by_type = self.embedding_types is not None
        identity = context.naming(context.identity("embed", self.texts))
        document: Json = {
            "id": identity.hexadecimal("", 32),
            "texts": self.texts,
            "embeddings": {"float": vectors} if by_type else vectors,
            "response_type": "embeddings_by_type" if by_type else "embeddings_floats",
        }
        return _counted(document, self.need())


class NovaAsk(Shape, kw_only=True):
    model: str = ""
    """From the path."""
    task_type: Literal["SINGLE_EMBEDDING"]
    single_embedding_params: Json

    def need(self) -> int:
        return tokens.count(self._text())

    def answer(self, context: Context) -> Reply | Refusal:
        dimensions = self.single_embedding_params.get("embeddingDimension")
        vector = numbers(context, self._text(), dimensions if dimensions in _NOVA_SIZES else _NOVA)
        return _counted({"embeddings": [{"embeddingType": "TEXT", "embedding": vector}]}, self.need())

    def _text(self) -> str:
        given: object = self.single_embedding_params.get("text")
        return str(cast("Json", given).get("value", "")) if isinstance(given, dict) else ""


_NOVA_SIZES = (256, 384, 1024, 3072)


class RerankAsk(msgspec.Struct, kw_only=True):
    model: str = ""
    """From the path."""
    query: Annotated[str, Meta(min_length=1)]
    documents: Annotated[list[str], Meta(min_length=1)]
    api_version: Annotated[int, Meta(ge=2)]
    top_n: Annotated[int, Meta(ge=1)] | None = None
    max_tokens_per_doc: int | None = None

    def need(self) -> int:
        return ranking.cost(self.query, self.documents)

    def answer(self, context: Context) -> Reply | Refusal:
        ranked = ranking.ranked(context, self.query, self.documents, self.top_n)
        results = [{"index": place.index, "relevance_score": place.score} for place in ranked]
        return whole({"results": results})


InvokeAsk = TitanAsk | CohereEmbedAsk | NovaAsk | RerankAsk


def kind_of(body: bytes) -> type[InvokeAsk] | None:
    """By the members that only one of them has."""
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    marks: tuple[tuple[str, type[InvokeAsk]], ...] = (
        ("inputText", TitanAsk),
        ("texts", CohereEmbedAsk),
        ("taskType", NovaAsk),
        ("query", RerankAsk),
    )
    return next((kind for mark, kind in marks if mark in members), None)


def _counted(document: Json, spent: int) -> Reply:
    return whole(document, headers=(("x-amzn-bedrock-input-token-count", str(spent)),))
