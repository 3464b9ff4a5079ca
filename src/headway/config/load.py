"""From a file, a text or the environment to a `Snapshot`, or to every reason why not.

The order of the steps is decided here, and so is which findings follow from others and need not be told. The
environment is always an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from headway.config.compile import compile_snapshot
from headway.config.discover import discovered
from headway.config.fields import database_url
from headway.config.interpolate import interpolate
from headway.config.observability import check_observability
from headway.config.problems import ConfigError, ConfigPath, Finding, Problem, UnreadableConfigError
from headway.config.provider import Surroundings, provider_from
from headway.config.references import Providers, check_references
from headway.config.single_sign_on import check_single_sign_on
from headway.config.text import LARGEST_TEXT, Document, read
from headway.config.validate import validate
from headway.types import Secret, Snapshot, Storage

DATABASE_VARIABLE = "HEADWAY_DATABASE_URL"
ENVIRONMENT = "environment"
"""The source of a snapshot that was made without a file."""


def load(path: Path, environ: Mapping[str, str], *, generation: int = 1) -> Snapshot:
    """The file, compiled. Raises `ConfigError`; its subclass `UnreadableConfigError` if there is nothing to read."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise UnreadableConfigError(str(path), [Problem(path="", line=0, column=0, message=message)]) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(path), [Problem(path="", line=line, column=1, message="is not UTF-8 text")]) from None
    return load_text(text, name=str(path), folder=path.parent, environ=environ, generation=generation)


def load_text(text: str, *, name: str, folder: Path, environ: Mapping[str, str], generation: int = 1) -> Snapshot:
    """A text, compiled. `name` is what messages and the snapshot call it; relative paths in it start at `folder`."""
    document = read(text, name)
    findings: list[Finding] = []
    data = interpolate(document.data, environ, folder, findings.append)
    checked = validate(data)
    findings.extend(checked.findings)
    config = checked.config
    findings.extend(check_observability(config.observability, folder))
    findings.extend(check_single_sign_on(config.auth.admin))
    sections = discovered(environ) if config.providers is None else config.providers
    around = Surroundings(environ, folder, findings.append)
    made = {each: provider_from(each, section, around) for each, section in sections.items()}
    providers = {each: provider for each, provider in made.items() if provider is not None}
    written = data.get("providers")
    names = _names(sections if written is None else written)
    if names is not None:
        known = Providers(names, providers, written=config.providers is not None)
        findings.extend(check_references(document, data, config, known))
    usual = _usual_database(environ, findings.append)
    problems = _problems(document, findings)
    if problems:
        raise ConfigError(name, problems)
    return compile_snapshot(
        config, sections, providers, database=usual, generation=generation, source=name, folder=folder
    )


def discover(environ: Mapping[str, str], *, generation: int = 1) -> Snapshot:
    """Every provider that the environment alone is enough for. Raises `ConfigError` if what it says cannot be used."""
    return load_text("", name=ENVIRONMENT, folder=Path(), environ=environ, generation=generation)


def _usual_database(environ: Mapping[str, str], found: Callable[[Finding], None]) -> Secret | None:
    """Where the log is kept if the configuration does not say."""
    said = environ.get(DATABASE_VARIABLE, "").strip()
    if not said:
        return Storage().url
    try:
        return database_url(said)
    except ValueError as error:
        found(Finding(path=("storage", "url"), message=f"the environment's {DATABASE_VARIABLE} {error}"))
        return None


def _names(providers: object) -> frozenset[str] | None:
    """How the providers are called, sound or not; None if they are no mapping, and any target would be a mystery."""
    return frozenset(cast("dict[str, object]", providers)) if isinstance(providers, dict) else None


def _problems(document: Document, findings: list[Finding]) -> list[Problem]:
    """In the order of the text. The first finding at a path is the cause; what others say there follows from it."""
    first: dict[ConfigPath, Finding] = {}
    for finding in findings:
        first.setdefault(finding.path, finding)
    problems = [*document.problems, *map(document.locate, first.values())]
    return sorted(problems, key=lambda problem: (problem.line, problem.column, problem.path))
