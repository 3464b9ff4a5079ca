"""All dialects of embeddings, and which of them a call is in where its path alone does not say."""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import MappingProxyType

from headway.wire.embedding import cohere, gemini, nova, ollama, openai_like, titan, vertex_predict
from headway.wire.embedding.form import EmbeddingCodec, EmbeddingDialect

CODECS: Mapping[EmbeddingDialect, EmbeddingCodec] = MappingProxyType(
    {
        codec.dialect: codec
        for codec in (
            *openai_like.CODECS,
            *gemini.CODECS,
            *cohere.CODECS,
            vertex_predict.CODEC,
            titan.CODEC,
            nova.CODEC,
            ollama.CODEC,
        )
    }
)


def invoked(fields: Container[str]) -> EmbeddingDialect | None:
    """The dialect of a client's InvokeModel by the fields of its body; None where it asks for no vectors."""
    if "inputText" in fields or "inputImage" in fields:
        # Titan's models that write take their text under the same name, with this beside it
        return None if "textGenerationConfig" in fields else "titan"
    if "singleEmbeddingParams" in fields:
        return "nova"
    if "input_type" in fields or "texts" in fields:
        return "cohere_invoke"
    return None


def of_bedrock(model: str) -> EmbeddingDialect | None:
    """The dialect of a model of Bedrock's, by its id, ARN or inference profile; None where it makes no vectors."""
    name = model.rpartition("/")[2]
    if "cohere.embed" in name:
        return "cohere_invoke"
    if "titan-embed" in name:
        return "titan"
    if "amazon.nova" in name and "embed" in name:
        return "nova"
    return None


def of_vertex(model: str) -> EmbeddingDialect:
    """The dialect of a model of embeddings on Vertex AI, as Google's SDK tells them apart."""
    name = model.rpartition("/")[2]
    return "vertex" if "gemini" in name or "maas" in name else "vertex_predict"
