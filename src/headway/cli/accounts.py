"""`headway accounts`: accounts of the administration, straight in the database that the configuration names.

What it stands on is imported when it is run: the gateway, which has the same command line, does without.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast, get_args

import click

from headway.cli.file import BadConfiguration, meant
from headway.config.load import discover, load
from headway.config.problems import ConfigError
from headway.types import Role


class Account(Protocol):
    name: str
    role: Role
    enabled: bool
    created: float
    changed: float


class ByHand(Protocol):
    """`admin.by_hand.ByHand`."""

    def all(self) -> list[Account]: ...

    def add(self, name: str, role: Role, password: str) -> Account: ...

    def change_password(self, name: str, password: str) -> Account: ...

    def remove(self, name: str) -> None: ...


configured = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Configuration that names the database. Default: ./headway.yaml if it exists.",
)
from_stdin = click.option("--password-stdin", "from_stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def accounts() -> None:
    """Accounts of the administration, straight in the gateway's database.

    For the first administrator and for lost passwords. A gateway that runs heeds it at once.

    \b
    Example:
      headway accounts add anna --role admin
    """


@accounts.command(name="list", epilog="Example: headway accounts list --json")
@configured
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def every(path: Path | None, as_json: bool) -> None:
    """Print the accounts."""
    try:
        found = _accounts(path).all()
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps([_shown(each) for each in found]))
        return
    for each in found:
        click.echo(f"{each.name}  {each.role}{'' if each.enabled else '  disabled'}")


@accounts.command(epilog="Example: headway accounts add anna --role admin")
@click.argument("name")
@click.option("--role", type=click.Choice(get_args(Role)), required=True, help="What it may do.")
@from_stdin
@configured
def add(name: str, role: Role, from_stdin: bool, path: Path | None) -> None:
    """Make an account."""
    keeper = _accounts(path)
    try:
        made = keeper.add(name, role, _password(from_stdin))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made.name} is {made.role}")


@accounts.command(epilog="Example: headway accounts passwd anna")
@click.argument("name")
@from_stdin
@configured
def passwd(name: str, from_stdin: bool, path: Path | None) -> None:
    """Give an account another password, end its sessions, and enable it."""
    keeper = _accounts(path)
    try:
        changed = keeper.change_password(name, _password(from_stdin))
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"the password of {changed.name} is changed")


@accounts.command(epilog="Example: headway accounts remove anna")
@click.argument("name")
@configured
def remove(name: str, path: Path | None) -> None:
    """Remove an account with its sessions and tokens."""
    try:
        _accounts(path).remove(name)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{name} is removed")


def _accounts(path: Path | None) -> ByHand:
    path = meant(path)
    try:
        snapshot = discover(os.environ) if path is None else load(path, os.environ)
    except ConfigError as error:
        raise BadConfiguration(str(error)) from None
    if snapshot.storage.url is None:
        raise click.ClickException("there are no accounts: storage.url is off")
    return cast("ByHand", import_module("headway.admin.by_hand").ByHand(snapshot.storage.url.reveal()))


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)


def _shown(account: Account) -> dict[str, object]:
    return {
        "name": account.name,
        "role": account.role,
        "enabled": account.enabled,
        "created": account.created,
        "changed": account.changed,
    }
