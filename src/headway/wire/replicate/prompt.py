"""A conversation as the prompt of a model that takes only that.

One turn of the user's is the prompt as it is. Of several, each is headed by who speaks, and the last heading is the
model's, so that it goes on from there. Instructions stand apart, where the model has a place for them.
"""

from __future__ import annotations

import msgspec

from headway.wire.form.media import url_of
from headway.wire.form.parts import Image, Message, Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from headway.wire.form.request import Unsupported

_HEADS = {"user": "User", "assistant": "Assistant"}
_NOT_ASKED = {"system", "developer"}


class Turn(msgspec.Struct, frozen=True):
    role: str
    text: str


class Conversation(msgspec.Struct):
    """What a request's messages amount to. `pictures` are URLs or data URLs."""

    instructions: list[str]
    turns: list[Turn]
    pictures: list[str]
    dropped: list[str]

    def prompt(self) -> str:
        if len(self.turns) == 1 and self.turns[0].role == "user":
            return self.turns[0].text
        said = [f"{_HEADS[turn.role]}: {turn.text}" for turn in self.turns]
        if not self.turns or self.turns[-1].role == "user":
            said.append("Assistant:")
        return "\n\n".join(said)


def conversation_of(messages: tuple[Message, ...]) -> Conversation | Unsupported:
    found = Conversation([], [], [], [])
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if message.name is not None:
            found.dropped.append(f"{where}.name")
        texts: list[str] = []
        for part in message.parts:
            lacking = _take(where, part, texts, found)
            if lacking is not None:
                return lacking
        text = ("" if message.role == "assistant" else "\n\n").join(texts)
        if message.role not in _NOT_ASKED:
            found.turns.append(Turn("assistant" if message.role == "assistant" else "user", text))
        elif not found.turns:
            found.instructions.append(text)
        else:  # instructions have no place between the turns
            found.dropped.append(f"{where}.role")
            found.turns.append(Turn("user", text))
    return found


def _take(where: str, part: Part, texts: list[str], found: Conversation) -> Unsupported | None:
    match part:
        case Text() | Refusal():
            texts.append(part.text)
            if isinstance(part, Text) and part.cache is not None:
                found.dropped.append(f"{where}.cache")
        case Image():
            return _add_picture(part, found)
        case Reasoning():
            found.dropped.append(f"{where}.reasoning")
        case Opaque():
            found.dropped.append(f"{where}.{part.kind}")
        case ToolCall() | ToolResult():
            return Unsupported("tools", "takes no calls of tools")
        case _:
            return Unsupported("files", "takes no sound, film or files")
    return None


def _add_picture(picture: Image, found: Conversation) -> Unsupported | None:
    url = url_of(picture.source, "image/png")
    if url is None:
        return Unsupported("images", "takes no pictures that another provider keeps")
    found.pictures.append(url)
    return None
