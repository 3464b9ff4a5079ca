"""Inputs as clients write them: texts, tokens, pictures, and lists of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from headway.wire.embedding.fields import Fields
from headway.wire.embedding.form import Input, Tokens
from headway.wire.foreign_json import UNREADABLE
from headway.wire.form.media import kind_in, source_of
from headway.wire.form.parts import Image, Source, Text

_decode_texts = msgspec.json.Decoder(list[str]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_tokens = msgspec.json.Decoder(list[int]).decode
_decode_many = msgspec.json.Decoder(list[list[int]]).decode


class _Document(msgspec.Struct):
    """As Jina has it."""

    text: str | None = None
    image: str | None = None


_decode_documents = msgspec.json.Decoder(list[str | _Document]).decode
_WANTED = "a string, a list of strings, a list of tokens or a list of lists of tokens"


def kind_of(source: Source) -> str:
    """The media type of a picture, which its first bytes tell where nobody else does."""
    return source.media_type or kind_in(source.data or "") or "image/png"


def only_image(one: Input) -> Image | None:
    """The picture that is all of an input."""
    if isinstance(one, tuple) and len(one) == 1 and isinstance(one[0], Image):
        return one[0]
    return None


def is_mixed(one: Input) -> bool:
    """Whether it holds a picture, and something else besides."""
    return isinstance(one, tuple) and len(one) > 1 and any(isinstance(part, Image) for part in one)


def take_inputs(fields: Fields, name: str, *, documents: bool = False) -> tuple[tuple[Input, ...], bool]:
    """The inputs under `name` as OpenAI has them, and whether one came alone. `documents`: objects with a text or a
    picture are among them, as Jina has it.
    """
    raw = fields.take(name)
    if raw is None:
        fields.missing(name)
        return (), False
    if bytes(raw)[:1] == b'"':
        try:
            return (_decode_text(raw),), True
        except UNREADABLE as error:
            fields.unreadable(name, error)
            return (), False
    try:
        found: Sequence[Input] = _decode_texts(raw)
    except UNREADABLE:
        found, alone = _documents(fields, name, raw) if documents else _tokens(fields, name, raw)
    else:
        alone = False
    if not found:
        fields.refuse(name, "a list that is not empty")
    return tuple(found), alone


def _tokens(fields: Fields, name: str, raw: msgspec.Raw) -> tuple[Sequence[Input], bool]:
    inside = bytes(raw)[1:].lstrip()[:1]
    try:
        if inside == b"[":
            return [Tokens(tuple(ids)) for ids in _decode_many(raw)], False
        if inside.isdigit():
            return [Tokens(tuple(_decode_tokens(raw)))], True
        _decode_texts(raw)
    except UNREADABLE as error:
        fields.refuse(name, _WANTED if inside in (b"{", b"n", b"t", b"f", b"") else "all of one kind", error)
    return [], False


def _documents(fields: Fields, name: str, raw: msgspec.Raw) -> tuple[Sequence[Input], bool]:
    try:
        found = _decode_documents(raw)
    except UNREADABLE as error:
        fields.refuse(name, "a string, or an object with a text or an image", error)
        return [], False
    inputs: list[Input] = []
    for number, each in enumerate(found):
        if isinstance(each, str):
            inputs.append(each)
        elif each.image is not None:
            inputs.append((Image(source_of(each.image)),) if each.text is None else ())
        elif each.text is not None:
            inputs.append((Text(each.text),))
        if len(inputs) <= number or inputs[-1] == ():
            fields.refuse(f"{name}[{number}]", "a string, or an object with either a text or an image")
            return [], False
    return inputs, False
