"""What things are called by OpenTelemetry's semantic conventions, and how values of ours translate.

The general conventions are those of version 1.44.0; the ones for generative AI, which are in development and have moved
to github.com/open-telemetry/semantic-conventions-genai, are those of its `main` in November 2026. The names stand here
and are not imported, since the library that has them marks them as private and deprecated; a test holds them to it.
"""

from __future__ import annotations

from headway.types import Provider
from headway.wire.endpoints import ALL, Endpoint

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_TOKENS = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"
ERROR_TYPE = "error.type"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
METHOD = "http.request.method"
STATUS = "http.response.status_code"
REQUEST_SIZE = "http.request.body.size"
REPLY_SIZE = "http.response.body.size"
SCHEME = "url.scheme"
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"
SERVICE_INSTANCE = "service.instance.id"

# ours, which no convention has
REQUEST_ID = "headway.request_id"
ENDPOINT = "headway.endpoint"
PRINCIPAL = "headway.principal"
ROUTE = "headway.route"
OUTCOME = "headway.outcome"
QUEUED = "headway.queued"
REPLAYED = "headway.replayed"
COST = "headway.cost"
ATTEMPTS = "headway.attempts"
TARGET = "headway.target"
REASON = "headway.attempt.reason"
RESULT = "headway.attempt.result"
RULE = "headway.attempt.rule"

TOKEN_USAGE = "gen_ai.client.token.usage"
OPERATION_DURATION = "gen_ai.client.operation.duration"
FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"
SERVER_DURATION = "http.server.request.duration"

TOKEN_BUCKETS = tuple(float(4**power) for power in range(14))
"""gen-ai-metrics.md: 1 to 67108864."""
DURATION_BUCKETS = tuple(round(0.01 * 2**power, 2) for power in range(14))
"""gen-ai-metrics.md: 0.01 to 81.92, for durations and times to the first chunk."""
SERVER_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""http-metrics.md."""

_PROVIDERS: dict[str, str] = {
    "azure": "azure.ai.openai",
    "azure-deployments": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock-mantle": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""Kinds of the catalogue that the conventions call otherwise. A kind that is not listed is called as it is."""


def _operation(endpoint: Endpoint) -> str:
    match endpoint.operation:
        case "generate":
            return "generate_content" if endpoint.dialect == "gemini" else "chat"
        case "embed":
            return "embeddings"
        case "count":
            return "count_tokens"
        case "rerank":
            return "rerank"
        case "plain":
            return "text_completion" if endpoint.name == "completions" else endpoint.name


_OPERATIONS: dict[str, str] = {endpoint.name: _operation(endpoint) for endpoint in ALL}


def operation_of(endpoint: str) -> str:
    """`gen_ai.operation.name`, by the name of an endpoint. Where the conventions have none it is one of ours."""
    return _OPERATIONS.get(endpoint, endpoint)


def provider_of(name: str, provider: Provider | None) -> str:
    """`gen_ai.provider.name` of the provider that is called `name` in the configuration."""
    if provider is None or provider.kind == "custom":
        return name
    return _PROVIDERS.get(provider.kind, provider.kind)
