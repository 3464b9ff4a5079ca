"""One client request and all its attempts: whom to ask first, whom next, when to give up.

Decides by attempts left, deadline, kind of failure and what is ready; moving bytes, timers and telling the client are
`pipeline`'s business. Every attempt that was begun is ended exactly once, which releases its slots and teaches health.
"""

from __future__ import annotations

from random import Random

import msgspec

from headway.core import health
from headway.core.candidates import Candidate
from headway.core.registry import LiveRoute
from headway.core.retry import AFTER, Next
from headway.types import AttemptRecord, Failure, FailureKind


class Attempt(msgspec.Struct, eq=False):
    """One try. `result` is empty while it runs, then the upstream's status as text or a failure kind."""

    number: int
    candidate: Candidate
    started: float
    ended: float = 0.0
    result: str = ""


class GiveUp(msgspec.Struct, eq=False):
    """No further attempt: the failure to tell the client."""

    failure: Failure


class Exchange(msgspec.Struct, eq=False):
    route: LiveRoute
    started: float
    deadline: float
    max_attempts: int
    rng: Random
    attempts: list[Attempt] = []
    failures: list[Failure] = []
    _spoiled: set[str] | None = None
    """Names of deployments that failed as a whole."""

    def begin(self, now: float) -> Attempt | GiveUp:
        route = self.route
        for tier in route.tiers:
            candidate = tier.draw(now, route.pick)
            if candidate is not None:
                return self._attempt(candidate, now)
        return self._no_choice(now)

    def succeeded(self, attempt: Attempt, status: int, now: float) -> None:
        """The answer has been passed on in full."""
        candidate = self._end(attempt, str(status), now)
        health.succeeded(candidate.deployment_rest, candidate.credential_rest)

    def failed(self, attempt: Attempt, failure: Failure, now: float) -> Attempt | GiveUp:
        self.ended_badly(attempt, failure, now)
        self.failures.append(failure)
        after = AFTER[failure.kind]
        if after is Next.NOTHING or len(self.attempts) >= self.max_attempts:
            return GiveUp(failure)
        if now >= self.deadline:
            return _refusal(FailureKind.DEADLINE, "the request's deadline passed", None)
        if after is Next.ANOTHER_DEPLOYMENT:
            self._spoiled = self._spoiled or set()
            self._spoiled.add(attempt.candidate.target.deployment.name)
        return self._next(now) or GiveUp(failure)

    def ended_badly(self, attempt: Attempt, failure: Failure, now: float) -> None:
        """End an attempt that nothing follows: the client left, or has already seen part of the answer."""
        result = failure.kind.value if failure.status is None else str(failure.status)
        candidate = self._end(attempt, result, now)
        health.failed(
            failure,
            rate=candidate.rate_rest,
            deployment=candidate.deployment_rest,
            credential=candidate.credential_rest,
            now=now,
            rng=self.rng,
        )

    def records(self) -> tuple[AttemptRecord, ...]:
        if len(self.attempts) == 1:
            only = self.attempts[0]
            return (
                AttemptRecord(only.candidate.name, only.result, only.started - self.started, only.ended - only.started),
            )
        return tuple(
            AttemptRecord(
                attempt.candidate.name, attempt.result, attempt.started - self.started, attempt.ended - attempt.started
            )
            for attempt in self.attempts
        )

    def _attempt(self, candidate: Candidate, now: float) -> Attempt:
        attempt = Attempt(len(self.attempts) + 1, candidate, now)
        self.attempts.append(attempt)
        candidate.acquire()
        return attempt

    def _end(self, attempt: Attempt, result: str, now: float) -> Candidate:
        if attempt.result:
            raise RuntimeError(f"attempt {attempt.number} ended twice: {attempt.result}, {result}")
        attempt.result = result
        attempt.ended = now
        attempt.candidate.release()
        return attempt.candidate

    def _next(self, now: float) -> Attempt | None:
        """The first tier with something untried; deployments that failed as a whole come last."""
        tried = {attempt.candidate.name for attempt in self.attempts}
        spoiled = self._spoiled or set()
        last_resort: list[Candidate] | None = None
        for tier in self.route.tiers:
            untried = [candidate for candidate in tier.ready(now) if candidate.name not in tried]
            fresh = [candidate for candidate in untried if candidate.target.deployment.name not in spoiled]
            if fresh:
                return self._attempt(self.route.pick(fresh), now)
            last_resort = last_resort or untried
        return self._attempt(self.route.pick(last_resort), now) if last_resort else None

    def _no_choice(self, now: float) -> Attempt | GiveUp:
        """Nothing is ready. What merely rests for bad health is tried all the same: being wrong about that must not be
        an outage.
        """
        candidates = [candidate for tier in self.route.tiers for candidate in tier.candidates if candidate.weight > 0.0]
        if not candidates:
            return _refusal(FailureKind.SATURATED, "every target of this route has weight 0", None)
        accepted = [candidate for candidate in candidates if candidate.credential_rest.until <= now]
        if not accepted:
            wait = min(candidate.credential_rest.until for candidate in candidates) - now
            message = "the provider has refused every key for this route; check the keys in the configuration"
            return _refusal(FailureKind.AUTH_INVALID, message, wait)
        unlimited = [candidate for candidate in accepted if candidate.rate_rest.until <= now]
        if not unlimited:
            wait = min(candidate.rate_rest.until for candidate in accepted) - now
            message = "every key left for this route is rate limited by its provider"
            return _refusal(FailureKind.RATE_LIMITED, message, wait)
        resting = [candidate for candidate in unlimited if candidate.has_slot()]
        if resting:
            return self._attempt(min(resting, key=Candidate.rests_until), now)
        return _refusal(FailureKind.SATURATED, "every target left for this route is at its concurrency limit", 1.0)


def _refusal(kind: FailureKind, message: str, retry_after: float | None) -> GiveUp:
    return GiveUp(Failure(kind=kind, source="gateway", message=message, retry_after=retry_after))
