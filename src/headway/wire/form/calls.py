"""Tool calls of a stream, followed so that one which was cut short never passes for complete."""

from __future__ import annotations

import json

from headway.wire.form.reply import CallBegan, CallDelta, Event, Finished, PartEnded, Stop

MOST_CHECKED = 1024 * 1024
"""Characters of a call's arguments that are kept to be checked; longer ones pass for whole."""

_decode = json.JSONDecoder(strict=False).decode
_CUT_IS_TOLD = frozenset({Stop.LENGTH, Stop.CONTEXT, Stop.FILTER, Stop.FAULT})
"""Reasons that say themselves that what came before them is not complete."""


class _Call:
    __slots__ = ("pieces", "size")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size = 0

    def whole(self) -> bool:
        text = "".join(self.pieces)
        if self.size > MOST_CHECKED or not text.strip():
            return True
        try:
            _decode(text)
        except (ValueError, RecursionError):
            return False
        return True


class Calls:
    """Feed it the events that concern calls. `open`: a call is under way. `broken`: one is not complete, and nothing
    tells the client so.
    """

    __slots__ = ("_calls", "_doubtful", "broken", "open")

    def __init__(self) -> None:
        self._calls: dict[tuple[int, int], _Call] = {}
        self._doubtful: set[int] = set()
        """Choices with a call that has ended within its JSON."""
        self.open = False
        self.broken = False

    def take(self, event: Event) -> None:
        match event:
            case CallBegan():
                if not event.custom:
                    self._calls[event.choice, event.part] = _Call()
            case CallDelta():
                call = self._calls.get((event.choice, event.part))
                if call is not None and call.size <= MOST_CHECKED:
                    call.pieces.append(event.arguments)
                    call.size += len(event.arguments)
            case PartEnded():
                self._ended(event.choice, event.part)
            case Finished():
                for choice, part in list(self._calls):
                    if choice == event.choice:
                        self._ended(choice, part)
                doubtful = event.choice in self._doubtful
                self._doubtful.discard(event.choice)
                self.broken = self.broken or (doubtful and event.stop not in _CUT_IS_TOLD)
            case _:
                pass
        self.open = bool(self._calls) or bool(self._doubtful)

    def _ended(self, choice: int, part: int) -> None:
        call = self._calls.pop((choice, part), None)
        if call is not None and not call.whole():
            self._doubtful.add(choice)
