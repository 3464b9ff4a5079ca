"""Citations, between Anthropic's five kinds of location and the form's.

The form keeps each as it was written. A client of this dialect is shown those of another one only where they point to
a page of the web, since the other kinds point into documents of the request by number.
"""

from __future__ import annotations

from typing import Any

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Citation


class _Location(msgspec.Struct):
    cited_text: str | None = None
    title: str | None = None
    document_title: str | None = None
    url: str | None = None


_location = msgspec.json.Decoder(_Location)


def read_citation(raw: msgspec.Raw) -> Citation | None:
    """None where it is no citation at all."""
    try:
        found = _location.decode(raw)
    except UNREADABLE:
        return None
    return Citation(
        url=found.url,
        title=found.title or found.document_title,
        quoted=found.cited_text,
        raw=raw.copy(),
        dialect="anthropic",
    )


def write_citation(citation: Citation) -> msgspec.Raw | dict[str, Any] | None:
    """None where it cannot be said."""
    if citation.dialect == "anthropic" and citation.raw:
        return citation.raw
    if citation.url is None:
        return None
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "cited_text": citation.quoted or "",
        "encrypted_index": "",
    }
