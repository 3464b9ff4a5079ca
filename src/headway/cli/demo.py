"""`headway demo`: a gateway over three simulated providers, one failing on a schedule, and a live view of what is
routed where.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
from collections import Counter, deque
from collections.abc import Iterable
from functools import partial
from random import Random

import click
import uvloop
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from headway.app import Headway, Settings
from headway.cli.rehearsal import OUTAGE, providers_for_demo, snapshot_for_demo
from headway.types import ExchangeEvent, Target

DRAW_EVERY = 0.25
RECENT = 12
"""Exchanges shown."""


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option(
    "--rate",
    type=click.FloatRange(0, 200),
    default=8.0,
    show_default=True,
    help="Requests a second that the demo sends itself.",
)
@click.option("--seconds", type=click.FloatRange(min=0.1), help="End after so long. Default: run until Ctrl-C.")
def demo(port: int, rate: float, seconds: float | None) -> None:
    """Watch routing, failover and recovery on simulated providers.

    Needs no key and no network. The gateway is a real one: requests of your own show up too.

    \b
    Example:
      headway demo --rate 20 --seconds 60
    """
    uvloop.run(_run(port, rate, seconds))


async def _run(port: int, rate: float, seconds: float | None) -> None:
    providers = providers_for_demo()
    async with contextlib.AsyncExitStack() as stack:
        for provider in providers:
            await stack.enter_async_context(provider)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError as error:
            raise click.ClickException(
                f"cannot listen on port {port}: {error.strerror}; choose another with --port"
            ) from None
        again = partial(snapshot_for_demo, providers)
        headway = Headway(again(1), Settings(log=False), {}, io.BytesIO(), again=again)
        view = View(headway, sock.getsockname()[1])
        headway.recorder.watch(view.saw)
        server = headway.server()
        tasks = [asyncio.ensure_future(_traffic(sock.getsockname()[1], rate)), asyncio.ensure_future(view.show())]
        if seconds is not None:
            headway.loop.call_later(seconds, setattr, server, "should_exit", True)
        try:
            await server.serve([sock])
        finally:
            for task in tasks:
                task.cancel()
            headway.close()
            await headway.administration.close()
    view.summary()


class View:
    """What has been seen, and how it is drawn: a live table in a terminal, one line an exchange elsewhere."""

    def __init__(self, headway: Headway, port: int) -> None:
        self._headway = headway
        self._port = port
        self._console = Console()
        self._results: dict[str, Counter[str]] = {}
        self._recent: deque[ExchangeEvent] = deque(maxlen=RECENT)
        self._outcomes: Counter[str] = Counter()
        self._failovers = 0

    def saw(self, event: ExchangeEvent) -> None:
        self._recent.append(event)
        self._outcomes[event.outcome] += 1
        self._failovers += event.outcome == "ok" and len(event.attempts) > 1
        for attempt in event.attempts:
            self._results.setdefault(attempt.target, Counter())[attempt.result] += 1
        if not self._console.is_terminal:
            self._console.print(
                f"{event.status} {event.duration * 1000:6.0f} ms  {_story(event)}", highlight=False, soft_wrap=True
            )

    async def show(self) -> None:
        """Draw until cancelled."""
        if not self._console.is_terminal:
            return
        with Live(self._draw(), console=self._console, auto_refresh=False) as live:
            while True:
                await asyncio.sleep(DRAW_EVERY)
                live.update(self._draw(), refresh=True)

    def summary(self) -> None:
        answered = self._outcomes["ok"]
        total = sum(self._outcomes.values())
        self._console.print(
            f"{total} requests, {answered} answered, {self._failovers} of them by a target other than the first",
            highlight=False,
        )

    def _draw(self) -> Group:
        return Group(
            Panel(
                f"http://127.0.0.1:{self._port}/v1, model [bold]default[/bold]. north fails on a schedule: {OUTAGE}",
                title="headway demo",
            ),
            self._targets(),
            self._exchanges(),
        )

    def _targets(self) -> Table:
        table = Table("target", "state", "in flight", "answered", "failed", expand=True)
        now = self._headway.gateway.now()
        for target in self._all_targets():
            results = self._results.get(target.name, Counter())
            failed = ", ".join(f"{count}x {result}" for result, count in results.most_common() if result != "200")
            rest = self._headway.gateway.registry.rests_until(target) - now
            state = f"[yellow]rests {rest:.0f} s[/yellow]" if rest > 0 else "[green]ready[/green]"
            in_flight = self._headway.gateway.registry.in_flight(target)
            table.add_row(target.name, state, str(in_flight), str(results["200"]), failed)
        return table

    def _exchanges(self) -> Table:
        table = Table("status", "time", "what happened", expand=True)
        for event in reversed(self._recent):
            colour = "green" if event.outcome == "ok" else "red"
            table.add_row(f"[{colour}]{event.status}[/{colour}]", f"{event.duration * 1000:.0f} ms", _story(event))
        return table

    def _all_targets(self) -> Iterable[Target]:
        for route in self._headway.snapshot.routes.values():
            for tier in route.tiers:
                yield from tier.targets


def _story(event: ExchangeEvent) -> str:
    return " → ".join(f"{attempt.target} {attempt.result}" for attempt in event.attempts) or (
        event.error or event.outcome
    )


async def _traffic(port: int, rate: float) -> None:
    """Requests at a steady rate, each on a connection of its own, every third one streamed."""
    if rate <= 0:
        return
    rng = Random(7)
    running: set[asyncio.Task[None]] = set()
    number = 0
    while True:
        await asyncio.sleep(rng.expovariate(rate))
        number += 1
        task = asyncio.ensure_future(_ask(port, number, stream=number % 3 == 0))
        running.add(task)
        task.add_done_callback(running.discard)


async def _ask(port: int, number: int, *, stream: bool) -> None:
    body = (
        f'{{"model":"default","max_tokens":24,"stream":{"true" if stream else "false"},'
        f'"messages":[{{"role":"user","content":"Question {number}"}}]}}'
    )
    request = (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    )
    with contextlib.suppress(OSError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request.encode())
            while await reader.read(65536):
                pass
        finally:
            writer.close()
