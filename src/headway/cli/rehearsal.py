"""The simulated providers that `serve` and `demo` bring along, and the configuration that routes to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from headway.config.load import Above, load_text
from headway.simulated.notation import Latency
from headway.simulated.provider import SimulatedProvider
from headway.simulated.schedule import parse_schedule
from headway.simulated.settings import Quota, Simulation
from headway.types import Snapshot

NOTHING: Mapping[str, str] = MappingProxyType({})
SERVE_SOURCE = "the simulated provider"

OUTAGE = "8s-16s status=503; 24s-30s status=429,header.retry-after=2; 36s-40s rst_before_headers; period 48s"
"""How the first of the demo's providers fails, again and again."""


def provider_for_serve() -> SimulatedProvider:
    """One that answers every `demo/...` model at the pace of a quick one."""
    quota = Quota(rpm=6000, tpm=2_000_000)
    return SimulatedProvider(Simulation(name="demo", latency=Latency(0.02), token_delay=0.01, quota=quota))


def snapshot_for_serve(
    provider: SimulatedProvider,
    generation: int = 1,
    *,
    environ: Mapping[str, str] = NOTHING,
    above: Above | None = None,
) -> Snapshot:
    """What is published, but for providers, counts before the models that the simulated provider brings."""
    models = """
models:
  default: [demo/fast, demo/smart]
  high-accuracy: [demo/smart, demo/fast]
  low-latency: [demo/fast]
"""
    text = f"""
providers:
  demo: {{base_url: "{provider.base_url}", keys: [], models: [fast, smart], list_models: false}}
{"" if above is not None and "models" in above.published.document else models}"""
    made = load_text(text, name=SERVE_SOURCE, folder=Path(), environ=environ, generation=generation, above=above)
    managed = {name: place for name, place in made.managed.items() if place == "database"}
    return msgspec.structs.replace(made, managed=managed)


def providers_for_demo() -> list[SimulatedProvider]:
    """Three: the first fails on a schedule, the second has a small quota, the third is slow but steady."""
    simulations = (
        Simulation(name="north", latency=Latency(0.02), token_delay=0.005, schedule=parse_schedule(OUTAGE)),
        Simulation(name="south", latency=Latency(0.03), token_delay=0.005, quota=Quota(rpm=240)),
        Simulation(name="backup", latency=Latency(0.15), token_delay=0.005),
    )
    return [SimulatedProvider(simulation) for simulation in simulations]


def snapshot_for_demo(providers: Sequence[SimulatedProvider], generation: int = 1) -> Snapshot:
    north, south, backup = (provider.base_url for provider in providers)
    text = f"""
providers:
  north:
    base_url: "{north}"
    keys: [{{name: team-a, value: demo-a, weight: 2}}, {{name: team-b, value: demo-b}}]
    models: [fast]
    list_models: false
  south: {{base_url: "{south}", keys: [demo-c], models: [fast], list_models: false}}
  backup: {{base_url: "{backup}", keys: [demo-d], models: [steady], list_models: false}}
models:
  default:
    tiers:
      - [north/fast, south/fast]
      - [backup/steady]
"""
    return load_text(text, name="the demo", folder=Path(), environ={}, generation=generation)
