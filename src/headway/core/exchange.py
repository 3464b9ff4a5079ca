"""One client request and all its attempts: what was tried, how it ended, and what comes next.

`core.succession` finds whom to ask; this decides whether anybody is to be asked at all, by attempts left, deadline and
kind of failure. Moving bytes, timers and telling the client are `pipeline`'s business. Every attempt that was begun is
ended exactly once, which releases its slots and teaches health.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from random import Random

import msgspec

from headway.core import health
from headway.core.buckets import NOTHING, Reservation, give_back, settle
from headway.core.candidates import Candidate
from headway.core.explain import skipped
from headway.core.load import NO_LOAD, Load
from headway.core.registry import LiveRoute
from headway.core.remedies import REMEDIES, Elsewhere, rank
from headway.core.succession import Choice, Succession, first_choice, refusal, without_room
from headway.failures import Failure, FailureKind
from headway.types import AttemptReason, AttemptRecord, Change, Reading, Skipped, Usage

MOST_ADAPTED = 3
"""Attempts of one exchange that only differ in what they leave out."""
MOST_PASSED_OVER = 64
"""Targets that are looked at for one that is able."""


class Attempt(msgspec.Struct, eq=False):
    """One try. `result` is empty while it runs, then the upstream's status as text or a failure kind."""

    number: int
    candidate: Candidate
    started: float
    reason: AttemptReason
    probe: bool = False
    """Its deployment is on trial."""
    judged: bool = False
    """Health has learnt from it."""
    took_over: bool = False
    """It counts against the failovers that its deployment may take."""
    began: bool = False
    """The client has seen the beginning of its answer."""
    ended: float = 0.0
    result: str = ""
    failure: Failure | None = None
    taken: tuple[Reservation, ...] = NOTHING
    """What it took from its key's quotas."""


class Full(msgspec.Struct, frozen=True):
    """Nobody has room now; somebody may from `until` on (monotonic seconds), or as soon as a slot is free."""

    until: float


class Wait(msgspec.Struct, frozen=True):
    """Nothing can be asked before `until` (monotonic seconds): come back with `resume`."""

    until: float


class GiveUp(msgspec.Struct, eq=False):
    """No further attempt: the failure to tell the client."""

    failure: Failure


Step = Attempt | Wait | GiveUp | Full


class Exchange(msgspec.Struct, eq=False):
    """`changes` takes what operators should hear of."""

    route: LiveRoute
    started: float
    deadline: float
    max_attempts: int
    rng: Random
    changes: list[Change]
    load: Load = NO_LOAD
    session: int | None = None
    """The conversation that it belongs to."""
    attempts: list[Attempt] = []
    failures: list[Failure] = []
    skipped: tuple[Skipped, ...] = ()
    """Who came before the first that was asked, and may not be."""
    _succession: Succession | None = None

    def begin(self, now: float) -> Step:
        """Whom to ask first. After `Full`, come back with the same when there may be room."""
        route, load = self.route, self.load
        if self.attempts:  # all so far were passed over
            return self._look_on(now)
        for tier in route.tiers:
            candidate = tier.draw(load, self.session, now, self.rng)
            if candidate is not None:
                if tier is not route.tiers[0]:
                    self.skipped = skipped(route.tiers[: route.tiers.index(tier)], load, now)
                return self._attempt(candidate, now, "first")
        found = first_choice(route, load, now, self.rng)
        if not isinstance(found, float):  # there is nothing to wait for
            self.skipped = skipped(route.tiers, load, now)
        if isinstance(found, Choice):
            return self._take(found, now)
        return GiveUp(found) if isinstance(found, Failure) else Full(found)

    def room_at(self, now: float) -> float:
        """When there may be room for it (monotonic seconds), as far as is known; infinite if there never will."""
        return min((tier.soonest(self.load, now) for tier in self.route.tiers), default=inf)

    def overdue(self, now: float) -> Step:
        """Nobody had room for as long as the request may wait."""
        found = without_room(self.route, self.load, now)
        return self._take(found, now) if isinstance(found, Choice) else GiveUp(found)

    def committed(self, attempt: Attempt, now: float, *, streamed: bool = True) -> None:
        """The client begins to see this attempt's answer, which tells something of a deployment on trial, and of one
        that takes over for another. Of a stream the time to its first token is learnt.
        """
        state = attempt.candidate.state
        if streamed:
            state.standing.first_token.saw(now - attempt.started, state.estimate.tokens_in(self.load), now)
        attempt.began = streamed
        if attempt.took_over and streamed:
            state.allowance.coped()
        if attempt.probe and not attempt.judged:
            attempt.judged = True
            state.breaker.leave()
            self._well(attempt, now)

    def succeeded(self, attempt: Attempt, status: int, now: float, usage: Usage | None = None) -> None:
        """The answer has been passed on in full."""
        state = attempt.candidate.state
        if usage is not None:
            state.estimate.learn(self.load, usage.input_tokens, usage.output_tokens)
            if attempt.taken:
                settle(attempt.taken, usage, attempt.candidate.accounting)
        if not attempt.began:
            if attempt.took_over:
                state.allowance.coped()
            tokens = 0.0 if usage is None else float(usage.output_tokens)
            state.standing.whole.saw(now - attempt.started, tokens, now)
        if not attempt.judged:
            self._well(attempt, now)
        self._end(attempt, str(status), now)

    def failed(self, attempt: Attempt, failure: Failure, now: float) -> Step:
        """Nothing of its answer has been shown: what now?"""
        self.failed_beside(attempt, failure, now)
        kind = failure.kind
        if is_passed_over(failure):
            return self._pass_over(attempt, failure, now)
        if self._asked() >= self.max_attempts:
            return self._give_up()
        succession = self._heirs()
        fallback = next((each for each in self.route.fallbacks if kind in each.on), None)
        if fallback is not None and succession.fall_back(fallback):
            if kind is FailureKind.MODEL_NOT_FOUND and not fallback.tiers:
                health.not_found(failure, attempt.candidate.state, sent=attempt.started, now=now)
        elif REMEDIES[kind].elsewhere is Elsewhere.NOBODY:
            return GiveUp(failure)
        if now >= self.deadline:
            return GiveUp(refusal(FailureKind.DEADLINE, "the request's deadline passed"))
        return self._next(now, paused=False)

    def adapted(self, attempt: Attempt, failure: Failure, now: float) -> Attempt | None:
        """It was refused for something that can be left out, or said in another way: the same target is asked once
        more. None if that has been done often enough.
        """
        tries = sum(each.reason == "adapted" for each in self.attempts)
        if tries >= MOST_ADAPTED or now >= self.deadline or not attempt.candidate.admits(self.load, now):
            return None
        self.ended_badly(attempt, failure, now)
        return self._attempt(attempt.candidate, now, "adapted")

    def resume(self, now: float) -> Step:
        """After a `Wait`."""
        if now >= self.deadline:
            return GiveUp(refusal(FailureKind.DEADLINE, "the request's deadline passed"))
        return self._next(now, paused=True)

    def failed_beside(self, attempt: Attempt, failure: Failure, now: float) -> None:
        """It failed before its answer was shown, while another attempt is still under way."""
        self.ended_badly(attempt, failure, now)
        self.failures.append(failure)
        self._heirs().failed(attempt.candidate, failure)

    def ended_badly(self, attempt: Attempt, failure: Failure, now: float) -> None:
        """End an attempt that nothing follows: the client left, or has already seen part of the answer."""
        attempt.failure = failure
        candidate = attempt.candidate
        change = health.failed(failure, candidate.state, key=candidate.key, sent=attempt.started, now=now, rng=self.rng)
        if failure.kind is FailureKind.RATE_LIMITED and failure.retry_after is not None:
            candidate.quota.promised(candidate.need(self.load), failure.retry_after, now)
        self._end(attempt, failure.kind.value if failure.status is None else str(failure.status), now)
        if change is not None:
            self.changes.append(change)
        if failure.kind is FailureKind.UNKNOWN:
            self.changes.append(Change(what="unknown_error", subject=candidate.deployment, message=failure.message))

    def read(self, attempt: Attempt, readings: tuple[Reading, ...], now: float) -> None:
        """What the headers of a reply say of its key's quotas."""
        candidate = attempt.candidate
        others = candidate.concurrency.used - 1
        candidate.quota.read(readings, attempt.taken, others, candidate.need(self.load), now)

    def superseded(self, attempt: Attempt, now: float) -> None:
        """Another attempt was quicker; this one was cancelled and tells nothing."""
        self._end(attempt, "superseded", now)

    def alone(self, now: float) -> bool:
        """Is there nobody else to ask, should the attempt under way be given up?"""
        if self._asked() >= self.max_attempts:
            return True
        under_way = {attempt.candidate.deployment for attempt in self.attempts if not attempt.result}
        return not self._heirs().has_other(self._tried(), under_way, now)

    def hedge(self, now: float) -> Attempt | None:
        """A second attempt beside one that is slow to begin, at another deployment."""
        hedging = self.route.hedging
        if hedging is None or len(self.attempts) > 1 or self.max_attempts < 2 or now >= self.deadline:
            return None
        first = self.attempts[0].candidate
        other = self._heirs().rival(first, now)
        if other is None or not hedging.spend():
            return None
        return self._attempt(other, now, "hedge")

    def continued(self, attempt: Attempt, failure: Failure, now: float, able: Callable[[Candidate], bool]) -> bool:
        """End an attempt that broke off after the client had seen part of it, and begin one that goes on from there at
        a target that is able to: the last of `attempts` then.
        """
        self.ended_badly(attempt, failure, now)
        remedy = REMEDIES[failure.kind]
        spent = any(each.reason == "continuation" for each in self.attempts)
        if spent or remedy.elsewhere is Elsewhere.NOBODY or self._asked() >= self.max_attempts:
            return False
        heirs = self._heirs()
        heirs.failed(attempt.candidate, failure)
        found = heirs.successor(self._tried(), now, able)
        if found is None or now >= self.deadline:
            return False
        self._take(found, now)
        return True

    def records(self) -> tuple[AttemptRecord, ...]:
        only = self.attempts[0] if len(self.attempts) == 1 else None
        if only is not None and only.failure is None and only.reason == "first":
            started = only.started
            return (AttemptRecord(only.candidate.name, only.result, started - self.started, only.ended - started),)
        return tuple([self._record(attempt) for attempt in self.attempts])

    # --- inside ---

    def _record(self, attempt: Attempt) -> AttemptRecord:
        started, failure = attempt.started - self.started, attempt.failure
        if failure is None:
            taken = attempt.ended - attempt.started
            return AttemptRecord(attempt.candidate.name, attempt.result, started, taken, attempt.reason)
        return AttemptRecord(
            attempt.candidate.name,
            attempt.result,
            started,
            attempt.ended - attempt.started,
            attempt.reason,
            failure.kind.value,
            failure.rule,
        )

    def _heirs(self) -> Succession:
        succession = self._succession
        if succession is None:
            resilience = self.route.route.resilience
            succession = self._succession = Succession(self.route, self.load, resilience, self.deadline, self.rng)
        return succession

    def _asked(self) -> int:
        """How many attempts went out."""
        return sum(not (each.failure is not None and is_passed_over(each.failure)) for each in self.attempts)

    def _pass_over(self, attempt: Attempt, failure: Failure, now: float) -> Step:
        """Nobody was asked: the target cannot do it, and everybody who may be able to is worth a look."""
        give_back(attempt.taken)
        fallback = next((each for each in self.route.fallbacks if failure.kind in each.on), None)
        step = self._look_on(now)
        if isinstance(step, GiveUp) and fallback is not None and self._heirs().fall_back(fallback):
            return self._look_on(now)
        return step

    def _look_on(self, now: float) -> Step:
        if len(self.attempts) >= MOST_PASSED_OVER or now >= self.deadline:
            return self._give_up()
        found = self._heirs().able(self._tried(), now)
        if isinstance(found, Choice):
            return self._take(found, now)
        return self._give_up() if found is None else Full(found)

    def _tried(self) -> set[str]:
        return {attempt.candidate.name for attempt in self.attempts}

    def _next(self, now: float, *, paused: bool) -> Step:
        found = self._heirs().next(self._tried(), now, paused=paused)
        if isinstance(found, Choice):
            return self._take(found, now)
        return self._give_up() if found is None else Wait(found)

    def _give_up(self) -> GiveUp:
        told = [failure for failure in self.failures if not is_passed_over(failure)] or self.failures
        return GiveUp(min(told, key=lambda failure: rank(failure.kind)))

    def _take(self, choice: Choice, now: float) -> Attempt:
        if choice.reason == "last_resort":
            self._heirs().last_resort_used = True
        attempt = self._attempt(choice.candidate, now, choice.reason)
        if choice.takes_over:
            attempt.took_over = True
            choice.candidate.state.allowance.take_over()
        return attempt

    def _attempt(self, candidate: Candidate, now: float, reason: AttemptReason) -> Attempt:
        attempt = Attempt(len(self.attempts) + 1, candidate, now, reason)
        self.attempts.append(attempt)
        taken = candidate.acquire(self.load, now)
        if taken:
            attempt.taken = taken
        breaker = candidate.state.breaker
        if breaker.tripped:
            attempt.probe = breaker.enter()
        return attempt

    def _end(self, attempt: Attempt, result: str, now: float) -> None:
        if attempt.result:
            raise RuntimeError(f"attempt {attempt.number} ended twice: {attempt.result}, {result}")
        attempt.result = result
        attempt.ended = now
        state = attempt.candidate.state
        attempt.candidate.release()
        if attempt.probe and not attempt.judged:  # otherwise somebody else may be on trial by now
            state.breaker.leave()
        if attempt.took_over:
            state.allowance.give_back()

    def _well(self, attempt: Attempt, now: float) -> None:
        change = health.succeeded(attempt.candidate.state, attempt.started, now)
        if change is not None:
            self.changes.append(change)


def is_passed_over(failure: Failure) -> bool:
    """Was nobody asked, because the target cannot do what the request calls for?"""
    return failure.kind is FailureKind.UNSUPPORTED_FEATURE and failure.source == "gateway"
