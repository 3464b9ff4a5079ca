"""Cohere's citations: which words of an answer rest on which documents or results of tools.

Cohere names several sources for a stretch of the answer; the form has one source in each citation. So there is one for
each source, and the first carries the whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.parts import Citation

Fields = dict[str, msgspec.Raw]


class _Source(msgspec.Struct, frozen=True):
    type: str | None = None
    id: str | None = None
    document: Fields | None = None
    tool_output: Fields | None = None


class _Cited(msgspec.Struct, frozen=True):
    start: int | None = None
    end: int | None = None
    text: str | None = None
    sources: tuple[_Source, ...] | None = None
    content_index: int | None = None
    type: str | None = None


class _Document(msgspec.Struct, frozen=True, omit_defaults=True):
    title: str | None = None
    url: str | None = None
    snippet: str | None = None


class _DocumentSource(msgspec.Struct, frozen=True, tag_field="type", tag="document"):
    id: str
    document: _Document


class _Written(msgspec.Struct, frozen=True, omit_defaults=True):
    """`sources` and `type` are always said."""

    sources: tuple[_DocumentSource, ...]
    type: str
    start: int | None = None
    end: int | None = None
    text: str | None = None
    content_index: int | None = None


_read = msgspec.json.Decoder(_Cited).decode
_read_text = msgspec.json.Decoder(str).decode


class Placed(msgspec.Struct, frozen=True):
    """What one citation says. `block`: the content block that it is in, where that is told; `of_text`: it is of the
    answer's text, not of what the model thought or planned.
    """

    citations: tuple[Citation, ...]
    block: int | None
    of_text: bool


def read_citation(raw: msgspec.Raw) -> Placed | None:
    """None if it cannot be read."""
    try:
        cited = _read(raw)
    except UNREADABLE:
        return None
    citations = tuple(_citations(cited, raw.copy()))
    return Placed(citations, cited.content_index, cited.type in (None, "TEXT_CONTENT"))


def _citations(cited: _Cited, raw: msgspec.Raw) -> Iterator[Citation]:
    for number, source in enumerate(cited.sources or (_Source(),)):
        fields = source.document or source.tool_output or {}
        yield Citation(
            url=_text(fields, "url"),
            title=_text(fields, "title") or source.id,
            quoted=_text(fields, "snippet") or _text(fields, "text"),
            start=cited.start,
            end=cited.end,
            raw=raw if number == 0 else msgspec.Raw(),
            dialect="cohere",
        )


def _text(fields: Fields, name: str) -> str | None:
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return _read_text(raw)
    except UNREADABLE:
        return None


def write_citation(citation: Citation, number: int, block: int, text: str | None) -> msgspec.Raw | _Written | None:
    """One of another dialect, or Cohere's own as it came; None for a further source of one that was written. `number`
    tells it apart within its answer; `text` is the whole text that has it, where that is known.
    """
    if citation.dialect == "cohere":
        return msgspec.Raw(msgspec.json.format(bytes(citation.raw), indent=-1)) if citation.raw else None
    start, end = citation.start, citation.end
    stretch = text[start:end] if text is not None and start is not None and end is not None else None
    document = _Document(title=citation.title, url=citation.url, snippet=citation.quoted)
    return _Written(
        sources=(_DocumentSource(f"doc:{number}", document),),
        type="TEXT_CONTENT",
        start=start,
        end=end,
        text=stretch,
        content_index=block,
    )
