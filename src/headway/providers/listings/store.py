"""Lists of models between one start and the next: a file for each provider, in the user's cache.

A file holds names, sizes, abilities and prices, and no secret. It may be missing, old, half written by a machine that
stopped, or written by another version: then there is none. How old one may be is its reader's business.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from headway.providers.listings.listed import ListedModel
from headway.wire.foreign_json import UNREADABLE

VERSION = 1
LARGEST = 32 * 2**20
"""Bytes. What is larger was not written by us."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A list as it was when it was asked for."""

    version: int
    at: float
    """Unix time."""
    models: tuple[ListedModel, ...]

    def age(self, now: float) -> float:
        """Seconds; none if the clock went back."""
        return max(now - self.at, 0.0)


_DECODER = msgspec.json.Decoder(Stored)
_ENCODER = msgspec.json.Encoder(order="deterministic")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def path_for(provider: str, base_url: str, environ: Mapping[str, str]) -> Path | None:
    """Where the list of a provider at an address is kept; None if there is nowhere, for want of a home. XDG Base
    Directory Specification: a relative path of XDG_CACHE_HOME counts as none.
    """
    cache = Path(environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():
        home = Path(environ.get("HOME", ""))
        if not home.is_absolute():
            return None
        cache = home / ".cache"
    digest = hashlib.sha256(base_url.encode()).hexdigest()[:16]
    return cache / "headway" / "models" / f"{_UNSAFE.sub('_', provider)[:64]}-{digest}.json"


def save(path: Path, models: tuple[ListedModel, ...], at: float) -> None:
    """Puts a list in the place of the one before, all at once. Raises OSError where it cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=".json")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_ENCODER.encode(Stored(version=VERSION, at=at, models=models)))
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def load(path: Path) -> Stored | None:
    """The list that is kept there, if one is and it can be read."""
    try:
        with path.open("rb") as file:
            body = file.read(LARGEST + 1)
    except (OSError, ValueError):
        return None
    if len(body) > LARGEST:
        return None
    try:
        stored = _DECODER.decode(body)
    except UNREADABLE:
        return None
    return stored if stored.version == VERSION else None
