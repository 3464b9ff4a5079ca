"""What an answer rests on: `groundingMetadata` and `citationMetadata`, and the form's citations.

Gemini counts bytes where the form counts characters. Of a stream the text is not kept, so that places are known only
while all of it is ASCII; the words themselves are told in any case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Citation


class _Segment(msgspec.Struct, rename="camel", gc=False):
    start_index: int = 0
    end_index: int | None = None
    text: str | None = None


class _Support(msgspec.Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Place(msgspec.Struct, gc=False):
    uri: str | None = None
    title: str | None = None
    text: str | None = None


class _Chunk(msgspec.Struct, rename="camel"):
    web: _Place | None = None
    retrieved_context: _Place | None = None
    maps: _Place | None = None


class _Grounding(msgspec.Struct, rename="camel"):
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[msgspec.Raw] | None = None
    web_search_queries: list[str] | None = None


class _Cited(msgspec.Struct, rename="camel", gc=False):
    start_index: int = 0
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class _Citations(msgspec.Struct):
    citations: list[msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(_Grounding).decode
_decode_support = msgspec.json.Decoder(_Support).decode
_decode_citations = msgspec.json.Decoder(_Citations).decode
_decode_cited = msgspec.json.Decoder(_Cited).decode

ASCII = ""
"""Stands for a text of which nothing is known but that it is ASCII."""


def searches_of(raw: msgspec.Raw, model: str | None) -> int:
    """Searches that are charged for: each query from Gemini 3 on, all of an answer as one before."""
    try:
        queries = [query for query in _decode(raw).web_search_queries or () if query]
    except UNREADABLE:
        return 0
    before_3 = model is not None and model.startswith(("gemini-1", "gemini-2"))
    return min(len(queries), 1) if before_3 else len(queries)


def citations_of(grounding: msgspec.Raw, citations: msgspec.Raw, text: str | None) -> list[Citation]:
    """The citations of a text: of the text itself, of `ASCII`, or of one that is not known (None)."""
    found: list[Citation] = []
    try:
        if grounding:
            _read_grounding(_decode(grounding), text, found)
        if citations:
            _read_citations(citations, text, found)
    except UNREADABLE:
        pass
    return found


def _read_grounding(told: _Grounding, text: str | None, found: list[Citation]) -> None:
    chunks = told.grounding_chunks or []
    for raw in told.grounding_supports or ():
        support = _decode_support(raw)
        segment = support.segment or _Segment()
        start, end = _characters(text, segment.start_index, segment.end_index)
        for index in support.grounding_chunk_indices or ():
            if not 0 <= index < len(chunks):
                continue
            chunk = chunks[index]
            place = chunk.web or chunk.retrieved_context or chunk.maps or _Place()
            found.append(
                Citation(
                    url=place.uri,
                    title=place.title,
                    quoted=segment.text,
                    start=start,
                    end=end,
                    raw=raw,
                    dialect="gemini",
                )
            )


def _read_citations(raw: msgspec.Raw, text: str | None, found: list[Citation]) -> None:
    for each in _decode_citations(raw).citations or ():
        cited = _decode_cited(each)
        start, end = _characters(text, cited.start_index, cited.end_index)
        found.append(Citation(url=cited.uri, title=cited.title, start=start, end=end, raw=each, dialect="gemini"))


def _characters(text: str | None, start: int, end: int | None) -> tuple[int | None, int | None]:
    if text is None or end is None or not 0 <= start <= end:
        return None, None
    if text.isascii():
        return start, end
    data = text.encode(errors="replace")
    return len(data[:start].decode(errors="ignore")), len(data[:end].decode(errors="ignore"))


def _bytes(text: str | None, citation: Citation) -> tuple[int, int] | None:
    start, end = citation.start, citation.end
    if text is None or start is None or end is None:
        return None
    if text.isascii():
        return start, end
    return len(text[:start].encode(errors="replace")), len(text[:end].encode(errors="replace"))


def metadata_of(cited: Iterable[tuple[Citation, str | None, int]]) -> dict[str, Any] | None:
    """Citations with the text that they are of, as above, and the number of its part."""
    chunks: list[dict[str, Any]] = []
    supports: list[dict[str, Any]] = []
    known: dict[tuple[str | None, str | None], int] = {}
    for citation, text, part in cited:
        key = (citation.url, citation.title)
        if key not in known:
            known[key] = len(chunks)
            place = {"uri": citation.url, "title": citation.title}
            chunks.append({"web": {name: value for name, value in place.items() if value is not None}})
        supports.append({"segment": _segment(citation, text, part), "groundingChunkIndices": [known[key]]})
    return {"groundingChunks": chunks, "groundingSupports": supports} if chunks else None


def _segment(citation: Citation, text: str | None, part: int) -> dict[str, Any]:
    segment: dict[str, Any] = {"partIndex": part} if part else {}
    place = _bytes(text, citation)
    if place is not None:
        segment["startIndex"], segment["endIndex"] = place
    words = text[citation.start : citation.end] if text and place is not None else citation.quoted
    if words:
        segment["text"] = words
    return segment
