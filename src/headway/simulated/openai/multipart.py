"""Reading `multipart/form-data`, as uploads of audio come."""

from __future__ import annotations

import re

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_NAME = re.compile(rb'(?<!file)name="([^"]*)"', re.IGNORECASE)


def parse(content_type: str, body: bytes) -> dict[str, bytes] | None:
    """The form's fields by name, files and all; of several with one name the last. None if it is no such form."""
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.lower().startswith("multipart/form-data"):
        return None
    mark = b"--" + (found[1] or found[2]).encode()
    # A mark stands at the start of a line, and the body itself starts with one.
    parts = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(parts) < 3 or not parts[-1].startswith(b"--"):
        return None
    fields: dict[str, bytes] = {}
    for part in parts[1:-1]:
        head, blank, value = part.partition(b"\r\n\r\n")
        disposition = next(
            (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-disposition")), b""
        )
        name = _NAME.search(disposition)
        if not blank or name is None:
            return None
        fields[name[1].decode("utf-8", "replace")] = value
    return fields
