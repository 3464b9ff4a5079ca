"""The messages of a request, as Converse wants them: one of each side after the other, instructions before them."""

from __future__ import annotations

from typing import cast

from headway.wire.converse.parts_write import Block, Words
from headway.wire.converse.writing import Turn, Writing
from headway.wire.form.parts import Message, Text


def write_messages(writing: Writing) -> None:
    request, parts = writing.request, writing.parts
    start = 0
    opening = request.messages if writing.own else request.messages[:-1]  # Bedrock wants a message of somebody
    for message in opening:
        if message.role not in ("system", "developer") or not (writing.own or _is_text(message)):
            break
        if message.name is not None:
            parts.drop(start, "name")
        parts.write(message.parts, start, writing.system)
        start += 1
    for number, message in enumerate(request.messages[start:], start):
        role = _role(message, number, writing)
        if message.name is not None:
            parts.drop(number, "name")
        blocks: list[Block] = []
        parts.write(message.parts, number, blocks)
        if not blocks and not writing.own:
            continue  # Bedrock takes no empty message
        if writing.turns and writing.turns[-1].role == role:
            writing.turns[-1].content += blocks
        else:
            writing.turns.append(Turn(role, blocks))
    if not writing.turns and writing.system and not writing.own:  # only the instructions say a word
        parts.drop(start - 1, "role")
        writing.turns.append(Turn("user", writing.system))
        writing.system = []
    if parts.documents and not writing.own:
        for turn in writing.turns:
            _introduce_documents(turn.content)


def _introduce_documents(content: list[Block]) -> None:
    """Bedrock wants a text beside every document."""
    if any(isinstance(block, dict) and "text" in block for block in content):
        return
    for at, block in enumerate(content):
        document = block.get("document") if isinstance(block, dict) else None
        if isinstance(document, dict):
            content.insert(at, {"text": f"{cast('Words', document)['name']}:"})
            return


def _is_text(message: Message) -> bool:
    """Bedrock takes instructions as text only."""
    return all(isinstance(part, Text) for part in message.parts)


def _role(message: Message, number: int, writing: Writing) -> str:
    match message.role:
        case "assistant":
            return "assistant"
        case "system" | "developer":
            if writing.own:
                return "system"
            writing.parts.drop(number, "role")
            return "user"
        case _:
            return "user"
