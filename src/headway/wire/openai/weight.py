"""How large a request is: bytes of text, pictures and sounds among them, and how long an answer it allows.

Read from the raw fields without decoding them. The bytes of a picture say nothing of its tokens, so what is encoded in
base64 is taken off, and counted as pictures or sounds instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

IMAGE_TOKENS = 800
"""Of a picture of usual size, with the models of most providers."""
AUDIO_BYTES_PER_TOKEN = 800
"""Of base64: about ten tokens for a second of compressed speech."""
SHORTEST_MEDIA = 16 * 1024
"""Bytes of base64 below which it is taken for text."""
_STEP, _WINDOW = SHORTEST_MEDIA // 2, 128
_ENCODED = re.compile(rb"[A-Za-z0-9+/=_-]{%d,}" % SHORTEST_MEDIA)
_SOUND = b'"input_audio"'


def media_in(body: bytes) -> tuple[int, int]:
    """Bytes of a request's body that are no text, and the tokens that they make."""
    encoded = tokens = 0
    if len(body) < SHORTEST_MEDIA or not _may_hold_media(body):
        return 0, 0
    for found in _ENCODED.finditer(body):
        length = found.end() - found.start()
        encoded += length
        is_sound = body.rfind(_SOUND, max(0, found.start() - 200), found.start()) >= 0
        tokens += length // AUDIO_BYTES_PER_TOKEN if is_sound else IMAGE_TOKENS
    return encoded, tokens


def _may_hold_media(body: bytes) -> bool:
    """Is there a place where words should have been, and no space is? A few looks are cheaper than to read it all."""
    return any(b" " not in body[start : start + _WINDOW] for start in range(0, len(body), _STEP))


def most_output(fields: Mapping[str, msgspec.Raw]) -> int | None:
    """The most tokens that the client lets the answer have; None if it does not say."""
    raw = fields.get("max_completion_tokens") or fields.get("max_tokens") or fields.get("max_output_tokens")
    if raw is None:
        return None
    text = bytes(raw)
    return int(text[:12]) if text.isdigit() else None
