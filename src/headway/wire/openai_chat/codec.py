"""The codec of Chat Completions: which function of this package answers for what."""

from __future__ import annotations

from headway.wire import sse
from headway.wire.form.codec import Codec
from headway.wire.openai_chat.errors import error_body
from headway.wire.openai_chat.reasoning import CHAT
from headway.wire.openai_chat.request_read import read_request
from headway.wire.openai_chat.request_write import NAMES, write_request
from headway.wire.openai_chat.response import read_reply
from headway.wire.openai_chat.response_write import write_reply
from headway.wire.openai_chat.stream_read import ChatReader
from headway.wire.openai_chat.stream_write import ChatWriter

CODEC = Codec(
    dialect=CHAT,
    media_type=b"text/event-stream",
    names=NAMES,
    read_request=read_request,
    write_request=write_request,
    read_reply=read_reply,
    write_reply=write_reply,
    split=sse.split,
    reader=ChatReader,
    steady=True,
    writer=ChatWriter,
    error_body=error_body,
)
