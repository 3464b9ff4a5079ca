"""How Cohere writes an answer down: as one message, or as the events that build it."""

from __future__ import annotations

from collections.abc import Iterator

from headway.simulated import reply
from headway.simulated.answer import Answer, Call
from headway.simulated.cohere.wording import EVENTS
from headway.simulated.identity import Identity
from headway.simulated.reply import Context, Json, Piece, Reply, event

_FINISHES = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL", "content_filter": "ERROR"}
_PLAN = ("I", " will", " use", " the", " tools", ".")
"""What is said before calls. It costs nothing."""


class Writer:
    """Writes one answer."""

    __slots__ = ("_answer", "_blank", "_id", "_prompt")

    def __init__(self, context: Context, naming: Identity, given: Answer, prompt: int) -> None:
        self._answer = given
        self._blank = context.blank
        digits = naming.hexadecimal("", 32)
        self._id = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
        self._prompt = prompt

    def whole(self) -> Reply:
        given = self._answer
        message: Json = {"role": "assistant"}
        if given.calls:
            message["tool_plan"] = "".join(_PLAN)
            message["tool_calls"] = [_call(call, call.arguments) for call in given.calls]
        content: list[Json] = [{"type": "thinking", "thinking": given.thought}] if given.thoughts else []
        content += [{"type": "text", "text": given.text}] if given.pieces else []
        if content and not self._blank:
            message["content"] = content
        document = {"id": self._id, "finish_reason": self._finish, "message": message, "usage": self._usage()}
        return reply.whole(document, tokens=given.tokens)

    def stream(self) -> Reply:
        return reply.stream(self._events(), EVENTS)

    @property
    def _finish(self) -> str:
        if self._answer.stopped_by is not None:
            return "STOP_SEQUENCE"
        called = bool(self._answer.calls) and self._answer.finish != "length"
        return "TOOL_CALL" if called else _FINISHES[self._answer.finish]

    def _usage(self) -> Json:
        counts = {"input_tokens": self._prompt, "output_tokens": self._answer.tokens}
        return {"billed_units": counts, "tokens": counts, "cached_tokens": 0}

    def _events(self) -> Iterator[Piece]:
        opened: Json = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        yield _piece("message-start", {"id": self._id, "delta": {"message": opened}})
        if not self._blank:
            yield from self._contents()
            yield from self._calls()
        end = {"finish_reason": self._finish, "usage": self._usage()}
        yield _piece("message-end", {"delta": end})._replace(terminal=True)
        yield Piece(b"data: [DONE]\n\n", terminal=True)

    def _contents(self) -> Iterator[Piece]:
        given = self._answer
        kinds = (("thinking", given.thoughts), ("text", given.pieces))
        for index, (kind, pieces) in enumerate((kind, pieces) for kind, pieces in kinds if pieces):
            start = {"content": {"type": kind, kind: ""}}
            yield _piece("content-start", {"index": index, "delta": {"message": start}})
            for token in pieces:
                delta = {"message": {"content": {kind: token}}}
                yield _piece("content-delta", {"index": index, "delta": delta}, 1)
            yield _piece("content-end", {"index": index})

    def _calls(self) -> Iterator[Piece]:
        if self._answer.calls:
            for word in _PLAN:
                yield _piece("tool-plan-delta", {"delta": {"message": {"tool_plan": word}}})
        for index, call in enumerate(self._answer.calls):
            start = {"message": {"tool_calls": _call(call, "")}}
            yield _piece("tool-call-start", {"index": index, "delta": start}, 1)
            for piece in call.pieces:
                delta = {"message": {"tool_calls": {"function": {"arguments": piece}}}}
                yield _piece("tool-call-delta", {"index": index, "delta": delta}, 1)
            yield _piece("tool-call-end", {"index": index})


def _piece(name: str, members: Json, tokens: int = 0) -> Piece:
    return Piece(event({"type": name, **members}, name), tokens)


def _call(call: Call, arguments: str) -> Json:
    id_ = f"{call.name}_{call.id.removeprefix('call_')[:12].lower()}"
    return {"id": id_, "type": "function", "function": {"name": call.name, "arguments": arguments}}
