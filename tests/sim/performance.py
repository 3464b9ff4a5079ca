"""How an answer, or a fault in its place, comes over a connection: framing, pieces, pauses, and where it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Any, Literal

from sim import dialects
from sim.answers import Answer
from sim.faults import Fault

Act = bytes | Literal["close", "reset"]
Steps = Iterator[tuple[float, Act]]
"""Seconds to wait, and what to do then."""
Framing = Literal["length", "chunked", "close"]
Run = tuple[float, list[bytes]]
"""Pieces that come after a wait."""

PAGE = b"<!doctype html><html><body>Please log in</body></html>"
FILLERS = (b": keep-alive\n\n", b'event: ping\ndata: {"type":"ping"}\n\n', b'data: {"type": "ping"}\n\n')
SURPLUS = b"HTTP/1.1 408 Too Late\r\n\r\n"
"""Bytes that nobody asked for."""


class Performance:
    """One reply. `quick`: seconds that a good answer takes, about; `times`: until its first word, and until its end, of
    one that is terse. `told` are fields of its head.
    """

    def __init__(
        self,
        answer: Answer,
        fault: Fault,
        rng: Random,
        quick: float,
        *,
        times: tuple[float, float] | None = None,
        told: Sequence[str] = (),
    ) -> None:
        self._answer = answer
        self._asking = answer.asking
        self._fault = fault
        self._rng = rng
        self._quick = quick
        self._times = times
        self._told = told
        self._framing: Framing = "length"

    def steps(self) -> Steps:
        if self._fault.error is not None and not self._fault.name.startswith("error_"):
            return self._refusal()
        if self._asking.stream and self._asking.endpoint != "audio.speech":
            return self._stream()
        return self._whole()

    # --- whole ---

    def _refusal(self) -> Steps:
        error, rng, wait = self._fault.error, self._rng, self._fault.retry_after
        assert error is not None
        self._framing = rng.choice(("length", "length", "chunked", "close"))
        fields: list[str] = []
        if wait is not None:
            fields.append(f"retry-after-ms: {wait * 1000:g}" if rng.random() < 0.2 else f"Retry-After: {wait:g}")
        return self._sent(self._framed(error.content_type, [error.body], error.status, fields))

    def _whole(self) -> Steps:
        answer, rng, name = self._answer, self._rng, self._fault.name
        speech = self._asking.endpoint == "audio.speech"
        self._framing = rng.choice(("length", "length", "chunked", "chunked" if speech else "close"))
        content_type, body = ("audio/mpeg" if speech else "application/json"), dialects.whole(answer)
        if name == "bad_json":
            body = rng.choice((body[:-1], b"", b"upstream connect error", body[: len(body) // 2] + b"}"))
        elif name == "no_choices":
            body = answer.style.json({"id": "x", "object": "chat.completion", "choices": [], "usage": answer.usage})
        elif name == "model_fault":
            choice = {"index": 0, "message": {"content": None}, "finish_reason": "MALFORMED_FUNCTION_CALL"}
            body = answer.style.json({"id": "x", "object": "chat.completion", "choices": [choice]})
        elif name == "stream_instead":
            content_type, body = "text/event-stream", b"".join(dialects.events(answer, rng))
        else:
            content_type, body = self._disguised(content_type, body)
        return self._sent(self._framed(content_type, [body]))

    def _disguised(self, content_type: str, body: bytes) -> tuple[str, bytes]:
        """What may stand in the place of any answer under status 200."""
        match self._fault.name:
            case "html":
                return "text/html; charset=utf-8", PAGE
            case "wrong_type":
                return self._rng.choice(("text/plain", "application/xml")), b"upstream connect error"
            case "error_200":
                assert self._fault.error is not None
                return "application/json", self._fault.error.body
            case _:
                return content_type, body

    # --- streams ---

    def _stream(self) -> Steps:
        answer, rng, name = self._answer, self._rng, self._fault.name
        self._framing = rng.choice(("chunked", "chunked", "close"))
        if name in ("html", "wrong_type", "error_200", "whole_instead"):
            content_type, body = self._disguised("application/json", dialects.whole(answer))
            return self._sent(self._framed(content_type, [body]))
        events = dialects.events(answer, rng)
        filler = rng.choice(FILLERS)
        if rng.random() < 0.1:
            events.insert(0, filler)
        cut = rng.randrange(len(events))
        if name in ("stall_first", "stall", "pause"):
            return self._stalling(events, 0 if name == "stall_first" else cut, filler)
        events = self._marred(events, cut, filler)
        return self._sent(self._framed("text/event-stream", events if self._times else _mixed(events, rng)))

    def _marred(self, events: list[bytes], cut: int, filler: bytes) -> list[bytes]:
        answer, rng = self._answer, self._rng
        done = answer.style.raw(b"[DONE]")
        match self._fault.name:
            case "error_first":
                return [*([filler] if rng.random() < 0.3 else []), self._error_event()]
            case "error_later":
                after = rng.choice(([], [done], events[cut:]))
                return [*events[:cut], self._error_event(), *after]
            case "malformed":
                return [answer.style.raw(b"{oops"), *events]
            case "only_done":
                return _nothing(answer)
            case "double_done":
                return [*events, done] if events[-1] == done else events
            case "cut_clean":
                payload = b"".join(events)
                return events[:cut] if rng.random() < 0.5 else [payload[: rng.randrange(len(payload))]]
            case _:
                return events

    def _stalling(self, events: list[bytes], at: int, filler: bytes) -> Steps:
        """Nothing but signs of life from a moment on, if any; a pause passes."""
        rng, passes = self._rng, self._fault.name == "pause"
        first = b"".join([self._head("text/event-stream"), *map(self._chunk, events[:at])])
        gap = rng.choice((1.0, 4.0, 9.0))
        silent = rng.random() < 0.4
        count = rng.choice((1, 2, 4)) if passes else 120
        plan: list[Run] = [(0.0, [first]), *[(gap, [b"" if silent else self._chunk(filler)]) for _ in range(count)]]
        if not passes:
            return self._paced(plan, self._quick, None)
        rest = [*map(self._chunk, events[at:]), *([b"0\r\n\r\n"] if self._framing == "chunked" else [])]
        return self._paced([*plan, (0.0, _mixed(rest, rng))], self._quick, self._last)

    def _error_event(self) -> bytes:
        answer, rng, error = self._answer, self._rng, self._fault.error
        assert error is not None
        document: dict[str, Any] = json.loads(error.body)
        if self._asking.endpoint != "responses":
            return answer.style.event(document, rng.choice(("", "error")))
        told: dict[str, Any] = document["error"]
        fields = {"code": told.get("code") or told["type"], "message": told["message"]}
        if rng.random() < 0.5:
            return answer.style.event({"type": "error", **fields, "param": None, "sequence_number": 1}, "error")
        response = {"id": f"resp_{answer.number}", "status": "failed", "error": fields, "output": []}
        return answer.style.event({"type": "response.failed", "sequence_number": 1, "response": response})

    # --- over the wire ---

    @property
    def _last(self) -> Act | None:
        return "close" if self._framing == "close" else None

    def _sent(self, wire: list[bytes]) -> Steps:
        """The bytes of one reply on their way, with what may happen to any."""
        rng, quick = self._rng, self._quick
        match self._fault.name:
            case "no_head":
                return iter(())
            case "reset_first":
                return self._paced([], quick, rng.choice(("close", "reset")))
            case "half_head":
                head = wire[0][: rng.randrange(1, len(wire[0]) - 4)]
                return self._paced([(0.0, [head])], quick, rng.choice((None, "close", "reset")))
            case "bad_http":
                garbage = rng.choice(
                    (b"\x16\x03\x01\x02\x00\r\n\r\n", b"HTTP/1.1 999 No\r\n\r\n", b"SSH-2.0-x\r\n\r\n")
                )
                return self._paced([(0.0, [garbage])], quick, "close")
            case "cut":
                raw = b"".join(wire)
                kept = _mixed([raw[: rng.randrange(len(raw))]], rng)
                return self._paced([(0.0, kept)], quick, rng.choice(("close", "reset")))
            case "slow":
                return self._paced([(0.0, _mixed(wire, rng))], rng.choice((5.0, 15.0, 40.0)), self._last)
            case _ if self._times is not None:
                return self._timed(wire, *self._times)
            case _ if self._answer.style.terse:
                return self._paced([(0.0, [b"".join(wire)])], quick, self._last)
            case _:
                if self._framing != "close" and rng.random() < 0.03:
                    wire = [*wire, SURPLUS]
                return self._paced([(0.0, _mixed(wire, rng))], quick, self._last)

    def _paced(self, plan: list[Run], takes: float, last: Act | None) -> Steps:
        """Runs of pieces, all of which share the time that the reply takes."""
        rng = self._rng
        share = takes / (1 + sum(len(pieces) for _, pieces in plan))
        wait = rng.uniform(0.0, share)
        for pause, pieces in plan:
            wait += pause
            for piece in pieces:
                if piece:
                    yield wait, piece
                    wait = 0.0
                if share:
                    wait += rng.uniform(0.0, 2.0 * share)
        if last is not None:
            yield wait, last

    def _timed(self, wire: list[bytes], first: float, whole: float) -> Steps:
        word = next(place for place, piece in enumerate(wire) if self._answer.said.words[0].encode() in piece)
        begun, rest = b"".join(wire[: word + 1]), b"".join(wire[word + 1 :])
        if self._asking.stream and rest:
            yield first, begun
            yield whole - first, rest
        else:
            yield whole, begun + rest
        if self._last is not None:
            yield 0.0, self._last

    def _framed(
        self, content_type: str, parts: list[bytes], status: int = 200, fields: list[str] | None = None
    ) -> list[bytes]:
        head = self._head(content_type, status, sum(map(len, parts)), fields)
        body = [self._chunk(part) for part in parts if part]
        return [head, *body, b"0\r\n\r\n"] if self._framing == "chunked" else [head, *body]

    def _head(self, content_type: str, status: int = 200, length: int = 0, fields: list[str] | None = None) -> bytes:
        rng = self._rng
        lines = ["HTTP/1.1 103 Early Hints", "Link: </x>", ""] if rng.random() < 0.03 else []
        lines += [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", *(fields or []), *self._told]
        if self._framing == "length":
            lines.append(f"Content-Length: {length}")
        elif self._framing == "chunked":
            lines.append("Transfer-Encoding: chunked")
        if self._framing == "close" or rng.random() < 0.05:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode()

    def _chunk(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if self._framing == "chunked" and data else data


def _nothing(answer: Answer) -> list[bytes]:
    """A stream that ends well and says nothing."""
    if answer.asking.endpoint != "responses":
        return [answer.style.raw(b"[DONE]")]
    response = {"id": f"resp_{answer.number}", "object": "response", "status": "completed", "output": []}
    return [answer.style.event({"type": "response.completed", "sequence_number": 0, "response": response})]


def _mixed(pieces: list[bytes], rng: Random) -> list[bytes]:
    """The same bytes: as they are, all at once, or cut without regard to what they mean."""
    how = rng.random()
    if how < 0.5:
        return pieces
    data = b"".join(pieces)
    if how < 0.7:
        return [data]
    count = min(rng.choice((1, 2, 5, 12)), max(len(data) - 1, 0))
    edges = [0, *sorted(rng.sample(range(1, len(data)), count) if count else []), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]
