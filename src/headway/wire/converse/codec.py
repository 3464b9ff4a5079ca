"""Bedrock's Converse as a dialect."""

from __future__ import annotations

from types import MappingProxyType

from headway.wire import eventstream
from headway.wire.converse.errors import error_body
from headway.wire.converse.request_read import read_request
from headway.wire.converse.request_write import write_request
from headway.wire.converse.response import read_reply, write_reply
from headway.wire.converse.stream_read import Reader
from headway.wire.converse.stream_write import Writer
from headway.wire.form.codec import Codec

_NAMES = MappingProxyType(
    {
        "tools": "toolConfig.tools",
        "tool_choice": "toolConfig.toolChoice",
        "output": "outputConfig.textFormat",
        "thinking": "additionalModelRequestFields.thinking",
        "top_k": "additionalModelRequestFields.top_k",
        "max_output": "inferenceConfig.maxTokens",
        "temperature": "inferenceConfig.temperature",
        "top_p": "inferenceConfig.topP",
        "stop": "inferenceConfig.stopSequences",
        "metadata": "requestMetadata",
        "service_tier": "serviceTier",
    }
)

CODEC = Codec(
    dialect="converse",
    media_type=b"application/vnd.amazon.eventstream",
    names=_NAMES,
    read_request=read_request,
    write_request=write_request,
    read_reply=read_reply,
    write_reply=write_reply,
    split=eventstream.split,
    reader=Reader,
    writer=Writer,
    error_body=error_body,
)
