"""How Google writes an answer down: as one response, or as several that follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Literal

import msgspec

from headway.simulated import reply, signatures
from headway.simulated.answer import Answer, Call
from headway.simulated.gemini.wording import ARRAY, EVENTS, framed
from headway.simulated.identity import Identity
from headway.simulated.reply import Context, Json, Piece, Reply, encode

Manner = Literal["whole", "sse", "array"]

_JSON = "application/json; charset=UTF-8"
_FINISHES = {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP", "content_filter": "SAFETY"}
_HARMS = ("HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT")


class Writer:
    """Writes one answer, or several for one question. Calls carry no ids, as at Google."""

    __slots__ = ("_answers", "_head", "_prompt", "_signs", "_vertex")

    def __init__(self, context: Context, naming: Identity, answers: list[Answer], prompt: int, *, vertex: bool) -> None:
        self._answers = answers
        self._head: Json = {"modelVersion": context.model, "responseId": naming.letters("", 23)}
        self._prompt = prompt
        self._signs = context.model.startswith("gemini-3")
        self._vertex = vertex

    def reply(self, manner: Manner) -> Reply:
        if manner == "whole":
            given = self._answers
            spent = sum(each.tokens for each in given)
            candidates = [self._candidate(index, each) for index, each in enumerate(given) if not _blocked(each)]
            whole = reply.whole(self._document(candidates, given), tokens=spent)
            return msgspec.structs.replace(whole, content_type=_JSON)
        if manner == "array":
            return reply.stream(self._array(), ARRAY, _JSON)
        pieces = (Piece(framed(document), tokens, last) for document, tokens, last in self._documents())
        return reply.stream(pieces, EVENTS, "text/event-stream")

    def _array(self) -> Iterator[Piece]:
        yield Piece(b"[")
        for number, (document, tokens, last) in enumerate(self._documents()):
            yield Piece((b",\r\n" if number else b"") + encode(document), tokens, last)
        yield Piece(b"\r\n]", terminal=True)

    def _document(self, candidates: list[Json], spent: list[Answer], *, finished: bool = True) -> Json:
        head: Json = {"candidates": candidates} if candidates else {}
        if any(map(_blocked, self._answers)):
            head = {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": _ratings("HIGH")}}
        return {**head, "usageMetadata": self._usage(spent, finished=finished), **self._head}

    def _usage(self, spent: list[Answer], *, finished: bool) -> Json:
        thought = sum(len(each.thoughts) for each in spent)
        written = sum(each.tokens for each in spent) - thought
        usage: Json = {"promptTokenCount": self._prompt}
        if written:
            usage["candidatesTokenCount"] = written
        usage["totalTokenCount"] = self._prompt + written + thought
        usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": self._prompt}]
        if thought:
            usage["thoughtsTokenCount"] = thought
        if finished and self._vertex:
            usage["trafficType"] = "ON_DEMAND"
            usage["candidatesTokensDetails"] = [{"modality": "TEXT", "tokenCount": written}]
        return usage

    def _candidate(self, index: int, each: Answer) -> Json:
        parts: list[Json] = [{"text": each.thought, "thought": True}] if each.thoughts else []
        if each.pieces:
            parts.append({"text": each.text, **self._signature(each, each.text)})
        parts += [self._call(each, number, call) for number, call in enumerate(each.calls)]
        return _finished({"content": {"parts": parts, "role": "model"}, "index": index}, each)

    def _call(self, each: Answer, number: int, call: Call) -> Json:
        """Only the first of parallel calls is signed."""
        signature = self._signature(each, call.name) if number == 0 else {}
        return {"functionCall": {"name": call.name, "args": _arguments(call)}, **signature}

    def _signature(self, each: Answer, text: str) -> Json:
        return {"thoughtSignature": signatures.sign("gemini", text)} if self._signs or each.thoughts else {}

    def _documents(self) -> Iterator[tuple[Json, int, bool]]:
        """Each response, its tokens, and whether it is the last."""
        if not self._answers or any(map(_blocked, self._answers)):
            yield self._document([], self._answers), 0, True
            return
        sent: list[Answer] = [Answer(finish="stop", tokens=0) for _ in self._answers]
        steps = zip_longest(*(self._steps(index, each) for index, each in enumerate(self._answers)))
        left = sum(1 for _ in self._answers)
        for row in steps:
            for index, step in enumerate(row):
                if step is None:
                    continue
                candidate, tokens, thought = step
                before = sent[index]
                thoughts = (*before.thoughts, *[""] * tokens) if thought else before.thoughts
                sent[index] = msgspec.structs.replace(before, tokens=before.tokens + tokens, thoughts=thoughts)
                left -= "finishReason" in candidate
                yield self._document([candidate], sent, finished=left == 0), tokens, left == 0

    def _steps(self, index: int, each: Answer) -> Iterator[tuple[Json, int, bool]]:
        """Each candidate of one answer's stream, its tokens, and whether they are thoughts."""

        def candidate(part: Json) -> Json:
            return {"content": {"parts": [part], "role": "model"}, "index": index}

        for token in each.thoughts:
            yield candidate({"text": token, "thought": True}), 1, True
        for token in each.pieces:
            yield candidate({"text": token}), 1, False
        for number, call in enumerate(each.calls):
            yield candidate(self._call(each, number, call)), 1 + len(call.pieces), False
        signature = self._signature(each, each.text) if each.pieces else {}
        yield _finished(candidate({"text": "", **signature}), each), 0, False


def _finished(candidate: Json, each: Answer) -> Json:
    candidate["finishReason"] = _FINISHES[each.finish]
    if each.finish == "content_filter":
        candidate["safetyRatings"] = _ratings("HIGH")
    if each.calls:
        candidate["finishMessage"] = "Model generated function call(s)."
    return candidate


def _blocked(each: Answer) -> bool:
    """Before a word was said."""
    return each.finish == "content_filter" and not each.pieces


def _ratings(probability: str) -> list[Json]:
    """The first category is the one that was met."""
    return [
        {"category": f"HARM_CATEGORY_{harm}", "probability": "NEGLIGIBLE" if number else probability}
        | ({} if number else {"blocked": True})
        for number, harm in enumerate(_HARMS)
    ]


def _arguments(call: Call) -> object:
    """What was cut short is no object, and Google's calls hold nothing else."""
    try:
        return msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return {}
