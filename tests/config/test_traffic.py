"""The settings of traffic: strategy, affinity, queue, limits. What each becomes in a snapshot; what targets cost."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import get_args

import pytest

from headway.config.load import load_text
from headway.config.problems import ConfigError
from headway.core.balance import STRATEGIES
from headway.types import BalanceName, ClientLimits, Limits, Provider, Queue, Route, Snapshot

STAYS = 600.0


def compiled(text: str) -> Snapshot:
    return load_text(text, name="x", folder=Path(), environ={"N": "3k"})


def route_of(settings: str) -> Route:
    """A logical model with these settings."""
    text = f"providers: {{a: {{base_url: http://a}}}}\nmodels: {{m: {{tiers: [[a/m]], {settings}}}}}"
    return compiled(text).routes["m"]


def provider_of(settings: str) -> Provider:
    return compiled(f"providers: {{p: {{base_url: http://h, {settings}}}}}").providers["p"]


# --- strategies ---


@pytest.mark.parametrize("name", get_args(BalanceName))
def test_every_strategy_can_be_asked_for_by_its_name(name: str):
    assert route_of(f"balance: {name}").balance == name


def test_there_is_a_strategy_for_every_name():
    assert set(STRATEGIES) == set(get_args(BalanceName))


def test_without_a_word_traffic_is_balanced_adaptively():
    snapshot = compiled("providers: {a: {base_url: http://a}}\nmodels: {short: [a/m], long: {tiers: [[a/m]]}}")
    assert [route.balance for route in snapshot.routes.values()] == ["adaptive", "adaptive"]


# --- affinity ---


def test_without_a_word_a_conversation_stays_for_ten_minutes():
    snapshot = compiled("providers: {a: {base_url: http://a}}\nmodels: {short: [a/m], long: {tiers: [[a/m]]}}")
    assert [route.affinity for route in snapshot.routes.values()] == [STAYS, STAYS]


@pytest.mark.parametrize("name", get_args(BalanceName))
def test_conversations_may_move_where_shares_are_to_be_exact(name: str):
    exact = name in ("weighted", "round_robin")
    assert route_of(f"balance: {name}").affinity == (None if exact else STAYS)
    assert route_of(f"balance: {name}, affinity: auto").affinity == (None if exact else STAYS)


@pytest.mark.parametrize(("written", "seconds"), [("off", None), ("5m", 300.0), ("90", 90.0), ("1ms", 0.001)])
def test_an_affinity_is_a_duration_or_off(written: str, seconds: float | None):
    assert route_of(f"affinity: {written}").affinity == seconds


@pytest.mark.parametrize("written", ["0", "2d", "on", "true", "-1s"])
def test_an_affinity_that_is_neither_is_refused_with_the_words_that_there_are(written: str):
    with pytest.raises(ConfigError, match=r"models\.m\.affinity: .*, or off, or auto"):
        route_of(f"affinity: {written}")


@pytest.mark.parametrize("balance", ["weighted", "round_robin"])
def test_what_is_said_of_affinity_holds_for_any_strategy(balance: str):
    assert route_of(f"balance: {balance}, affinity: 1h").affinity == 3600.0


# --- queue ---


def test_without_a_word_a_thousand_requests_may_wait_for_five_seconds():
    assert (Queue().wait, Queue().length) == (5.0, 1000)
    assert route_of("queue: ").queue == Queue()


def test_a_queue_is_as_written():
    assert route_of("queue: {wait: 1m, length: '${N}'}").queue == Queue(wait=60.0, length=3000)


@pytest.mark.parametrize(("settings", "queue"), [("wait: 0", Queue(wait=0.0)), ("length: 0", Queue(length=0))])
def test_nobody_need_wait(settings: str, queue: Queue):
    assert route_of(f"queue: {{{settings}}}").queue == queue


# --- limits ---


def test_limits_of_a_key_and_of_its_provider_are_as_written():
    provider = provider_of(
        "limits: {rpm: 500, tpm: 200k, rpd: 10k, tpd: 1.5m, concurrency: 8}, keys: [{value: a, limits: {tpm: '${N}'}}]"
    )
    assert provider.limits == Limits(rpm=500, tpm=200_000, rpd=10_000, tpd=1_500_000)
    assert provider.concurrency == 8
    assert provider.credentials[0].limits == Limits(tpm=3000)


def test_what_is_not_limited_has_no_bound_of_ours():
    provider = provider_of("keys: [a, {value: b, limits: {concurrency: 3}}]")
    assert provider.limits == Limits()
    assert [key.limits for key in provider.credentials] == [Limits(), Limits()]


def test_limits_of_a_key_travel_to_its_targets():
    text = """
    providers:
      p:
        base_url: http://h
        limits: {tpm: 9k}
        keys: [{value: a, limits: {rpm: 5}}, b]
    models: {m: [p/x]}
    """
    targets = compiled(text).routes["m"].tiers[0].targets
    assert [target.credential.limits for target in targets] == [Limits(rpm=5), Limits()]
    assert {target.deployment.provider.limits for target in targets} == {Limits(tpm=9000)}


# --- clients ---


def test_limits_of_clients_are_as_written():
    limits = compiled(
        "server: {limits: {in_flight: 2k, clients: {rpm: 60, tpm: '${N}', concurrency: 4}}}"
    ).server.limits
    assert limits.in_flight == 2000
    assert limits.clients == ClientLimits(rpm=60, tpm=3000, concurrency=4)


def test_without_a_word_clients_have_no_bound():
    limits = compiled("server: {limits: {clients: }}").server.limits
    assert (limits.in_flight, limits.clients) == (None, ClientLimits())


# --- what targets cost ---


def prices(*targets: str) -> list[float]:
    text = f"""
    providers: {{openai: {{keys: [k]}}, mirror: {{kind: openai, keys: [k]}}, own: {{base_url: http://h}}}}
    models: {{m: [{", ".join(targets)}]}}
    """
    return [tier.targets[0].deployment.profile.price for tier in compiled(text).routes["m"].tiers]


def test_a_target_of_a_known_model_has_a_price():
    small, large = prices("openai/gpt-4o-mini", "openai/gpt-4o")
    assert 0.0 < small < large < inf


def test_the_price_goes_by_the_catalogue_entry_not_by_the_providers_name():
    assert len(set(prices("openai/gpt-4o", "mirror/gpt-4o"))) == 1


def test_a_model_of_which_nothing_is_known_costs_more_than_any():
    assert prices("own/gpt-4o", "openai/ft:mine") == [inf, inf]


def test_what_is_said_of_a_model_leaves_its_price():
    known, said = prices("openai/gpt-4o", "{target: openai/gpt-4o, reasoning: true}")
    assert said == known
