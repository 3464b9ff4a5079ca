"""An app that is made when it is first asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from headway.server.later import Later


class App:
    def __init__(self) -> None:
        self.made_in = threading.current_thread()
        self.asked = 0
        self.closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1

    async def close(self) -> None:
        self.closed = True


async def ask(later: Later) -> None:
    await later({}, None, None)  # type: ignore[arg-type]


async def test_it_is_made_once_away_from_the_loop_however_many_ask_at_once():
    made: list[App] = []

    def make() -> App:
        made.append(App())
        return made[-1]

    later = Later(make)
    assert made == []
    await asyncio.gather(*(ask(later) for _ in range(5)))
    assert [app.asked for app in made] == [5]
    assert made[0].made_in is not threading.main_thread()
    await later.close()
    assert made[0].closed


async def test_one_that_nobody_asked_for_is_not_made_to_be_closed():
    await Later(lambda: pytest.fail("made")).close()


async def test_a_client_that_leaves_meanwhile_does_not_spoil_it_for_others():
    going = threading.Event()

    def make() -> App:
        going.wait(5)
        return App()

    later = Later(make)
    first, second = asyncio.ensure_future(ask(later)), asyncio.ensure_future(ask(later))
    await asyncio.sleep(0)
    first.cancel()
    going.set()
    await second
    await later.close()
