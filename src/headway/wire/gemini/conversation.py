"""The contents of a request, read into messages.

A model's words that came as a stream come back in as many pieces, which are one text here. Calls without an id are
given one, and results without one belong to the earliest open call of their name.
"""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from headway.wire.form.parts import Message, Part, Reasoning, Role, Text
from headway.wire.gemini import parts, shapes
from headway.wire.gemini.shapes import Rest, ShapeError

_ROLES: dict[str | None, Role] = {"user": "user", "model": "assistant", "function": "user", None: "user", "": "user"}


_encode = msgspec.json.Encoder().encode


class Conversation:
    """Contents in, one by one; `done` gives the messages. What is said beside a part goes into `extra`, and
    the mark of a call that no Gemini made into `aside`.
    """

    def __init__(self, extra: dict[str, msgspec.Raw], aside: dict[str, msgspec.Raw]) -> None:
        self._messages: list[Message] = []
        self._extra = extra
        self._aside = aside
        self._calls = 0
        self._open: dict[str, OrderedDict[str, None]] = {}
        self._role: Role = "system"
        self._parts: list[Part] = []
        self._pieces: list[str] = []
        """Of the last part, while more of it may come."""

    def instruct(self, content: shapes.Content) -> None:
        for number, part in enumerate(content.parts or ()):
            try:
                self._take(part)
            except ShapeError as error:
                raise error.within(f"systemInstruction.parts[{number}]") from None

    def add(self, content: shapes.Content, number: int) -> None:
        """The content of this number. Neighbours of the model's are one message."""
        role = _ROLES.get(content.role)
        if role is None:
            raise ShapeError(f"contents[{number}].role must be user or model", f"contents[{number}].role")
        if role == "user" or self._role != role:
            self._begin(role)
        for place, part in enumerate(content.parts or ()):
            if role == "user" and (part.function_response is not None) != (self._role == "tool"):
                self._begin("user" if self._role == "tool" else "tool")
            try:
                self._take(part)
            except ShapeError as error:
                raise error.within(f"contents[{number}].parts[{place}]") from None

    def done(self) -> tuple[Message, ...]:
        self._begin("system")
        return tuple(self._messages)

    def _begin(self, role: Role) -> None:
        """A message ends, another begins."""
        if self._parts:
            if self._pieces:
                self._settle()
            self._messages.append(Message(self._role, tuple(self._parts)))
            self._parts = []
        self._role = role

    def _take(self, part: shapes.Part) -> None:
        text, call, answer = part.text, part.function_call, part.function_response
        if text is not None and call is None and answer is None and part.rest is None and not part.thought:
            signature = part.thought_signature
            self._add(Text(text) if signature is None else Text(text, signature=signature), None)
        elif call is not None:
            if self._role != "assistant":
                raise ShapeError(" is a functionCall, which only the model can make", "")
            made = parts.call(part, call, self._call_id(call))
            self._add(made, parts.call_beside(part, call))
            if made.signature is None and part.thought_signature is not None:
                place = f"messages[{len(self._messages)}].parts[{len(self._parts) - 1}].thoughtSignature"
                self._aside[place] = msgspec.Raw(_encode(part.thought_signature))
        elif answer is not None:
            if self._role != "tool":
                raise ShapeError(" is a functionResponse, which only the user can give", "")
            self._add(parts.result(answer, self._result_id(answer)), parts.result_beside(part, answer))
        else:
            self._add(*parts.content_part(part))

    def _add(self, part: Part, beside: Rest | None) -> None:
        if self._role == "assistant" and beside is None and isinstance(part, (Text, Reasoning)):
            if self._pieces and _goes_on(self._parts[-1], part):
                self._pieces.append(part.text)
                self._parts[-1] = part
            else:
                if self._pieces:
                    self._settle()
                self._pieces.append(part.text)
                self._parts.append(part)
            return
        if self._pieces:
            self._settle()
        if beside:
            place = f"messages[{len(self._messages)}].parts[{len(self._parts)}]"
            self._extra.update({f"{place}.{name}": value for name, value in beside.items()})
        self._parts.append(part)

    def _settle(self) -> None:
        """No more of the last part will come."""
        if len(self._pieces) > 1:
            last = self._parts[-1]
            assert isinstance(last, Text | Reasoning)
            self._parts[-1] = msgspec.structs.replace(last, text="".join(self._pieces))
        self._pieces.clear()

    def _call_id(self, call: shapes.FunctionCall) -> str:
        self._calls += 1
        id = call.id or parts.call_id(self._calls, call.name)  # noqa: A001
        self._open.setdefault(call.name, OrderedDict())[id] = None
        return id

    def _result_id(self, answer: shapes.FunctionResponse) -> str:
        waiting = self._open.get(answer.name)
        if answer.id is not None:
            if waiting:
                waiting.pop(answer.id, None)
            return answer.id
        if waiting:
            return waiting.popitem(last=False)[0]
        self._calls += 1
        return parts.call_id(self._calls, answer.name)


def _goes_on(before: Part, after: Part) -> bool:
    """Is the second more of the first, which no signature has closed yet?"""
    match before, after:
        case (Text(signature=None), Text()) | (Reasoning(signature=None, redacted=None), Reasoning()):
            return True
        case _:
            return False
