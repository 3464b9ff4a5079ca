"""The configuration that `serve` and `demo` bring along when there is none."""

from __future__ import annotations

import asyncio
import io

import pytest

from headway.app import Headway, Settings
from headway.cli.rehearsal import provider_for_serve, providers_for_demo, snapshot_for_demo, snapshot_for_serve

pytestmark = pytest.mark.real


async def test_it_stays_when_models_have_changed():
    """A gateway without any configuration served the simulated provider for ten seconds, and then nobody."""
    provider = provider_for_serve()
    await provider.start()
    try:
        headway = Headway(
            snapshot_for_serve(provider),
            Settings(log=False),
            {},
            io.BytesIO(),
            again=lambda generation: snapshot_for_serve(provider, generation),
        )
        headway.models_changed()
        assert headway.snapshot.generation == 2
        assert set(headway.snapshot.providers) == {"demo"}
        assert "default" in headway.snapshot.routes
        headway.close()
    finally:
        await provider.stop()
    await asyncio.sleep(0)


async def test_nobody_asks_a_simulated_provider_for_its_models():
    """What it lists would be stored among the user's files, for an address that is another the next time."""
    serve, demo = provider_for_serve(), providers_for_demo()
    for each in (serve, *demo):
        await each.start()
    try:
        for snapshot in (snapshot_for_serve(serve), snapshot_for_demo(demo)):
            assert [each.lists_models for each in snapshot.providers.values()] == [False] * len(snapshot.providers)
    finally:
        for each in (serve, *demo):
            await each.stop()
