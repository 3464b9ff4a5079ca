"""How Converse writes an answer down: as one document, or as events of AWS's binary stream."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from headway.simulated import reply, signatures
from headway.simulated.answer import Answer, Call
from headway.simulated.bedrock.frames import frame
from headway.simulated.bedrock.wording import EVENTS, STREAM
from headway.simulated.reply import Context, Json, Piece, Reply, encode

_FINISHES = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}
_PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
"""Events are made longer by a random length, so that their lengths tell nothing."""


class Writer:
    """Writes one answer. Claude's reasoning alone is signed."""

    __slots__ = ("_answer", "_blank", "_prompt", "_signs")

    def __init__(self, context: Context, given: Answer, prompt: int) -> None:
        self._answer = given
        self._blank = context.blank
        self._prompt = prompt
        self._signs = "anthropic" in context.model

    def whole(self) -> Reply:
        message = {"role": "assistant", "content": [] if self._blank else self._content()}
        document = {"metrics": _METRICS, "output": {"message": message}, **self._stop(), "usage": self._usage()}
        return reply.whole(document, tokens=self._answer.tokens)

    def stream(self) -> Reply:
        return reply.stream(self._events(), EVENTS, STREAM)

    def _stop(self) -> Json:
        given = self._answer
        if given.stopped_by is not None:
            return {"stopReason": "stop_sequence"}
        called = bool(given.calls) and given.finish != "length"
        return {"stopReason": "tool_use" if called else _FINISHES[given.finish]}

    def _usage(self) -> Json:
        spent = self._answer.tokens
        total = {"inputTokens": self._prompt, "outputTokens": spent, "totalTokens": self._prompt + spent}
        return {**total, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0}

    def _content(self) -> list[Json]:
        given = self._answer
        blocks: list[Json] = []
        if given.thoughts:
            signature = {"signature": self._signature()} if self._signs else {}
            blocks.append({"reasoningContent": {"reasoningText": {"text": given.thought, **signature}}})
        if given.pieces:
            blocks.append({"text": given.text})
        blocks += [{"toolUse": {**_opened(call), "input": _arguments(call)}} for call in given.calls]
        return blocks

    def _signature(self) -> str:
        return signatures.sign("claude", self._answer.thought)

    def _events(self) -> Iterator[Piece]:
        yield _piece("messageStart", {"role": "assistant"})
        for index, block in enumerate(() if self._blank else self._blocks()):
            for name, members, tokens in block:
                yield _piece(name, {"contentBlockIndex": index, **members}, tokens)
            yield _piece("contentBlockStop", {"contentBlockIndex": index})
        yield _piece("messageStop", self._stop())._replace(terminal=True)
        yield _piece("metadata", {"usage": self._usage(), "metrics": _METRICS})._replace(terminal=True)

    def _blocks(self) -> Iterator[Iterator[tuple[str, Json, int]]]:
        """The events of each block, without their index and without the one that ends it. Only calls have a start."""
        if self._answer.thoughts:
            yield self._reasoning()
        if self._answer.pieces:
            yield (_delta({"text": token}) for token in self._answer.pieces)
        for call in self._answer.calls:
            yield self._call(call)

    def _reasoning(self) -> Iterator[tuple[str, Json, int]]:
        for token in self._answer.thoughts:
            yield _delta({"reasoningContent": {"text": token}})
        if self._signs:
            yield "contentBlockDelta", {"delta": {"reasoningContent": {"signature": self._signature()}}}, 0

    def _call(self, call: Call) -> Iterator[tuple[str, Json, int]]:
        yield "contentBlockStart", {"start": {"toolUse": _opened(call)}}, 1
        for piece in call.pieces:
            yield _delta({"toolUse": {"input": piece}})


_METRICS = {"latencyMs": 321}


def _piece(name: str, members: Json, tokens: int = 0) -> Piece:
    body = encode(members)
    padding = _PADDING[: 1 + len(body) % len(_PADDING)]
    return Piece(frame(name, encode({**members, "p": padding})), tokens)


def _delta(delta: Json) -> tuple[str, Json, int]:
    return "contentBlockDelta", {"delta": delta}, 1


def _opened(call: Call) -> Json:
    return {"toolUseId": call.id.replace("call_", "tooluse_", 1), "name": call.name}


def _arguments(call: Call) -> object:
    """What was cut short is no object, and a whole message holds nothing else."""
    try:
        return msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return {}
