"""Where a written value stands for another: `${NAME}`, `${NAME:-default}`, and `file:PATH` for secrets.

Only text that was written as a value is looked at; names of settings and what a variable or file holds are taken as
they are. Every complaint names the variable or the file, never what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from headway.config.problems import ConfigPath, Finding

LARGEST_SECRET = 64 * 1024

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}|\$\{")
FILE = "file:"
"""How a reference to a file begins."""

FindingSink = Callable[[Finding], None]


def interpolate(
    data: Mapping[str, object], environ: Mapping[str, str], folder: Path, report: FindingSink
) -> dict[str, object]:
    """A copy of the data with every reference followed. What cannot be followed is reported and stays as written."""

    def follow(value: object, path: ConfigPath) -> object:
        if isinstance(value, dict):
            return {key: follow(item, (*path, key)) for key, item in cast("dict[str, object]", value).items()}
        if isinstance(value, list):
            return [follow(item, (*path, index)) for index, item in enumerate(cast("list[object]", value))]
        if not isinstance(value, str):
            return value
        try:
            if value.startswith(FILE) and is_secret(path):
                return _secret_file(folder, value[len(FILE) :], environ)
            return _fill(value, environ)
        except ValueError as error:
            report(Finding(path=path, message=str(error)))
            return value

    return {key: follow(value, (key,)) for key, value in data.items()}


def is_secret(path: ConfigPath) -> bool:
    """Whether what stands at a path is a secret: a provider's key, the value of a header, a webhook's address, or the
    secret of single sign-on."""
    match path:
        case ("providers", str(), "keys", int()) | ("providers", str(), "keys", int(), "value"):
            return True
        case ("providers", str(), "headers", str()):
            return True
        case ("observability", "alerts", "webhooks", int(), "url"):
            return True
        case ("observability", "otel", "headers", str()) | ("observability", "sinks", int(), "headers", str()):
            return True
        case ("observability", "sinks", int(), "url") | ("auth", "admin", "oidc", "client_secret"):
            return True
        case _:
            return False


def _fill(text: str, environ: Mapping[str, str]) -> str:
    def replaced(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        if found[1] is None:
            raise ValueError("${ must be ${NAME} or ${NAME:-default}; write $${ for the two characters themselves")
        value = environ.get(found[1])
        if found[2] is not None:
            return value or found[2][2:]
        if value is None:
            raise ValueError(f"the environment variable {found[1]} is not set")
        return value

    return _REFERENCE.sub(replaced, text) if "${" in text else text


def _secret_file(folder: Path, written: str, environ: Mapping[str, str]) -> str:
    """What the file holds, without line ends at its end. Raises ValueError that names the file as it was written."""
    path = folder / _fill(written, environ)
    shown = written if "${" in written else path
    try:
        if not path.is_file():
            raise ValueError(f"there is no file {shown}")
        with path.open("rb") as file:
            content = file.read(LARGEST_SECRET + 1)
    except OSError as error:
        raise ValueError(f"cannot read {shown}: {error.strerror}") from None
    if len(content) > LARGEST_SECRET:
        raise ValueError(f"{shown} is larger than {LARGEST_SECRET // 1024} KiB")
    try:
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{shown} is not UTF-8 text") from None
    if not text:
        raise ValueError(f"{shown} is empty")
    return text
