"""What is wrong just now: from exchanges as they end, changes, and how keys, deployments, lines and the log stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from headway.observability.conditions import GATEWAY, LONGEST_MESSAGE, Condition, Conditions
from headway.observability.windows import MOST_SUBJECTS, OTHER, Window
from headway.types import AlertRules, AttemptRecord, Change, Crowding, ErrorRate, ExchangeEvent, Troubles

START = 1_750_000_000.0
RULES = AlertRules(
    error_rate=ErrorRate(share=0.2, window=300.0, requests=20), queue=Crowding(requests=10, wait=2.0, window=60.0)
)
Make = Callable[..., ExchangeEvent]


class Scene:
    def __init__(self, event: Make) -> None:
        self.conditions = Conditions(RULES)
        self._event = event

    def end(self, count: int = 1, **facts: Any) -> None:
        self.conditions.ended([self._event(**facts)] * count)

    def fail(self, count: int, kind: str = "server_error") -> None:
        """At the only target."""
        attempt = AttemptRecord("a/m#k", "500", 0.0, 0.1, failure=kind)
        self.end(count, outcome=kind, status=502, attempts=(attempt,))

    def look(
        self,
        seconds: float = 0.0,
        *,
        parked: tuple[str, ...] = (),
        tripped: tuple[str, ...] = (),
        refused: Mapping[str, int] | None = None,
        lost: int = 0,
    ) -> dict[tuple[str, str], Condition]:
        troubles = Troubles(parked=frozenset(parked), tripped=frozenset(tripped), refused=refused or {})
        found = self.conditions.now(troubles, lost, START + seconds)
        return {(each.kind, each.subject): each for each in found}


@pytest.fixture
def scene(event: Make) -> Scene:
    return Scene(event)


def test_nothing_is_wrong_while_requests_go_well(scene: Scene):
    scene.end(1000)
    assert scene.look() == {}


# --- failures ---


def test_a_route_and_a_target_of_which_a_fifth_fails_are_told(scene: Scene):
    scene.end(80)
    scene.fail(20)
    found = scene.look()
    assert list(found) == [("route_errors", "default"), ("target_errors", "a/m#k")]
    route, target = found.values()
    assert (route.severity, target.severity) == ("critical", "warning")
    assert route.message.startswith("in the last 300 s 20 of 100 requests (20%) for default failed. ")
    assert (route.so_far, route.times) == (20, 20)


def test_a_smaller_share_is_not_told(scene: Scene):
    scene.end(81)
    scene.fail(19)
    assert scene.look() == {}


def test_few_requests_say_nothing(scene: Scene):
    scene.fail(19)
    assert scene.look() == {}
    scene.fail(1)
    assert ("route_errors", "default") in scene.look(1.0)


def test_what_is_new_since_the_last_look_is_told_apart_from_the_window(scene: Scene):
    scene.fail(20)
    scene.look()
    scene.fail(3)
    found = scene.look(1.0)["route_errors", "default"]
    assert (found.so_far, found.times) == (23, 3)
    assert scene.look(2.0)["route_errors", "default"].times == 0


def test_failures_are_forgotten_when_they_are_older_than_the_window(scene: Scene):
    scene.fail(30)
    assert scene.look(0.0)
    assert scene.look(299.0)
    assert scene.look(300.0) == {}


def test_a_failover_speaks_against_the_target_and_not_against_the_route(scene: Scene):
    attempts = (
        AttemptRecord("a/m#k", "500", 0.0, 0.1, failure="server_error"),
        AttemptRecord("b/m#k", "200", 0.1, 0.1, "failover"),
    )
    scene.end(20, attempts=attempts)
    assert list(scene.look()) == [("target_errors", "a/m#k")]


@pytest.mark.parametrize("kind", ["invalid_request", "context_too_long", "content_blocked", "cancelled"])
def test_failures_of_requests_and_clients_speak_against_nobody(scene: Scene, kind: str):
    scene.fail(100, kind)
    assert scene.look() == {}


def test_rate_limits_speak_against_the_route_only(scene: Scene):
    scene.fail(100, "rate_limited")
    assert list(scene.look()) == [("route_errors", "default")]


def test_a_clients_own_limits_speak_against_nobody(scene: Scene):
    scene.end(100, outcome="rate_limited", status=429, attempts=())
    assert scene.look() == {}


def test_a_route_that_nobody_is_left_for_is_failing(scene: Scene):
    scene.end(100, outcome="auth_invalid", status=502, attempts=())
    assert list(scene.look()) == [("route_errors", "default")]


def test_names_that_lead_nowhere_are_not_counted(scene: Scene):
    scene.end(100, route="", outcome="model_not_found", status=404, attempts=())
    assert scene.look() == {}


def test_an_attempt_whose_rival_was_quicker_does_not_count(scene: Scene):
    attempts = (AttemptRecord("a/m#k", "superseded", 0.0, 0.1), AttemptRecord("b/m#k", "200", 0.0, 0.1, "hedge"))
    scene.end(100, attempts=attempts)
    scene.fail(20)
    assert ("target_errors", "a/m#k") in scene.look()


# --- keys and deployments ---


def parked(message: str = "a#k is refused: no such key.") -> Change:
    return Change(what="key_parked", subject="a#k", message=message, seconds=60.0)


def test_a_refused_key_is_told_with_the_reason_for_as_long_as_it_is(scene: Scene):
    scene.conditions.changed(parked())
    found = scene.look(0.0, parked=("a#k",))["key_parked", "a#k"]
    assert (found.severity, found.times) == ("critical", 1)
    assert found.message.startswith("a#k is refused: no such key. Check the key")
    later = scene.look(3000.0, parked=("a#k",))["key_parked", "a#k"]
    assert (later.message, later.times) == (found.message, 0)
    assert scene.look(3001.0) == {}


def test_a_key_that_is_refused_again_counts_again(scene: Scene):
    scene.conditions.changed(parked())
    scene.look(0.0, parked=("a#k",))
    scene.conditions.changed(parked("a#k has no credit left"))
    again = scene.look(60.0, parked=("a#k",))["key_parked", "a#k"]
    assert again.times == 1
    assert "no credit" in again.message


def test_without_a_reason_the_key_is_named(scene: Scene):
    assert scene.look(0.0, parked=("a#k",))["key_parked", "a#k"].message.startswith("a#k was refused. ")


def test_a_long_reason_is_cut(scene: Scene):
    scene.conditions.changed(parked("x" * 10_000))
    assert len(scene.look(0.0, parked=("a#k",))["key_parked", "a#k"].message) < LONGEST_MESSAGE + 200


def test_a_deployment_is_told_until_its_breaker_has_closed_or_it_is_configured_no_more(scene: Scene):
    scene.conditions.changed(Change(what="breaker_opened", subject="a/m", message="a/m is left alone", seconds=5.0))
    assert scene.look(0.0, tripped=("a/m",))["breaker_open", "a/m"].severity == "warning"
    scene.conditions.changed(Change(what="breaker_closed", subject="a/m", message="a/m answers again"))
    assert scene.look(1.0) == {}


def test_an_unknown_error_is_no_alert(scene: Scene):
    scene.conditions.changed(Change(what="unknown_error", subject="a/m", message="what?"))
    assert scene.look() == {}


# --- room ---


def test_refusals_of_a_line_are_told_when_there_are_many(scene: Scene):
    assert scene.look(0.0, refused={"default": 9}) == {}
    found = scene.look(1.0, refused={"default": 10})["queue_saturated", "default"]
    assert (found.severity, found.so_far, found.times) == ("critical", 10, 1)
    assert "10 requests for default found no room, and 0 waited for 2 s or longer" in found.message
    assert scene.look(61.0, refused={"default": 10}) == {}


def test_long_waits_are_a_warning(scene: Scene):
    scene.end(9, queued=2.0)
    scene.end(50, queued=1.9)
    assert scene.look() == {}
    scene.end(1, queued=30.0)
    assert scene.look(1.0)["queue_saturated", "default"].severity == "warning"


def test_a_line_that_was_forgotten_and_began_anew_counts_from_nothing(scene: Scene):
    scene.look(0.0, refused={"default": 5})
    found = scene.look(100.0, refused={"default": 12})
    assert found == {}, "7 more"
    found = scene.look(200.0, refused={"default": 11})
    assert found["queue_saturated", "default"].so_far == 11


def test_requests_that_the_gateway_itself_had_no_room_for_are_told(scene: Scene):
    scene.end(10, route="", outcome="saturated", status=503, attempts=())
    found = scene.look()["queue_saturated", GATEWAY]
    assert "requests for the gateway found no room" in found.message


# --- the log ---


def test_lost_log_lines_are_told_when_they_are_lost(scene: Scene):
    scene.look(0.0)
    found = scene.look(1.0, lost=7)["log_dropped", "log"]
    assert (found.severity, found.times) == ("warning", 7)
    assert scene.look(2.0, lost=7) == {}


def test_those_lost_before_the_first_look_are_not_new(scene: Scene):
    assert scene.look(0.0, lost=7) == {}


# --- settings and bounds ---


def test_other_settings_hold_at_once_and_what_was_counted_stays(scene: Scene):
    scene.end(90)
    scene.fail(10)
    assert scene.look() == {}
    rate = ErrorRate(share=0.1, window=RULES.error_rate.window)
    scene.conditions.adjust(AlertRules(error_rate=rate, queue=RULES.queue))
    assert ("route_errors", "default") in scene.look(1.0)


def test_another_window_begins_empty(scene: Scene):
    scene.fail(100)
    scene.look()
    scene.conditions.adjust(AlertRules(error_rate=ErrorRate(window=60.0)))
    assert scene.look(1.0) == {}


def test_made_up_names_cannot_fill_the_memory(scene: Scene):
    for number in range(3 * MOST_SUBJECTS):
        scene.end(1, route=f"r{number}", outcome="server_error", status=502)
    assert list(scene.look()) == [("route_errors", OTHER)]
    assert len(list(scene.conditions._of_routes.sums())) == MOST_SUBJECTS + 1


def test_a_window_moves_on_in_steps():
    window = Window(100.0)
    for second in range(0, 100, 5):
        window.add({"a": [1, 0]}, START + second)
    assert list(window.sums()) == [("a", 20, 0)]
    window.add({}, START + 100.0)
    assert list(window.sums()) == [("a", 18, 0)]
    window.add({}, START + 1000.0)
    assert list(window.sums()) == []


def test_a_clock_that_is_set_back_begins_the_window_anew():
    window = Window(100.0)
    window.add({"a": [5, 5]}, START)
    window.add({"b": [1, 0]}, START - 3600.0)
    assert list(window.sums()) == [("b", 1, 0)]
