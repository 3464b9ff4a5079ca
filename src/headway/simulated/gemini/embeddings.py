"""`embedContent`, `batchEmbedContents`, and `predict` of Vertex AI's older models."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from headway.simulated import tokens
from headway.simulated.gemini.shapes import PATH_MODEL, Content, Strict
from headway.simulated.reply import Context, Json, Refusal, Reply, whole
from headway.simulated.vectors import numbers

_DIMENSIONS = 3072
_PREDICTED = 768
_EMPTY = "content is empty"

Dimensions = Annotated[int, Meta(ge=1, le=3072)]


class EmbedAsk(Strict, kw_only=True):
    model: str = msgspec.field(name=PATH_MODEL)
    """From the path."""
    content: Content
    named: str | None = msgspec.field(default=None, name="model")
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: Dimensions | None = None
    embed_content_config: Any = None

    def need(self) -> int:
        return tokens.count(_text(self.content))

    def answer(self, context: Context) -> Reply | Refusal:
        if not self.content.parts:
            return Refusal(message=f"* EmbedContentRequest.content: {_EMPTY}\n")
        usage = {"promptTokenCount": self.need(), "totalTokenCount": self.need()}
        return whole({"embedding": _embedded(context, self), "usageMetadata": usage})


class Embedding(Strict, kw_only=True):
    """One of several."""

    content: Content
    model: str
    task_type: str | None = None
    title: str | None = None
    output_dimensionality: Dimensions | None = None
    embed_content_config: Any = None


class BatchEmbedAsk(Strict, kw_only=True):
    model: str = msgspec.field(name=PATH_MODEL)
    """From the path."""
    requests: tuple[Embedding, ...] = ()

    def need(self) -> int:
        return sum(tokens.count(_text(each.content)) for each in self.requests)

    def answer(self, context: Context) -> Reply | Refusal:
        if not self.requests:
            return Refusal(message="* BatchEmbedContentsRequest.requests: requests is not specified\n")
        for index, each in enumerate(self.requests):
            if each.model.removeprefix("models/").partition("!")[0] != context.model:
                message = "model must match the model in the request URL"
                return Refusal(message=f"* BatchEmbedContentsRequest.requests[{index}].model: {message}\n")
            if not each.content.parts:
                return Refusal(message=f"* BatchEmbedContentsRequest.requests[{index}].content: {_EMPTY}\n")
        return whole({"embeddings": [_embedded(context, each) for each in self.requests]})


class Instance(Strict):
    content: str
    task_type: str | None = None
    title: str | None = None


class Parameters(Strict):
    output_dimensionality: Annotated[int, Meta(ge=1, le=_DIMENSIONS)] | None = None
    auto_truncate: bool | None = None


class PredictAsk(Strict, kw_only=True):
    model: str = msgspec.field(name=PATH_MODEL)
    """From the path."""
    instances: list[Instance]
    parameters: Parameters | None = None

    def need(self) -> int:
        return sum(tokens.count(each.content) for each in self.instances)

    def answer(self, context: Context) -> Reply | Refusal:
        if not self.instances:
            return Refusal(message="Empty instances.")
        dimensions = (self.parameters.output_dimensionality if self.parameters else None) or _PREDICTED
        predictions: list[Json] = []
        for each in self.instances:
            statistics = {"truncated": False, "token_count": tokens.count(each.content)}
            values = numbers(context, each.content, dimensions)
            predictions.append({"embeddings": {"values": values, "statistics": statistics}})
        billed = sum(len(each.content) for each in self.instances)
        return whole({"predictions": predictions, "metadata": {"billableCharacterCount": billed}})


def _embedded(context: Context, each: EmbedAsk | Embedding) -> Json:
    return {"values": numbers(context, _text(each.content), each.output_dimensionality or _DIMENSIONS)}


def _text(content: Content) -> str:
    return "\n".join(part.text or "" for part in content.parts)
