"""The settings of resilience: what each becomes in a snapshot, and what a model's own inherit from the general ones."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import get_args

import msgspec
import pytest

from headway.config.load import load_text
from headway.config.sections.model import FallbackKind
from headway.failures import FailureKind
from headway.types import Breaker, Hedge, Idempotency, Resilience, Snapshot, Timeouts


def compiled(text: str) -> Snapshot:
    text = f"providers: {{a: {{base_url: http://a}}}}\n{dedent(text)}"
    return load_text(text, name="x", folder=Path(), environ={"D": "7s"})


def general(settings: str) -> Resilience:
    return compiled(f"resilience: {settings}").resilience


def own(general_settings: str, settings: str) -> Resilience:
    """The resilience of a model with these settings."""
    model = f"models: {{m: {{tiers: [[a/m]], resilience: {settings}}}}}"
    return compiled(f"resilience: {general_settings}\n{model}").routes["m"].resilience


def test_what_is_not_said_has_its_default():
    snapshot = compiled("resilience: {timeouts: , breaker: }\nidempotency:\nmodels: {m: [a/m]}")
    assert snapshot.resilience == snapshot.routes["m"].resilience == Resilience()
    assert (snapshot.breaker, snapshot.idempotency) == (Breaker(), Idempotency())


def test_every_setting_is_as_written():
    settings = """
      attempts: 5
      retries: 0
      longest_wait: 3s
      timeouts: {connect: 1s, headers: 2s, first_token: 3s, stall: 4s, alive: 5s, total: 6s, hold: "${D}"}
      stream: whole
      tool_calls: whole
      continuation: true
      hedge: {delay: 500ms, share: 5%}
    """
    assert general(settings) == Resilience(
        attempts=5,
        retries=0,
        longest_wait=3.0,
        timeouts=Timeouts(connect=1.0, headers=2.0, first_token=3.0, stall=4.0, alive=5.0, total=6.0, hold=7.0),
        stream="whole",
        tool_calls="whole",
        continuation=True,
        hedge=Hedge(delay=0.5, share=0.05),
    )


def test_the_breaker_is_as_written():
    breaker = compiled("resilience: {breaker: {failures: 3, rest: 1s, longest_rest: 1m, ramp: 0}}").breaker
    assert breaker == Breaker(failures=3, rest=1.0, longest_rest=60.0, ramp=0.0)


def test_a_stream_may_be_held_as_long_as_it_takes():
    assert general("{timeouts: {hold: off}}").timeouts.hold is None
    assert own("{timeouts: {hold: off}}", "{timeouts: {hold: 1s}}").timeouts.hold == 1.0
    assert own("{timeouts: {hold: 1s}}", "{timeouts: {hold: off}}").timeouts.hold is None


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("{ttl: 1h, memory: 64MB}", Idempotency(ttl=3600.0, memory=64_000_000)),
        ("{ttl: 0}", Idempotency(ttl=0.0)),
        ("off", Idempotency(ttl=0.0)),
        ("{}", Idempotency()),
    ],
)
def test_answers_are_kept_as_written(written: str, kept: Idempotency):
    assert compiled(f"idempotency: {written}").idempotency == kept


@pytest.mark.parametrize(
    "settings", ["{}", "{attempts: 2}", "{hedge: {enabled: false}}", "{hedge: {enabled: off, delay: 1s}}"]
)
def test_without_a_section_that_enables_it_nothing_is_hedged(settings: str):
    assert general(settings).hedge is None


@pytest.mark.parametrize("settings", ["{hedge: }", "{hedge: {}}", "{hedge: {enabled: true}}"])
def test_a_section_is_enough_to_hedge(settings: str):
    assert general(settings).hedge == Hedge()


@pytest.mark.parametrize(
    ("of_all", "of_one", "hedge"),
    [
        ("{}", "{hedge: {}}", Hedge()),
        ("{hedge: {delay: 3s, share: 1%}}", "{}", Hedge(delay=3.0, share=0.01)),
        ("{hedge: {delay: 3s, share: 1%}}", "{hedge: {share: 4%}}", Hedge(delay=3.0, share=0.04)),
        ("{hedge: {delay: 3s}}", "{hedge: {enabled: false}}", None),
        ("{hedge: {delay: 3s, enabled: false}}", "{hedge: {enabled: true}}", Hedge(delay=3.0)),
        ("{hedge: {enabled: false}}", "{hedge: {delay: 3s}}", None),
    ],
)
def test_a_models_hedge_inherits_what_it_does_not_say(of_all: str, of_one: str, hedge: Hedge | None):
    assert own(of_all, of_one).hedge == hedge


def test_a_model_overrides_only_what_it_says():
    text = """
    resilience: {attempts: 5, stream: whole, timeouts: {connect: 1s, total: 1m}}
    models:
      default: [a/m]
      slow: {tiers: [[a/m]], resilience: {timeouts: {total: 1h, first_token: 5m}}}
      once: {tiers: [[a/m]], resilience: {attempts: 1, stream: live}}
    """
    snapshot = compiled(text)
    base = Resilience(attempts=5, stream="whole", timeouts=Timeouts(connect=1.0, total=60.0))
    assert snapshot.resilience == snapshot.routes["default"].resilience == base
    slow = Timeouts(connect=1.0, total=3600.0, first_token=300.0)
    assert snapshot.routes["slow"].resilience == msgspec.structs.replace(base, timeouts=slow)
    assert snapshot.routes["once"].resilience == msgspec.structs.replace(base, attempts=1, stream="live")


def test_what_a_model_says_holds_for_no_other():
    text = """
    models:
      first: {tiers: [[a/m]], resilience: {retries: 0, hedge: {}, timeouts: {hold: off}}}
      second: {tiers: [[a/m]], resilience: {attempts: 2}}
    """
    assert compiled(text).routes["second"].resilience == Resilience(attempts=2)


def test_a_fallback_is_for_kinds_that_there_are():
    assert set(get_args(FallbackKind)) <= {kind.value for kind in FailureKind}
