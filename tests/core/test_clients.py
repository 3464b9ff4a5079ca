"""What one client may ask for: requests and tokens a minute, and requests at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.clients import MANY, Admitted, Clients, Exceeded
from headway.core.load import Load
from headway.types import ClientLimits, Usage

SMALL = Load(400)
"""About a hundred tokens, and the usual answer."""


def admitted(clients: Clients, who: bytes, now: float = 0.0, load: Load = SMALL) -> Admitted:
    found = clients.enter(who, load, now)
    assert isinstance(found, Admitted), found
    return found


def exceeded(clients: Clients, who: bytes, now: float = 0.0, load: Load = SMALL) -> Exceeded:
    found = clients.enter(who, load, now)
    assert isinstance(found, Exceeded)
    return found


def told(clients: Clients, who: bytes, now: float = 0.0) -> dict[str, str]:
    lines = clients.told_of(who, now).decode().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_without_limits_nobody_is_bound():
    assert not Clients(ClientLimits()).bounds
    assert Clients(ClientLimits(rpm=1)).bounds


def test_requests_beyond_the_limit_are_told_when_to_come_again():
    clients = Clients(ClientLimits(rpm=60))
    for _ in range(60):
        admitted(clients, b"a")
    why = exceeded(clients, b"a")
    assert why.what == "60 requests a minute"
    assert why.wait == pytest.approx(1.0)
    admitted(clients, b"a", now=1.01)


def test_one_client_does_not_use_up_what_another_may():
    clients = Clients(ClientLimits(concurrency=1))
    admitted(clients, b"a")
    exceeded(clients, b"a")
    admitted(clients, b"b")


def test_a_slot_is_free_again_when_a_request_is_over():
    clients = Clients(ClientLimits(concurrency=2))
    first, _ = admitted(clients, b"a"), admitted(clients, b"a")
    assert exceeded(clients, b"a").what == "2 requests at a time"
    clients.leave(first, None)
    admitted(clients, b"a")


def test_a_request_larger_than_the_limit_may_never_come():
    clients = Clients(ClientLimits(tpm=1000))
    why = exceeded(clients, b"a", load=Load(100_000))
    assert (why.what, why.wait) == ("1000 tokens a minute", None)


def test_what_was_truly_used_counts_in_the_end():
    clients = Clients(ClientLimits(tpm=10_000))
    first = admitted(clients, b"a", load=Load(4000, most_output=2000))
    reserved = 10_000 - int(told(clients, b"a")["x-ratelimit-remaining-tokens"])
    assert reserved > 1000
    clients.leave(first, Usage(input_tokens=100, output_tokens=20))
    assert told(clients, b"a")["x-ratelimit-remaining-tokens"] == "9880"


def test_without_usage_what_was_reserved_counts():
    clients = Clients(ClientLimits(tpm=10_000))
    first = admitted(clients, b"a")
    before = told(clients, b"a")
    clients.leave(first, None)
    assert told(clients, b"a") == before


def test_clients_are_told_what_is_left_in_the_terms_of_providers():
    clients = Clients(ClientLimits(rpm=60, tpm=6000))
    admitted(clients, b"a")
    seen = told(clients, b"a")
    assert (seen["x-ratelimit-limit-requests"], seen["x-ratelimit-remaining-requests"]) == ("60", "59")
    assert seen["x-ratelimit-reset-requests"] == "1000ms"
    assert seen["x-ratelimit-limit-tokens"] == "6000"
    assert told(clients, b"nobody") == {}


def test_new_limits_hold_for_clients_that_are_known():
    clients = Clients(ClientLimits(rpm=1000))
    admitted(clients, b"a")
    clients.adjust(ClientLimits(rpm=10), 0.0)
    assert told(clients, b"a")["x-ratelimit-limit-requests"] == "10"


def test_of_very_many_clients_those_are_forgotten_that_have_been_known_for_longest():
    clients = Clients(ClientLimits(rpm=60))
    busy = admitted(clients, b"busy")
    for number in range(MANY + 10):
        clients.leave(admitted(clients, b"%d" % number), None)
    assert told(clients, b"0") == {}
    assert told(clients, b"%d" % (MANY + 9))
    assert told(clients, b"busy")
    clients.leave(busy, None)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 5000), st.floats(0.0, 5.0)), max_size=60))
def test_slots_return_to_zero_and_no_level_goes_below_its_floor(steps: list[tuple[int, bool, int, float]]):
    clients = Clients(ClientLimits(rpm=20, tpm=5000, concurrency=3))
    under_way: list[Admitted] = []
    now = 0.0
    for who, ends, tokens, passed in steps:
        now += passed
        if ends and under_way:
            clients.leave(under_way.pop(), Usage(input_tokens=tokens, output_tokens=1))
        else:
            found = clients.enter(b"%d" % who, Load(tokens), now)
            if isinstance(found, Admitted):
                under_way.append(found)
                assert found.client.under_way <= 3
        for each in under_way:
            for bucket in each.client.quota.buckets:
                assert -bucket.limit <= bucket.refill(now) <= bucket.limit
    for each in under_way:
        clients.leave(each, None)
        assert each.client.under_way >= 0
    assert all(each.client.under_way == 0 for each in under_way)
