"""What a message holds: text and other parts, as chat and Responses name them, and how much they count as prompt."""

from __future__ import annotations

from typing import Any

import msgspec

from headway.simulated import tokens


class Content(msgspec.Struct):
    """One part. Whatever is no text is only carried along, so that other images make other answers."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: Any = None
    input_audio: Any = None
    file: Any = None
    file_data: Any = None
    file_id: Any = None


def plain_text(content: str | list[Content] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part.text or part.refusal or "" for part in content)


def prompt_tokens(content: str | list[Content] | None) -> int:
    if content is None or isinstance(content, str):
        return tokens.count(content or "")
    return sum(tokens.count(part.text) if part.text is not None else tokens.PART for part in content)
