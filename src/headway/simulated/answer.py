"""What a simulated model answers: text, JSON for a schema, or calls of tools; cut at the limit and at stop sequences.

Chat and Responses ask the same `Question` and only differ in how they write the `Answer` down.

The last message of the user may steer it: `say: TEXT` is answered with that text, `tokens:N` with a text of N tokens,
`call:NAME` with a call of that tool (several: parallel calls; `call:*`: all of them). `block:answer` has the
answer filtered after its first half, `block:prompt` before it begins. Reasoning comes first where the dialect's own
setting asks for it.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from headway.simulated import prose
from headway.simulated.identity import Identity
from headway.simulated.reply import Json, encode
from headway.simulated.sample import sample
from headway.simulated.tokens import tokens

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]

_SAY = re.compile(r"\s*say:[ ]?(.*)", re.DOTALL)
_TOKENS = re.compile(r"\btokens:(\d{1,6})\b")
_BLOCK = re.compile(r"\bblock:(prompt|answer)\b")
_CALL = re.compile(r"\bcall:([\w.-]+|\*)")


class Tool(msgspec.Struct, frozen=True):
    name: str
    parameters: Json | None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as far as the answer depends on it."""

    model: str
    provider: str
    said: str
    """The last message of the user, if nobody answered it yet."""
    tool_result: str | None = None
    """What a tool returned, if that was said last."""
    tools: tuple[Tool, ...] = ()
    choice: Literal["none", "auto", "required", "named"] = "auto"
    named: str | None = None
    parallel: bool = True
    schema: Json | None = None
    """The answer is to be JSON that satisfies it."""
    limit: int | None = None
    """Tokens the answer may have."""
    stops: tuple[str, ...] = ()
    thinks: bool = False
    """The answer is to begin with reasoning."""


class Call(msgspec.Struct, frozen=True):
    """Costs one token for the name and one for each piece of the arguments."""

    id: str
    name: str
    pieces: tuple[str, ...]

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Either text or calls, and perhaps reasoning before. `tokens` counts it all."""

    thoughts: tuple[str, ...] = ()
    pieces: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: FinishReason
    tokens: int
    stopped_by: str | None = None
    """The stop sequence that ended it."""

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def thought(self) -> str:
        return "".join(self.thoughts)


def answer(question: Question, identity: Identity) -> Answer:
    if found := _BLOCK.search(question.said):
        pieces = tokens(prose.compose(question.model, question.provider, identity)) if found[1] == "answer" else []
        kept = tuple(pieces[: len(pieces) // 2])
        return Answer(pieces=kept, finish="content_filter", tokens=len(kept))
    if not question.thinks:
        return _answer(question, identity)
    thought = tokens(prose.thought(question.model, question.provider, identity.child("thought")))
    limit = question.limit
    thoughts = tuple(thought if limit is None else thought[:limit])
    if limit is not None and limit <= len(thought):
        return Answer(thoughts=thoughts, finish="length", tokens=len(thoughts))
    left = None if limit is None else limit - len(thoughts)
    said = _answer(msgspec.structs.replace(question, limit=left), identity)
    return msgspec.structs.replace(said, thoughts=thoughts, tokens=len(thoughts) + said.tokens)


def _answer(question: Question, identity: Identity) -> Answer:
    called = _called(question)
    if called:
        return _calls(question, called, identity)
    pieces, stopped_by = _stopped(_said(question, identity), question.stops)
    kept = pieces if question.limit is None else pieces[: question.limit]
    cut = len(kept) < len(pieces)
    finish = "length" if cut else "stop"
    return Answer(pieces=tuple(kept), finish=finish, tokens=len(kept), stopped_by=None if cut else stopped_by)


def _called(question: Question) -> tuple[Tool, ...]:
    if question.choice == "none" or not question.tools:
        return ()
    if question.choice == "named":
        return tuple(tool for tool in question.tools if tool.name == question.named)
    by_name = {tool.name: tool for tool in question.tools}
    wanted = _CALL.findall(question.said)
    called = question.tools if "*" in wanted else tuple(by_name[name] for name in wanted if name in by_name)
    if not called and question.choice == "required":
        called = question.tools[:1]
    return called if question.parallel else called[:1]


def _calls(question: Question, tools: tuple[Tool, ...], identity: Identity) -> Answer:
    left = question.limit
    calls: list[Call] = []
    spent = 0
    complete = True
    for index, tool in enumerate(tools):
        if left is not None and spent >= left:
            complete = False
            break
        own = identity.child("call", index)
        arguments = encode(sample(tool.parameters or {"type": "object"}, own.rng())).decode()
        pieces = tokens(arguments)
        kept = pieces if left is None else pieces[: left - spent - 1]
        complete = len(kept) == len(pieces)
        spent += 1 + len(kept)
        calls.append(Call(own.letters("call_", 24), tool.name, tuple(kept)))
    # A call that the client named is not the model's choice, and OpenAI ends it with "stop".
    finish = "length" if not complete else "stop" if question.choice == "named" else "tool_calls"
    return Answer(calls=tuple(calls), finish=finish, tokens=spent)


def _said(question: Question, identity: Identity) -> list[str]:
    if question.schema is not None:
        return tokens(encode(sample(question.schema, identity.rng())).decode())
    if question.tool_result is not None:
        introduction = prose.introduction(question.model, question.provider)
        return tokens(f"{introduction} The tool returned: {question.tool_result}")
    if found := _SAY.match(question.said):
        return tokens(found[1])
    if found := _TOKENS.search(question.said):
        return prose.compose_tokens(question.model, question.provider, identity, int(found[1]))
    return tokens(prose.compose(question.model, question.provider, identity))


def _stopped(pieces: list[str], stops: tuple[str, ...]) -> tuple[list[str], str | None]:
    """What stands before the first stop sequence, and which it was."""
    if not stops:
        return pieces, None
    text = "".join(pieces)
    ends = [(at, stop) for stop in stops if stop and (at := text.find(stop)) >= 0]
    if not ends:
        return pieces, None
    at, stop = min(ends)
    return tokens(text[:at]), stop
