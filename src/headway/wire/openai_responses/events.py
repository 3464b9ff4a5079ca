"""Events of a provider's stream, as far as they are read."""

from __future__ import annotations

import msgspec

from headway.wire.openai_responses.output_read import Content
from headway.wire.openai_responses.response import Head

TEXT_DELTA = b"event: response.output_text.delta\ndata: {"
"""How the usual event begins, which is nearly all that there are."""
DATA = len(TEXT_DELTA) - 1


class TextPiece(msgspec.Struct, gc=False):
    """The usual event, and all of it that matters."""

    delta: str
    output_index: int = 0
    content_index: int = 0
    logprobs: tuple[()] | None = None
    """With any, the event is read as all others are."""


class StreamEvent(msgspec.Struct):
    type: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: str = ""
    item_id: str | None = None
    item: msgspec.Raw = msgspec.Raw()
    part: Content | None = None
    annotation: msgspec.Raw = msgspec.Raw()
    response: msgspec.Raw = msgspec.Raw()
    logprobs: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class Plain(msgspec.Struct, gc=False):
    type: str = ""


class Outputs(msgspec.Struct):
    output: list[msgspec.Raw] | None = None


decode_piece = msgspec.json.Decoder(TextPiece).decode
decode = msgspec.json.Decoder(StreamEvent).decode
decode_kind = msgspec.json.Decoder(Plain).decode
decode_head = msgspec.json.Decoder(Head).decode
decode_output = msgspec.json.Decoder(Outputs).decode
