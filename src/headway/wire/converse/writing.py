"""A request of Converse's while it is being written: the body so far, and what it could not say."""

from __future__ import annotations

import msgspec

from headway.wire.converse.parts_write import Block, RequestParts, Words
from headway.wire.converse.thinking import Family
from headway.wire.form.request import Request, Toward


class Turn(msgspec.Struct):
    """A message of Converse's."""

    role: str
    content: list[Block]


class Writing(msgspec.Struct):
    """The body so far, and what it could not say."""

    request: Request
    toward: Toward
    family: Family
    own: bool
    parts: RequestParts
    dropped: list[str] = []
    turns: list[Turn] = []
    thoughtful: bool = False
    """Claude is to think first."""
    system: list[Block] = []
    tools: Words = {}
    output: Words = {}
    additional: Words = {}
    inference: Words = {}
    settings: Words = {}

    def may(self, name: str) -> bool:
        """Does the model take this parameter? One that it does not is listed."""
        if name in self.toward.lacks:
            self.dropped.append(name)
            return False
        return True
