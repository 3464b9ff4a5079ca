"""The command line: which commands there are. What they do stands in their modules."""

from __future__ import annotations

import click

from headway.cli.accounts import accounts
from headway.cli.bench import bench
from headway.cli.catalogue import models, providers
from headway.cli.check import check
from headway.cli.configuration import config
from headway.cli.demo import demo
from headway.cli.explain import explain
from headway.cli.serve import serve
from headway.config.plugins import load_plugins
from headway.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Headway, an LLM gateway: routes, balances and fails over between providers behind one OpenAI-compatible API.

    \b
    Example:
      headway serve            # with what the environment or ./headway.yaml offers
      curl http://127.0.0.1:8080/v1/models
    """
    load_plugins()


@main.command()
def version() -> None:
    """Print the version. Example: headway version"""
    click.echo(__version__)


for each in (serve, demo, check, config, explain, accounts, bench, models, providers):
    main.add_command(each)
