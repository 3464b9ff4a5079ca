"""Which API a request is for."""

from __future__ import annotations

from headway.simulated.anthropic.dialect import Anthropic
from headway.simulated.bedrock.dialect import Bedrock
from headway.simulated.cohere.dialect import Cohere
from headway.simulated.dialect import Dialect
from headway.simulated.gemini.dialect import Gemini
from headway.simulated.gemini.vertex import Vertex, VertexClaude
from headway.simulated.ollama.dialect import Ollama
from headway.simulated.openai.dialect import OpenAI
from headway.simulated.received import ReceivedRequest
from headway.simulated.rerank.dialect import Rerank

DIALECTS: tuple[Dialect, ...] = (
    Anthropic(),
    Vertex(),
    VertexClaude(),
    Gemini(),
    Bedrock(),
    Cohere(),
    Ollama(),
    Rerank(),
    OpenAI(),
)
"""The first that claims a request gets it; the last takes them all."""


def dialect_of(request: ReceivedRequest) -> Dialect:
    return next(dialect for dialect in DIALECTS if dialect.claims(request))
