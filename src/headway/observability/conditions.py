"""What is wrong just now: keys that are refused, deployments that are left alone, requests that fail or find no room,
log lines that are lost, budgets that are nearly spent.

Exchanges are only counted as they end; once a second what was counted is weighed. Which of it is news, and whom it is
told to, is decided elsewhere. A new kind is a new name in `types.AlertKind` and a generator here, listed in `now`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from headway.failures import FailureKind
from headway.observability.alerts import Condition
from headway.observability.budgets import nearly_spent
from headway.observability.windows import Tally, Window, tally
from headway.types import AlertKind, AlertRules, Change, ExchangeEvent, Spent, Troubles

LONGEST_MESSAGE = 500
GATEWAY = "gateway"
"""What requests are counted under that were refused before they had a route."""

_K = FailureKind
_OF_THE_REQUEST = frozenset(
    kind.value
    for kind in (
        *(_K.INVALID_REQUEST, _K.UNSUPPORTED_FEATURE, _K.CONTEXT_TOO_LONG, _K.BODY_TOO_LARGE, _K.CONTENT_BLOCKED),
        _K.CANCELLED,
    )
)
_OF_QUOTAS = frozenset(
    kind.value for kind in (_K.RATE_LIMITED, _K.DAILY_QUOTA, _K.RAMP_LIMITED, _K.TOO_LARGE_FOR_BUCKET)
)
_OF_CLIENTS = frozenset({_K.RATE_LIMITED.value, _K.TOO_LARGE_FOR_BUCKET.value})
"""How a client's own limits refuse, before anybody is asked."""
_SATURATED = _K.SATURATED.value
_NOT_OF_TARGETS = _OF_THE_REQUEST | _OF_QUOTAS | {kind.value for kind in (_K.SATURATED, _K.DEADLINE, _K.INTERNAL)}
"""Failures of attempts that say nothing against a target. Quotas are what balancing is about."""


class Conditions:
    """Counts what happens, and says what is wrong. `at` is Unix time throughout."""

    def __init__(self, rules: AlertRules) -> None:
        self._rules = rules
        self._routes: dict[str, Tally] = {}
        self._targets: dict[str, Tally] = {}
        self._crowded: dict[str, Tally] = {}
        """Requests that waited for too long, or found no room at all. These three are since the last look."""
        self._of_routes = Window(rules.error_rate.window)
        self._of_targets = Window(rules.error_rate.window)
        self._of_lines = Window(rules.queue.window)
        self._reasons: dict[tuple[AlertKind, str], str] = {}
        """What a change said of the key or deployment, for as long as it lasts."""
        self._times: dict[tuple[AlertKind, str], int] = {}
        self._refused: Mapping[str, int] = {}
        self._lost: int | None = None

    def adjust(self, rules: AlertRules) -> None:
        """What was counted for a window of another length is forgotten."""
        before, self._rules = self._rules, rules
        if before.error_rate.window != rules.error_rate.window:
            self._of_routes = Window(rules.error_rate.window)
            self._of_targets = Window(rules.error_rate.window)
        if before.queue.window != rules.queue.window:
            self._of_lines = Window(rules.queue.window)

    def ended(self, events: Sequence[ExchangeEvent]) -> None:
        routes, targets, too_long = self._routes, self._targets, self._rules.queue.wait
        for event in events:
            outcome, attempts = event.outcome, event.attempts
            if event.route:
                counted = routes.get(event.route) or tally(routes, event.route)
                counted[0] += 1
                if outcome != "ok" and _of_route(event):
                    counted[1] += 1
                if event.queued >= too_long:
                    tally(self._crowded, event.route)[1] += 1
            elif outcome == _SATURATED:
                tally(self._crowded, GATEWAY)[0] += 1
            for attempt in attempts:
                if attempt.result == "superseded":
                    continue
                counted = targets.get(attempt.target) or tally(targets, attempt.target)
                counted[0] += 1
                if attempt.failure is not None and attempt.failure not in _NOT_OF_TARGETS:
                    counted[1] += 1

    def changed(self, change: Change) -> None:
        match change.what:
            case "key_parked":
                self._note("key_parked", change)
            case "breaker_opened":
                self._note("breaker_open", change)
            case "breaker_closed" | "unknown_error":
                pass

    def now(self, troubles: Troubles, lost: int, at: float, spent: Sequence[Spent] = ()) -> list[Condition]:
        """Everything that is wrong. `lost` counts log lines and rows since the start, `spent` is what budgets have."""
        routes, targets, crowded = self._taken()
        self._count_refused(crowded, troubles.refused)
        self._of_routes.add(routes, at)
        self._of_targets.add(targets, at)
        self._of_lines.add(crowded, at)
        found = [
            *self._parked(troubles),
            *self._broken(troubles),
            *self._failing_routes(routes),
            *self._failing_targets(targets),
            *self._crowding(crowded),
            *self._losses(lost),
            *nearly_spent(self._rules.budgets, spent, at),
        ]
        self._reasons = {name: why for name, why in self._reasons.items() if _lasts(name, troubles)}
        self._times.clear()
        return found

    # --- what is wrong, kind by kind ---

    def _parked(self, troubles: Troubles) -> Iterator[Condition]:
        for key in troubles.parked:
            yield Condition(
                kind="key_parked",
                severity="critical",
                subject=key,
                message=f"{self._reason('key_parked', key, f'{key} was refused')}. "
                "Check the key and its account at the provider; a new one takes effect when the configuration is "
                "read again.",
                times=self._times.get(("key_parked", key), 0),
            )

    def _broken(self, troubles: Troubles) -> Iterator[Condition]:
        for deployment in troubles.tripped:
            yield Condition(
                kind="breaker_open",
                severity="warning",
                subject=deployment,
                message=f"{self._reason('breaker_open', deployment, f'{deployment} kept failing')}. "
                "It is tried again by itself; see the provider's status page if this lasts.",
                times=self._times.get(("breaker_open", deployment), 0),
            )

    def _failing_routes(self, new: Mapping[str, Tally]) -> Iterator[Condition]:
        for route, requests, failed in self._failing(self._of_routes):
            yield Condition(
                kind="route_errors",
                severity="critical",
                subject=route,
                message=f"{self._rate(requests, failed)} for {route} failed. "
                "See which of its targets fail (/api/targets), and give it another one to fail over to.",
                times=_bad(new, route),
                so_far=failed,
            )

    def _failing_targets(self, new: Mapping[str, Tally]) -> Iterator[Condition]:
        for target, requests, failed in self._failing(self._of_targets):
            yield Condition(
                kind="target_errors",
                severity="warning",
                subject=target,
                message=f"{self._rate(requests, failed)} to {target} failed. "
                "The log's attempts say how; take it out with weight 0 if this lasts.",
                times=_bad(new, target),
                so_far=failed,
            )

    def _crowding(self, new: Mapping[str, Tally]) -> Iterator[Condition]:
        rules = self._rules.queue
        for subject, refused, slow in self._of_lines.sums():
            if refused + slow < rules.requests:
                continue
            where = "the gateway" if subject == GATEWAY else subject
            yield Condition(
                kind="queue_saturated",
                severity="critical" if refused else "warning",
                subject=subject,
                message=f"in the last {rules.window:g} s {refused} requests for {where} found no room, and {slow} "
                f"waited for {rules.wait:g} s or longer. "
                "Raise its limits, add keys or targets, or send less.",
                times=sum(new.get(subject, ())),
                so_far=refused + slow,
            )

    def _losses(self, lost: int) -> Iterator[Condition]:
        before, self._lost = self._lost, lost
        if before is not None and lost > before:
            yield Condition(
                kind="log_dropped",
                severity="warning",
                subject="log",
                message=f"{lost} log lines or rows of the request log were lost since the start, as nothing took them. "
                "See what reads standard output and whether the database answers: it is too slow, or its disk is full.",
                times=lost - before,
            )

    # --- what they are made of ---

    def _note(self, kind: AlertKind, change: Change) -> None:
        name = (kind, change.subject)
        self._reasons[name] = change.message[:LONGEST_MESSAGE].rstrip(".")
        self._times[name] = self._times.get(name, 0) + 1

    def _reason(self, kind: AlertKind, subject: str, otherwise: str) -> str:
        return self._reasons.get((kind, subject), otherwise)

    def _failing(self, window: Window) -> Iterator[tuple[str, int, int]]:
        rules = self._rules.error_rate
        for subject, requests, failed in window.sums():
            if requests >= rules.requests and failed >= rules.share * requests:
                yield subject, requests, failed

    def _rate(self, requests: int, failed: int) -> str:
        window = self._rules.error_rate.window
        return f"in the last {window:g} s {failed} of {requests} requests ({failed / requests:.0%})"

    def _count_refused(self, crowded: dict[str, Tally], refused: Mapping[str, int]) -> None:
        for route, total in refused.items():
            more = total - self._refused.get(route, 0)
            if more:
                tally(crowded, route)[0] += more if more > 0 else total  # a forgotten line began anew
        self._refused = refused

    def _taken(self) -> tuple[dict[str, Tally], dict[str, Tally], dict[str, Tally]]:
        """What was counted since the last look: of routes, of targets, of lines."""
        taken = self._routes, self._targets, self._crowded
        self._routes, self._targets, self._crowded = {}, {}, {}
        return taken


def _of_route(event: ExchangeEvent) -> bool:
    """Does the failure speak against the route? Not if it was the request's, or the client's own limits refused it."""
    outcome = event.outcome
    if outcome in _OF_THE_REQUEST or outcome == _SATURATED:
        return False
    return bool(event.attempts) or outcome not in _OF_CLIENTS


def _bad(counts: Mapping[str, Tally], subject: str) -> int:
    return counts[subject][1] if subject in counts else 0


def _lasts(name: tuple[AlertKind, str], troubles: Troubles) -> bool:
    kind, subject = name
    return subject in (troubles.parked if kind == "key_parked" else troubles.tripped)
