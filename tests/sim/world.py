"""One run: the real gateway between simulated clients and simulated upstreams, on virtual time.

Everything that happens follows from the seed. What must hold is `promises`' and `answering`'s to say; this brings the
parts together and tells them what happens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random

from headway.failures import FailureKind
from headway.pipeline.attempt import Call
from headway.pipeline.gateway import Gateway
from headway.types import Change, ExchangeEvent, Provider, Resilience, Route
from sim import inside
from sim.answering import check_answer
from sim.clients import Client, Wish
from sim.contacts import Contact
from sim.faults import Fault
from sim.loop import Loop, Violation
from sim.promises import Promises
from sim.settings import Setting
from sim.sockets import Pool
from sim.upstreams import Heard, Upstream

START = 1000.0
AFTERWARDS = 2.0
"""Seconds after everything is over in which the gateway may tidy up."""


class World:
    """`strict`: every promise is looked at, after every step; without, there is nothing but what the clients check.
    `served` hears of every exchange that is over.
    """

    def __init__(
        self,
        setting: Setting,
        seed: int,
        *,
        strict: bool = True,
        served: Callable[[Client, ExchangeEvent], object] = lambda *_: None,
        asked: Callable[[str, float], object] = lambda *_: None,
    ) -> None:
        self.setting = setting
        self.strict = strict
        self.loop = Loop(Random(f"loop {seed}"))
        self._seed = seed
        self._numbers = count(1)
        self._upstreams: dict[str, Upstream] = {}
        self.pools: dict[str, Pool] = {}
        self.contacts: dict[Call, Contact] = {}
        self.clients: dict[int, Client] = {}
        """Those that wait."""
        self._routes: dict[int, Route] = {}
        self._events: dict[int, ExchangeEvent] = {}
        self._ended: list[Client] = []
        self._to_come = iter(setting.wishes)
        self._served = served
        self._asked_upstream = asked
        self.gateway = Gateway(
            setting.shape.snapshot(),
            transport=self,
            sink=self,
            loop=self.loop,
            rng=Random(f"gateway {seed}"),
            now=self.loop.now,
            wall=self.loop.wall,
        )
        self.promises = Promises(self.gateway, self.loop, self.pools, self.contacts)
        self.loop.after_step = self._after_step if strict else self._settle
        self._await_next()
        for moment, what in setting.moments:
            self.loop.at(START + moment, partial(self._happen, what))
        if setting.heals is not None:
            self.loop.at(START + setting.heals, self.heal)

    # --- ports.Transport and ports.Sink ---

    def origin(self, provider: Provider) -> Pool:
        pool = self.pools.get(provider.name)
        if pool is None:
            pool = self.pools[provider.name] = Pool(self.loop, provider, self.upstream(provider.name), self._asked)
        return pool

    def record(self, event: ExchangeEvent) -> None:
        number = int(event.request_id.rpartition("-")[2], 16)
        if number in self._events or number not in self.clients:
            raise Violation(f"the exchange of client {number} is told of twice")
        self._events[number] = event

    def changed(self, change: Change, at: float) -> None:
        self.loop.note(change.message)

    # --- what happens ---

    def upstream(self, name: str) -> Upstream:
        found = self._upstreams.get(name)
        if found is None:
            rng = Random(f"upstream {name} {self._seed}")
            temper = self.setting.tempers[name]
            found = self._upstreams[name] = Upstream(name, temper, rng, self)
        return found

    def ask(self, wish: Wish) -> Client:
        number = self.gateway._count + 1
        client = self.clients[number] = Client(number, wish, self.loop, self._ended.append)
        self._routes[number] = self.gateway.snapshot.routes[wish.model]
        self.loop.note(client, "asks for", wish.endpoint, "streamed" if wish.stream else "whole", "of", wish.model)
        client.attend(self.gateway.handle(client.endpoint, wish.headers(), client.request(), client))
        if wish.leaves is not None:
            self.loop.call_later(wish.leaves, lambda: self._leave(client))
        return client

    def _await_next(self) -> None:
        wish = next(self._to_come, None)
        if wish is not None:
            self.loop.at(START + wish.at, partial(self._ask_and_await_next, wish))

    def _ask_and_await_next(self, wish: Wish) -> None:
        self._await_next()
        self.ask(wish)

    def heal(self) -> None:
        self.loop.note("everything is well from here on")
        for upstream in self._upstreams.values():
            upstream.heal()
        for temper in self.setting.tempers.values():
            temper.moods, temper.rate = [], float("inf")

    def run(self, seconds: float) -> None:
        """Let so many seconds pass after the start."""
        self.loop.run(START + seconds)

    def finish(self) -> None:
        """Let everything come to its end."""
        moments = [wish.at for wish in self.setting.wishes] + [moment for moment, _ in self.setting.moments]
        until = START + max(moments, default=0.0)
        while self.clients or self.loop.now() < until + self.loop.suspended:
            self.loop.run(self.loop.now() + 1.0)
            if self.loop.now() > START + 100_000.0:
                raise Violation(f"{next(iter(self.clients.values()))} waits for ever")
        self.loop.run(self.loop.now() + AFTERWARDS)
        self.promises.at_rest()

    def _happen(self, what: str) -> None:
        self.loop.note("---", what)
        match what:
            case "edit":
                if self.setting.edits is not None:
                    self.loop.note("changed:", self.setting.edits.edit(self.setting.shape))
                self.gateway.publish(self.setting.shape.snapshot())
            case "close idle" | "doom idle":
                for pool in self.pools.values():
                    pool.close_idle(noticed=what == "close idle")
            case "stray bytes":
                for pool in self.pools.values():
                    pool.stray(b"HTTP/1.1 408 Too Late\r\nconnection: close\r\n\r\n")
            case "reset":
                for name, pool in self.pools.items():
                    if self.upstream(name).mood().well == 0.0:
                        pool.reset()
            case "set clock":
                self.loop.step_wall(-3600.0)
            case _:
                self.loop.suspend(3.0)

    def _leave(self, client: Client) -> None:
        client.leave()
        if client.left:
            self.promises.gone(client)

    # --- what attempts do ---

    def next_call(self) -> int:
        return next(self._numbers)

    def _asked(self, pool: Pool, call: Call) -> None:
        if call in self.contacts:
            return
        number, attempt = inside.client_of(call), call.attempt
        contact = self.contacts[call] = Contact(call, attempt, number, self.loop.now())
        self._asked_upstream(pool.provider.name, self.loop.now() - START)
        self.loop.note("attempt", attempt.number, "of client", number, "at", attempt.candidate.name, attempt.reason)
        if self.strict:
            self.promises.attempt_begins(contact, self.clients[number], self._resilience(number))

    def met(self, call: Call, fault: Fault, heard: Heard | None) -> None:
        contact = self.contacts[call]
        contact.faults.append(fault)
        if heard is not None:
            contact.heards.append(heard)

    def _resilience(self, number: int) -> Resilience:
        return self._routes[number].resilience

    # --- what comes of it ---

    def _after_step(self) -> None:
        self._settle()
        self.promises.after_step()
        self.promises.paused_are_left_alone(self.clients.values())

    def _settle(self) -> None:
        """Judge what is over."""
        if not self._ended and not self._events:
            return
        for client in self._ended:
            event = self._events.pop(client.number, None)
            if event is None:
                raise Violation(f"{client} has its answer, and nothing is told of its exchange")
            del self.clients[client.number]
            self._judge(client, event)
        self._ended.clear()
        for number in self._events:
            raise Violation(f"the exchange of client {number} is told to be over, and its client waits")

    def _judge(self, client: Client, event: ExchangeEvent) -> None:
        route = self._routes.pop(client.number)
        contacts = [contact for contact in self.contacts.values() if contact.client == client.number]
        for contact in contacts:
            del self.contacts[contact.call]
        self.loop.note(client, "is over:", event.outcome, [f"{a.target}={a.result}" for a in event.attempts])
        self._served(client, event)
        if not self.strict:
            return
        self.promises.learn(contacts)
        self.promises.rests_only_grow()
        self.promises.check_event(client, event, contacts, route.resilience, route.fallbacks)
        heards = {heard.number: heard for contact in contacts for heard in contact.heards}
        check_answer(client, event, heards, route.resilience)


def failed(event: ExchangeEvent) -> bool:
    return event.outcome not in ("ok", FailureKind.CANCELLED.value)
