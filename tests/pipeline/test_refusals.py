"""What the client is told when there is no answer: its own mistakes as the provider put them, the rest in our words."""

from __future__ import annotations

import itertools

import pytest

from headway.types import Queue, Resilience

ANSWER = b'{"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hi"}}]}'
REFUSED = b'{"error":{"message":"too many max_tokens","type":"invalid_request_error","param":"max_tokens","code":null}}'
SECRET = b'{"error":{"message":"Incorrect API key provided: sk-a-def***","type":"x","code":"invalid_api_key"}}'
LIMITED = b'{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}'
BROKEN = b'{"error":{"message":"something blew up","type":"server_error","param":null,"code":null}}'
BLOCKED = b'{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"content_policy_violation"}}'
TOO_LONG = b'{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}'
UNSUPPORTED = b'{"error":{"message":"no","type":"invalid_request_error","param":"x","code":"unsupported_parameter"}}'

TWICE = Resilience(attempts=2)
"""Each of two targets once."""


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, REFUSED, "invalid_request"),
        (404, REFUSED, "model_not_found"),
        (413, REFUSED, "body_too_large"),
        (422, REFUSED, "invalid_request"),
        (400, BLOCKED, "content_blocked"),
        (400, TOO_LONG, "context_too_long"),
        (400, UNSUPPORTED, "unsupported_feature"),
    ],
)
def test_the_clients_own_mistake_is_passed_on_as_the_provider_put_it(status, body, kind, stream, world):
    client = world.ask(stream=stream)
    world.a.connect().answer(status, body)
    assert client.status == status
    assert client.body == body
    assert client.field("content-type") == "application/json"
    assert client.field("x-headway-attempts") == f"a/m#default={status}"
    assert client.field("x-should-retry") == "false"
    world.wait(10.0)
    assert world.a.asked == 1
    assert world.b.dials == [], "another target would say the same"
    assert world.event.outcome == kind


@pytest.mark.parametrize(("status", "body"), [(400, REFUSED), (404, REFUSED), (400, BLOCKED)])
def test_the_clients_own_mistakes_teach_nothing_bad_about_the_target(status, body, world):
    for _ in range(20):
        world.ask()
        world.a.serving().answer(status, body)
    assert world.changes == []
    assert world.b.dials == []
    assert [candidate.rests().until for candidate in world.candidates] == [0.0, 0.0]
    assert not any(candidate.state.breaker.tripped for candidate in world.candidates)


def test_a_key_that_may_not_use_the_model_sends_the_request_elsewhere(world):
    client = world.ask()
    world.a.connect().answer(403, REFUSED)
    world.b.connect().answer(200, ANSWER)
    assert client.status == 200
    assert client.field("x-headway-attempts") == "a/m#default=403 b/m#default=200"


def test_what_no_key_may_do_is_told_as_the_only_provider_put_it(make_world):
    world = make_world([["a"]])
    client = world.ask()
    world.a.connect().answer(403, REFUSED)
    assert client.status == 403
    assert client.body == REFUSED
    assert client.field("x-should-retry") == "false"


def test_a_mistake_found_by_the_second_target_is_passed_on_too(world):
    client = world.ask()
    world.a.connect().answer(503, BROKEN)
    world.b.connect().answer(400, REFUSED)
    assert client.status == 400
    assert client.body == REFUSED


def test_a_refusal_that_no_client_could_read_is_put_in_our_words(world):
    client = world.ask()
    world.a.connect().answer(404, b"<html>404 page not found</html>", kind="text/html")
    assert client.status == 404
    assert client.error["type"] == "invalid_request_error"
    assert "html" not in client.error["message"]
    assert "a/m" in client.error["message"]
    assert client.field("content-type") == "application/json"


def test_a_refused_key_is_told_without_the_providers_words(make_world):
    world = make_world([["a"]])
    client = world.ask()
    world.a.connect().answer(401, SECRET)
    assert client.status == 401
    assert b"sk-a" not in client.body
    assert client.error["code"] == "upstream_key_refused"
    assert client.field("x-should-retry") == "false"


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_the_error_of_the_only_attempt_is_passed_on_as_it_is(status, make_world):
    world = make_world([["a"]], resilience=Resilience(attempts=1))
    client = world.ask()
    world.a.connect().answer(status, BROKEN, retry_after="7", x_should_retry="true")
    assert client.status == status
    assert client.body == BROKEN
    assert client.field("retry-after") == "7"
    assert client.field("x-should-retry") == "true"


@pytest.mark.parametrize("status", [302, 304, 600, 999])
def test_a_status_that_is_no_error_of_http_is_never_passed_on(status, make_world):
    world = make_world([["a"]], resilience=Resilience(attempts=1))
    client = world.ask()
    world.a.connect().answer(status, BROKEN)
    assert client.status == 502
    assert client.error["message"] != "something blew up"


def test_when_all_fail_the_error_tells_what_was_tried(make_world):
    world = make_world(resilience=TWICE)
    client = world.ask()
    world.a.connect().answer(500, BROKEN)
    world.b.connect().answer(200, b"<html>", kind="text/html")
    message = client.error["message"]
    assert client.status == 502
    assert "1. a/m#default answered 500: something blew up" in message
    assert "2. b/m#default answered with an HTML page" in message
    assert "<html>" not in message
    assert client.field("x-headway-attempts") == "a/m#default=500 b/m#default=bad_reply"
    assert world.event.error == message
    assert world.event.status == 502


USEFUL = ((401, 401), (429, 429), (529, 503), (500, 502), (408, 504))
"""Statuses, and how each is told: first what is wrong with our keys, last what is wrong with the provider."""


@pytest.mark.parametrize(("more", "less"), list(itertools.combinations(USEFUL, 2)))
@pytest.mark.parametrize("first", [True, False])
def test_of_several_failures_the_one_that_says_most_decides_the_status(first, more, less, make_world):
    world = make_world(resilience=TWICE)
    client = world.ask()
    for origin, (status, _) in zip((world.a, world.b), (more, less) if first else (less, more), strict=True):
        origin.connect().answer(status, b"{}")
    assert client.status == more[1]
    assert client.field("x-headway-attempts").count("=") == 2


@pytest.mark.parametrize(("status", "told"), [(402, 402), (403, 403), (503, 503), (504, 504), (302, 502)])
def test_the_status_that_is_told_fits_the_failure(status, told, make_world):
    world = make_world(resilience=TWICE)
    client = world.ask()
    world.a.refuse()
    world.b.connect().answer(status, b"{}")
    assert client.status == told


def test_an_upstream_that_cannot_be_reached_is_a_bad_gateway(make_world):
    world = make_world(resilience=TWICE)
    client = world.ask()
    world.a.refuse()
    world.b.refuse()
    assert client.status == 502
    assert client.error["code"] == "upstream_unreachable"
    assert client.error["type"] == "server_error"


@pytest.mark.parametrize(
    ("hints", "told"),
    [(("9", "4"), "4"), (("4", "9"), "4"), ((None, "9"), "9"), (("0.2", "9"), "1"), ((None, None), None)],
)
def test_the_shortest_wait_that_any_target_asked_for_is_told(hints, told, make_world):
    world = make_world(resilience=TWICE)
    client = world.ask()
    for origin, hint in zip((world.a, world.b), hints, strict=True):
        origin.connect().answer(429, LIMITED, **({"retry_after": hint} if hint else {}))
    assert client.status == 429
    assert client.field("retry-after") == told
    assert client.field("x-should-retry") is None


def test_a_wait_is_not_told_when_the_end_was_something_else(make_world):
    world = make_world(resilience=TWICE)
    client = world.ask()
    world.a.connect().answer(429, LIMITED, retry_after="4")
    world.b.connect().answer(401, SECRET)
    assert client.status == 401
    assert client.field("retry-after") is None


def test_a_repeat_is_called_pointless_only_if_every_target_would_fail_again(make_world):
    world = make_world(resilience=TWICE)
    hopeless, hopeful = world.ask(), world.ask()
    first, second = [dial.connect() for dial in world.a.dials]
    first.answer(403, REFUSED)
    world.b.serving().answer(401, SECRET)
    second.answer(503, BROKEN)
    assert hopeless.field("x-should-retry") == "false"
    assert hopeful.field("x-should-retry") is None


def test_a_route_at_its_limit_where_nobody_may_wait_says_so_at_once(make_world):
    world = make_world([["a"]], concurrency=1, queue=Queue(wait=0.0))
    world.ask()
    client = world.ask()
    assert client.status == 503
    assert client.error["code"] == "gateway_saturated"
    assert client.field("retry-after") == "1"
    assert client.field("x-headway-route") == "default"
    world.a.connect().answer(200, b"{}")


# Requests that cannot be served at all.


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (b"", None, "JSON"),
        (b"{", None, "JSON"),
        (b"[1]", None, "object"),
        (b'"model"', None, "object"),
        (b'{"model":"\xff"}', "model", "model"),
        (b"{}", "model", "model"),
        (b'{"model":null}', "model", "string"),
        (b'{"model":7}', "model", "string"),
        (b'{"model":""}', "model", "empty"),
        (b'{"model":"a\\r\\nx-evil: 1"}', "model", "printable"),
        (b'{"model":"a\\u0000"}', "model", "printable"),
        (b'{"model":"%b"}' % (b"m" * 300), "model", "256"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_with_a_reason(body, param, says, world):
    client = world.ask(body)
    assert client.status == 400
    assert client.error["type"] == "invalid_request_error"
    assert client.error["param"] == param
    assert says in client.error["message"]
    assert client.field("x-should-retry") == "false"
    assert client.field("x-request-id") == world.event.request_id
    assert world.event.outcome == "invalid_request"


def test_an_unknown_model_is_refused_with_a_suggestion(world):
    client = world.ask(model="defautl")
    assert client.status == 404
    assert client.error["code"] == "model_not_found"
    assert client.error["param"] == "model"
    assert "did you mean 'default'?" in client.error["message"]
    assert world.event.outcome == "no_target"
    assert world.event.model == "defautl"


def test_a_model_served_by_several_providers_is_refused_with_the_candidates(make_world):
    world = make_world(bare={"gpt": ("a", "b")})
    client = world.ask(model="gpt")
    assert client.status == 400
    assert "a/gpt, b/gpt" in client.error["message"]
    assert client.error["param"] == "model"


def test_a_model_served_by_one_provider_needs_no_prefix(make_world):
    world = make_world(bare={"gpt": ("b",)})
    client = world.ask(model="gpt")
    peer = world.b.connect()
    assert peer.sent["model"] == "gpt"
    peer.answer(200, b"{}")
    assert client.field("x-headway-target") == "b/gpt"


def test_a_model_with_its_provider_is_asked_for_as_it_is(world):
    client = world.ask(model="b/org/model:free")
    peer = world.b.connect()
    assert peer.sent["model"] == "org/model:free"
    peer.answer(401, SECRET)
    assert client.over, "there is no other target"
    assert client.field("x-headway-route") == "b/org/model:free"


def test_one_attempt_is_all_there_is_for_a_stream_that_may_have_but_one(make_world):
    world = make_world(resilience=Resilience(attempts=1))
    client = world.ask(stream=True)
    world.a.connect().begin(200, b'data: {"error":{"message":"busy"}}\n\n')
    assert client.status == 502
    assert "busy" in client.error["message"]
