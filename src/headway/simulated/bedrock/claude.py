"""`invoke` and `invoke-with-response-stream` for Claude: Anthropic's own API, its events wrapped in AWS's."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

import msgspec

from headway.simulated.anthropic.request import Messages
from headway.simulated.bedrock.frames import frame
from headway.simulated.bedrock.wording import EVENTS, STREAM
from headway.simulated.reply import Context, Piece, Refusal, Reply, encode

_DATA = b"data: "


class InvokedMessagesAsk(Messages, kw_only=True):
    """The model and whether to stream stand in the path."""

    anthropic_version: str
    anthropic_beta: list[str] | None = None
    model: str = ""

    def answer(self, context: Context) -> Reply | Refusal:
        answered = super().answer(context)
        if isinstance(answered, Refusal) or not answered.streamed:
            return answered
        pieces = _wrapped(answered.pieces)
        return msgspec.structs.replace(answered, pieces=pieces, events=EVENTS, content_type=STREAM)


def _wrapped(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Pings are left out."""
    for piece in pieces:
        inner = piece.data.partition(_DATA)[2].strip()
        if not piece.data.startswith(b"event: ping"):
            payload = encode({"bytes": base64.b64encode(inner).decode(), "p": "abcdefgh"})
            yield piece._replace(data=frame("chunk", payload))
