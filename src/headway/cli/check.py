"""`headway check`: whether a configuration can be used, and if not, every reason.

It reads the file and the environment and prints; what is wrong is for `config` to say.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from headway.cli.file import USUAL_FILE
from headway.config.load import load
from headway.config.problems import ConfigError, UnreadableConfigError
from headway.types import Snapshot


@click.command(name="check", epilog="Example: headway check -c /etc/headway/headway.yaml")
@click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=USUAL_FILE,
    show_default=True,
    help="The configuration to check.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(context: click.Context, file: Path, as_json: bool) -> None:
    """Say whether a configuration can be used.

    Prints every problem with its file, line, column and path. Exit code 0: it is sound; 1: it has problems; 2: the file
    cannot be read. The environment variables that it refers to must be set as they are for the gateway.
    """
    try:
        snapshot = load(file, os.environ)
    except UnreadableConfigError as error:
        click.echo(str(error), err=True)
        context.exit(2)
    except ConfigError as error:
        click.echo(json.dumps(_problems(error)) if as_json else str(error))
        context.exit(1)
    click.echo(json.dumps(_summary(snapshot)) if as_json else _sentence(snapshot))


def _problems(error: ConfigError) -> dict[str, Any]:
    return {
        "ok": False,
        "file": error.source,
        "problems": [
            {
                "path": problem.path,
                "line": problem.line,
                "column": problem.column,
                "message": problem.message,
                "suggestion": problem.suggestion,
            }
            for problem in error.problems
        ],
    }


def _summary(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "ok": True,
        "file": snapshot.source,
        "providers": {
            name: {"base_url": provider.base_url, "keys": [key.name for key in provider.credentials if key.secret]}
            for name, provider in snapshot.providers.items()
        },
        "models": {
            name: [[target.name for target in tier.targets] for tier in route.tiers]
            for name, route in snapshot.routes.items()
        },
    }


def _sentence(snapshot: Snapshot) -> str:
    keys = sum(1 for provider in snapshot.providers.values() for key in provider.credentials if key.secret)
    counts = (
        _counted(len(snapshot.providers), "provider"),
        _counted(keys, "key"),
        _counted(len(snapshot.routes), "logical model"),
    )
    return f"{snapshot.source}: sound; {', '.join(counts)}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
