"""Reading single header fields from a raw HTTP/1.1 head.

The head has already passed the parser, which refuses bare LF, folded lines and ambiguous framing; here it is only
searched, on demand. Most heads have twenty fields of which three matter, so collecting them all would cost more than
the rest of a request.
"""

from __future__ import annotations

CONTENT_TYPE = b"\r\ncontent-type:"
CONTENT_ENCODING = b"\r\ncontent-encoding:"
CONTENT_LENGTH = b"\r\ncontent-length:"
TRANSFER_ENCODING = b"\r\ntransfer-encoding:"
RETRY_AFTER = b"\r\nretry-after:"
RETRY_AFTER_MS = b"\r\nretry-after-ms:"
SHOULD_RETRY = b"\r\nx-should-retry:"
AMZN_ERROR_TYPE = b"\r\nx-amzn-errortype:"
"""By which Amazon's clients know the exception to raise."""


class Head:
    """A reply's status line and fields: `HTTP/1.1 200 OK\\r\\nName: value\\r\\n...`, ending with the last field's CRLF.

    Fields are named by the constants above: CRLF, the name in lower case, a colon.
    """

    __slots__ = ("_lower", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._lower = raw.lower()

    def get(self, field: bytes) -> bytes | None:
        """The first value of a field; None if it is absent."""
        start = self._lower.find(field)
        if start < 0:
            return None
        start += len(field)
        return self._raw[start : self._raw.index(b"\r\n", start)].strip()

    def has(self, field: bytes) -> bool:
        return self._lower.find(field) >= 0  # `in` first asks whether the field is a number, which costs as much again

    def count(self, field: bytes) -> int:
        return self._lower.count(field)


NO_HEAD = Head(b"")
"""Of a reply that has not begun."""
