"""Replicate's predictions as a dialect: where each part of it is."""

from __future__ import annotations

from headway.wire.form.codec import Codec
from headway.wire.replicate.errors import error_body
from headway.wire.replicate.request import read_request, write_request
from headway.wire.replicate.response import read_reply, write_reply
from headway.wire.replicate.stream import Reader, Writer, split
from headway.wire.replicate.vocabulary import NAMES

CODEC = Codec(
    dialect="replicate",
    media_type=b"application/json",
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
