"""Anthropic's Messages, as one dialect among the others."""

from __future__ import annotations

from types import MappingProxyType

from headway.wire import sse
from headway.wire.anthropic.errors import error_body
from headway.wire.anthropic.request_read import read_request
from headway.wire.anthropic.request_write import write_request
from headway.wire.anthropic.response import read_reply, write_reply
from headway.wire.anthropic.stream_read import Reader
from headway.wire.anthropic.stream_write import Writer
from headway.wire.form.codec import Codec

CODEC = Codec(
    dialect="anthropic",
    media_type=b"text/event-stream",
    names=MappingProxyType(
        {
            "max_output": "max_tokens",
            "stop": "stop_sequences",
            "output": "output_config.format",
            "output.schema": "output_config.format.schema",
            "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
            "user": "metadata.user_id",
        }
    ),
    read_request=read_request,
    write_request=write_request,
    read_reply=read_reply,
    write_reply=write_reply,
    split=sse.split,
    reader=Reader,
    steady=True,
    writer=Writer,
    error_body=error_body,
)
