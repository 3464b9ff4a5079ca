"""What must hold in every world, whatever goes wrong in it: looked at when an attempt begins, when an exchange is over,
and after every step. What a client may see is `answering`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from headway.core.breaker import Breaker
from headway.core.rests import Rest
from headway.failures import FailureKind as K
from headway.pipeline.attempt import Call
from headway.pipeline.gateway import Gateway
from headway.types import AttemptRecord, ExchangeEvent, Fallback, Queue, Resilience
from sim import inside
from sim.clients import Client
from sim.contacts import Contact
from sim.loop import Loop, Violation
from sim.sockets import Pool

FINAL = frozenset(
    {
        K.INVALID_REQUEST,
        K.UNSUPPORTED_FEATURE,
        K.CONTEXT_TOO_LONG,
        K.BODY_TOO_LARGE,
        K.CONTENT_BLOCKED,
        K.MODEL_NOT_FOUND,
        K.CANCELLED,
        K.DEADLINE,
    }
)
"""Kinds after which nobody else is asked, unless a fallback says so."""
OURS = frozenset({K.CANCELLED, K.DEADLINE})
"""Kinds that an attempt may always end with."""
OF_THE_KEY = frozenset({K.RATE_LIMITED, K.RAMP_LIMITED, K.DAILY_QUOTA})
OF_THE_DEPLOYMENT = frozenset({K.OVERLOADED, K.SERVER_ERROR, K.TIMEOUT, K.UNKNOWN, K.BAD_REPLY})
LATE = 0.2
"""Seconds that a deadline may be exceeded by: the sweep, and a little."""
MOST_HELD = 2 * 1024 * 1024
MOST_OVERRUN = 1024 * 1024
SLACK = 1e-6


class Promises:
    """Looks at one gateway. What it remembers, it has seen for itself."""

    def __init__(self, gateway: Gateway, loop: Loop, pools: dict[str, Pool], contacts: dict[Call, Contact]) -> None:
        """`contacts` are those of exchanges in flight."""
        self._gateway = gateway
        self._loop = loop
        self._pools = pools
        self._contacts = contacts
        self._rests: dict[str, tuple[Rest, float]] = {}
        self._forbidden: dict[Rest, float] = {}
        """By what was asked to rest, until when."""

    # --- an attempt begins ---

    def attempt_begins(self, contact: Contact, client: Client, resilience: Resilience) -> None:
        self.learn(self._contacts.values())
        self.rests_only_grow()
        now, attempt, name = self._loop.now(), contact.attempt, contact.name
        if client.over_at is not None:
            raise Violation(f"{name} begins after its exchange is over")
        most = min(resilience.attempts, client.wish.attempts or 99)
        if attempt.number > most:
            raise Violation(f"{name} begins, though {most} are allowed")
        candidate = attempt.candidate
        for what in ("pair", "credential", "deployment"):
            rest = inside.rest_of(candidate, what)
            until = max(self._forbidden.get(rest, 0.0), rest.until)
            if now < until - SLACK:
                raise Violation(f"{name} begins {until - now:.3f} s before the {what} may be asked again ({rest.kind})")
        if candidate.weight <= 0.0:
            raise Violation(f"{name} begins at a target without weight")
        target = candidate.target
        for slots, cap in (
            (candidate.credential_slots, target.credential.concurrency),
            (candidate.provider_slots, target.deployment.provider.concurrency),
        ):  # of a configuration that has been replaced, the caps hold that it had
            if slots.limit is not None and cap is not None and slots.used > max(slots.limit, cap):
                raise Violation(f"{name} begins with {slots.used} in flight where {slots.limit} are allowed")
        self._check_trial(contact, candidate.state.breaker)

    def _check_trial(self, contact: Contact, breaker: Breaker) -> None:
        if not breaker.tripped:
            return
        attempt = contact.attempt
        if not attempt.probe and attempt.reason != "last_resort":
            raise Violation(f"{contact.name} begins while its deployment is left alone or on trial")
        if self._loop.now() < breaker.until and attempt.reason != "last_resort":
            raise Violation(f"{contact.name} begins {breaker.until - self._loop.now():.3f} s before its breaker's end")
        trials = [
            other
            for other in self._contacts.values()
            if other.attempt.probe and not other.attempt.result and other.attempt.candidate.state.breaker is breaker
        ]
        on_trial = [other for other in trials if not other.attempt.judged]
        if len(on_trial) > 1:
            raise Violation(f"{contact.name} is a second trial of its deployment at once")

    def learn(self, contacts: Iterable[Contact]) -> None:
        """Note what failures have asked for."""
        for contact in contacts:
            failure = contact.attempt.failure
            if contact.told or failure is None:
                continue
            contact.told = True
            waits = [
                fault.retry_after
                for fault in contact.faults
                if fault.retry_after is not None and failure.kind in fault.kinds and fault.name != "error_200"
            ]
            if not waits:
                continue
            candidate = contact.attempt.candidate
            what = "pair" if failure.kind in OF_THE_KEY else "deployment"
            if failure.kind in OF_THE_KEY or failure.kind in OF_THE_DEPLOYMENT:
                rest = inside.rest_of(candidate, what)
                until = contact.attempt.ended + waits[-1]
                self._forbidden[rest] = max(self._forbidden.get(rest, 0.0), until)

    # --- after every step ---

    def after_step(self) -> None:
        gateway = self._gateway
        under_way = inside.attempts_under_way(gateway)
        in_use = {name: count for name, pool in self._pools.items() if (count := pool.in_use)}
        if in_use != under_way:
            raise Violation(f"connections in use are {in_use}, and attempts under way {under_way}")
        for call in inside.calls(gateway):
            held = inside.held(call)
            if held > MOST_HELD:
                raise Violation(f"{held} bytes of an answer are held")

    def rests_only_grow(self) -> None:
        """Whoever was told to stay away stays away as long as that."""
        seen = self._rests
        for name, rest in inside.rests(self._gateway).items():
            before = seen.get(name)
            if before is not None and before[0] is rest and rest.until < before[1]:
                raise Violation(f"the rest of {name} has become shorter by {before[1] - rest.until:.3f} s")
            if rest.until and (before is None or before[0] is not rest or rest.until != before[1]):
                seen[name] = (rest, rest.until)

    def paused_are_left_alone(self, clients: Iterable[Client]) -> None:
        """Nobody reads on for a client that takes no more."""
        for client in clients:
            if not client.paused or client.over_at is not None or client.dispatch is None:
                continue
            for call in inside.calls_of(client.dispatch):
                socket = inside.socket_of(call)
                if socket is not None and inside.is_shown(call) and not socket.paused:
                    raise Violation(f"the upstream of {client} is read on, though {client} takes no more")
            if client.overrun > MOST_OVERRUN:
                raise Violation(f"{client} was sent {client.overrun} bytes while it took none")

    def gone(self, client: Client) -> None:
        """Nothing goes on for a client that has left."""
        for contact in self._contacts.values():
            if contact.client == client.number and not contact.attempt.result:
                raise Violation(f"{contact.name} goes on after its client left")

    # --- an exchange is over ---

    def check_event(
        self,
        client: Client,
        event: ExchangeEvent,
        contacts: list[Contact],
        resilience: Resilience,
        fallbacks: tuple[Fallback, ...],
    ) -> None:
        who = f"the exchange of {client}"
        suspended = self._loop.suspended - client.suspended_before
        records = event.attempts
        if event.outcome == "internal" or any(record.failure == "internal" for record in records):
            raise Violation(f"{who} met a bug: {event}")
        if len(contacts) != len(records):
            raise Violation(f"{who} tells of {len(records)} attempts, and {len(contacts)} were made")
        for contact, record in zip(contacts, records, strict=True):
            _check_record(contact, record, late=suspended > 0.0)
        _check_succession(who, records, resilience, fallbacks)
        _check_waits(who, event, resilience, suspended)
        if event.outcome == "ok" and (records[-1].failure is not None and len(records) == 1):
            raise Violation(f"{who} went well without an attempt that did: {event}")
        total = min(resilience.timeouts.total, _seconds(client.wish.timeout))
        taken = (client.over_at or 0.0) - client.asked_at
        if taken > total + LATE + suspended:
            raise Violation(f"{who} took {taken:.3f} s where {total} are allowed")

    # --- nothing is under way any more ---

    def at_rest(self) -> None:
        gateway = self._gateway
        problems = [f"{gateway.in_flight} exchanges in flight"] if gateway.in_flight else []
        problems += [f"slots of {name}: {each.used}" for name, each in inside.slots(gateway).items() if each.used]
        for name, allowance in inside.allowances(gateway).items():
            if allowance.in_flight or allowance.failovers:
                problems.append(f"allowance of {name}: {allowance.in_flight}, {allowance.failovers} taken over")
        problems += [f"{pool.in_use} connections to {name}" for name, pool in self._pools.items() if pool.in_use]
        if inside.is_sweeping(gateway):
            problems.append("the sweep goes on")
        if problems:
            raise Violation(f"nothing is under way, but there are {'; '.join(problems)}")


def _check_record(contact: Contact, record: AttemptRecord, *, late: bool) -> None:
    if record.target != contact.attempt.candidate.name or not record.result:
        raise Violation(f"{contact.name} is told as {record}")
    if record.failure is None or K(record.failure) in OURS or (late and record.failure == "timeout"):
        return
    if K(record.failure) not in contact.kinds:
        faults = ", ".join(fault.name for fault in contact.faults) or "nothing"
        raise Violation(f"{contact.name} met {faults}, and is told as {record.failure} ({record.rule})")


def _check_succession(
    who: str, records: tuple[AttemptRecord, ...], resilience: Resilience, fallbacks: tuple[Fallback, ...]
) -> None:
    reasons = Counter(record.reason for record in records)
    for reason, most in (("retry", resilience.retries), ("hedge", 1), ("continuation", 1), ("last_resort", 1)):
        if reasons[reason] > most:
            raise Violation(f"{who} has {reasons[reason]} attempts for the reason {reason}")
    seen: set[str] = set()
    for record in records:
        if record.target in seen and record.reason != "retry":
            raise Violation(f"{who} asks {record.target} again for the reason {record.reason}")
        seen.add(record.target)
    for record, following in pairwise(records):
        ended = record.started + record.duration
        if record.failure is None or following.started < ended:
            continue
        kind = K(record.failure)
        if following.started == ended and following.reason == "hedge":  # the first went on when it began
            continue
        fallen_back = following.reason in ("fallback", "last_resort") and any(kind in each.on for each in fallbacks)
        if kind in FINAL and not fallen_back:
            raise Violation(f"{who} goes on after {kind.value}, for the reason {following.reason}")


def _check_waits(who: str, event: ExchangeEvent, resilience: Resilience, suspended: float) -> None:
    """Seconds in which nothing was under way, but for those in which it waited for its turn."""
    free, waited = 0.0, -event.queued
    if event.queued > Queue().wait + LATE + suspended:
        raise Violation(f"{who} waited {event.queued:.3f} s for its turn, where {Queue().wait} are allowed")
    for record in event.attempts:
        if record.started > free:
            waited += record.started - free
        free = max(free, record.started + record.duration)
    waited += max(event.duration - free, 0.0) if event.attempts else event.duration
    if waited > resilience.longest_wait + LATE + suspended:
        raise Violation(f"{who} waited {waited:.3f} s in all, where {resilience.longest_wait} are allowed")


def _seconds(timeout: str | None) -> float:
    if timeout is None:
        return float("inf")
    return float(timeout[:-2]) / 1000.0 if timeout.endswith("ms") else float(timeout[:-1])
