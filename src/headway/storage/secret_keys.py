"""Which keys seal the secrets that are kept in the database, and where they are.

HEADWAY_SECRET_KEY or the file that HEADWAY_SECRET_KEY_FILE names says it, one key a line: the first seals, all of them
open, so that a new key can be put above the old one. With SQLite and neither, a key lies beside the database, made when
it is first needed. What seals is imported only when there is something to open.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

VARIABLE = "HEADWAY_SECRET_KEY"
FILE_VARIABLE = "HEADWAY_SECRET_KEY_FILE"
SIZE = 32
"""Bytes of a key: AES-256."""
SHORTEST = 20
"""Characters of a key that is given as any text."""
LARGEST_FILE = 64 * 1024
FILE_NAME = "headway.key"
HOW_TO = f"set {VARIABLE} to 32 random bytes in base64 (`openssl rand -base64 32`), on every node the same"

_SALT = b"headway: keys of sealed secrets"


class NoKeyError(ValueError):
    """There is no key, or none that can be used; the message says what to do, and never what a key is."""


class Opening(Protocol):
    def unseal(self, text: str) -> str: ...


def keys(environ: Mapping[str, str], url: str | None, *, create: bool = False) -> tuple[bytes, ...]:
    """Those to seal and open with, the first to seal with. `url` is the database's. `create`: make one, where the
    database has room for it beside it. Raises NoKeyError.
    """
    said = environ.get(VARIABLE, "").strip()
    if said:
        return _read(said, VARIABLE)
    named = environ.get(FILE_VARIABLE, "").strip()
    path = Path(named) if named else beside(url)
    if path is None:
        raise NoKeyError(f"there is no key for secrets: {HOW_TO}")
    if create and not named:
        _make(path)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE).decode("utf-8", "replace")
    except OSError as error:
        raise NoKeyError(f"the key for secrets cannot be read: {path}: {error.strerror}") from None
    return _read(text, str(path))


def beside(url: str | None) -> Path | None:
    """The file next to a database of SQLite; None if it is none, or lies nowhere."""
    _, found, rest = (url or "").partition(":///")
    name = unquote(rest.partition("?")[0])
    if not found or not (url or "").startswith("sqlite") or not name or name == ":memory:":
        return None
    return Path(name).parent / FILE_NAME


class Unsealing:
    """Opens sealed text. Keys are looked for when there is something to open, and again when one is missing."""

    def __init__(self, environ: Mapping[str, str], url: Callable[[], str | None]) -> None:
        self._environ = environ
        self._url = url
        self._keys: tuple[bytes, ...] = ()
        self._opening: Opening | None = None

    def __call__(self, text: str) -> str:
        """Raises ValueError."""
        if self._opening is not None:
            with suppress(ValueError):
                return self._opening.unseal(text)
        found = keys(self._environ, self._url())
        if self._opening is None or found != self._keys:
            self._keys, self._opening = found, _opening_with(found)
        return self._opening.unseal(text)


def _opening_with(found: tuple[bytes, ...]) -> Opening:
    return import_module("headway.storage.sealing").Sealing(found)


def _read(text: str, where: str) -> tuple[bytes, ...]:
    found = tuple(_key(line.strip(), where) for line in text.splitlines() if line.strip())
    if not found:
        raise NoKeyError(f"{where} is empty: {HOW_TO}")
    return found


def _key(text: str, where: str) -> bytes:
    with suppress(binascii.Error, ValueError):
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        if len(raw) == SIZE:
            return raw
    if len(text) < SHORTEST:
        raise NoKeyError(f"the key in {where} is too short to be safe: {HOW_TO}")
    return hashlib.scrypt(text.encode(), salt=_SALT, n=2**14, r=8, p=1, dklen=SIZE)


def _make(path: Path) -> None:
    """A new key, whole from the beginning, unless there is one."""
    if path.exists():
        return
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(SIZE)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first
            os.link(new, path)
    except OSError as error:
        raise NoKeyError(f"no key for secrets can be written: {path}: {error.strerror}; or {HOW_TO}") from None
    finally:
        with suppress(OSError):
            new.unlink()
