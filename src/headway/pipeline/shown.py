"""What one client has been shown of its answer, and so how the rest must be told.

Nothing yet: any status is still possible. Only a head and comments, sent so that a long silence is not taken for a dead
connection: the status is spent, and an error must be an event. Part of an answer: the same, and no other answer may
follow.
"""

from __future__ import annotations

import msgspec

from headway.pipeline.asked import Asked
from headway.pipeline.endings import Ending
from headway.pipeline.incoming import writer_for
from headway.ports import Downstream
from headway.wire.openai import errors

COMMENT = b": waiting for the first token\n\n"


class Shown(msgspec.Struct, eq=False):
    """`begun`: a head has gone out, with `status`. `answering`: and part of an answer after it."""

    asked: Asked
    downstream: Downstream
    begun: bool = False
    answering: bool = False
    status: int = 200

    def hold(self, fields: bytes) -> None:
        """A sign of life. `fields` are the head's lines, for the first time."""
        if not self.begun:
            self.begun = True
            self.downstream.begin(200, fields, None)
        self.downstream.write(COMMENT)

    def begin(self, status: int, fields: bytes, length: int | None) -> None:
        """An answer follows."""
        self.answering = True
        if not self.begun:
            self.begun = True
            self.status = status
            self.downstream.begin(status, fields, length)

    def whole(self, status: int, fields: bytes, body: bytes) -> None:
        self.downstream.reply(status, fields, body)

    def refused(self, ending: Ending, fields: bytes) -> None:
        """There is no answer."""
        if self.begun:
            self.last_event(self._error_event(ending.message, ending.code))
        else:
            self.downstream.reply(ending.status, fields, ending.body)

    def last_event(self, event: bytes) -> None:
        """The answer ends with an error, and without its dialect's last event."""
        self.downstream.write(event)
        if self.asked.endpoint.unheard:
            self.downstream.abort()
        else:
            self.downstream.end()

    def _error_event(self, message: str, code: str) -> bytes:
        endpoint = self.asked.endpoint
        if endpoint.name == "responses":
            return errors.response_event(message, code=code, seen=b"", created=None)
        if endpoint.operation == "generate" and endpoint.name != "chat":
            return writer_for(self.asked, 0.0).error(message, status=502, code=code)
        return errors.event(message, code=code)
