"""`headway providers` and `headway models`: what the catalogue and a configuration have to offer.

They read and print. What a configuration means is `config`'s business; what is known of providers is `providers`'.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headway.cli.file import meant
from headway.config.load import discover, load
from headway.config.problems import ConfigError
from headway.providers.catalogue import CatalogueEntry, base_url, catalogue, find
from headway.providers.known_models import facts_of, known_models
from headway.types import KnownModel, Provider, Route, Snapshot

_CONFIG = "Configuration file; without it ./headway.yaml if there is one."


class ProviderRow(msgspec.Struct, frozen=True):
    """One line of `headway providers`. It says whether a key is set, never what it is."""

    name: str
    title: str
    base_url: str
    key_variable: str | None
    """The variable that is set, else the usual one; None if it takes no key."""
    key_set: bool
    keyless: bool
    local: bool
    endpoints: tuple[str, ...]


class ModelRow(msgspec.Struct, frozen=True):
    """One line of `headway models`. A logical model has the targets it resolves to, tier by tier."""

    id: str
    provider: str | None = None
    context_window: int | None = None
    most_output: int | None = None
    input_price: float | None = None
    """Dollars for a million tokens, as the output's."""
    output_price: float | None = None
    can: tuple[str, ...] = ()
    cannot: tuple[str, ...] = ()
    reasoning: bool | None = None
    tiers: tuple[tuple[str, ...], ...] = ()


@click.command(epilog="Example: headway providers --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def providers(as_json: bool) -> None:
    """List the known providers, and whether a key for each is set in the environment."""
    rows = [_provider_row(entry, os.environ) for entry in catalogue().values()]
    if as_json:
        _print_json(rows)
        return
    table = Table("name", "provider", box=None, pad_edge=False)
    table.add_column("base URL", overflow="fold")
    table.add_column("key variable")
    table.add_column("set")
    for row in rows:
        known_url = escape(row.base_url) or "(yours)"
        table.add_row(row.name, row.title, known_url, row.key_variable or "none", "yes" if row.key_set else "no")
    _print_table(table)


@click.command(epilog="Example: headway models --provider groq")
@click.option("-c", "--config", "path", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=_CONFIG)
@click.option("--provider", "provider", metavar="NAME", help="Only this one, of the configuration or the catalogue.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(path: Path | None, provider: str | None, as_json: bool) -> None:
    """List models: those a configuration names, then those its providers are known to serve.

    Without a configuration, those of the providers whose usual key variable is set. A model that is not listed can be
    asked for all the same, as PROVIDER/MODEL.
    """
    path = meant(path)
    try:
        snapshot = discover(os.environ) if path is None else load(path, os.environ)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    rows = [] if provider else [_logical_row(route) for route in snapshot.routes.values()]
    for name, known in _known(snapshot, provider).items():
        rows.extend(_row(name, model, snapshot.providers.get(name)) for model in known)
    if as_json:
        _print_json(rows)
    elif rows:
        _print_table(_model_table(rows))
    else:
        click.echo("No models are known here. --provider NAME lists those of a provider in `headway providers`.")


def _row(name: str, model: KnownModel, provider: Provider | None) -> ModelRow:
    find_facts = None if provider is None else provider.facts_of
    facts = facts_of(name, model.id) if find_facts is None else find_facts(model.id)
    return ModelRow(
        id=model.id,
        provider=name,
        context_window=facts.context_window or model.context_window,
        most_output=facts.output_limit,
        input_price=facts.input_price,
        output_price=facts.output_price,
        can=tuple(sorted(facts.can)),
        cannot=tuple(sorted(facts.cannot)),
        reasoning=facts.reasoning,
    )


def _provider_row(entry: CatalogueEntry, environ: Mapping[str, str]) -> ProviderRow:
    set_here = next((variable for variable in entry.key_env if environ.get(variable)), None)
    usual = entry.key_env[0] if entry.key_env else None
    return ProviderRow(
        name=entry.name,
        title=entry.title,
        base_url=_without_password(base_url(entry, environ) or entry.base_url),
        key_variable=set_here or usual,
        key_set=set_here is not None,
        keyless=entry.keyless,
        local=entry.local,
        endpoints=entry.endpoints,
    )


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)


def _logical_row(route: Route) -> ModelRow:
    tiers = tuple(tuple(dict.fromkeys(t.deployment.name for t in tier.targets)) for tier in route.tiers)
    return ModelRow(id=route.name, tiers=tiers)


def _known(snapshot: Snapshot, provider: str | None) -> Mapping[str, tuple[KnownModel, ...]]:
    """By provider: all that are configured, or the one asked for. Exits with 2 if nobody is called that."""
    if provider is None:
        return snapshot.known_models
    if provider in snapshot.providers:
        return {provider: snapshot.known_models.get(provider, ())}
    entry = find(provider)
    if entry is None:
        raise click.UsageError(f"no provider is called {provider!r}; `headway providers` lists the known ones")
    return {entry.name: known_models(entry.name)}


def _model_table(rows: Sequence[ModelRow]) -> Table:
    table = Table("model", "served by", box=None, pad_edge=False)
    table.add_column("context", justify="right")
    table.add_column("$/M in", justify="right")
    table.add_column("$/M out", justify="right")
    table.add_column("can")
    for row in rows:
        served = " > ".join(" + ".join(tier) for tier in row.tiers) if row.tiers else row.provider or ""
        able = [*row.can, *(["reasoning"] if row.reasoning else [])]
        context = f"{row.context_window:,}" if row.context_window else ""
        prices = (_dollars(row.input_price), _dollars(row.output_price))
        table.add_row(escape(row.id), escape(served), context, *prices, ", ".join(able))
    return table


def _dollars(price: float | None) -> str:
    return "" if price is None else f"{price:,.4f}".rstrip("0").rstrip(".")


def _print_json(rows: Sequence[msgspec.Struct]) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2))


def _print_table(table: Table) -> None:
    # A pipe has no width: there, rows are as long as they are, one a line.
    console = Console() if sys.stdout.isatty() else Console(width=240)
    console.print(table)
