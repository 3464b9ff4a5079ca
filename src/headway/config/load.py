"""From a file, a text or the environment, and from what is published, to a `Snapshot`, or to every reason why not.

A section that the text has is the text's; of the others the published document has its say. The order of the steps is
decided here, and so is which findings follow from others and need not be told. The environment is always an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple, cast

import msgspec

from headway.config.budgets import check_budgets
from headway.config.compile import compile_snapshot, storage_from
from headway.config.discover import discovered
from headway.config.fields import database_url
from headway.config.interpolate import interpolate
from headway.config.observability import check_observability
from headway.config.outward import check_ambient, kept_within, told_within
from headway.config.problems import ConfigError, ConfigPath, Finding, Problem, UnreadableConfigError, render_path
from headway.config.provider import Surroundings, provider_from
from headway.config.published import MANAGED, Published, Unseal, check_published, opened
from headway.config.references import Providers, check_references
from headway.config.single_sign_on import check_single_sign_on
from headway.config.text import LARGEST_TEXT, Document, read
from headway.config.validate import validate
from headway.types import Managed, Secret, Snapshot, Storage

DATABASE_VARIABLE = "HEADWAY_DATABASE_URL"
ENVIRONMENT = "environment"
"""The source of a snapshot that was made without a file."""


class Above(NamedTuple):
    """What is published, and how its secrets are opened. It counts where the text has nothing to say."""

    published: Published
    unseal: Unseal


def load(path: Path, environ: Mapping[str, str], *, generation: int = 1, above: Above | None = None) -> Snapshot:
    """The file, compiled. Raises `ConfigError`; its subclass `UnreadableConfigError` if there is nothing to read."""
    text = _text_of(path)
    return load_text(text, name=str(path), folder=path.parent, environ=environ, generation=generation, above=above)


def load_text(
    text: str,
    *,
    name: str,
    folder: Path,
    environ: Mapping[str, str],
    generation: int = 1,
    above: Above | None = None,
) -> Snapshot:
    """A text, compiled. `name` is what messages and the snapshot call it; relative paths in it start at `folder`."""
    text_alone = read(text, name)
    findings: list[Finding] = []
    published = _published(text_alone, above, findings.append)
    document = msgspec.structs.replace(text_alone, data={**text_alone.data, **published})
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
    if "providers" in published:
        findings.extend(check_ambient(providers, sections))
    usual = _usual_database(environ, findings.append)
    observed = config.observability
    findings.extend(check_budgets(observed.alerts, storage_from(config.storage, usual, observed.content)))
    problems = _problems(text_alone, findings, published.keys(), above)
    if problems:
        raise ConfigError(name, problems)
    if "providers" in published:
        providers = kept_within(providers, sections, config)
    snapshot = compile_snapshot(
        config, sections, providers, database=usual, generation=generation, source=name, folder=folder
    )
    if "observability" in published:
        snapshot = told_within(snapshot)
    return _marked(snapshot, text_alone, published.keys(), None if above is None else above.published)


def discover(environ: Mapping[str, str], *, generation: int = 1, above: Above | None = None) -> Snapshot:
    """Every provider that the environment alone is enough for. Raises `ConfigError` if what it says cannot be used."""
    return load_text("", name=ENVIRONMENT, folder=Path(), environ=environ, generation=generation, above=above)


def written(path: Path) -> Document:
    """What the file says, before references are followed. Raises `ConfigError`."""
    return read(_text_of(path), str(path))


def database_of(path: Path | None, environ: Mapping[str, str]) -> Secret | None:
    """Where a configuration keeps what it keeps, told before all else: what is published lies there. None: nowhere, or
    it cannot be told, which whoever compiles all of it says better.
    """
    try:
        document = Document(source="", data={}, keys={}, values={}) if path is None else written(path)
    except ConfigError:
        return None
    findings: list[Finding] = []
    section = {name: value for name, value in document.data.items() if name == "storage"}
    checked = validate(interpolate(section, environ, Path(), findings.append))
    usual = _usual_database(environ, findings.append)
    return (
        None
        if findings or checked.findings
        else storage_from(checked.config.storage, usual, checked.config.observability.content).url
    )


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        message = f"cannot be read: {error.strerror}"
        raise UnreadableConfigError(str(path), [Problem(path="", line=0, column=0, message=message)]) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(path), [Problem(path="", line=line, column=1, message="is not UTF-8 text")]) from None


def _published(text: Document, above: Above | None, report: Callable[[Finding], None]) -> dict[str, object]:
    """The sections of the published document that count, with their secrets in the clear."""
    if above is None:
        return {}
    mine = {name: each for name, each in above.published.document.items() if name in MANAGED and name not in text.data}
    found = opened(mine, above.unseal, report)
    for finding in check_published(found):
        report(finding)
    return found


def _marked(snapshot: Snapshot, text: Document, sections: Collection[str], published: Published | None) -> Snapshot:
    """With the places that it came from."""
    managed: dict[str, Managed] = dict.fromkeys(text.data, "file")
    if published is None:
        return msgspec.structs.replace(snapshot, managed=managed)
    managed.update(dict.fromkeys(sections, "database"))
    alone = snapshot.source == ENVIRONMENT and "providers" in sections
    source = published.name if alone else f"{snapshot.source} and {published.name}"
    return msgspec.structs.replace(snapshot, source=source, published=published.version, managed=managed)


def _usual_database(environ: Mapping[str, str], found: Callable[[Finding], None]) -> Secret | None:
    """Where the log is kept if the configuration does not say."""
    said = environ.get(DATABASE_VARIABLE, "").strip()
    if not said:
        return Storage().url
    try:
        return database_url(said)
    except ValueError as error:
        found(Finding(path=("storage", "url"), message=f"the environment's {DATABASE_VARIABLE} {error}"))
        return Storage().url


def _names(providers: object) -> frozenset[str] | None:
    """How the providers are called, sound or not; None if they are no mapping, and any target would be a mystery."""
    return frozenset(cast("dict[str, object]", providers)) if isinstance(providers, dict) else None


def _problems(
    text: Document, findings: list[Finding], published: Collection[str], above: Above | None
) -> list[Problem]:
    """In the order of the text. The first finding at a path is the cause; what others say there follows from it."""
    first: dict[ConfigPath, Finding] = {}
    for finding in findings:
        first.setdefault(finding.path, finding)

    def located(finding: Finding) -> Problem:
        if above is None or finding.path[:1] not in {(name,) for name in published}:
            return text.locate(finding)
        return Problem(
            path=render_path(finding.path),
            line=0,
            column=0,
            message=finding.message,
            suggestion=finding.suggestion,
            source=above.published.name,
        )

    problems = [*text.problems, *map(located, first.values())]
    return sorted(problems, key=lambda problem: (problem.line, problem.column, problem.path))
