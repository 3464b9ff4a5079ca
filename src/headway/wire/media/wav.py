"""Plain sound (PCM, 16 bits, one channel) with the head of a WAV file (RIFF) in front."""

from __future__ import annotations

import struct

_BYTES = 2
_MOST = 0xFFFFFFFF - 36


def wav_of(pcm: bytes, rate: int) -> bytes | None:
    """`rate` is samples a second. None: it is longer than such a file can be."""
    if len(pcm) > _MOST or not 0 < rate < 1_000_000:
        return None
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * _BYTES, _BYTES, 8 * _BYTES)
    size = len(pcm)
    return b"RIFF%bWAVEfmt %b%bdata%b%b" % (
        struct.pack("<I", 36 + size),
        struct.pack("<I", len(form)),
        form,
        struct.pack("<I", size),
        pcm,
    )
