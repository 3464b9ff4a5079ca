"""A request on its way into a dialect: what is refused before it begins, and what gets left out on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, cast

import msgspec

from headway.wire.embedding.form import EmbeddingDialect, Format, Input, Request, Tokens
from headway.wire.embedding.vocabulary import word_of
from headway.wire.form.parts import Audio, File, Image, Opaque, Part, Text, Video
from headway.wire.form.request import Toward, Unsupported, Written

encode = msgspec.json.Encoder().encode

IMAGES, AUDIO, VIDEO, FILES, TOKENS = "images", "audio", "video", "files", "tokens"
NOTHING_BUT_TEXT: Final = frozenset({IMAGES, AUDIO, VIDEO, FILES, TOKENS})
"""What a dialect lacks that only knows texts."""

_OF_PARTS: dict[type[Part], str] = {Image: IMAGES, Audio: AUDIO, Video: VIDEO, File: FILES}
_SAID = {
    IMAGES: "takes no images",
    AUDIO: "takes no audio",
    VIDEO: "takes no video",
    FILES: "takes no files",
    TOKENS: "takes text, not tokens",
}
_CALLED = {TOKENS: "input"}


def missing(
    request: Request, toward: Toward, dialect: EmbeddingDialect, lacks: frozenset[str] = frozenset()
) -> Unsupported | None:
    """What the model, or the dialect that it is spoken to in, cannot do of what the request calls for."""
    if request.needs and request.dialect != dialect:
        feature = request.needs[0]
        return Unsupported(feature, f"cannot do what {feature!r} asks for")
    if request.dimensions is not None and "dimensions" in toward.lacks:
        return Unsupported("dimensions", "cannot change the size of its vectors")
    found = _kinds(request.inputs)
    for kind in sorted(found & (lacks | toward.lacks)):
        return Unsupported(_CALLED.get(kind, kind), _SAID[kind])
    strange = {kind for kind in found if kind not in _SAID}
    if strange and request.dialect != dialect:
        kind = min(strange)
        return Unsupported(kind, f"cannot do what {kind!r} asks for")
    return None


def _kinds(inputs: Sequence[Input]) -> set[str]:
    """What there is besides text; parts that only their own dialect knows under their own names."""
    found: set[str] = set()
    for each in inputs:
        if isinstance(each, Tokens):
            found.add(TOKENS)
        elif not isinstance(each, str):
            found.update(_kinds_of_parts(each))
    return found


def _kinds_of_parts(parts: Iterable[Part]) -> Iterable[str]:
    for part in parts:
        if isinstance(part, Opaque):
            yield part.kind
        elif (kind := _OF_PARTS.get(type(part))) is not None:
            yield kind


def formats_to_ask(
    request: Request, native: frozenset[Format], *, several: bool = False
) -> tuple[Format, ...] | Unsupported:
    """The formats to ask a provider for, so that the client can be given all that it wants: numbers in place of base64
    where the provider is not known to have that. Empty: the client did not say.
    """
    wanted: list[Format] = []
    for each in request.formats:
        one = "float" if each == "base64" and each not in native else each
        if one not in native:
            return Unsupported(one, f"gives no {one} vectors")
        if one not in wanted:
            wanted.append(one)
    if not several and set(wanted) == {"float", "base64"}:
        return ("float",)
    if len(wanted) > 1 and not several:
        return Unsupported("formats", "gives vectors in one format at a time")
    return tuple(wanted)


def text_of(one: Input) -> str:
    """The text of an input that is nothing else, as `missing` has made sure."""
    if isinstance(one, str):
        return one
    if isinstance(one, Tokens):
        return ""
    return "\n".join(part.text for part in one if isinstance(part, Text))


class Body:
    """A request under way in a dialect: its fields, and the names of what it leaves out."""

    __slots__ = ("_own", "_request", "_toward", "dialect", "dropped", "fields")

    def __init__(self, request: Request, toward: Toward, dialect: EmbeddingDialect, model: str | None = None) -> None:
        self._request = request
        self._toward = toward
        self._own = request.dialect == dialect
        self.dialect: EmbeddingDialect = dialect
        self.fields: dict[str, object] = {} if model is None else {"model": model}
        self.dropped: list[str] = []

    def say(self, field: str, name: str, value: object, into: dict[str, object] | None = None) -> None:
        """Put a value of the form under the dialect's name for it, unless the model refuses it."""
        if value is None:
            return
        if field in self._toward.lacks:
            self.dropped.append(field)
        else:
            (self.fields if into is None else into)[name] = value

    def purpose(self, name: str, default: str | None = None, into: dict[str, object] | None = None) -> None:
        """The same for the purpose, in the dialect's words; `default` where it must have one."""
        purpose, word, exact = self._request.purpose, None, True
        if purpose is not None:
            word, exact = word_of(purpose, self.dialect)
        if "purpose" in self._toward.lacks:
            word, exact = None, purpose is None
        if not exact:
            self.dropped.append("purpose")
        if word is not None or default is not None:
            (self.fields if into is None else into)[name] = word or default

    def truncates(self, name: str, into: dict[str, object] | None = None) -> None:
        """The same for truncation, in a dialect that can only cut the end, or not."""
        how = self._request.truncate
        if how == "start":
            self.dropped.append("truncate")
        elif how is not None:
            self.say("truncate", name, how == "end", into)

    def leave_out(self, *fields: str) -> None:
        """Note those of the fields that the request has and this dialect has no word for."""
        for field in fields:
            if getattr(self._request, field) not in (None, ()):
                self.dropped.append(field)

    def written(self, *, said: tuple[str, ...] = (), carried: tuple[str, ...] = ()) -> Written:
        """With what the form had no place for, in a request of the dialect's own. `said` of it has been put there
        already; `carried` has been said of another dialect's.
        """
        request = self._request
        if self._own:
            put_back(self.fields, request, said)
        else:
            self.dropped.extend(name for name in request.extra if name not in request.also and name not in carried)
        return Written(encode(self.fields), tuple(self.dropped))


def put_back(fields: dict[str, object], request: Request, said: tuple[str, ...] = ()) -> None:
    """The fields that the form had no place for; a name with a dot stands for one within another."""
    for name, raw in request.extra.items():
        outer, _, inner = name.partition(".")
        if name in said:
            continue
        if not inner:
            fields[name] = raw
            continue
        within = fields.setdefault(outer, {})
        if isinstance(within, dict):
            cast("dict[str, object]", within)[inner] = raw
