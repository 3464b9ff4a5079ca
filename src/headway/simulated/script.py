"""What happens on a connection, step by step: a reply with its fault as writes, waits and an end.

A script decides everything and does nothing; whoever plays it owns the socket and the timer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from random import Random

import msgspec

from headway.simulated.faults import Fault
from headway.simulated.notation import Latency
from headway.simulated.replacement import with_fault
from headway.simulated.reply import Header, Piece, Reply
from headway.simulated.stages import End, Wait, content, refined, transport

Action = bytes | Wait | End

_FALSE_LENGTH = 7
"""What a stream claims under `cl_te`."""


class Speed(msgspec.Struct, frozen=True):
    """How fast the provider is when no fault says otherwise; `token_delay` in seconds."""

    latency: Latency = Latency(0.0)
    token_delay: float = 0.0


def script(reply: Reply, fault: Fault, speed: Speed, rng: Random, *, close: bool = False) -> Iterator[Action]:
    """The actions in order; the last is an `End`. `close`: the client wants no further request on this connection."""
    reply = with_fault(reply, fault)
    token_delay = speed.token_delay if fault.delay_token is None else fault.delay_token
    if fault.informational is not None:
        yield f"HTTP/1.1 {fault.informational} {_reason(fault.informational)}\r\n\r\n".encode()
    delay = fault.delay_headers + _sampled(fault.latency or speed.latency, rng)
    if not reply.streamed:
        delay += reply.tokens * token_delay
    if delay > 0:
        yield Wait(delay)
    if fault.close_before_headers:
        yield End.CLOSE
        return
    if fault.rst_before_headers:
        yield End.RESET
        return
    yield from _answer(reply, fault, token_delay, close=close)


def _answer(reply: Reply, fault: Fault, token_delay: float, *, close: bool) -> Iterator[Action]:
    pieces: Iterable[Piece] = content(reply, fault)
    length: int | None = None
    if not reply.streamed:
        pieces = list(pieces)
        length = sum(len(piece.data) for piece in pieces)
    chunked = _chunked(reply, fault)
    headers = _headers(reply, fault, None if chunked else length, chunked=chunked)
    if fault.cl_te:
        headers.append(("content-length", str(_FALSE_LENGTH if length is None else length)))
    # Without a length or chunks, only the end of the connection tells where the body ends.
    close = close or fault.http10 or fault.framing == "close" or ("connection", "close") in headers
    if close and ("connection", "close") not in headers:
        headers.append(("connection", "close"))
    yield _head(reply.status, headers, fault)
    apart = bool(fault.chunk_bytes or fault.split_utf8)
    for item in transport(pieces, fault, token_delay, reply):
        if isinstance(item, End):
            yield item
            return
        if isinstance(item, Wait):
            yield item
            continue
        for data in refined(item.data, fault):
            yield b"%x\r\n%b\r\n" % (len(data), data) if chunked else data
            if apart:
                yield Wait(0.0)
    if chunked:
        yield b"0\r\n\r\n"
    yield End.CLOSE if close else End.KEEP


def _chunked(reply: Reply, fault: Fault) -> bool:
    if fault.http10 or fault.framing == "close":
        return False
    return reply.streamed or fault.framing == "chunked" or fault.cl_te


def _headers(reply: Reply, fault: Fault, length: int | None, *, chunked: bool) -> list[Header]:
    content_type = reply.content_type
    if fault.wrong_content_type:
        content_type = "application/json" if reply.streamed else "text/plain; charset=utf-8"
    headers: list[Header] = [("content-type", content_type), *reply.headers]
    if chunked:
        headers.append(("transfer-encoding", "chunked"))
    elif length is not None and fault.framing != "close":
        headers.append(("content-length", str(length)))
    replaced = {name for name, _ in fault.headers}
    kept = [header for header in headers if header[0] not in replaced]
    return kept + [(name, value) for name, value in fault.headers if value]


def _head(status: int, headers: list[Header], fault: Fault) -> bytes:
    version = "1.0" if fault.http10 else "1.1"
    lines = (f"HTTP/{version} {status} {_reason(status)}", *(f"{name}: {value}" for name, value in headers), "", "")
    return ("\n" if fault.bare_lf else "\r\n").join(lines).encode("utf-8")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _sampled(latency: Latency, rng: Random) -> float:
    if not latency.jitter:
        return latency.mean
    return max(0.0, latency.mean + rng.uniform(-latency.jitter, latency.jitter))
