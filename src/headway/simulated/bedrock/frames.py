"""AWS's binary event stream (`application/vnd.amazon.eventstream`), as a provider writes it.

total length | headers' length | CRC of these | headers | payload | CRC of all before it
"""

from __future__ import annotations

import struct
import zlib

_TEXT = 7
"""The type of a header's value."""
_AROUND = 16


def frame(name: str, payload: bytes, kind: str = "event") -> bytes:
    """One message. `kind` is `event` or `exception`, and the name that of its type."""
    return _framed(_header(f":{kind}-type", name) + _header(":content-type", "application/json") + _kind(kind), payload)


def padded(message: bytes, amount: int) -> bytes:
    """The message, with so many bytes more in a member `padding` of its payload."""
    total, headers, _ = struct.unpack_from(">III", message)
    payload = message[12 + headers : total - 4]
    if not payload.endswith(b"}"):
        return message
    return _framed(message[12 : 12 + headers], payload[:-1] + b',"padding":"' + b"x" * amount + b'"}')


def _framed(headers: bytes, payload: bytes) -> bytes:
    lengths = struct.pack(">II", _AROUND + len(headers) + len(payload), len(headers))
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _kind(kind: str) -> bytes:
    return _header(":message-type", kind)


def _header(name: str, value: str) -> bytes:
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _TEXT, len(value)) + value.encode()
