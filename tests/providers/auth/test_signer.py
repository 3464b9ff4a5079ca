"""Tokens are renewed before they end, survive a failure, and never show."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from headway.providers.auth.signer import AuthError, Fetched, FixedSigner, Refusal, TokenSigner, bearer, line, plainly


def a_signer(clock: Any, *answers: Fetched[bytes] | AuthError) -> TokenSigner:
    left = list(answers)

    def fetch() -> Fetched[bytes]:
        answer = left.pop(0)
        if isinstance(answer, AuthError):
            raise answer
        return answer

    return TokenSigner(fetch, clock)


def fields(signer: TokenSigner, now: float) -> bytes | None:
    return signer.fields(b"POST", b"/", b"{}", now)


def test_before_the_first_refresh_there_is_no_token_and_one_is_due(clock: Any):
    signer = a_signer(clock)
    assert fields(signer, clock.now) is None
    assert signer.due(clock.now)


def test_a_token_is_renewed_five_minutes_before_it_ends_and_used_until_then(clock: Any):
    signer = a_signer(clock, Fetched(b"first", clock.now + 3600), Fetched(b"second", clock.now + 7000))
    signer.refresh()
    assert not signer.due(clock.now + 3299)
    assert signer.due(clock.now + 3300)
    assert fields(signer, clock.now + 3400) == b"first"
    clock.now += 3400
    signer.refresh()
    assert fields(signer, clock.now) == b"second"
    assert not signer.due(clock.now)


def test_a_token_that_has_ended_is_not_used(clock: Any):
    signer = a_signer(clock, Fetched(b"first", clock.now + 3600))
    signer.refresh()
    assert fields(signer, clock.now + 3599.9) == b"first"
    assert fields(signer, clock.now + 3600) is None


def test_a_source_that_gives_the_old_token_again_is_left_alone_for_half_a_minute(clock: Any):
    signer = a_signer(clock, Fetched(b"old", clock.now + 290))
    signer.refresh()
    assert not signer.due(clock.now + 29)
    assert signer.due(clock.now + 30)


def test_a_token_of_a_few_seconds_is_due_when_it_ends(clock: Any):
    signer = a_signer(clock, Fetched(b"brief", clock.now + 10))
    signer.refresh()
    assert not signer.due(clock.now + 9)
    assert signer.due(clock.now + 10)


def test_a_token_without_end_is_never_due(clock: Any):
    signer = a_signer(clock, Fetched(b"forever", inf))
    signer.refresh()
    assert not signer.due(clock.now + 1e9)
    assert fields(signer, clock.now + 1e9) == b"forever"


def test_after_a_failure_the_old_token_serves_until_a_new_one_comes(clock: Any):
    signer = a_signer(
        clock, Fetched(b"first", clock.now + 3600), AuthError("is down"), Fetched(b"second", clock.now + 7000)
    )
    signer.refresh()
    clock.now += 3400
    with pytest.raises(AuthError, match="is down"):
        signer.refresh()
    assert fields(signer, clock.now) == b"first"
    assert signer.due(clock.now)
    signer.refresh()
    assert fields(signer, clock.now) == b"second"


def test_a_token_that_ended_before_it_came_is_an_error_and_not_waited_for_again(clock: Any):
    signer = a_signer(clock, Fetched(b"late", clock.now))
    with pytest.raises(AuthError, match="clock"):
        signer.refresh()
    assert fields(signer, clock.now) is None


def test_whoever_signs_during_a_refresh_gets_one_whole_token_or_the_other(clock: Any):
    tokens = [b"a" * 2000, b"b" * 2000]
    renewals = iter(range(2000))
    signer = TokenSigner(lambda: Fetched(tokens[next(renewals) % 2], clock.now + 3600), clock)
    signer.refresh()
    seen: set[bytes | None] = set()
    stop = threading.Event()

    def sign() -> None:
        while not stop.is_set():
            seen.add(fields(signer, clock.now))

    thread = threading.Thread(target=sign)
    thread.start()
    for _ in range(1500):
        signer.refresh()
    stop.set()
    thread.join()
    assert seen <= set(tokens)
    assert seen


def test_a_token_out_of_the_configuration_needs_no_refresh(clock: Any):
    signer = FixedSigner("a-token")
    assert signer.fields(b"POST", b"/", b"", clock.now) == b"authorization: Bearer a-token\r\n"
    assert not signer.due(clock.now)
    signer.refresh()


def test_a_refusal_says_why_as_often_as_it_is_asked(clock: Any):
    signer = Refusal("nothing is configured")
    assert signer.fields(b"POST", b"/", b"", clock.now) is None
    assert signer.due(clock.now)
    for _ in range(2):
        with pytest.raises(AuthError, match="nothing is configured"):
            signer.refresh()


@pytest.mark.parametrize("make", [bearer, lambda token: line(b"x-amz-security-token", token)])
@pytest.mark.parametrize("token", ["a\r\nx-evil: 1", "a\nb", "\u00e9", "a\x00b"])
def test_a_token_cannot_bring_a_header_of_its_own_and_is_not_shown(make: Callable[[str], bytes], token: str):
    with pytest.raises(AuthError) as caught:
        make(token)
    assert token not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_libraries_say_is_one_line_without_keys():
    error = ValueError("cannot use key AKIAIOSFODNN7EXAMPLE\nand ya29.a0AfH6SMBx")
    assert plainly(error) == "ValueError: cannot use key ***"
    assert plainly(OSError()) == "OSError"
    assert len(plainly(ValueError("x " * 5000))) == 300


def test_a_token_does_not_show_in_the_repr_of_what_holds_it():
    assert "secret" not in repr(Fetched(b"secret", 10.0))
    assert "secret" not in repr(FixedSigner("secret"))
