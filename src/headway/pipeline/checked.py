"""Streams that are looked into or held back beyond their first word.

Three things, each only where a request or its route calls for it: tool calls are followed, so that one which was cut
short never passes for complete (with `tool_calls: whole` it is held until it is); with `stream: whole` nothing is shown
before all of it is there; and what was shown is remembered where a route allows a broken text to be continued.
"""

from __future__ import annotations

import msgspec

from headway.failures import Failure, FailureKind
from headway.pipeline.relay import Manner, Notice, RelayOwner, StreamRelay
from headway.ports import Downstream
from headway.types import Pacing
from headway.wire.openai.opening import judge
from headway.wire.openai.splice import Splice
from headway.wire.openai.told import Told
from headway.wire.openai.tool_calls import ToolCalls

WHOLE_LIMIT = 16 * 1024 * 1024
"""Bytes of a stream that are held until it is complete."""


class Checks(msgspec.Struct, frozen=True):
    """What to do with a stream besides passing it on. `told` remembers what the client has seen, over all attempts."""

    tools: bool = False
    tool_calls: Pacing = "live"
    stream: Pacing = "live"
    told: Told | None = None

    def any(self) -> bool:
        return self.tools or self.stream == "whole" or self.told is not None


class CheckedRelay(StreamRelay):
    __slots__ = (
        "_downstream",
        "_last_shown",
        "_shown_bytes",
        "_splice",
        "_told",
        "_tools",
        "_waiting",
        "_waiting_size",
        "_whole",
    )

    def __init__(
        self,
        owner: RelayOwner,
        downstream: Downstream,
        manner: Manner,
        checks: Checks,
        *,
        splice: Splice | None = None,
    ) -> None:
        """`splice` goes on with a stream that another attempt began, and that the client sees already."""
        super().__init__(owner, downstream, manner)
        self._downstream = downstream
        self._write = self._take
        self._tools = ToolCalls(manner.endpoint, checks.tool_calls == "whole") if checks.tools else None
        self._whole = checks.stream == "whole"
        self._told = checks.told
        self._splice = splice
        self._waiting: list[bytes] = []
        """What the client has not seen yet."""
        self._waiting_size = 0
        self._shown_bytes = 0
        self._last_shown = b""

    def _show(self) -> None:
        """The first word is there; whether the client sees it is decided piece by piece."""

    def _tells_errors(self) -> bool:
        return self._committed and self._told is None

    def _take(self, data: bytes) -> None:
        """Whole events on their way to the client."""
        if self._splice is not None:
            data = self._splice.feed(data)
        tools = self._tools
        if tools is not None:
            data = tools.feed(data)
        if data:
            self._keep(data)
        if self._over:
            return
        if tools is not None and tools.broken is not None:
            self._break(self._failure(FailureKind.TRUNCATED, tools.broken), "event")
        elif self._splice is not None and self._splice.failed is not None:
            self._break(self._failure(FailureKind.BAD_REPLY, self._splice.failed), "event")

    def _keep(self, data: bytes) -> None:
        if self._committed:
            self._pass_on(data)
            return
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._whole:
            if self._waiting_size > WHOLE_LIMIT:
                what = f"sent more than the {WHOLE_LIMIT >> 20} MB that are held of a stream"
                self._fail(FailureKind.BAD_REPLY, what)
        elif judge(self.endpoint, data) is not None:
            self._release()

    def _release(self) -> None:
        """Show what has been held back."""
        self._committed = True
        self._owner.commit(None)
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        self._shown_bytes += len(data)
        self._last_shown = data
        if self._told is not None:
            self._told.feed(data)
        self._downstream.write(data)

    def _last_seen(self) -> bytes:
        return self._opening + self._last_shown

    def _break(self, failure: Failure, notice: Notice) -> None:
        self._passed = self._shown_bytes
        super()._break(failure, notice)

    def _complete(self) -> None:
        if self._tools is not None and self._tools.held:
            self._break(self._failure(FailureKind.TRUNCATED, "ended its stream within a tool call"), "cut")
            return
        rest = b"" if self._splice is None else self._splice.end()
        if rest:
            self._keep(rest)
        if not self._committed:
            self._release()
        self._passed = self._shown_bytes
        super()._complete()
