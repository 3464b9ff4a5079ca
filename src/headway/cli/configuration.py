"""`headway config`: what holds, what was published, and publishing, from a terminal or a pipeline.

With --url a running gateway is asked; without, the database that the file or the environment names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headway.cli.asking import Administration, Remote
from headway.cli.file import meant
from headway.config.problems import ConfigError
from headway.config.text import read

_AT = (
    click.option(
        "-c",
        "--config",
        "path",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Configuration file that names the database; without it ./headway.yaml if there is one, else the "
        "environment.",
    ),
    click.option("--url", help="Ask the gateway that runs there, with the token in HEADWAY_ADMIN_TOKEN."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
)


def _somewhere(command: Callable[..., None]) -> Callable[..., None]:
    """With the options that say whose configuration is meant."""
    for option in reversed(_AT):
        command = option(command)
    return command


@click.group(name="config")
def config() -> None:
    """Look at the configuration as it holds, publish another, or bring back an older one.

    \b
    Example:
      headway config export --url http://127.0.0.1:8080
      headway config publish models.yaml --note "a second target for default"
    """


@config.command(epilog="Example: headway config export > headway.yaml")
@_somewhere
def export(*, path: Path | None, url: str | None, as_json: bool) -> None:
    """Print the configuration as it holds, as YAML. Secrets are masked, references to them are not."""
    administration = _administration(path, url)
    answer = _asked(administration, "GET", "/configuration" if as_json else "/configuration/export")
    click.echo(msgspec.json.format(answer, indent=2) if as_json else answer, nl=as_json)


@config.command(epilog="Example: headway config history --limit 5")
@_somewhere
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="Most versions.")
def history(*, path: Path | None, url: str | None, as_json: bool, limit: int) -> None:
    """List published versions, newest first."""
    answer = _asked(_administration(path, url), "GET", f"/configuration/history?limit={limit}")
    if as_json:
        click.echo(msgspec.json.format(answer, indent=2))
        return
    table = Table("version", "at (UTC)", "by", "note", box=None, pad_edge=False)
    for each in msgspec.json.decode(answer)["versions"]:
        at = datetime.fromtimestamp(each["at"], UTC).strftime("%Y-%m-%d %H:%M:%S")
        restored = "" if each["restored"] is None else f"brings back version {each['restored']}"
        note = "; ".join(filter(None, (restored, each["note"])))
        table.add_row(str(each["version"]), at, escape(each["author"]), escape(note))
    (Console() if sys.stdout.isatty() else Console(width=240)).print(table)


@config.command(epilog="Example: headway config validate models.yaml --url http://127.0.0.1:8080")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@_somewhere
def validate(*, file: Any, path: Path | None, url: str | None, as_json: bool) -> None:
    """Say whether FILE could be published, and what it would change. Exit code 1: it could not."""
    answer = _asked(_administration(path, url), "POST", "/configuration/diff", {"document": _document(file)})
    told = msgspec.json.decode(answer)
    if as_json:
        click.echo(msgspec.json.format(answer, indent=2))
    else:
        _tell_problems(told["problems"])
        _tell_changes(told["changes"])
    sys.exit(0 if told["valid"] else 1)


@config.command(epilog="Example: headway config publish models.yaml --base 7 --note 'a second target for default'")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@_somewhere
@click.option(
    "--base", type=click.IntRange(0), help="The version that FILE was made of. Default: the newest, whoever made it."
)
@click.option("--note", default="", help="Why, for whoever reads the history.")
def publish(*, file: Any, path: Path | None, url: str | None, as_json: bool, base: int | None, note: str) -> None:
    """Publish FILE in place of what is published. Exit code 1: nothing was published."""
    document, administration = _document(file), _administration(path, url)
    if base is None:
        base = msgspec.json.decode(_asked(administration, "GET", "/configuration"))["version"]
    body = {"document": document, "base": base, "note": note}
    _tell_published(_asked(administration, "PUT", "/configuration", body), as_json)


@config.command(epilog="Example: headway config rollback 6 --note 'version 7 is too slow'")
@click.argument("version", type=click.IntRange(1))
@_somewhere
@click.option("--base", type=click.IntRange(0), help="The version that must be the newest. Default: whichever is.")
@click.option("--note", default="", help="Why, for whoever reads the history.")
def rollback(*, version: int, path: Path | None, url: str | None, as_json: bool, base: int | None, note: str) -> None:
    """Publish an older VERSION again, as the newest."""
    body = {"version": version, "note": note} | ({} if base is None else {"base": base})
    _tell_published(_asked(_administration(path, url), "POST", "/configuration/rollback", body), as_json)


def _administration(path: Path | None, url: str | None) -> Administration:
    if url is not None:
        if path is not None:
            raise click.UsageError("--config is for a database, --url for a running gateway: give one of them")
        return Remote(url)
    path = meant(path)
    try:
        # imported when it is asked for: the gateway itself is started from this command line, too, and must stay small
        return import_module("headway.cli.configuration_direct").Direct(path, os.environ)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def _document(file: Any) -> dict[str, object]:
    try:
        document = read(cast("str", file.read()), file.name)
    except UnicodeDecodeError:
        raise click.ClickException(f"{file.name} is not UTF-8 text") from None
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if document.problems:
        click.echo(str(ConfigError(file.name, document.problems)), err=True)
        sys.exit(2)
    return document.data


def _asked(administration: Administration, method: str, path: str, body: object = None) -> bytes:
    """The body of a good answer; else the end, with all that is wrong."""
    status, answer = administration.ask(method, path, body)
    if status == 200:
        return answer
    try:
        told = msgspec.json.decode(answer)
        message, problems = told["error"]["message"], told.get("problems", ())
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        raise click.ClickException(f"it answers {status}, which no gateway of this version does so") from None
    if not problems:
        raise click.ClickException(message)
    click.echo("nothing was published:", err=True)
    _tell_problems(problems)
    sys.exit(1)


def _tell_problems(problems: Any) -> None:
    for each in problems:
        suggestion = f"; did you mean {each['suggestion']!r}?" if each["suggestion"] else ""
        source = f" ({each['source']})" if each["source"] else ""
        click.echo(f"{each['path']}: {each['message']}{suggestion}{source}", err=True)


def _tell_changes(changes: Any) -> None:
    for each in changes:
        sign = {"added": "+", "removed": "-", "changed": "~"}[each["change"]]
        values = [msgspec.json.encode(each[at]).decode() for at in ("before", "after") if each[at] is not None]
        click.echo(f"{sign} {each['path']}: {' -> '.join(values)}")


def _tell_published(answer: bytes, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.format(answer, indent=2))
        return
    told = msgspec.json.decode(answer)
    _tell_changes(told["changes"])
    click.echo(f"version {told['version']}" if told["changes"] else f"nothing changes; version {told['version']} holds")
