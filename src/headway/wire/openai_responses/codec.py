"""OpenAI's Responses API, with all that it takes to speak it on either side."""

from __future__ import annotations

from headway.wire import sse
from headway.wire.form.codec import Codec
from headway.wire.openai_responses.errors import error_body
from headway.wire.openai_responses.request_read import read_request
from headway.wire.openai_responses.request_write import write_request
from headway.wire.openai_responses.response import read_reply, write_reply
from headway.wire.openai_responses.stream_read import StreamReader
from headway.wire.openai_responses.stream_write import StreamWriter
from headway.wire.openai_responses.vocabulary import DIALECT, NAMES

CODEC = Codec(
    dialect=DIALECT,
    media_type=b"text/event-stream",
    names=NAMES,
    read_request=read_request,
    write_request=write_request,
    read_reply=read_reply,
    write_reply=write_reply,
    split=sse.split,
    reader=StreamReader,
    writer=StreamWriter,
    error_body=error_body,
)
