"""`headway serve`: which configuration runs, on which socket, with how many workers."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, MutableMapping
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import click
import uvloop

from headway.app import Headway, Settings
from headway.cli.configured import Configured
from headway.cli.file import BadConfiguration, meant
from headway.config.problems import ConfigError
from headway.control.reload import Start
from headway.server.access import SETUP_VARIABLE, VARIABLE, is_loopback, token_from
from headway.server.workers import Workers
from headway.simulated.provider import SimulatedProvider
from headway.types import Snapshot
from headway.version import __version__

BACKLOG = 4096
"""Connections that may wait to be accepted."""
LOOK_EVERY = 1.0
"""Seconds between a worker's looks whether its parent is still there."""


@click.command()
@click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    help="Configuration file. Default: ./headway.yaml if it exists.",
)
@click.option("--host", help="Address to listen on. Default: the configuration's, else 127.0.0.1.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on; 0 chooses one. Default: the configuration's, else 8080.",
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Worker processes.")
@click.option("--log/--no-log", default=True, show_default=True, help="One JSON line per request on standard output.")
@click.option("--inherit-socket", type=int, hidden=True)
@click.option("--worker", type=int, hidden=True)
def serve(
    *,
    path: Path | None,
    host: str | None,
    port: int | None,
    workers: int,
    log: bool,
    inherit_socket: int | None,
    worker: int | None,
) -> None:
    """Run the gateway.

    Without a configuration file it serves every provider whose usual environment variable is set (OPENAI_API_KEY,
    ...), and a simulated one if none is. The file is reloaded when it changes and on SIGHUP; SIGTERM and Ctrl-C let
    requests in flight finish.

    \b
    Example:
      headway serve -c headway.yaml --port 8080
    """
    path = meant(path)
    configured = Configured(path, os.environ)
    snapshot, start = _begun(configured)
    if inherit_socket is not None:
        sock = socket.socket(fileno=inherit_socket)
    else:
        wanted = snapshot.server if snapshot is not None else None
        sock = _listen(
            host or (wanted.host if wanted is not None else "127.0.0.1"),
            port if port is not None else (wanted.port if wanted is not None else 8080),
        )
    if inherit_socket is None:
        for line in first_steps(snapshot, is_loopback(sock.getsockname()[0]), os.environ):
            _tell(line)
    if workers > 1 and inherit_socket is None:
        _announce(snapshot, sock)
        sys.exit(Workers(workers, sock, lambda number: _worker_command(path, log, sock, number), _tell).run())
    tell = (lambda: None) if inherit_socket is not None else partial(_announce, snapshot, sock)
    settings = Settings(path=path, log=log, worker=worker)
    uvloop.run(_run(configured, snapshot, start, settings, sock=sock, tell=tell))


async def _run(
    configured: Configured,
    snapshot: Snapshot | None,
    start: Start,
    settings: Settings,
    *,
    sock: socket.socket,
    tell: Callable[[], None],
) -> None:
    """`tell` is called once signals are heeded."""
    provider: SimulatedProvider | None = None
    if snapshot is None:
        provider, snapshot, start = await configured.simulate(start)
    headway = Headway(snapshot, settings, os.environ, sys.stdout.buffer, start=start)
    if start.error is not None:
        headway.config_refused(start.error)
    headway.notice("started", f"headway {__version__} with {len(snapshot.providers)} providers from {snapshot.source}")
    gc.collect()
    gc.freeze()  # what exists now lives as long as the process: no use in looking at it again and again
    gc.set_threshold(20_000, 20, 50)
    headway.loop.call_soon(tell)  # serving installs its signal handlers before the loop comes round
    if settings.worker is not None:
        headway.loop.call_soon(_leave_with, os.getppid(), headway.loop)
    try:
        await headway.serve(sock)
    finally:
        if provider is not None:
            await provider.stop()


def _leave_with(parent: int, loop: asyncio.AbstractEventLoop) -> None:
    """A worker whose parent was killed drains: nobody would tell it to, and its port would stay taken."""
    if os.getppid() == parent:
        loop.call_later(LOOK_EVERY, _leave_with, parent, loop)
    else:
        signal.raise_signal(signal.SIGTERM)


def _begun(configured: Configured) -> tuple[Snapshot | None, Start]:
    """None: nothing is configured, not even by the environment."""
    try:
        snapshot, start, nothing = configured.begin()
    except ConfigError as error:
        raise BadConfiguration(str(error)) from None
    return None if nothing else snapshot, start


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)  # whoever reads the announcement may connect; the server will come round to it
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --host and --port"
        ) from None
    sock.setblocking(False)
    return sock


def _announce(snapshot: Snapshot | None, sock: socket.socket) -> None:
    host, port = sock.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    if not ip_address(host).is_loopback:
        _tell("anyone who reaches this address can use it: this version asks clients for no key")
        shown = "127.0.0.1" if ip_address(host).is_unspecified else shown
    url = f"http://{shown}:{port}"
    if snapshot is None:
        _tell("no provider key found in the environment; serving the simulated provider")
    else:
        _tell(f"providers: {', '.join(snapshot.providers)} (from {snapshot.source})")
    _tell(f"listening on {url}; try:")
    _tell(f"""  curl {url}/v1/chat/completions -H 'content-type: application/json' \\
    -d '{{"model": "{_some_model(snapshot)}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'""")


def first_steps(snapshot: Snapshot | None, loopback: bool, environ: MutableMapping[str, str]) -> list[str]:
    """Who may administer the gateway as it starts. A token for the first administrator, where it needs one, goes into
    the environment, which workers inherit and others cannot read.
    """
    if token_from(environ.get(VARIABLE)) is not None or (snapshot and snapshot.administration.oidc):
        return []
    if loopback:
        way_out = "POST /api/setup or `headway accounts add NAME --role admin` makes an administrator"
        return [f"administration is open to everybody on this machine while it has no accounts; {way_out}"]
    if snapshot is not None and snapshot.storage.url is None:
        return []
    if token_from(environ.get(SETUP_VARIABLE)) is not None:
        return [f"if no administrator has been made yet: POST /api/setup with the token in {SETUP_VARIABLE} makes one"]
    environ[SETUP_VARIABLE] = token = secrets.token_urlsafe(24)
    return [
        "if no administrator has been made yet: POST /api/setup makes the first one with",
        f'  {{"token": "{token}", "name": "...", "password": "..."}}',
    ]


def _some_model(snapshot: Snapshot | None) -> str:
    if snapshot is None:
        return "default"
    if snapshot.routes:
        return next(iter(snapshot.routes))
    for provider, models in snapshot.known_models.items():
        if models:
            return f"{provider}/{models[0].id}"
    return f"{next(iter(snapshot.providers), 'PROVIDER')}/MODEL"


def _worker_command(path: Path | None, log: bool, sock: socket.socket, number: int) -> list[str]:
    command = [
        sys.executable,
        "-m",
        "headway",
        "serve",
        "--inherit-socket",
        str(sock.fileno()),
        "--worker",
        str(number),
    ]
    command += ["--log" if log else "--no-log"]
    return command + (["-c", str(path)] if path is not None else [])


def _tell(text: str) -> None:
    click.echo(text, err=True)
