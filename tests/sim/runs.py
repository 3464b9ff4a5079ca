"""Runs of one seed: what they promise, how a broken promise is told, and how its world is made smaller."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from functools import partial

import msgspec

from headway.types import ExchangeEvent
from sim import inside
from sim.clients import Wish
from sim.loop import Violation
from sim.settings import LASTING, draw
from sim.upstreams import Temper
from sim.world import START, World, failed

HEALING = 150.0
"""Seconds after which nothing that merely failed is still left alone: rests, trials, recovery."""
HEALING_OF_KEYS = 4700.0
"""The same where keys were refused."""


class Broken(msgspec.Struct):
    """A promise that a run broke."""

    seed: int
    what: str
    trace: list[str]
    where: str = ""
    """The traceback of an exception that the gateway raised."""

    def __str__(self) -> str:
        again = f"make soak SEED={self.seed}"
        return "\n".join([*self.trace, self.where, f"seed {self.seed}: {self.what}", f"to see it again: {again}"])


def run(seed: int, *, only: Iterable[int] | None = None) -> Broken | None:
    """One world. Every other seed is one that heals. `only`: the clients to ask, by their place."""
    heals = seed % 2 == 1
    setting = draw(seed, heals=heals)
    if only is not None:
        setting.wishes = [setting.wishes[place] for place in only]
    events: list[ExchangeEvent] = []
    world = World(setting, seed, served=lambda _, event: events.append(event))
    try:
        if heals:
            _live(world, events)
        world.finish()
    except Violation as broken:
        return Broken(seed, str(broken), world.loop.trace())
    except Exception as error:  # noqa: BLE001 - whatever the gateway raises into its loop is a bug
        told = "".join(traceback.format_exception(error))
        return Broken(seed, f"{type(error).__name__}: {error}", world.loop.trace(), told)
    return None


def smaller(broken: Broken) -> Broken:
    """The same with fewer clients, as long as the like of it still happens."""
    places = list(range(len(draw(broken.seed, heals=broken.seed % 2 == 1).wishes)))
    size = max(len(places) // 2, 1)
    while size:
        for start in range(0, len(places), size):
            fewer = places[:start] + places[start + size :]
            found = run(broken.seed, only=fewer) if fewer else None
            if found is not None and _kind(found) == _kind(broken):
                places, broken = fewer, found
                break
        else:
            size //= 2
    return broken


def _kind(broken: Broken) -> str:
    """What is broken, without names and numbers."""
    return "".join(letter for letter in broken.what if not letter.isdigit())[:60]


def _live(world: World, events: list[ExchangeEvent]) -> None:
    """Once everything is well, and what was left alone for its failures has had its time, every request succeeds."""
    heals = world.setting.heals
    assert heals is not None
    lasting = any(_lasting(temper) for temper in world.setting.tempers.values())
    patience = HEALING_OF_KEYS if lasting else HEALING
    step = 30.0 if lasting else 3.0
    world.run(heals)
    moment = heals
    while world.clients:  # answers that began while something was wrong
        moment += 5.0
        world.run(moment)
    began = moment
    while moment < began + patience and _left_alone(world):  # who is to recover needs traffic
        moment += step
        whole, streamed = f"whole at {moment}", f"streamed at {moment}"  # no conversation that stays where it is
        for wish in (Wish(at=0.0, session=whole), Wish(at=0.0, stream=True, session=streamed)):
            world.loop.at(START + moment, partial(world.ask, wish))
        world.run(moment + 1.0)
    left_alone = _left_alone(world)
    if left_alone:
        raise Violation(f"everything has been well for {patience} s, and {left_alone} is still left alone")
    events.clear()
    for number in range(1, 11):  # one by one: caps and a careful pace are no failure
        world.loop.at(START + moment + 5.0 * number, partial(world.ask, Wish(at=0.0, stream=number % 2 == 0)))
    world.run(moment + 95.0)
    for event in events:
        if failed(event) or any(record.failure for record in event.attempts):
            raise Violation(f"everything is well again, and a client gets {event}")


def _lasting(temper: Temper) -> bool:
    """Does it refuse what may then be left alone for long?"""
    return LASTING in temper.hints or any("model" in mood.faults for _, mood in temper.moods)


def _left_alone(world: World) -> str | None:
    """A target of the first tier that gets less than its share, if there is one."""
    now = world.loop.now()
    for target in world.gateway.snapshot.routes["default"].tiers[0].targets:
        if target.weight > 0.0 and not inside.has_recovered(world.gateway, target, now):
            return target.name
    return None
