"""The contents of a request, read into messages.

A model's words that came as a stream come back in as many pieces, which are one text here. Calls without an id are
given one, and results without one belong to the earliest open call of their name.
"""

from __future__ import annotations

from collections import deque

import msgspec

from headway.wire.form.parts import Message, Part, Reasoning, Role, Text
from headway.wire.gemini import parts, shapes
from headway.wire.gemini.shapes import Rest, ShapeError

_ROLES: dict[str | None, Role] = {"user": "user", "model": "assistant", "function": "user", None: "user", "": "user"}


class Conversation:
    """Contents in, one by one; `messages` out. What is said beside a part goes into `extra`."""

    def __init__(self, extra: dict[str, msgspec.Raw]) -> None:
        self.messages: list[Message] = []
        self._extra = extra
        self._calls = 0
        self._open: dict[str, deque[str]] = {}

    def instruct(self, content: shapes.Content) -> None:
        made: list[Part] = []
        for number, part in enumerate(content.parts or ()):
            try:
                piece, beside = parts.content_part(part)
            except ShapeError as error:
                raise error.within(f"systemInstruction.parts[{number}]") from None
            self._note(beside, len(made))
            made.append(piece)
        self._close("system", made)

    def add(self, content: shapes.Content, number: int) -> None:
        """The content of this number."""
        role = _ROLES.get(content.role)
        if role is None:
            raise ShapeError(f"contents[{number}].role must be user or model", f"contents[{number}].role")
        made: list[Part] = []
        now: Role = role
        for place, part in enumerate(content.parts or ()):
            is_result = part.function_response is not None
            if role == "user" and is_result != (now == "tool"):
                self._close(now, made)
                made = []
                now = "tool" if is_result else "user"
            try:
                self._take(part, made, role)
            except ShapeError as error:
                raise error.within(f"contents[{number}].parts[{place}]") from None
        self._close(now, made)

    def _take(self, part: shapes.Part, made: list[Part], role: Role) -> None:
        if part.function_call is not None:
            if role != "assistant":
                raise ShapeError(" is a functionCall, which only the model can make", "")
            call = part.function_call
            self._note(parts.call_beside(part, call), len(made))
            made.append(parts.call(part, call, self._call_id(call)))
        elif part.function_response is not None:
            if role != "user":
                raise ShapeError(" is a functionResponse, which only the user can give", "")
            answer = part.function_response
            self._note(parts.result_beside(part, answer), len(made))
            made.append(parts.result(answer, self._result_id(answer)))
        else:
            piece, beside = parts.content_part(part)
            if beside is None and role == "assistant" and made:
                joined = _joined(made[-1], piece)
                if joined is not None:
                    made[-1] = joined
                    return
            if beside is not None:
                self._note(beside, len(made))
            made.append(piece)

    def _call_id(self, call: shapes.FunctionCall) -> str:
        self._calls += 1
        id = call.id or parts.call_id(self._calls, call.name)  # noqa: A001
        self._open.setdefault(call.name, deque()).append(id)
        return id

    def _result_id(self, answer: shapes.FunctionResponse) -> str:
        waiting = self._open.get(answer.name)
        if answer.id is not None:
            if waiting and answer.id in waiting:
                waiting.remove(answer.id)
            return answer.id
        if waiting:
            return waiting.popleft()
        self._calls += 1
        return parts.call_id(self._calls, answer.name)

    def _note(self, beside: Rest | None, number: int) -> None:
        if beside:
            place = f"messages[{len(self.messages)}].parts[{number}]"
            self._extra.update({f"{place}.{name}": value for name, value in beside.items()})

    def _close(self, role: Role, made: list[Part]) -> None:
        if made:
            self.messages.append(Message(role, tuple(made)))


def _joined(before: Part, after: Part) -> Part | None:
    """The two as one, if the second goes on with the first, which no signature has closed yet."""
    match before, after:
        case Text(signature=None), Text():
            return Text(before.text + after.text, signature=after.signature)
        case Reasoning(signature=None, redacted=None), Reasoning():
            return msgspec.structs.replace(after, text=before.text + after.text)
        case _:
            return None
