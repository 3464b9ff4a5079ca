"""Which trace an exchange belongs to, and what its attempts tell providers of it (W3C Trace Context, level 1).

A client's valid `traceparent` makes the exchange's span a child of the client's and decides whether it is sampled;
otherwise a new trace begins, and the configured share is sampled. What becomes of the spans is `observability`'s
business. Nothing here runs while tracing is off.
"""

from __future__ import annotations

import re
from random import Random

import msgspec

from headway.pipeline.conversation import Headers
from headway.pipeline.outgoing import Outgoing
from headway.types import Otel, Trace

LONGEST_STATE = 512
"""Characters of `tracestate` that are passed on; what is longer is left out (§3.3.1.5 asks for at least as many)."""

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_MEMBER = rb"[a-z0-9][a-z0-9_*/@-]{0,255}=[!-+\--<>-~ ]{0,255}[!-+\--<>-~]"
_STATE = re.compile(rb"[ \t]*%b[ \t]*(,[ \t]*(%b)?[ \t]*)*" % (_MEMBER, _MEMBER))
_NO_TRACE, _NO_SPAN = b"0" * 32, b"0" * 16
_SAMPLED = 1


class Tracing:
    """How exchanges are traced while a configuration holds."""

    __slots__ = ("_rng", "_sample")

    def __init__(self, sample: float, rng: Random) -> None:
        self._sample = sample
        self._rng = rng

    @classmethod
    def of(cls, settings: Otel | None, rng: Random) -> Tracing | None:
        """None: nothing is traced."""
        return cls(settings.sample, rng) if settings is not None and settings.traces else None

    def begin(self, headers: Headers) -> Trace:
        """The place of one exchange. `headers` are the client's."""
        parents = [value for name, value in headers if name == b"traceparent"]
        parent = _parent(parents[0]) if len(parents) == 1 else None
        span_id = f"{self._rng.getrandbits(63) | 1:016x}"  # with room for those of its attempts
        if parent is None:
            trace_id = f"{self._rng.getrandbits(128) | 1:032x}"
            return Trace(trace_id, span_id, self._rng.random() < self._sample)
        trace_id, parent_id, sampled = parent
        return Trace(trace_id, span_id, sampled, parent_id)


def traced(outgoing: Outgoing, trace: Trace, headers: Headers, number: int) -> Outgoing:
    """The request of attempt `number`, which makes what the provider does a child of that. `headers` are the client's:
    its `tracestate` passes, and is kept nowhere.
    """
    parent = f"traceparent: 00-{trace.trace_id}-{trace.attempt_id(number)}-{int(trace.sampled):02x}\r\n".encode()
    state = b"" if trace.parent_id is None else state_of(headers)
    fields = b"%btracestate: %b\r\n" % (parent, state) if state else parent
    return msgspec.structs.replace(outgoing, head=b"%b%b\r\n" % (outgoing.head[:-2], fields))


def state_of(headers: Headers) -> bytes:
    """The client's `tracestate`, if it is valid and short enough (§3.3.1)."""
    value = b",".join([value for name, value in headers if name == b"tracestate"]).strip(b" \t")
    return value if 0 < len(value) <= LONGEST_STATE and _STATE.fullmatch(value) is not None else b""


def _parent(value: bytes) -> tuple[str, str, bool] | None:
    """Trace, span and whether it is sampled; None if it is not valid (§3.2.2)."""
    found = _PARENT.fullmatch(value.strip(b" \t"))
    if found is None or found[1] == b"ff" or (found[1] == b"00" and found[5] is not None):
        return None
    if found[2] == _NO_TRACE or found[3] == _NO_SPAN:
        return None
    return found[2].decode(), found[3].decode(), bool(int(found[4], 16) & _SAMPLED)
