"""Multipart forms (RFC 7578), as far as replacing one text field needs them: parts stay the bytes they were.

Bounded and strict: a form that could be read in two ways is refused.
"""

from __future__ import annotations

import re

_BOUNDARY = re.compile(
    rb'(?i)\Amultipart/form-data[ \t]*;(?:.*;)?[ \t]*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))'
)
_NAME = re.compile(rb'(?i)(?:\A|\r\n)content-disposition:[ \t]*form-data[ \t]*;(?:[^\r\n]*?;)?[ \t]*name="([^"\r\n]*)"')
_FILENAME = re.compile(rb"(?i)(?:\A|\r\n)content-disposition:[^\r\n]*;[ \t]*filename\*?=")

MAX_PARTS = 256


class Field:
    """A text field: where its value stands in the body."""

    __slots__ = ("end", "name", "start")

    def __init__(self, name: bytes, start: int, end: int) -> None:
        self.name = name
        self.start = start
        self.end = end


class Form:
    __slots__ = ("_body", "_fields")

    def __init__(self, body: bytes, fields: list[Field]) -> None:
        self._body = body
        self._fields = fields

    def values(self, name: str) -> list[bytes]:
        """The values of the text fields of that name; file parts are not among them."""
        wanted = name.encode()
        return [self._body[field.start : field.end] for field in self._fields if field.name == wanted]

    def replaced(self, name: str, value: bytes) -> bytes:
        """The body with the value of one text field replaced, everything else unchanged."""
        wanted = name.encode()
        for field in self._fields:
            if field.name == wanted:
                return b"%b%b%b" % (self._body[: field.start], value, self._body[field.end :])
        return self._body


def parse(body: bytes, content_type: bytes) -> Form | str:
    """The form, or what is wrong with it."""
    match = _BOUNDARY.match(content_type)
    if match is None:
        return "the request must be multipart/form-data with a boundary"
    delimiter = b"--" + (match.group(1) or match.group(2))
    if not body.startswith(delimiter):
        return "the multipart body does not begin with its boundary"
    fields: list[Field] = []
    position = len(delimiter)
    for _ in range(MAX_PARTS):
        if body.startswith(b"--", position):
            return Form(body, fields)
        if not body.startswith(b"\r\n", position):
            return "the multipart body has a boundary that is not followed by CRLF"
        head_end = body.find(b"\r\n\r\n", position)
        end = body.find(b"\r\n" + delimiter, position)
        if end < 0 or head_end < 0 or head_end > end:
            return "the multipart body is cut short"
        head = body[position + 2 : head_end]
        name = _NAME.search(head)
        if name is None:
            return "a part of the multipart body has no name"
        if _FILENAME.search(head) is None:
            fields.append(Field(name.group(1), head_end + 4, end))
        position = end + 2 + len(delimiter)
    return f"the multipart body has more than {MAX_PARTS} parts"
