"""Framing of AWS's binary event streams (`application/vnd.amazon.eventstream`).

Where messages end, what their headers say, and whether their checksums hold. What the payload means is the dialects'
business.

    total length u32 | headers length u32 | CRC of these eight bytes u32 | headers | payload | CRC of all before it u32

All numbers are big-endian. A header is the length of its name in a byte, the name, a byte for its type, and its value.
Whatever arrives is either a message or `Broken`; nothing raises.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Mapping
from struct import Struct

import msgspec

LARGEST = 16 * 1024 * 1024
"""Bytes of a message, at most."""
MOST_HEADERS = 128 * 1024
_PRELUDE, _FRAME = 12, 16
_unpack_prelude = Struct("!III").unpack_from
_pack_lengths = Struct("!II").pack
_pack_u32 = Struct("!I").pack
_pack_u16 = Struct("!H").pack
_unpack_u32 = Struct("!I").unpack_from
_FIXED = {2: Struct("!b"), 3: Struct("!h"), 4: Struct("!i"), 5: Struct("!q"), 8: Struct("!q")}
_TRUE, _FALSE, _I32, _I64, _BYTES, _TEXT, _TIME, _UUID = 0, 1, 4, 5, 6, 7, 8, 9


class Timestamp(msgspec.Struct, frozen=True, gc=False):
    """Milliseconds since 1970."""

    milliseconds: int


class Uuid(msgspec.Struct, frozen=True, gc=False):
    """Its sixteen bytes."""

    raw: bytes


HeaderValue = bool | int | bytes | str | Timestamp | Uuid


class Message(msgspec.Struct, frozen=True):
    headers: Mapping[str, HeaderValue]
    payload: bytes


class Broken(msgspec.Struct, frozen=True, gc=False):
    """Why bytes are no message."""

    why: str


# --- writing ---


def header_block(headers: Mapping[str, HeaderValue]) -> bytes:
    """The headers as bytes. Names hold 1 to 255 bytes, texts and byte arrays at most 32767."""
    out = bytearray()
    for name, value in headers.items():
        raw = name.encode()
        if not 1 <= len(raw) <= 255:
            raise ValueError("the name of a header holds 1 to 255 bytes")
        out += bytes((len(raw),)) + raw + _value_bytes(value)
    return bytes(out)


def _value_bytes(value: HeaderValue) -> bytes:
    match value:
        case bool():
            return bytes((_TRUE if value else _FALSE,))
        case int():
            kind = _I32 if -(2**31) <= value < 2**31 else _I64
            return bytes((kind,)) + _FIXED[kind].pack(value)
        case Timestamp():
            return bytes((_TIME,)) + _FIXED[_TIME].pack(value.milliseconds)
        case Uuid():
            if len(value.raw) != 16:
                raise ValueError("a UUID holds 16 bytes")
            return bytes((_UUID,)) + value.raw
        case bytes() | str():
            raw = value.encode() if isinstance(value, str) else value
            if len(raw) > 32767:
                raise ValueError("the value of a header holds at most 32767 bytes")
            return bytes((_TEXT if isinstance(value, str) else _BYTES,)) + _pack_u16(len(raw)) + raw


def frame(headers: bytes, payload: bytes) -> bytes:
    """A message of headers that `header_block` has made."""
    lengths = _pack_lengths(len(headers) + len(payload) + _FRAME, len(headers))
    body = b"%b%b%b%b" % (lengths, _pack_u32(crc32(lengths)), headers, payload)
    return body + _pack_u32(crc32(body))


def encode(message: Message) -> bytes:
    return frame(header_block(message.headers), message.payload)


# --- reading ---


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """Whole messages and the unfinished rest. Bytes that cannot begin a message come as one frame, whatever follows
    them, since nobody can tell where the next one begins.
    """
    frames: list[bytes] = []
    start, size = 0, len(data)
    while size - start >= _PRELUDE:
        total = _unpack_u32(data, start)[0]
        if size - start >= total >= _FRAME:
            frames.append(data[start : start + total])
            start += total
        elif _prelude_fault(data, start) is None:
            break
        else:
            frames.append(data[start:])
            return frames, b""
    return frames, data[start:]


def _prelude_fault(data: bytes, start: int) -> str | None:
    total, headers, checksum = _unpack_prelude(data, start)
    if not _FRAME <= total <= LARGEST:
        return "the length of a message is out of bounds"
    if headers > min(MOST_HEADERS, total - _FRAME):
        return "the length of the headers is out of bounds"
    if crc32(data[start : start + 8]) != checksum:
        return "the checksum of a message's lengths is wrong"
    return None


def unwrap(data: bytes) -> tuple[bytes, bytes] | Broken:
    """The headers, still as bytes, and the payload of exactly one message."""
    size = len(data)
    if size < _FRAME:
        return Broken("a message is too short")
    total, headers, checksum = _unpack_prelude(data)
    if total != size or headers > MOST_HEADERS or headers > size - _FRAME or crc32(data[:8]) != checksum:
        return Broken(_prelude_fault(data, 0) or "a message is not as long as it says")
    if size > LARGEST:
        return Broken("the length of a message is out of bounds")
    if crc32(data[:-4]) != _unpack_u32(data, size - 4)[0]:
        return Broken("the checksum of a message is wrong")
    end = _PRELUDE + headers
    return data[_PRELUDE:end], data[end:-4]


def read_headers(data: bytes) -> dict[str, HeaderValue] | Broken:
    headers: dict[str, HeaderValue] = {}
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        try:
            name = data[at + 1 : end].decode()
        except UnicodeDecodeError:
            return Broken("the name of a header is no text")
        if not name or name in headers:
            return Broken("a header has no name, or one that another has")
        if end >= len(data):
            return Broken("a header is cut short")
        found = _value_at(data, data[end], end + 1)
        if isinstance(found, Broken):
            return found
        headers[name], at = found
    return headers


def _value_at(data: bytes, kind: int, at: int) -> tuple[HeaderValue, int] | Broken:
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind in _FIXED:
        return _fixed(data, kind, at)
    if kind == _UUID:
        end = at + 16
        return (Uuid(data[at:end]), end) if end <= len(data) else Broken("a header is cut short")
    if kind not in (_BYTES, _TEXT):
        return Broken("a header is of no known type")
    begin = at + 2
    end = begin + int.from_bytes(data[at:begin], "big")
    if max(begin, end) > len(data):
        return Broken("a header is cut short")
    if kind == _BYTES:
        return data[begin:end], end
    try:
        return data[begin:end].decode(), end
    except UnicodeDecodeError:
        return Broken("the value of a header is no text")


def _fixed(data: bytes, kind: int, at: int) -> tuple[HeaderValue, int] | Broken:
    number = _FIXED[kind]
    end = at + number.size
    if end > len(data):
        return Broken("a header is cut short")
    value: int = number.unpack_from(data, at)[0]
    return (Timestamp(value) if kind == _TIME else value), end


def decode(data: bytes) -> Message | Broken:
    """Exactly one message, its checksums verified."""
    parts = unwrap(data)
    if isinstance(parts, Broken):
        return parts
    headers = read_headers(parts[0])
    return headers if isinstance(headers, Broken) else Message(headers, parts[1])
