"""Citations in the words of Chat Completions: annotations of a message, whose places are counted in all of its text."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Citation
from headway.wire.openai_chat.reasoning import CHAT


class _UrlCitation(msgspec.Struct, gc=False):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class _File(msgspec.Struct, gc=False):
    name: str | None = None


class _Annotation(msgspec.Struct):
    type: str = ""
    url_citation: _UrlCitation | None = None
    file: _File | None = None


_decode_list = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_decode = msgspec.json.Decoder(_Annotation).decode


def citations_of(annotations: msgspec.Raw) -> list[Citation]:
    """What a message's annotations cite; none where they cannot be read."""
    try:
        raws = _decode_list(annotations)
    except UNREADABLE:
        return []
    return [citation for citation in map(_citation, raws or ()) if citation is not None]


def _citation(raw: msgspec.Raw) -> Citation | None:
    try:
        told = _decode(raw)
    except UNREADABLE:
        return None
    found = told.url_citation
    if found is None:
        return Citation(title=None if told.file is None else told.file.name, raw=raw, dialect=CHAT)
    known = found.start_index is not None and found.end_index is not None and 0 <= found.start_index < found.end_index
    return Citation(
        url=found.url,
        title=found.title,
        quoted=found.content,
        start=found.start_index if known else None,
        end=found.end_index if known else None,
        raw=raw,
        dialect=CHAT,
    )


def annotations_of(citations: Iterable[Citation], begin: int, end: int) -> list[object]:
    """The annotations of a text that stands from `begin` to `end` in its message. What cites no URL has no place."""
    shown: list[object] = []
    for each in citations:
        if each.dialect == CHAT and each.raw:
            shown.append(each.raw)
        elif each.url is not None:
            shown.append(
                {
                    "type": "url_citation",
                    "url_citation": {
                        "url": each.url,
                        "title": each.title or "",
                        "start_index": begin if each.start is None else begin + each.start,
                        "end_index": end if each.end is None else begin + each.end,
                    },
                }
            )
    return shown
