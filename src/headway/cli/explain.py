"""`headway explain`: whom a request for a model would be sent to, and why not to others.

From a configuration it is a dry run: nothing is sent, nothing is learnt yet. With --url a running gateway tells how it
stands. What there is to tell is decided in `core.explain`.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headway.cli.asking import NoRedirects
from headway.cli.file import meant
from headway.config.load import discover, load
from headway.config.problems import ConfigError
from headway.core.explain import describe
from headway.core.load import Load
from headway.core.registry import Registry
from headway.failures import Failure
from headway.pipeline.conversation import SESSION_HEADERS
from headway.pipeline.plan import route_for
from headway.server.access import VARIABLE, is_loopback, token_from
from headway.server.pages import EXPLAIN
from headway.types import QueueRecord, QuotaRecord, RouteRecord, Snapshot, TargetRecord
from headway.wire.openai import errors

PATIENCE = 10.0
"""Seconds that the gateway may take to answer."""
NAMES = frozenset(name.decode() for name in SESSION_HEADERS)


@click.command(epilog="Example: headway explain default --tokens 20000 --url http://127.0.0.1:8080")
@click.argument("model")
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Configuration file; without it ./headway.yaml if there is one, else the environment.",
)
@click.option("--tokens", type=click.IntRange(0, 10**11), default=0, help="How large the request is.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header of the request, such as a session's."
)
@click.option("--url", help=f"Ask the gateway that runs there, with the token in {VARIABLE} if there is one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(
    *, model: str, path: Path | None, tokens: int, headers: Sequence[str], url: str | None, as_json: bool
) -> None:
    """Say how each target of a model stands: whether it may be asked now, and if not, why.

    MODEL is a name as clients write it: a logical model, PROVIDER/MODEL or a bare model. Exit code 0: it was told; 1:
    there is no such model, or the gateway does not tell; 2: the call or the configuration is wrong.
    """
    session = _session(headers)
    if url is not None:
        if path is not None:
            raise click.UsageError("--config is for a dry run, --url for a running gateway: give one of them")
        record = _asked(url, model, tokens, session)
    else:
        record = _dry_run(_configured(path), model, tokens, session)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(record), indent=2))
    else:
        _print(record, dry=url is None)


def _session(headers: Sequence[str]) -> str | None:
    """What names the conversation; of several headers the one that the gateway prefers."""
    found: dict[str, str] = {}
    for header in headers:
        name, equals, value = header.partition("=")
        name = name.strip().lower()
        if not equals or not name:
            raise click.UsageError(f"--header {header!r} is not NAME=VALUE")
        if name not in NAMES:
            click.echo(f"{name} does not change how targets stand; {', '.join(sorted(NAMES))} do", err=True)
        found[name] = value.strip()
    return next((found[name.decode()] for name in SESSION_HEADERS if found.get(name.decode())), None)


# --- a dry run ---


def _configured(path: Path | None) -> Snapshot:
    path = meant(path)
    try:
        return discover(os.environ) if path is None else load(path, os.environ)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


def _dry_run(snapshot: Snapshot, model: str, tokens: int, session: str | None) -> RouteRecord:
    route = route_for(snapshot, model)
    if isinstance(route, Failure):
        raise click.ClickException(route.message)
    live = Registry(snapshot.breaker).live(route)
    return RouteRecord(
        model=route.name,
        balance=route.balance,
        targets=describe(live, Load(media=tokens), None if session is None else hash(session.encode()), 0.0),
        queue=QueueRecord(length=0, most=route.queue.length, longest=route.queue.wait, refused=0),
    )


# --- a running gateway ---


def _asked(url: str, model: str, tokens: int, session: str | None) -> RouteRecord:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError("--url must be an address such as http://127.0.0.1:8080")
    query = {"model": model, "tokens": str(tokens)} | ({} if session is None else {"session": session})
    base = url.rstrip("/").removesuffix("/v1")
    request = Request(f"{base}{EXPLAIN}?{urlencode(query)}")
    token = token_from(os.environ.get(VARIABLE))
    if token is not None:
        request.add_header("authorization", f"Bearer {token.reveal()}")
    proxies = ProxyHandler({}) if is_loopback(parts.hostname) else ProxyHandler()
    try:
        with build_opener(proxies, NoRedirects()).open(request, timeout=PATIENCE) as reply:
            return msgspec.json.decode(reply.read(), type=RouteRecord)
    except HTTPError as error:
        with error:
            said = errors.message_in(error.read()) or error.reason
        raise click.ClickException(f"{base} answers {error.code}: {said}") from None
    except (OSError, http.client.HTTPException) as error:
        raise click.ClickException(f"{base} cannot be asked: {error}") from None
    except msgspec.DecodeError:
        raise click.ClickException(f"what answers at {base} is no gateway of this version") from None


# --- the table ---


def _print(record: RouteRecord, *, dry: bool) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=240)
    queue = record.queue
    line = f"{queue.length} of at most {queue.most} requests wait, each at most {queue.longest:g} s"
    told = "a dry run: nothing is learnt yet" if dry else line
    console.print(f"{escape(record.model)}, balance {record.balance}; {told}", highlight=False)
    table = Table("tier", "target", "state", box=None, pad_edge=False)
    for heading in ("share", "begins in", "reliable", "in flight"):
        table.add_column(heading, justify="right")
    table.add_column("quota left", overflow="fold")
    table.add_column("why", overflow="fold")
    for each in record.targets:
        table.add_row(*map(escape, _cells(each)))
    console.print(table)


def _cells(target: TargetRecord) -> tuple[str, ...]:
    most = [cap.most for cap in target.caps] + ([] if target.limit is None else [int(target.limit)])
    return (
        str(target.tier),
        target.target,
        target.state,
        "" if target.share is None else f"{target.share:.0%}",
        "" if target.seconds is None else f"{target.seconds:.2f} s",
        f"{target.reliability:.0%}",
        f"{target.in_flight} of {min(most)}" if most else str(target.in_flight),
        ", ".join(map(_left, target.quotas)),
        f"{target.why}; the conversation was with it" if target.pinned else target.why,
    )


def _left(quota: QuotaRecord) -> str:
    return f"{quota.left:,.0f} of {quota.limit:,.0f} {quota.dimension} in {quota.window:g} s"
