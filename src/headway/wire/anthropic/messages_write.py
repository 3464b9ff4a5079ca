"""The conversation as Claude takes it: instructions apart, turns that alternate, results of tools before words.

Instructions that stand before the conversation are its system text. Later ones stay in their place as words of the
user, which is noted, since they then carry less weight.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headway.wire.anthropic.parts_write import Block, block_of
from headway.wire.anthropic.writing import Writing
from headway.wire.form.parts import Message, Text

_INSTRUCTIONS = frozenset({"system", "developer"})
_SPEAKERS = frozenset({"user", "assistant"})


class Conversation(msgspec.Struct):
    system: str | list[Block] | None
    messages: list[dict[str, Any]]


def write_conversation(messages: tuple[Message, ...], writing: Writing) -> Conversation:
    first = _first_turn(messages)
    if first == len(messages) and first:
        first -= 1  # a conversation of nothing but instructions: the API wants at least one turn
    found = Conversation(_system(messages[:first], writing), [])
    for index in range(first, len(messages)):
        message = messages[index]
        words = None if writing.own else _words(message)
        if words is not None and (not found.messages or found.messages[-1]["role"] != message.role):
            found.messages.append({"role": message.role, "content": words})
            continue
        if message.name is not None:
            writing.drop(f"messages[{index}].name")
        role = _role(message, writing, index)
        blocks = _blocks(message, writing, index)
        if role == "system":
            odd = writing.odd_of(f"messages[{index}]")
            said: dict[str, Any] = {"content": blocks} if blocks or not odd else {}
            found.messages.append({"role": role, **said, **odd})
        elif blocks:
            _append(found.messages, role, blocks, is_results=message.role == "tool")
    if not found.messages:  # nobody has said a word: the API takes no blank texts
        found.messages.append({"role": "user", "content": found.system or ""})
        if found.system is not None:
            writing.drop(f"messages[{first - 1}].role")
            found.system = None
    if not writing.own:
        _trim_prefill(found.messages, writing, len(messages) - 1)
    for message in found.messages:
        if type(message.get("content")) is list:
            _shorten(message)
    return found


def _words(message: Message) -> str | None:
    """What a message of one plain text says, as most do."""
    parts = message.parts
    if len(parts) != 1 or message.name is not None or message.role not in _SPEAKERS:
        return None
    part = parts[0]
    if type(part) is not Text or part.cache is not None or part.citations:
        return None
    text = part.text
    return None if not text or text.isspace() else text


def _first_turn(messages: tuple[Message, ...]) -> int:
    for index, message in enumerate(messages):
        if message.role not in _INSTRUCTIONS or not all(type(part) is Text for part in message.parts):
            return index
    return len(messages)


def _system(messages: tuple[Message, ...], writing: Writing) -> str | list[Block] | None:
    blocks: list[Block] = []
    for index, message in enumerate(messages):
        if message.name is not None:
            writing.drop(f"messages[{index}].name")
        blocks += [block for block in _blocks(message, writing, index) if isinstance(block, dict)]
    if len(blocks) == 1 and len(blocks[0]) == 2:
        return blocks[0]["text"]
    return blocks or None


def _role(message: Message, writing: Writing, index: int) -> str:
    if message.role == "assistant":
        return "assistant"
    if message.role in _INSTRUCTIONS:
        if writing.own:
            return "system"
        writing.drop(f"messages[{index}].role")
    return "user"


def _blocks(message: Message, writing: Writing, index: int) -> list[Block | msgspec.Raw]:
    found: list[Block | msgspec.Raw] = []
    for at, part in enumerate(message.parts):
        block = block_of(part, writing, index, at)
        if block is not None:
            found.append(block)
    return found


def _append(messages: list[dict[str, Any]], role: str, blocks: list[Block | msgspec.Raw], *, is_results: bool) -> None:
    if not messages or messages[-1]["role"] != role:
        messages.append({"role": role, "content": blocks})
        return
    said: str | list[Block | msgspec.Raw] = messages[-1]["content"]
    content: list[Block | msgspec.Raw] = [{"type": "text", "text": said}] if isinstance(said, str) else said
    messages[-1]["content"] = content
    if is_results:  # they must come before anything else of their message
        at = sum(1 for block in content if isinstance(block, dict) and block["type"] == "tool_result")
        content[at:at] = blocks
    else:
        content.extend(blocks)


def _trim_prefill(messages: list[dict[str, Any]], writing: Writing, index: int) -> None:
    """The API refuses an answer begun by the client that ends with white space."""
    if not messages or messages[-1]["role"] != "assistant":
        return
    content: str | list[Block | msgspec.Raw] = messages[-1]["content"]
    place, key = (messages[-1], "content") if isinstance(content, str) else (content[-1], "text")
    if not isinstance(place, dict) or (key == "text" and place["type"] != "text"):
        return
    text: str = place[key]
    if text != text.rstrip():
        place[key] = text.rstrip()
        writing.drop(f"messages[{index}].text")


def _shorten(message: dict[str, Any]) -> None:
    """One plain text needs no list."""
    content = message["content"]
    if len(content) == 1 and isinstance(content[0], dict):
        block = content[0]
        if block["type"] == "text" and len(block) == 2:
            message["content"] = block["text"]
