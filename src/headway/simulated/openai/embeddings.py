"""`/v1/embeddings`: a unit vector for each input, the same for the same input, model and number of dimensions."""

from __future__ import annotations

import base64
import struct
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from headway.simulated.openai.prompt import prompts
from headway.simulated.reply import Context, Json, Refusal, Reply, whole
from headway.simulated.vectors import vector

_DEFAULT_DIMENSIONS = 1536


class EmbeddingAsk(msgspec.Struct):
    model: str
    input: str | list[Any]
    dimensions: Annotated[int, Meta(ge=1, le=16384)] | None = None
    encoding_format: Literal["float", "base64"] | None = None

    def prompt_tokens(self) -> int:
        return sum(prompt.tokens for prompt in prompts(self.input) or ())

    def need(self) -> int:
        return self.prompt_tokens()

    def answer(self, context: Context) -> Reply | Refusal:
        inputs = prompts(self.input)
        if inputs is None or self.input == "":
            return Refusal(message="'$.input' is invalid. Please check the API reference.", param="input")
        data: list[Json] = []
        for index, prompt in enumerate(inputs):
            packed = vector(context, prompt.text, self.dimensions or _DEFAULT_DIMENSIONS)
            embedding: object = (
                base64.b64encode(packed).decode()
                if self.encoding_format == "base64"
                else struct.unpack(f"<{len(packed) // 4}f", packed)
            )
            data.append({"object": "embedding", "index": index, "embedding": embedding})
        spent = self.prompt_tokens()
        usage = {"prompt_tokens": spent, "total_tokens": spent}
        document = {"object": "list", "data": data, "model": context.model, "usage": usage}
        return whole(document, headers=(("openai-model", context.model),))
