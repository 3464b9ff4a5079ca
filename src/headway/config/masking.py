"""What is shown of a secret, what is kept sealed of it, and what a masked one means that is sent back.

Nobody gets a secret back. Who reads a configuration sees `****` with the last four characters of what is long enough to
spare them. Sent back at its place, a masked secret means the one that is there, as long as it goes where it went:
whoever moves a provider to another address has to know its keys. References to variables and files are no secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast
from urllib.parse import urlsplit

from headway.config.interpolate import FILE, is_secret
from headway.config.problems import ConfigPath, Finding
from headway.config.provider import usual_name
from headway.config.published import SEALED, Unseal, replaced

MASK = "****"
SHOWN = 4
SPARES = 16
"""Characters of a secret that can spare `SHOWN` of them."""

_REFERENCES = re.compile(r"(?:(?:Bearer|Basic|Token) )?(?:\$\{[A-Za-z_][A-Za-z0-9_]*(?::-)?\})+", re.IGNORECASE)
_MASKED = re.compile(r"\*{4}\S{0,4}")


def is_plain(path: ConfigPath, text: str) -> bool:
    """Whether it is a secret itself, and neither sealed nor a reference to where one is."""
    if text.startswith(SEALED) or not text or _REFERENCES.fullmatch(text):
        return False
    if path[-1] in ("proxy", "url") and not is_secret(path):
        return "@" in text  # the address of a proxy or a database, with a password
    return not text.startswith(FILE)


def masked(document: object, unseal: Unseal, path: ConfigPath = ()) -> object:
    """A copy that may be shown. It may be a part of a document that stands at `path`."""

    def show(at: ConfigPath, text: str) -> str:
        if text.startswith(SEALED):
            try:
                return mask(unseal(text))
            except ValueError:
                return MASK
        return mask(text) if is_plain(at, text) else text

    return replaced(document, show, path)


def mask(secret: str) -> str:
    return MASK + (secret[-SHOWN:] if len(secret) >= SPARES else "")


def sealed(document: Mapping[str, object], seal: Callable[[str], str]) -> dict[str, object]:
    """A copy to keep."""
    return cast("dict[str, object]", replaced(document, lambda at, text: seal(text) if is_plain(at, text) else text))


def plain_secrets(document: Mapping[str, object]) -> Iterator[ConfigPath]:
    """Where a document has secrets themselves."""
    found: list[ConfigPath] = []

    def note(path: ConfigPath, text: str) -> str:
        if is_plain(path, text):
            found.append(path)
        return text

    replaced(document, note)
    yield from found


class Unmasking:
    """Puts back what a document has instead of the masks that were sent of it."""

    def __init__(self, before: Mapping[str, object], unseal: Unseal) -> None:
        self._before = before
        self._unseal = unseal
        self.findings: list[Finding] = []

    def document(self, sent: Mapping[str, object]) -> dict[str, object]:
        """A copy. `findings` has the masks that mean nothing."""

        def unmasked(path: ConfigPath, text: str) -> str:
            if text.startswith(SEALED):
                self._wrong(path, "must not be sealed: send the secret itself, or a reference to it")
            if not _MASKED.fullmatch(text):
                return self._same(sent, path, text)
            found = self._meant(sent, path, text)
            if found is None:
                self._wrong(path, "is masked, and there is no such secret here to keep: send the secret itself")
                return text
            if self._destination(sent, path) != self._destination(self._before, found):
                self._wrong(path, "must be sent again, since it would go to another address than before")
                return text
            return str(_at(self._before, found))

        return cast("dict[str, object]", replaced(sent, unmasked))

    def _same(self, sent: Mapping[str, object], path: ConfigPath, text: str) -> str:
        """What is there, if it is the same: sealed anew it would seem to be another."""
        if is_plain(path, text):
            for place in _candidates(self._before, sent, path):
                there = _at(self._before, place)
                if isinstance(there, str) and there.startswith(SEALED) and self._opened(there) == text:
                    return there
        return text

    def _meant(self, sent: Mapping[str, object], path: ConfigPath, mask: str) -> ConfigPath | None:
        """Where the secret stands that a mask at this path stands for."""
        for place in _candidates(self._before, sent, path):
            there = _at(self._before, place)
            if isinstance(there, str) and self._mask(place, there) == mask:
                return place
        return None

    def _destination(self, document: Mapping[str, object], path: ConfigPath) -> object:
        """Where a secret at this path is sent to, as far as the document says."""
        match path:
            case ("providers", str(), "proxy"):
                return None
            case ("providers", str() as name, *_):
                section = ("providers", name)
                address = _origin(_at(document, (*section, "base_url")))
                return (_at(document, (*section, "kind")), address, self._in_the_clear(document, (*section, "proxy")))
            case ("observability", "otel", *_):
                return _origin(_at(document, ("observability", "otel", "endpoint")))
            case ("observability", "sinks", int(), "headers", *_):
                return self._in_the_clear(document, (*path[:3], "url"))
            case _:
                return None

    def _in_the_clear(self, document: Mapping[str, object], path: ConfigPath) -> object:
        text = _at(document, path)
        if isinstance(text, str) and document is not self._before and _MASKED.fullmatch(text):
            place = self._meant(document, path, text)
            text = None if place is None else _at(self._before, place)
        if isinstance(text, str) and text.startswith(SEALED):
            return self._opened(text)
        return text or None

    def _mask(self, path: ConfigPath, text: str) -> str:
        return cast("str", masked(text, self._unseal, path))

    def _opened(self, text: str) -> str | None:
        try:
            return self._unseal(text)
        except ValueError:
            return None

    def _wrong(self, path: ConfigPath, message: str) -> None:
        self.findings.append(Finding(path=path, message=message))


def key_names(keys: object) -> list[str]:
    """What the keys of a provider are called, as they are written."""
    entries: Sequence[object] = cast("list[object]", keys) if isinstance(keys, list) else ()
    names = [_at(each, ("name",)) for each in entries]
    return [name if isinstance(name, str) else usual_name(at, len(entries)) for at, name in enumerate(names)]


def _candidates(before: Mapping[str, object], sent: Mapping[str, object], path: ConfigPath) -> Iterator[ConfigPath]:
    match path:
        case ("providers", str() as provider, "keys", int() as index, *_):
            yield from _keys(before, sent, provider, index)
        case ("observability", "alerts", "webhooks", int() as index, "url"):
            count = _length(before, path[:3])
            yield from ((*path[:3], each, "url") for each in sorted(range(count), key=lambda each: each != index))
        case ("observability", "sinks", int() as index, *rest):
            name = _sink_name(sent, index)
            for each in range(_length(before, path[:2])):
                if _sink_name(before, each) == name:
                    yield ("observability", "sinks", each, *rest)
        case _:
            yield path


def _keys(before: Mapping[str, object], sent: Mapping[str, object], provider: str, index: int) -> Iterator[ConfigPath]:
    """The key of the same name first, then the others of the provider."""
    place = ("providers", provider, "keys")
    name = key_names(_at(sent, place))[index]
    names = key_names(_at(before, place))
    for each in sorted(range(len(names)), key=lambda each: names[each] != name):
        is_long = isinstance(_at(before, (*place, each)), Mapping)
        yield (*place, each, "value") if is_long else (*place, each)


def _sink_name(document: Mapping[str, object], index: int) -> object:
    place = ("observability", "sinks", index)
    return _at(document, (*place, "name")) or _at(document, (*place, "kind"))


def _origin(address: object) -> object:
    """Scheme, host and port, where it is an address."""
    if not isinstance(address, str):
        return address
    try:
        parts = urlsplit(address)
        return (parts.scheme, parts.hostname, parts.port) if parts.hostname else address
    except ValueError:
        return address


def _length(document: Mapping[str, object], path: ConfigPath) -> int:
    found = _at(document, path)
    return len(cast("list[object]", found)) if isinstance(found, list) else 0


def _at(document: object, path: ConfigPath) -> object:
    """What stands at a path; None if nothing does."""
    here = document
    for part in path:
        if isinstance(here, Mapping) and isinstance(part, str):
            here = cast("Mapping[str, object]", here).get(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(cast("list[object]", here)):
            here = cast("list[object]", here)[part]
        else:
            return None
    return here
