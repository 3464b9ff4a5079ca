"""Multipart forms (RFC 7578), as far as replacing one text field needs them: parts stay the bytes they were.

Bounded and strict: a form that another parser could read in another way is refused, since what we did not see we could
not replace.
"""

from __future__ import annotations

import re

_PARAMETER = re.compile(rb'[ \t]*;[ \t]*([!#$%&\'*+\-.^_`|~0-9A-Za-z]+)=(?:"((?:[^"\\\r\n]|\\(?!"))*)"|([^\s;"]+))')
_HEADER = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[^\r\n]*\Z")
_FORM = re.compile(rb"(?i)\Amultipart/form-data(?=[ \t;])")
_DISPOSITION = re.compile(rb"(?i)\Acontent-disposition:[ \t]*form-data(?=[ \t;])")

MAX_PARTS = 256
MAX_BOUNDARY = 70


class Field:
    """A part: where its head and its value stand in the body."""

    __slots__ = ("end", "head", "is_file", "name", "start")

    def __init__(self, name: bytes, head: int, start: int, end: int, is_file: bool) -> None:
        self.name = name
        self.head = head
        self.start = start
        self.end = end
        self.is_file = is_file


class Form:
    __slots__ = ("_body", "_fields")

    def __init__(self, body: bytes, fields: list[Field]) -> None:
        self._body = body
        self._fields = fields

    def values(self, name: str) -> list[bytes]:
        """The values of the text fields of that name; file parts are not among them."""
        wanted = name.encode()
        return [
            self._body[field.start : field.end] for field in self._fields if field.name == wanted and not field.is_file
        ]

    def has_file(self, name: str) -> bool:
        wanted = name.encode()
        return any(field.is_file and field.name == wanted for field in self._fields)

    def files(self, name: str) -> list[tuple[bytes, bytes]]:
        """Head and value of each file part of that name."""
        wanted = name.encode()
        return [
            (self._body[field.head : field.start - 4], self._body[field.start : field.end])
            for field in self._fields
            if field.is_file and field.name == wanted
        ]

    @property
    def names(self) -> list[bytes]:
        """The names of all parts, as often as they are there."""
        return [field.name for field in self._fields]

    def rewritten(self, texts: list[tuple[str, bytes]], kept: str) -> bytes | None:
        """A body with the same boundary, of these text fields and of the file parts named `kept` as they are. None if a
        text holds the boundary.
        """
        if not self._fields:
            return None
        delimiter = self._body[: self._fields[0].head - 2]
        if any(delimiter in value for _, value in texts):
            return None
        parts = [
            b'Content-Disposition: form-data; name="%b"\r\n\r\n%b' % (name.encode(), value) for name, value in texts
        ]
        parts += [b"%b\r\n\r\n%b" % each for each in self.files(kept)]
        return b"".join([b"%b\r\n%b\r\n" % (delimiter, part) for part in parts]) + delimiter + b"--\r\n"

    def replaced(self, name: str, value: bytes) -> bytes:
        """The body with the value of one text field replaced, everything else unchanged."""
        wanted = name.encode()
        for field in self._fields:
            if field.name == wanted and not field.is_file:
                return b"%b%b%b" % (self._body[: field.start], value, self._body[field.end :])
        return self._body


def parse(body: bytes, content_type: bytes) -> Form | str:
    """The form, or what is wrong with it."""
    boundary = _boundary_in(content_type)
    if boundary is None:
        return "the request must be multipart/form-data with one boundary"
    delimiter = b"--" + boundary
    if not body.startswith(delimiter):
        return "the multipart body does not begin with its boundary"
    fields: list[Field] = []
    position = len(delimiter)
    while not body.startswith(b"--", position):
        if len(fields) == MAX_PARTS:
            return f"the multipart body has more than {MAX_PARTS} parts"
        if not body.startswith(b"\r\n", position):
            return "the multipart body has a boundary that is not followed by CRLF"
        head_end = body.find(b"\r\n\r\n", position)
        end = body.find(b"\r\n" + delimiter, position)
        if head_end < 0 or end < head_end + 4:
            return "the multipart body is cut short"
        named = _name_in(body[position + 2 : head_end])
        if named is None:
            return "a part of the multipart body has no name, or one that could be read in two ways"
        fields.append(Field(named[0], position + 2, head_end + 4, end, named[1]))
        position = end + 2 + len(delimiter)
    if body[position + 2 :] not in (b"", b"\r\n"):
        return "the multipart body goes on after its end"
    # Some parsers also take LF or CR alone for the end of a line: they would find parts that are none to us.
    if body.count(b"\n" + delimiter) != len(fields) or b"\r" + delimiter in body:
        return "the multipart body holds its boundary inside a part"
    return Form(body, fields)


def _boundary_in(content_type: bytes) -> bytes | None:
    match = _FORM.match(content_type)
    parameters = None if match is None else _parameters(content_type, match.end())
    boundary = None if parameters is None else parameters.get(b"boundary")
    if not boundary or len(boundary) > MAX_BOUNDARY or boundary.endswith(b" "):
        return None
    return boundary


def _name_in(head: bytes) -> tuple[bytes, bool] | None:
    """A part's name, and whether the part is a file; None if its head does not say so beyond doubt."""
    found: dict[bytes, bytes] | None = None
    for line in head.split(b"\r\n"):
        if _HEADER.match(line) is None:
            return None
        match = _DISPOSITION.match(line)
        if match is not None:
            if found is not None:
                return None
            found = _parameters(line, match.end())
            if found is None:
                return None
        elif line.lower().startswith(b"content-disposition"):
            return None
    if found is None or b"name" not in found or b"name*" in found or b"\\" in found[b"name"]:
        return None
    return found[b"name"], b"filename" in found or b"filename*" in found


def _parameters(text: bytes, position: int) -> dict[bytes, bytes] | None:
    """`; name=value` pairs up to the text's end, names in lower case; None if there is more, or one name twice."""
    found: dict[bytes, bytes] = {}
    text = text.rstrip(b" \t;")
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            return None
        name = match[1].lower()
        if name in found:
            return None
        found[name] = match[3] if match[2] is None else match[2]
        position = match.end()
    return found
