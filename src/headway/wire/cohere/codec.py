"""Cohere's chat as a dialect: where each part of it is."""

from __future__ import annotations

from headway.wire import sse
from headway.wire.cohere.errors import error_body
from headway.wire.cohere.request_read import read_request
from headway.wire.cohere.request_write import write_request
from headway.wire.cohere.response import read_reply, write_reply
from headway.wire.cohere.stream_read import Reader
from headway.wire.cohere.stream_write import Writer
from headway.wire.cohere.vocabulary import NAMES
from headway.wire.form.codec import Codec

CODEC = Codec(
    dialect="cohere",
    media_type=b"text/event-stream",
    names=NAMES,
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
