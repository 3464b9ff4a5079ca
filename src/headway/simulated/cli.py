"""`python -m headway.simulated`: one simulated provider in the foreground."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import click

from headway.simulated import notation
from headway.simulated.faults import FaultError, parse_fault
from headway.simulated.provider import SimulatedProvider
from headway.simulated.schedule import NO_SCHEDULE, Schedule, parse_schedule
from headway.simulated.settings import Quota, Simulation

_EXAMPLE = """
Example: python -m headway.simulated --models fast,smart --rpm 60 --schedule "20s-30s status=503; period 60s"
"""


def _read_by(read: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, str | None], object]:
    """Reads an option's text with a function that raises ValueError."""

    def convert(_context: click.Context, _option: click.Parameter, text: str | None) -> object:
        if text is None:
            return None
        try:
            return read(text)
        except ValueError as wrong:
            raise click.BadParameter(str(wrong)) from None

    return convert


def _checked_fault(text: str) -> str:
    parse_fault(text)
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@click.command(epilog=_EXAMPLE)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9001, show_default=True, help="0 takes a free one.")
@click.option("--name", default="simulated", show_default=True, help="Stands in every answer's text.")
@click.option("--models", callback=_read_by(_names), default="", help="Comma-separated; without it, any is served.")
@click.option("--key", "keys", multiple=True, help="A key to accept; repeatable. Without it, all are, and none.")
@click.option("--rpm", type=click.IntRange(min=1), help="Requests a minute, for each key and model.")
@click.option("--tpm", type=click.IntRange(min=1), help="Tokens a minute, for each key and model.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Requests in flight, for each key and model.")
@click.option("--latency", callback=_read_by(notation.latency), default="0ms", help="As in 50ms±20ms.")
@click.option("--token-delay", callback=_read_by(notation.duration), default="0ms", help="As in 30ms.")
@click.option("--fault", callback=_read_by(_checked_fault), help="As in status=503,header.retry-after=5.")
@click.option("--schedule", callback=_read_by(parse_schedule), help="As in '20s-30s refuse; 5% html; period 60s'.")
@click.option("--seed", default=0, show_default=True)
def main(
    *,
    host: str,
    port: int,
    name: str,
    models: tuple[str, ...],
    keys: tuple[str, ...],
    rpm: int | None,
    tpm: int | None,
    concurrency: int | None,
    latency: notation.Latency,
    token_delay: float,
    fault: str | None,
    schedule: Schedule | None,
    seed: int,
) -> None:
    """Play a provider of models, in the APIs of OpenAI, Anthropic, Google, Bedrock, Cohere and Ollama, with a quota and
    with faults.
    """
    simulation = Simulation(
        name=name,
        models=models,
        keys=keys,
        quota=Quota(rpm=rpm, tpm=tpm, concurrency=concurrency),
        latency=latency,
        token_delay=token_delay,
        fault=fault,
        schedule=schedule or NO_SCHEDULE,
        seed=seed,
    )
    try:
        asyncio.run(_serve(SimulatedProvider(simulation), host, port))
    except (FaultError, OSError) as failed:
        raise click.ClickException(str(failed)) from None


async def _serve(provider: SimulatedProvider, host: str, port: int) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stopped.set)
    await provider.start(host, port)
    click.echo(f"{provider.simulation.name} answers at {provider.base_url}")
    await stopped.wait()
    await provider.stop()
