"""What is published by API: which sections it may have, and what may stand in them.

Whoever publishes may not be who runs the machine. So a published document says nothing of where the gateway listens,
where it keeps what it keeps and who may come in; it reads no file but mounted secrets, writes none, and does not see
what the environment says to Headway itself. Secrets in it are sealed; how is the business of whoever opens them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

import msgspec

from headway.config.interpolate import FILE, is_secret
from headway.config.problems import ConfigPath, Finding
from headway.config.text import DEEPEST

MANAGED = ("providers", "models", "resilience", "idempotency", "observability")
"""Sections that may be published. Where the file has one, the file's counts."""
SEALED = "sealed:"
"""How a sealed secret begins."""
SECRET_FOLDERS = (PurePosixPath("/run/secrets"), PurePosixPath("/var/run/secrets"))

_OWN_VARIABLE = re.compile(r"\$\{\s*HEADWAY_", re.IGNORECASE)
_TLS_FILES = frozenset({"ca_file", "client_cert", "client_key"})

Unseal = Callable[[str], str]
"""What a sealed text holds. Raises ValueError that says why it cannot be opened."""


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A document that is published, or would be. Its secrets are sealed."""

    version: int
    document: Mapping[str, object]

    @property
    def name(self) -> str:
        return f"published version {self.version}"


class NotToldError(Exception):
    """What is published cannot be told just now; the message says why, and holds no password."""


def holds_secret(path: ConfigPath) -> bool:
    """Whether what stands there is a secret or, as the address of a proxy or a database, may hold one."""
    match path:
        case ("providers", str(), "proxy") | ("storage", "url"):
            return True
        case ("auth", *_, str() as name):
            return name.endswith("secret")
        case _:
            return is_secret(path)


def values(document: object, path: ConfigPath = ()) -> Iterator[tuple[ConfigPath, object]]:
    """Everything in a document that is neither a mapping nor a list, with its place."""
    if isinstance(document, Mapping):
        for name, value in cast("Mapping[str, object]", document).items():
            yield from values(value, (*path, name))
    elif isinstance(document, list):
        for index, value in enumerate(cast("list[object]", document)):
            yield from values(value, (*path, index))
    else:
        yield path, document


def replaced(document: object, change: Callable[[ConfigPath, str], str], path: ConfigPath = ()) -> object:
    """A copy in which every text at a secret's place is what `change` makes of it."""
    if isinstance(document, Mapping):
        inner = cast("Mapping[str, object]", document)
        return {name: replaced(value, change, (*path, name)) for name, value in inner.items()}
    if isinstance(document, list):
        items = cast("list[object]", document)
        return [replaced(value, change, (*path, index)) for index, value in enumerate(items)]
    return change(path, document) if isinstance(document, str) and holds_secret(path) else document


def opened(document: Mapping[str, object], unseal: Unseal, report: Callable[[Finding], None]) -> dict[str, object]:
    """A copy with every secret in the clear. What cannot be opened is reported and stays sealed."""

    def in_the_clear(path: ConfigPath, text: str) -> str:
        if not text.startswith(SEALED):
            return text
        try:
            return unseal(text)
        except ValueError as error:
            report(Finding(path=path, message=str(error)))
            return text

    return cast("dict[str, object]", replaced(document, in_the_clear))


def check_form(document: Mapping[str, object]) -> Finding | None:
    """What is to be known before anybody walks over a document that came from outside."""
    waiting: list[tuple[ConfigPath, object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > DEEPEST:
            return Finding(path=path[:2], message=f"is nested deeper than {DEEPEST} levels")
        if isinstance(value, Mapping):
            inner = cast("Mapping[str, object]", value)
            waiting.extend(((*path, name), each) for name, each in inner.items())
            if not all(map(_is_text, inner)):
                return Finding(path=path, message="has a name that is no text")
        elif isinstance(value, list):
            waiting.extend(((*path, index), each) for index, each in enumerate(cast("list[object]", value)))
        elif isinstance(value, str) and not _is_text(value):
            return Finding(path=path, message="is no text")
    return None


def check_published(document: Mapping[str, object]) -> Iterator[Finding]:
    """What may not stand in a published document; its secrets are in the clear."""
    for path, value in values(document):
        if not isinstance(value, str):
            continue
        if _OWN_VARIABLE.search(value):
            yield Finding(path=path, message="must not refer to HEADWAY_* variables: they are Headway's own")
        elif (value.startswith(FILE) and is_secret(path) and not _is_mounted(value[len(FILE) :])) or (
            _is_tls_file(path) and not _is_mounted(value)
        ):
            yield Finding(path=path, message=_WHERE)
        elif _is_kind_of_sink(path) and value == "jsonl":
            yield Finding(
                path=path, message="must be webhook: a sink that writes files can only be set in headway.yaml"
            )


_WHERE = "must lie below /run/secrets or /var/run/secrets; other files can only be named in headway.yaml"


def _is_text(text: str) -> bool:
    """Half of a surrogate pair is none, though JSON can say it."""
    return not any("\ud800" <= each <= "\udfff" for each in text)


def _is_mounted(written: str) -> bool:
    path = PurePosixPath(written)
    return "$" not in written and ".." not in path.parts and any(folder in path.parents for folder in SECRET_FOLDERS)


def _is_tls_file(path: ConfigPath) -> bool:
    return len(path) == 4 and path[0] == "providers" and path[2] == "tls" and path[3] in _TLS_FILES


def _is_kind_of_sink(path: ConfigPath) -> bool:
    return len(path) == 4 and path[:2] == ("observability", "sinks") and path[3] == "kind"
