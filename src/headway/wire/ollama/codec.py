"""Ollama's own chat as a dialect: where each part of it is."""

from __future__ import annotations

from headway.wire.form.codec import Codec
from headway.wire.ollama.errors import error_body
from headway.wire.ollama.request_read import read_request
from headway.wire.ollama.request_write import write_request
from headway.wire.ollama.response import read_reply, write_reply
from headway.wire.ollama.stream import Reader, Writer, split
from headway.wire.ollama.vocabulary import NAMES

CODEC = Codec(
    dialect="ollama",
    media_type=b"application/x-ndjson",
    names=NAMES,
    read_request=read_request,
    write_request=write_request,
    read_reply=read_reply,
    write_reply=write_reply,
    split=split,
    reader=Reader,
    writer=Writer,
    error_body=error_body,
)
