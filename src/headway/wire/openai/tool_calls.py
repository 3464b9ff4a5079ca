"""Whether the tool calls of a stream are whole: no client should act on half of one.

Arguments come in pieces. A stream that says a choice is finished while the arguments of one of its calls are no JSON is
broken, and the event that says so is not shown. On request each call is also held back until it is complete.

What is held keeps its order by lanes. Each choice of a chat is a lane of its own, so that text of one goes on while a
call of another is held. A Responses stream is a single lane: its events are numbered, and refer to earlier items by
position. Once a lane has an event held, its later ones wait behind it. What belongs to no lane passes at once:
comments, the usage chunk, errors, what cannot be read. What to tell the client of a broken stream is the relay's
business.
"""

from __future__ import annotations

from headway.wire import sse
from headway.wire.endpoints import Endpoint
from headway.wire.openai.call import Call, Object, continued, object_of, objects_of, pieces_in
from headway.wire.openai.stream import document_in, is_error_document

LIMIT = 1024 * 1024
"""Bytes of events that are held."""

UNPARSED = "finished with a tool call whose arguments are not complete JSON"
TOO_LONG = "sent a tool call too long to be held until it is complete"

_HONEST = frozenset({"length", "content_filter", "model_length", "max_tokens"})
"""Finish reasons that say themselves that the answer was cut short."""
_CALL_ITEMS = ("function_call", "custom_tool_call")
_RESPONSE = 0
"""The lane of a Responses stream."""


class ToolCalls:
    """Follows the tool calls of one stream. With `hold` each is kept back until it is complete."""

    __slots__ = ("_blocked", "_chat", "_held", "_hold", "_open", "broken", "held")

    def __init__(self, endpoint: Endpoint, hold: bool) -> None:
        self._chat = endpoint.name != "responses"
        self._hold = hold
        self._open: dict[int, list[Call]] = {}
        """By lane, the calls that may still grow."""
        self._held: list[tuple[bytes, tuple[int, ...]]] = []
        """Events and their lanes."""
        self._blocked: set[int] = set()
        """The lanes of what is held."""
        self.held = 0
        """Bytes."""
        self.broken: str | None = None
        """Why this stream must not go on, in words that follow the name of who sent it."""

    @property
    def pending(self) -> bool:
        """A call has begun that is not known to be complete, or something is held."""
        return bool(self._open or self._held)

    def feed(self, events: bytes) -> bytes:
        """What may be shown now of what is held and of these whole events; nothing more once the stream is broken."""
        if self.broken is not None:
            return b""
        if not (self._open or self._held or _mentions_call(events)):
            return events
        shown: list[bytes] = []
        for event in _split(events):
            self._follow(event, shown)
            if self.broken is not None:
                break
        return b"".join(shown)

    def _follow(self, event: bytes, shown: list[bytes]) -> None:
        if not (self._open or self._held or _mentions_call(event)):
            shown.append(event)
            return
        plain = event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2
        payload = event[6:-2] if plain else sse.data_of(event)
        if payload is None:
            shown.append(event)
            return
        if payload.lstrip().startswith(b"[DONE]"):
            self._close(list(self._open), shown)
            self._put(event, (), shown)
            return
        told = document_in(payload)
        if told is None or is_error_document(told):
            shown.append(event)
        elif self._chat:
            self._follow_chunk(told, event, shown)
        elif isinstance(told.get("type"), str):
            self._follow_item(told, event, shown)
        else:
            shown.append(event)

    # --- chat ---

    def _follow_chunk(self, chunk: Object, event: bytes, shown: list[bytes]) -> None:
        lanes: list[int] = []
        finished: list[int] = []
        for choice in objects_of(chunk.get("choices")):
            index = choice.get("index")
            lane = index if isinstance(index, int) else 0
            lanes.append(lane)
            pieces = pieces_in(choice)
            if pieces:
                self._add(lane, pieces, shown)
            reason = choice.get("finish_reason")
            if reason:
                finished.append(lane)
                if isinstance(reason, str) and reason in _HONEST:
                    self._open.pop(lane, None)
        if finished:
            self._close(finished, shown)
        self._put(event, tuple(lanes), shown)

    def _add(self, lane: int, pieces: list[Object], shown: list[bytes]) -> None:
        """Pieces of calls. Where they only begin new ones, those before have ended."""
        calls = self._open.setdefault(lane, [])
        known = [continued(calls, piece) for piece in pieces]
        if calls and not any(known) and all(call.whole for call in calls):
            del self._open[lane]
            self._release(shown)
            calls = self._open.setdefault(lane, [])
        for piece, found in zip(pieces, known, strict=True):
            call = found or continued(calls, piece)
            if call is None:
                call = Call(piece.get("index"), call_id=piece.get("id"), free="custom" in piece)
                calls.append(call)
            call.add(object_of(piece.get("function")).get("arguments"))

    # --- responses ---

    def _follow_item(self, told: Object, event: bytes, shown: list[bytes]) -> None:
        kind = told.get("type")
        item = object_of(told.get("item"))
        is_call = item.get("type") in _CALL_ITEMS
        if kind == "response.output_item.added":
            if any(call.over for call in self._open.get(_RESPONSE, ())):
                self.broken = UNPARSED  # it goes on behind a call that it called done
            elif is_call:
                self._called(told, item).add(item.get("arguments"))
        elif kind == "response.function_call_arguments.delta":
            self._called(told, item).add(told.get("delta"))
        elif kind == "response.function_call_arguments.done":
            self._finish_call(self._called(told, item), told.get("arguments"), shown)
        elif kind == "response.custom_tool_call_input.done" or (kind == "response.output_item.done" and is_call):
            call = self._called(told, item)
            call.free = call.free or item.get("status") == "incomplete" or item.get("type") != "function_call"
            self._finish_call(call, item.get("arguments"), shown)
        elif kind in ("response.completed", "response.incomplete"):
            if kind == "response.incomplete":
                self._open.clear()
            self._close(list(self._open), shown)
        self._put(event, (_RESPONSE,), shown)

    def _called(self, told: Object, item: Object) -> Call:
        index = told.get("output_index")
        if index is None:
            index = told.get("item_id", item.get("id"))
        calls = self._open.setdefault(_RESPONSE, [])
        for call in calls:
            if call.index == index:
                return call
        call = Call(index, free=item.get("type") == "custom_tool_call")
        calls.append(call)
        return call

    def _finish_call(self, call: Call, arguments: object, shown: list[bytes]) -> None:
        """It is done. If it is not whole, what follows must tell why: the response may be called incomplete."""
        call.replace(arguments)
        call.over = True
        if call.whole:
            calls = self._open[_RESPONSE]
            calls.remove(call)
            if not calls:
                del self._open[_RESPONSE]
                self._release(shown)

    # --- either ---

    def _close(self, lanes: list[int], shown: list[bytes]) -> None:
        """No more comes in these lanes."""
        if not all(call.whole for lane in lanes for call in self._open.get(lane, ())):
            self.broken = UNPARSED
            return
        for lane in lanes:
            self._open.pop(lane, None)
        self._release(shown)

    def _put(self, event: bytes, lanes: tuple[int, ...], shown: list[bytes]) -> None:
        if self.broken is not None:
            return
        for lane in lanes:
            if self._is_blocked(lane):
                break
        else:
            shown.append(event)
            return
        self._held.append((event, lanes))
        self._blocked.update(lanes)
        self.held += len(event)
        if self.held > LIMIT:
            self.broken = TOO_LONG

    def _is_blocked(self, lane: int) -> bool:
        if lane in self._blocked:
            return True
        calls = self._open.get(lane)
        return calls is not None and (self._hold or any(call.over for call in calls))

    def _release(self, shown: list[bytes]) -> None:
        """Show what no open call stands before."""
        held, self._held = self._held, []
        self._blocked = set()
        self.held = 0
        for event, lanes in held:
            self._put(event, lanes, shown)


def _split(events: bytes) -> list[bytes]:
    if events.find(b"\n\n") == len(events) - 2 and events.find(b"\r") < 0:
        return [events]
    whole, rest = sse.split(events)
    return [*whole, rest] if rest else whole


def _mentions_call(events: bytes) -> bool:
    return events.find(b"tool_call") >= 0 or events.find(b"function_call") >= 0
