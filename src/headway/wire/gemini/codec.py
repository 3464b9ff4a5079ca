"""Gemini's generateContent, put together."""

from __future__ import annotations

from types import MappingProxyType

from headway.wire import sse
from headway.wire.form.codec import Codec
from headway.wire.gemini.errors import error_body
from headway.wire.gemini.request_read import read_request
from headway.wire.gemini.request_write import write_request
from headway.wire.gemini.response import read_reply, write_reply
from headway.wire.gemini.stream_read import Reader
from headway.wire.gemini.stream_write import Writer

NAMES = MappingProxyType(
    {
        "messages": "contents",
        "tool_choice": "toolConfig.functionCallingConfig",
        "output": "generationConfig.responseJsonSchema",
        "thinking": "generationConfig.thinkingConfig",
        "max_output": "generationConfig.maxOutputTokens",
        "temperature": "generationConfig.temperature",
        "top_p": "generationConfig.topP",
        "top_k": "generationConfig.topK",
        "seed": "generationConfig.seed",
        "stop": "generationConfig.stopSequences",
        "frequency_penalty": "generationConfig.frequencyPenalty",
        "presence_penalty": "generationConfig.presencePenalty",
        "logprobs": "generationConfig.responseLogprobs",
        "top_logprobs": "generationConfig.logprobs",
        "n": "generationConfig.candidateCount",
        "metadata": "labels",
        "service_tier": "serviceTier",
    }
)

CODEC = Codec(
    dialect="gemini",
    media_type=b"text/event-stream",
    names=NAMES,
    read_request=read_request,
    write_request=write_request,
    read_reply=read_reply,
    write_reply=write_reply,
    split=sse.split,
    reader=Reader,
    writer=Writer,
    error_body=error_body,
)
