"""How long one attempt may take for what: configured times, and defaults that know the kind of request.

A stream's head comes soon, a whole answer's only when the model has finished; a model that thinks first is silent for
minutes.
"""

from __future__ import annotations

import msgspec

from headway.types import Timeouts

HEADERS_STREAM = 30.0
HEADERS_WHOLE = 300.0
FIRST_TOKEN = 20.0
FIRST_TOKEN_REASONING = 180.0
STALL = 60.0
STALL_REASONING = 120.0


class Patience(msgspec.Struct, frozen=True):
    """Seconds: for a connection, for the head of a stream and of a whole answer, for a stream's first word, for more of
    an answer that says something, and for any byte at all.
    """

    connect: float
    headers_stream: float
    headers_whole: float
    first_token: float
    stall: float
    alive: float


def patience(timeouts: Timeouts, *, reasons: bool) -> Patience:
    first_token, stall = timeouts.first_token, timeouts.stall
    if first_token is None:
        first_token = FIRST_TOKEN_REASONING if reasons else FIRST_TOKEN
    if stall is None:
        stall = STALL_REASONING if reasons else STALL
    return Patience(
        connect=timeouts.connect,
        headers_stream=timeouts.headers or max(HEADERS_STREAM, first_token),
        headers_whole=timeouts.headers or HEADERS_WHOLE,
        first_token=first_token,
        stall=min(stall, timeouts.alive),
        alive=timeouts.alive,
    )
