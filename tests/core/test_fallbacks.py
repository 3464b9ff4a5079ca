"""Where a request goes that failed for a reason of its own: where its route says, and nowhere otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from headway.failures import FailureKind

if TYPE_CHECKING:
    from core.conftest import Scene, World

    Open = Callable[..., Scene]

K = FailureKind

REQUESTS_OWN = [
    K.CONTEXT_TOO_LONG,
    K.CONTENT_BLOCKED,
    K.UNSUPPORTED_FEATURE,
    K.MODEL_NOT_FOUND,
    K.INVALID_REQUEST,
    K.BODY_TOO_LARGE,
]


@pytest.mark.parametrize("kind", REQUESTS_OWN)
def test_a_failure_that_the_route_names_goes_where_it_says(scene: Open, kind: FailureKind):
    s = scene("a", "b", fallbacks=[([kind], ["big"])])
    assert [s.begin(), s.fails(kind)] == ["a", "big"]
    assert s.reasons == ["first", "fallback"]


@pytest.mark.parametrize("kind", REQUESTS_OWN)
def test_a_failure_that_the_route_does_not_name_goes_nowhere(scene: Open, kind: FailureKind):
    others = [other for other in REQUESTS_OWN if other is not kind]
    s = scene("a", "b", fallbacks=[(others, ["big"])])
    assert [s.begin(), s.fails(kind)] == ["a", f"give up: {kind.value}"]


@pytest.mark.parametrize("kind", REQUESTS_OWN)
def test_without_targets_of_its_own_it_goes_to_the_routes_other_deployments(scene: Open, kind: FailureKind):
    s = scene("a#1 a#2", "b#1 b#2", "c", fallbacks=[([kind], [])], attempts=9)
    assert [s.begin(), s.fails(kind), s.fails(kind)] == ["a#1", "b#1", "c"]
    assert s.reasons == ["first", "fallback", "fallback"]
    assert s.fails(kind) == f"give up: {kind.value}"


def test_the_targets_of_a_fallback_are_tried_in_order(scene: Open):
    s = scene("a", "b", fallbacks=[([K.CONTEXT_TOO_LONG], ["c", "d"])])
    assert [s.begin(), s.fails(K.CONTEXT_TOO_LONG), s.fails(K.SERVER_ERROR)] == ["a", "c", "d"]


def test_each_fallback_is_taken_once(scene: Open):
    s = scene("a", "b", fallbacks=[([K.CONTEXT_TOO_LONG], ["c", "d"])])
    told = [s.begin(), s.fails(K.CONTEXT_TOO_LONG), s.fails(K.CONTEXT_TOO_LONG)]
    assert told == ["a", "c", "give up: context_too_long"]


def test_a_failure_of_another_kind_takes_another_fallback(scene: Open):
    s = scene("a", fallbacks=[([K.CONTEXT_TOO_LONG], ["c"]), ([K.CONTENT_BLOCKED], ["d"])])
    assert [s.begin(), s.fails(K.CONTEXT_TOO_LONG), s.fails(K.CONTENT_BLOCKED)] == ["a", "c", "d"]


def test_two_fallbacks_do_not_send_a_request_back_and_forth(scene: Open):
    s = scene("a", fallbacks=[([K.CONTEXT_TOO_LONG], ["c"]), ([K.CONTENT_BLOCKED], ["d"])], attempts=9)
    told = [s.begin(), s.fails(K.CONTEXT_TOO_LONG), s.fails(K.CONTENT_BLOCKED), s.fails(K.CONTEXT_TOO_LONG)]
    assert told == ["a", "c", "d", "give up: context_too_long"]


def test_a_fallback_does_not_ask_again_who_has_been_asked(scene: Open):
    s = scene("a", "b", fallbacks=[([K.CONTEXT_TOO_LONG], ["a b", "c"])])
    told = [s.begin(), s.fails(K.SERVER_ERROR), s.fails(K.CONTEXT_TOO_LONG)]
    assert told == ["a", "b", "c"]


def test_a_fallback_that_leads_to_nobody_leaves_the_failure_as_it_was(world: World, scene: Open):
    world.rest("big", K.AUTH_INVALID)
    s = scene("a", fallbacks=[([K.CONTEXT_TOO_LONG], ["big"])])
    assert [s.begin(), s.fails(K.CONTEXT_TOO_LONG)] == ["a", "give up: context_too_long"]


def test_a_fallback_that_rests_for_a_moment_is_waited_for(world: World, scene: Open):
    world.rest("big", K.RATE_LIMITED, retry_after=2.0)
    s = scene("a", fallbacks=[([K.CONTEXT_TOO_LONG], ["big"])])
    assert [s.begin(), s.fails(K.CONTEXT_TOO_LONG), s.resumes()] == ["a", "wait", "big"]


def test_a_fallback_that_is_left_alone_is_a_last_resort(world: World, scene: Open):
    world.trip("big")
    s = scene("a", fallbacks=[([K.CONTEXT_TOO_LONG], ["big"])])
    assert [s.begin(now=1.0), s.fails(K.CONTEXT_TOO_LONG, now=1.0)] == ["a", "big"]
    assert s.reasons == ["first", "last_resort"]


def test_who_cannot_serve_the_request_is_no_last_resort(world: World, scene: Open):
    s = scene("a#1 a#2", fallbacks=[([K.UNSUPPORTED_FEATURE], [])])
    s.begin()
    world.trip("a#1")
    assert s.fails(K.UNSUPPORTED_FEATURE, now=1.0) == "give up: unsupported_feature"


def test_a_key_that_lacks_a_model_is_left_out_for_a_while_if_the_route_has_others(world: World, scene: Open):
    s = scene("a", "b", fallbacks=[([K.MODEL_NOT_FOUND], [])])
    assert [s.begin(), s.fails(K.MODEL_NOT_FOUND)] == ["a", "b"]
    assert scene("a", "b").begin(now=59.0) == "b"
    assert scene("a", "b").begin(now=60.0) == "a"


def test_otherwise_it_is_asked_again_by_the_next_request(scene: Open):
    s = scene("a", "b")
    assert [s.begin(), s.fails(K.MODEL_NOT_FOUND)] == ["a", "give up: model_not_found"]
    assert scene("a", "b").begin(now=1.0) == "a"
