"""Strategies that other packages bring are choices like any other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from random import Random

import pytest

from headway.config import plugins
from headway.config.load import load_text
from headway.config.problems import ConfigError
from headway.core import balance
from headway.core.candidates import Candidate
from headway.core.load import NO_LOAD
from headway.core.registry import Registry
from headway.types import Snapshot

CONFIG = """
providers:
  a: {base_url: "http://a.test/v1", keys: [{name: x, value: k1}, {name: y, value: k2}]}
models:
  default: {balance: last, tiers: [[a/m]]}
"""


class Last:
    """Whoever is last in the configuration."""

    def choose(self, ready: Sequence[Candidate], now: float, rng: Random) -> Candidate:
        return ready[-1]

    def guess(self, candidates: Sequence[Candidate], now: float, rng: Random) -> Candidate | None:
        return None


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found = EntryPoints([EntryPoint("last", f"{__name__}:Last", plugins.GROUP)])
    monkeypatch.setattr(plugins, "entry_points", lambda group: found.select(group=group))
    monkeypatch.setattr(EntryPoint, "load", lambda _: Last)
    yield
    balance.STRATEGIES.pop("last", None)


def loaded() -> Snapshot:
    return load_text(CONFIG, name="test", folder=Path(), environ={})


@pytest.mark.usefixtures("installed")
def test_a_strategy_of_another_package_may_be_chosen():
    assert plugins.load_plugins() == ["last"]
    route = Registry().live(loaded().routes["default"])
    found = route.tiers[0].draw(NO_LOAD, None, 0.0, Random(1))
    assert found is not None
    assert found.name == "a/m#y"


@pytest.mark.usefixtures("installed")
def test_loading_twice_is_loading_once():
    assert plugins.load_plugins() == ["last"]
    assert plugins.load_plugins() == []


def test_a_strategy_that_nobody_brings_is_refused():
    with pytest.raises(ConfigError, match="adaptive"):
        loaded()


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="adaptive"):
        balance.add("adaptive", Last)
