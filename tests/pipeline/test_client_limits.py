"""What each client may ask for, and what it is told of what is left."""

from __future__ import annotations

import pytest

from headway.types import ClientLimits, ServerLimits

ANSWER = (
    b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}],'
    b'"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}'
)


@pytest.fixture
def limited(make_world):
    def made(**limits: int):
        return make_world([["a"]], limits=ServerLimits(clients=ClientLimits(**limits)))

    return made


def by(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {name}"}


def served(world, name: str):
    client = world.ask(headers=by(name))
    world.a.serving().answer(200, ANSWER)
    return client


def test_every_answer_tells_what_is_left(limited):
    world = limited(rpm=100, tpm=10_000)
    first, second = served(world, "one"), served(world, "one")
    assert first.field("x-ratelimit-limit-requests") == "100"
    assert (first.field("x-ratelimit-remaining-requests"), second.field("x-ratelimit-remaining-requests")) == (
        "99",
        "98",
    )
    assert second.field("x-ratelimit-reset-tokens").endswith("ms")


def test_without_limits_nothing_is_told(world):
    client = world.ask()
    world.a.serving().answer(200, ANSWER)
    assert client.field("x-ratelimit-limit-requests") is None


def test_who_asks_too_often_gets_429_and_others_do_not(limited):
    world = limited(rpm=20)
    for _ in range(20):
        assert served(world, "one").status == 200
    refused = world.ask(headers=by("one"))
    assert refused.status == 429
    assert refused.error["code"] == "rate_limit_exceeded"
    assert "20 requests a minute" in refused.error["message"]
    assert 1 <= int(refused.field("retry-after")) <= 4
    assert refused.field("x-ratelimit-remaining-requests") == "0"
    assert world.events[-1].outcome == "rate_limited"
    assert world.events[-1].attempts == ()
    assert served(world, "two").status == 200
    world.wait(4.0)
    assert served(world, "one").status == 200


def test_a_request_that_is_too_large_for_the_limit_says_so(limited):
    world = limited(tpm=1000)
    refused = world.ask(headers=by("one"), messages=[{"role": "user", "content": "x " * 20_000}])
    assert refused.status == 429
    assert refused.error["code"] == "request_too_large_for_quota"
    assert refused.field("x-should-retry") == "false"


def test_a_slot_is_given_back_when_a_client_leaves(limited):
    world = limited(concurrency=1)
    first = world.ask(headers=by("one"))
    assert world.ask(headers=by("one")).status == 429
    first.leave()
    assert served(world, "one").status == 200


def test_a_reload_changes_the_limits(limited):
    world = limited(rpm=20)
    served(world, "one")
    world._limits = ServerLimits(clients=ClientLimits(rpm=500))
    world.gateway.publish(world.snapshot(world.gateway.snapshot.resilience))
    assert served(world, "one").field("x-ratelimit-limit-requests") == "500"


def test_the_gateway_takes_so_many_at_a_time_and_no_more(make_world):
    world = make_world([["a"]], limits=ServerLimits(in_flight=2))
    first, second = world.ask(), world.ask()
    refused = world.ask()
    assert refused.status == 503
    assert refused.field("retry-after") == "1"
    assert "2 requests under way" in refused.error["message"]
    first.leave()
    second.leave()
    assert served(world, "one").status == 200


def test_a_gateway_that_runs_late_refuses_who_can_wait(world):
    """Sweeps come each tenth of a second; here the loop has other things to do."""
    held = world.ask()

    def late(seconds: float, times: int) -> None:
        for _ in range(times):
            (sweep,) = [timer for timer in world.clock.timers if not timer.cancelled]
            world.clock.timers.remove(sweep)
            world.clock.now = sweep.when + seconds
            sweep.call()

    late(0.1, 5)
    low = world.ask(headers={"x-headway-priority": "low"})
    assert low.status == 503
    assert "overloaded" in low.error["message"]
    normal = world.ask()
    assert not normal.over
    late(0.4, 5)
    assert world.ask().status == 503
    high = world.ask(headers={"x-headway-priority": "high"})
    assert not high.over
    late(0.0, 5)
    assert not world.ask().over
    for client in [client for client in world.clients if not client.over]:
        client.leave()
    assert held.left
