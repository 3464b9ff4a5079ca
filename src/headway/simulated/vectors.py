"""What embeddings consist of: a unit vector for each text, the same for the same text, model and length."""

from __future__ import annotations

import math
import struct

from headway.simulated.reply import Context


def vector(context: Context, text: str, dimensions: int) -> bytes:
    """Little-endian float32, of length one."""
    noise = context.identity("embedding", text).stream("vector", 2 * dimensions)
    numbers = struct.unpack(f"<{dimensions}h", noise)
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return struct.pack(f"<{dimensions}f", *(number / length for number in numbers))


def numbers(context: Context, text: str, dimensions: int) -> tuple[float, ...]:
    return struct.unpack(f"<{dimensions}f", vector(context, text, dimensions))
