"""How Anthropic writes an answer down: as one message, or as the events that build it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from headway.simulated import reply, signatures
from headway.simulated.answer import Answer, Call
from headway.simulated.anthropic.wording import EVENTS
from headway.simulated.identity import Identity
from headway.simulated.reply import Context, Json, Piece, Reply, event


class Writer:
    """Writes one answer. `shown`: the thinking itself, and not only its signature."""

    __slots__ = ("_answer", "_blank", "_id", "_model", "_prompt", "_shown")

    def __init__(self, context: Context, naming: Identity, given: Answer, prompt: int, *, shown: bool) -> None:
        self._answer = given
        self._blank = context.blank
        self._id = naming.letters("msg_01", 22)
        self._model = context.model
        self._prompt = prompt
        self._shown = shown

    def whole(self) -> Reply:
        content = [] if self._blank else self._content()
        stops = {"stop_reason": self._stop_reason, "stop_sequence": self._answer.stopped_by}
        document = {**self._head(), "content": content, **stops, "usage": self._usage(self._answer.tokens)}
        return reply.whole(document, tokens=self._answer.tokens)

    def stream(self) -> Reply:
        return reply.stream(self._events(), EVENTS)

    @property
    def _stop_reason(self) -> str:
        given = self._answer
        if given.finish == "length":
            return "max_tokens"
        if given.finish == "content_filter":
            return "refusal"
        if given.calls:
            return "tool_use"
        return "end_turn" if given.stopped_by is None else "stop_sequence"

    def _head(self) -> Json:
        return {
            "model": self._model,
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
        }

    def _usage(self, spent: int) -> Json:
        details = {"output_tokens_details": {"thinking_tokens": len(self._answer.thoughts)}}
        return {
            "input_tokens": self._prompt,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": spent,
            **(details if self._answer.thoughts else {}),
            "service_tier": "standard",
            "inference_geo": "global",
        }

    def _content(self) -> list[Json]:
        given = self._answer
        blocks: list[Json] = []
        if given.thoughts:
            shown = given.thought if self._shown else ""
            blocks.append({"type": "thinking", "thinking": shown, "signature": self._signature(shown)})
        if given.pieces:
            blocks.append({"type": "text", "text": given.text})
        blocks += [{**_opened(call), "input": _arguments(call)} for call in given.calls]
        return blocks

    @staticmethod
    def _signature(shown: str) -> str:
        return signatures.sign("claude", shown)

    def _events(self) -> Iterator[Piece]:
        usage = self._usage(1)
        yield _piece("message_start", message={**self._head(), "usage": usage})
        for index, block in enumerate(() if self._blank else self._blocks()):
            for number, (name, members, tokens) in enumerate(block):
                yield _piece(name, tokens, index=index, **members)
                if index == 0 and number == 0:
                    yield Piece(EVENTS.ping)
            yield _piece("content_block_stop", index=index)
        usage = self._usage(self._answer.tokens)
        told = {name: value for name, value in usage.items() if name not in {"service_tier", "inference_geo"}}
        stops = {"stop_reason": self._stop_reason, "stop_sequence": self._answer.stopped_by, "stop_details": None}
        yield _piece("message_delta", delta=stops, usage=told)
        yield _piece("message_stop")._replace(terminal=True)

    def _blocks(self) -> Iterator[Iterator[tuple[str, Json, int]]]:
        """The events of each block, without their index and without the one that ends it."""
        if self._answer.thoughts:
            yield self._thinking()
        if self._answer.pieces:
            yield self._text()
        for call in self._answer.calls:
            yield self._call(call)

    def _thinking(self) -> Iterator[tuple[str, Json, int]]:
        thoughts = self._answer.thoughts
        yield _start({"type": "thinking", "thinking": "", "signature": ""})
        for token in thoughts if self._shown else ():
            yield _delta({"type": "thinking_delta", "thinking": token})
        signature = {
            "type": "signature_delta",
            "signature": self._signature(self._answer.thought if self._shown else ""),
        }
        yield "content_block_delta", {"delta": signature}, 0 if self._shown else len(thoughts)

    def _text(self) -> Iterator[tuple[str, Json, int]]:
        yield _start({"type": "text", "text": ""})
        for token in self._answer.pieces:
            yield _delta({"type": "text_delta", "text": token})

    def _call(self, call: Call) -> Iterator[tuple[str, Json, int]]:
        name, members, _ = _start({**_opened(call), "input": {}})
        yield name, members, 1
        yield "content_block_delta", {"delta": {"type": "input_json_delta", "partial_json": ""}}, 0
        for piece in call.pieces:
            yield _delta({"type": "input_json_delta", "partial_json": piece})


def _piece(name: str, tokens: int = 0, **members: object) -> Piece:
    return Piece(event({"type": name, **members}, name), tokens)


def _start(block: Json) -> tuple[str, Json, int]:
    return "content_block_start", {"content_block": block}, 0


def _delta(delta: Json) -> tuple[str, Json, int]:
    return "content_block_delta", {"delta": delta}, 1


def _opened(call: Call) -> Json:
    return {"type": "tool_use", "id": call.id.replace("call_", "toolu_", 1), "name": call.name}


def _arguments(call: Call) -> object:
    """What was cut short is no object, and a whole message holds nothing else."""
    try:
        return msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return {}
