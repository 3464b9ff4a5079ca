"""Gemini's signatures on texts and tool calls, where its endpoint of this dialect has them: in `extra_content`.

They have one owner, so they go to a client as they are, and come back as they went.
"""

from __future__ import annotations

import msgspec

from headway.wire.form.parts import Part, Text, ToolCall
from headway.wire.form.seals import unseal
from headway.wire.openai_chat.reasoning import CHAT


class Google(msgspec.Struct, gc=False):
    thought_signature: str | None = None


class ExtraContent(msgspec.Struct):
    google: Google | None = None


def signature_in(extra: ExtraContent | None) -> str | None:
    found = None if extra is None or extra.google is None else extra.google.thought_signature
    return unseal(found, CHAT)[0] if found else None


def content_with(signature: str) -> dict[str, object]:
    """The `extra_content` that holds a signature."""
    return {"google": {"thought_signature": signature}}


def sign(parts: list[Part], begin: int, signature: str) -> None:
    """Give the signature of a message to its first call, or to its text where there is none. What was thought stands
    before `begin`.
    """
    wanted = ToolCall if any(isinstance(part, ToolCall) for part in parts) else Text
    for at in range(begin, len(parts)):
        part = parts[at]
        if type(part) is wanted:
            if part.signature is None:
                parts[at] = msgspec.structs.replace(part, signature=signature)
            return
