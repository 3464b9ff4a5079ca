"""Which API a request is for."""

from __future__ import annotations

from headway.simulated.anthropic.dialect import Anthropic
from headway.simulated.bedrock.dialect import Bedrock
from headway.simulated.dialect import Dialect
from headway.simulated.gemini.dialect import Gemini
from headway.simulated.gemini.vertex import Vertex, VertexClaude
from headway.simulated.openai.dialect import OpenAI
from headway.simulated.received import ReceivedRequest

DIALECTS: tuple[Dialect, ...] = (Anthropic(), Vertex(), VertexClaude(), Gemini(), Bedrock(), OpenAI())
"""The first that claims a request gets it; the last takes them all."""


def dialect_of(request: ReceivedRequest) -> Dialect:
    return next(dialect for dialect in DIALECTS if dialect.claims(request))
