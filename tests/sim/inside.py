"""Where the simulation looks into the gateway. Whoever moves its state about has only this module to change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from headway.core.allowance import Allowance
from headway.core.breaker import Breaker
from headway.core.candidates import Candidate
from headway.core.concurrency import Slots
from headway.core.exchange import Exchange
from headway.core.rests import Rest
from headway.pipeline.attempt import Call
from headway.pipeline.dispatch import Dispatch
from headway.pipeline.gateway import Gateway, Running
from headway.types import Target
from sim.sockets import Socket


def exchange_of(call: Call) -> Exchange:
    return cast(Dispatch, call._owner)._exchange


def client_of(call: Call) -> int:
    """The number that the client put into its request."""
    fields = getattr(call._asked.facts, "fields")  # noqa: B009
    return int(bytes(fields["user"]).strip(b'"'))


def calls_of(running: Running) -> list[Call]:
    dispatch = cast(Dispatch, running)
    return [call for call in (dispatch._call, dispatch._rival) if call is not None]


def calls(gateway: Gateway) -> Iterator[Call]:
    for dispatch in gateway._in_flight:
        yield from calls_of(dispatch)


def attempts_under_way(gateway: Gateway) -> dict[str, int]:
    """By provider."""
    under_way: dict[str, int] = {}
    for dispatch in gateway._in_flight:
        for attempt in dispatch._exchange.attempts:
            if not attempt.result:
                name = attempt.candidate.target.deployment.provider.name
                under_way[name] = under_way.get(name, 0) + 1
    return under_way


def socket_of(call: Call) -> Socket | None:
    connection = call._connection
    return None if connection is None else cast("Socket | None", getattr(connection, "transport"))  # noqa: B009


def is_shown(call: Call) -> bool:
    """Does the client see this call's answer?"""
    return call._relay is not None and call._relay.committed


def held(call: Call) -> int:
    """Bytes of an answer that the client has not been given."""
    relay = call._relay
    sizes = [call._held_size, len(getattr(relay, "_held", b"")), getattr(relay, "_waiting_size", 0)]
    tools = getattr(relay, "_tools", None)
    return sum(sizes) + (tools.held if tools is not None else 0)


def rests(gateway: Gateway) -> dict[str, Rest]:
    return gateway.registry._rests


def breakers(gateway: Gateway) -> dict[str, Breaker]:
    return gateway.registry._breakers


def allowances(gateway: Gateway) -> dict[str, Allowance]:
    return {name: each.allowance for name, each in gateway.registry._deployments.items()}


def slots(gateway: Gateway) -> dict[str, Slots]:
    return gateway.registry._slots


def rest_of(candidate: Candidate, what: str) -> Rest:
    return {
        "pair": candidate.state.pair,
        "credential": candidate.state.credential,
        "deployment": candidate.state.deployment,
    }[what]


def is_sweeping(gateway: Gateway) -> bool:
    return gateway._sweep_timer is not None


def has_recovered(gateway: Gateway, target: Target, now: float) -> bool:
    """Does it get its usual share of the traffic?"""
    if gateway.registry.rests_until(target) > now:
        return False
    deployment = target.deployment
    name = f"deployment {deployment.provider.name} {deployment.provider.base_url} {deployment.model}"
    breaker = gateway.registry._breakers[name]
    return not breaker.tripped and breaker.share(now) >= 1.0
