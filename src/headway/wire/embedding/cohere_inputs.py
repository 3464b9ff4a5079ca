"""What Cohere embeds: texts, or pictures, or inputs that mix both."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import Input, Tokens
from headway.wire.embedding.inputs import kind_of, only_image
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.media import source_of, url_of
from headway.wire.form.parts import Image, Opaque, Part, Text

_decode_texts = msgspec.json.Decoder(list[str]).decode


class _Url(msgspec.Struct):
    url: str


class _Content(msgspec.Struct):
    type: str
    text: str | None = None
    image_url: _Url | str | None = None


class _Mixed(msgspec.Struct):
    content: list[msgspec.Raw]


_decode_mixed = msgspec.json.Decoder(list[_Mixed]).decode
_decode_content = msgspec.json.Decoder(_Content).decode


def read_inputs(fields: Fields) -> tuple[Input, ...]:
    """What stands under `texts`, `images` or `inputs`; there must be one of them, and only one."""
    found: list[tuple[str, tuple[Input, ...]]] = []
    for name in ("texts", "images"):
        raw = fields.take(name)
        if raw is None:
            continue
        try:
            read = _decode_texts(raw)
        except UNREADABLE as error:
            fields.unreadable(name, error)
            return ()
        if read:
            found.append((name, tuple(read) if name == "texts" else tuple((Image(source_of(url)),) for url in read)))
    raw = fields.take("inputs")
    if raw is not None:
        found.append(("inputs", _read_mixed(fields, raw)))
    if not found:
        fields.refuse("texts", "a list that is not empty, unless there are images or inputs")
        return ()
    if len(found) > 1:
        fields.refuse(found[1][0], f"left out where there are {found[0][0]}")
    return found[0][1]


def _read_mixed(fields: Fields, raw: msgspec.Raw) -> tuple[Input, ...]:
    try:
        found = _decode_mixed(raw)
    except UNREADABLE as error:
        fields.unreadable("inputs", error)
        return ()
    inputs: list[Input] = []
    for number, each in enumerate(found):
        parts: list[Part] = []
        for place, content in enumerate(each.content):
            try:
                parts.append(_read_part(content))
            except UNREADABLE as error:
                fields.unreadable(f"inputs[{number}].content[{place}]", error)
                return ()
        if not parts:
            fields.refuse(f"inputs[{number}].content", "a list that is not empty")
        inputs.append(tuple(parts))
    if not inputs:
        fields.refuse("inputs", "a list that is not empty")
    return tuple(inputs)


def _read_part(raw: msgspec.Raw) -> Part:
    content = _decode_content(raw)
    if content.type == "text" and content.text is not None:
        return Text(content.text)
    if content.type == "image_url" and content.image_url is not None:
        url = content.image_url
        return Image(source_of(url if isinstance(url, str) else url.url))
    return Opaque("cohere", content.type, raw)


def write_inputs(inputs: Sequence[Input], *, flat: bool) -> tuple[str, object]:
    """The inputs with the name of the field that they belong in. `flat`: an image's address is no object."""
    if all(isinstance(each, str) for each in inputs):
        return "texts", inputs
    images = [only_image(each) for each in inputs]
    urls = [None if image is None else url_of(image.source, kind_of(image.source)) for image in images]
    if all(url is not None and url.startswith("data:") for url in urls):
        return "images", urls
    return "inputs", [{"content": _written_parts(each, flat=flat)} for each in inputs]


def _written_parts(one: Input, *, flat: bool) -> list[object]:
    if isinstance(one, str):
        return [{"type": "text", "text": one}]
    written: list[object] = []
    for part in () if isinstance(one, Tokens) else one:
        if isinstance(part, Text):
            written.append({"type": "text", "text": part.text})
        elif isinstance(part, Image):
            url = url_of(part.source, kind_of(part.source))
            written.append({"type": "image_url", "image_url": url if flat else {"url": url}})
        elif isinstance(part, Opaque):
            written.append(part.raw)
    return written
