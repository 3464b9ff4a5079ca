"""`/v2/embed` and `/v2/rerank`."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from msgspec import Meta

from headway.simulated import ranking, tokens
from headway.simulated.cohere.request import Content, Strict
from headway.simulated.reply import Context, Json, Refusal, Reply, whole
from headway.simulated.vectors import numbers, vector

_DIMENSIONS = 1536

Kind = Literal["float", "int8", "uint8", "binary", "ubinary", "base64"]


class Input(Strict):
    content: list[Content]


class EmbedAsk(Strict, kw_only=True):
    model: str
    input_type: Literal["search_document", "search_query", "classification", "clustering", "image"]
    texts: Annotated[list[str], Meta(max_length=96)] | None = None
    images: list[str] | None = None
    inputs: Annotated[list[Input], Meta(max_length=96)] | None = None
    embedding_types: list[Kind] | None = None
    output_dimension: Literal[256, 512, 1024, 1536] | None = None
    truncate: Literal["NONE", "START", "END"] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    priority: int | None = None

    def need(self) -> int:
        return sum(map(tokens.count, self._texts()))

    def answer(self, context: Context) -> Reply | Refusal:
        texts = self._texts()
        if not texts:
            return Refusal(message="invalid request: one of texts, images or inputs must be specified")
        dimensions = self.output_dimension or _DIMENSIONS
        kinds = self.embedding_types or ["float"]
        embeddings = {kind: [_embedded(context, text, dimensions, kind) for text in texts] for kind in kinds}
        billed = {"input_tokens": self.need()} if not self.images else {"images": len(self.images)}
        document: Json = {
            "id": context.naming(context.identity("embed", texts)).hexadecimal("", 32),
            "embeddings": embeddings,
            "texts": self.texts or [],
            "meta": {"api_version": {"version": "2"}, "billed_units": billed},
            "response_type": "embeddings_by_type",
        }
        return whole(document)

    def _texts(self) -> list[str]:
        """Pictures are as good as their names."""
        inputs = ["\n".join(part.text or "" for part in given.content) for given in self.inputs or ()]
        return [*(self.texts or ()), *inputs, *(self.images or ())]


def _embedded(context: Context, text: str, dimensions: int, kind: Kind) -> object:
    values = numbers(context, text, dimensions)
    match kind:
        case "float":
            return values
        case "base64":
            return base64.b64encode(vector(context, text, dimensions)).decode()
        case "int8":
            return [max(-128, min(127, round(value * 1000))) for value in values]
        case "uint8":
            return [max(0, min(255, round(value * 1000) + 128)) for value in values]
        case "binary" | "ubinary":
            octets = [values[start : start + 8] for start in range(0, dimensions, 8)]
            packed = [int("".join("1" if value > 0 else "0" for value in octet), 2) for octet in octets]
            return packed if kind == "ubinary" else [octet - 128 for octet in packed]


class RerankAsk(Strict, kw_only=True):
    model: str
    query: str
    documents: Annotated[list[str], Meta(min_length=1, max_length=10_000)]
    top_n: Annotated[int, Meta(ge=1)] | None = None
    max_tokens_per_doc: Annotated[int, Meta(ge=1)] | None = None
    relevant_spans: Any = None
    priority: int | None = None

    def need(self) -> int:
        return ranking.cost(self.query, self.documents)

    def answer(self, context: Context) -> Reply | Refusal:
        places = ranking.ranked(context, self.query, self.documents, self.top_n)
        results = [{"index": place.index, "relevance_score": place.score} for place in places]
        identity = context.naming(context.identity("rerank", self.query, self.documents))
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1 + (len(self.documents) - 1) // 100}}
        return whole({"id": identity.hexadecimal("", 32), "results": results, "meta": meta})
