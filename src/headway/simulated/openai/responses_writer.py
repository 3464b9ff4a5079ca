"""How a response is written down: as one document, or as the numbered events that build it."""

from __future__ import annotations

from collections.abc import Iterator

from headway.simulated import reply
from headway.simulated.answer import Answer, Call
from headway.simulated.identity import Identity
from headway.simulated.openai.wording import events
from headway.simulated.reply import Json, Piece, Reply, event


def error_event(sent: int, told: Json) -> bytes:
    """How a stream of responses breaks off. `told` are fields in the place of its own, save the type, which says what
    event it is.
    """
    message = "The server had an error while processing your request."
    document = {"type": "error", "code": "server_error", "message": message, "param": None, "sequence_number": sent}
    fields = {name: value for name, value in told.items() if name != "type"}
    return event({**document, **fields}, "error")


_CUT = {"length": "max_output_tokens", "content_filter": "content_filter"}
_EVENTS = events(error_event)


class Writer:
    """Writes one answer. The whole document is the one that the last event carries."""

    __slots__ = ("_answer", "_begun", "_identity", "_prompt")

    def __init__(self, begun: Json, naming: Identity, given: Answer, prompt: int) -> None:
        self._begun = {**begun, "id": naming.hexadecimal("resp_", 50)}
        self._identity = naming
        self._answer = given
        self._prompt = prompt

    def whole(self) -> Reply:
        return reply.whole(self._finished(), tokens=self._answer.tokens)

    def stream(self) -> Reply:
        return reply.stream(self._numbered(), _EVENTS)

    def _finished(self) -> Json:
        reason = _CUT.get(self._answer.finish)
        return {
            **self._begun,
            "status": "completed" if reason is None else "incomplete",
            "completed_at": self._begun["created_at"] if reason is None else None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "service_tier": "default",
            "output": [self._item(index, done=True) for index in range(len(self._answer.calls) or 1)],
            "usage": {
                "input_tokens": self._prompt,
                "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 0},
                "output_tokens": self._answer.tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": self._prompt + self._answer.tokens,
            },
        }

    def _numbered(self) -> Iterator[Piece]:
        for number, (document, tokens) in enumerate(self._events()):
            name = str(document["type"])
            terminal = name in {"response.completed", "response.incomplete"}
            yield Piece(event({**document, "sequence_number": number}, name), tokens, terminal)

    def _events(self) -> Iterator[tuple[Json, int]]:
        yield {"type": "response.created", "response": self._begun}, 0
        yield {"type": "response.in_progress", "response": self._begun}, 0
        for index in range(len(self._answer.calls) or 1):
            added = {"type": "response.output_item.added", "item": self._item(index), "output_index": index}
            yield added, 1 if self._answer.calls else 0
            yield from self._call(index, self._answer.calls[index]) if self._answer.calls else self._message()
            yield {"type": "response.output_item.done", "item": self._item(index, done=True), "output_index": index}, 0
        finished = self._finished()
        yield {"type": f"response.{finished['status']}", "response": finished}, 0

    def _message(self) -> Iterator[tuple[Json, int]]:
        place: Json = {"content_index": 0, "item_id": self._item_id(0), "output_index": 0}
        text = self._answer.text
        yield {"type": "response.content_part.added", **place, "part": _part("")}, 0
        for token in self._answer.pieces:
            yield {"type": "response.output_text.delta", **place, "delta": token, "logprobs": []}, 1
        yield {"type": "response.output_text.done", **place, "logprobs": [], "text": text}, 0
        yield {"type": "response.content_part.done", **place, "part": _part(text)}, 0

    def _call(self, index: int, call: Call) -> Iterator[tuple[Json, int]]:
        place: Json = {"item_id": self._item_id(index), "output_index": index}
        for piece in call.pieces:
            yield {"type": "response.function_call_arguments.delta", "delta": piece, **place}, 1
        yield {"type": "response.function_call_arguments.done", "arguments": call.arguments, **place}, 0

    def _item_id(self, index: int) -> str:
        return self._identity.child("item", index).hexadecimal("fc_" if self._answer.calls else "msg_", 50)

    def _item(self, index: int, *, done: bool = False) -> Json:
        last = index + 1 >= len(self._answer.calls)
        cut = self._answer.finish in _CUT and last
        status = ("incomplete" if cut else "completed") if done else "in_progress"
        head: Json = {"id": self._item_id(index), "type": "message", "status": status}
        if not self._answer.calls:
            return {**head, "content": [_part(self._answer.text)] if done else [], "role": "assistant"}
        call = self._answer.calls[index]
        arguments = call.arguments if done else ""
        return {**head, "type": "function_call", "arguments": arguments, "call_id": call.id, "name": call.name}


def _part(text: str) -> Json:
    return {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
