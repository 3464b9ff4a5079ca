"""What one run is made of: a configuration, providers and their tempers, clients and their wishes, all drawn by chance
from the run's seed.

Each world has a theme, which makes some things more likely: what needs several things to come together would hardly
ever happen otherwise.
"""

from __future__ import annotations

from math import inf
from random import Random
from typing import Literal

import msgspec

from headway.failures import FailureKind
from headway.types import BalanceName, Breaker, Credential, Hedge, Limits, Quirks, Resilience, Secret, Timeouts
from sim.answers import Style
from sim.clients import Wish
from sim.faults import DIALS, EITHER, STREAM, WHOLE
from sim.shapes import Keyed, Shape, Tiers
from sim.upstreams import Mood, Temper

BALANCES: tuple[BalanceName, ...] = ("adaptive", "adaptive", "least_busy", "latency", "cost", "weighted", "round_robin")
KINDS = ("custom", "custom", "openai", "anthropic", "groq")
BROKEN = (*EITHER, *WHOLE, *STREAM)
FALL_BACK_ON: tuple[FailureKind, ...] = (
    FailureKind.CONTEXT_TOO_LONG,
    FailureKind.CONTENT_BLOCKED,
    FailureKind.UNSUPPORTED_FEATURE,
    FailureKind.MODEL_NOT_FOUND,
)
LASTING = 300.0
"""Seconds: a Retry-After that only some worlds know."""

Theme = Literal["anything", "seams", "calls", "refusals", "quotas"]
"""Texts that are continued, tool calls, requests that nobody takes, keys with small quotas."""
OF_THEME: dict[Theme, tuple[str, ...]] = {
    "anything": (),
    "seams": ("stall", "cut", "cut_clean", "error_later", "pause"),
    "calls": ("half_call", "cut_clean", "cut", "stall", "model_fault"),
    "refusals": ("request", "request", "model", "error_first"),
    "quotas": ("limited", "down"),
}
"""The faults that such a world is about."""

Moment = tuple[float, str]
"""Seconds after the run begins, and what happens then to the gateway or its machine."""


class Setting(msgspec.Struct):
    """`heals`: seconds after which nothing fails any more; None: never. `edits` draws changes of the configuration."""

    shape: Shape
    tempers: dict[str, Temper]
    wishes: list[Wish]
    moments: list[Moment]
    heals: float | None = None
    edits: Drawing | None = None


def draw(seed: int, *, heals: bool) -> Setting:
    setting = Drawing(Random(f"setting {seed}"), Drawing(Random(f"edits {seed}"))).setting(heals=heals)
    _spread(setting, Random(f"spread {seed}"))
    return setting


def _spread(setting: Setting, rng: Random) -> None:
    """How the traffic of two worlds of three is spread and bounded."""
    if rng.random() < 1 / 3:
        return
    shape = setting.shape
    shape.balance = rng.choice(BALANCES)
    shape.affinity = rng.choice((None, 5.0, 600.0))
    dear = shape.balance != "cost" or setting.heals is None  # whoever is dear is rightly left alone by that strategy
    shape.prices = {each.name: rng.choice((1.0, 2.0)) for each in shape.providers if dear and rng.random() < 0.5}
    for each in shape.providers:
        if setting.heals is None and rng.random() < 0.3:  # what is bounded by us never heals
            limits = Limits(rpm=rng.choice((None, 5, 20)), tpm=rng.choice((None, 3000)))
            each.keys = [msgspec.structs.replace(key, limits=limits) for key in each.keys]
    for wish in setting.wishes:
        wish.tenant = rng.choice(("", "one", "two"))
        wish.session = rng.choice(("", "", "this", "that"))
        wish.priority = rng.choice(("", "", "low", "normal", "high"))
        wish.bulk = rng.choice((0, 0, 0, 5000))


class Drawing:
    """Everything about one world that is left to chance."""

    def __init__(self, rng: Random, edits: Drawing | None = None) -> None:
        self._rng = rng
        self._edits = edits
        self._theme: Theme = rng.choice(("anything", "anything", "seams", "seams", "calls", "refusals", "quotas"))

    def setting(self, *, heals: bool) -> Setting:
        rng = self._rng
        names = [f"p{n}" for n in range(rng.randint(1 + self._is("seams"), 4))]
        shape = Shape([self._provider(name) for name in names], self.tiers(names))
        shape.fallbacks = [self._fallback(names) for _ in range(rng.choice((0, 0, 1, 2)) + self._is("refusals"))]
        shape.resilience = self.resilience()
        shape.breaker = Breaker(
            failures=rng.randint(2, 6),
            rest=rng.choice((1.0, 5.0)),
            longest_rest=rng.choice((10.0, 60.0)),
            ramp=rng.choice((5.0, 30.0)),
        )
        shape.balance = rng.choice(("weighted", "round_robin"))
        length = rng.choice((5.0, 20.0, 60.0))
        lasting = not heals or rng.random() < 0.3
        tempers = {each.name: self._temper(each, length, lasting=lasting) for each in shape.providers}
        wishes = sorted((self._wish(length) for _ in range(rng.randint(5, 30))), key=lambda wish: wish.at)
        return Setting(shape, tempers, wishes, self._moments(length), length if heals else None, self._edits)

    def edit(self, shape: Shape) -> str:
        """Change something; says what."""
        rng = self._rng
        what = rng.choice(("nothing", "tiers", "secret", "caps", "resilience", "keys"))
        provider = rng.choice(shape.providers)
        if what == "tiers":
            shape.tiers = self.tiers([each.name for each in shape.providers])
        elif what == "resilience":
            shape.resilience = self.resilience()
        elif what == "secret":
            old = rng.choice(provider.keys)
            secret = Secret(f"sk-{provider.name}-{old.name}-{shape.generation}")
            provider.keys[provider.keys.index(old)] = msgspec.structs.replace(old, secret=secret)
        elif what == "caps":
            provider.concurrency = rng.choice((None, 1, 3))
            caps = [rng.choice((None, 1, 2)) for _ in provider.keys]
            replace = msgspec.structs.replace
            provider.keys = [replace(key, concurrency=cap) for key, cap in zip(provider.keys, caps, strict=True)]
        elif what == "keys" and len(provider.keys) > 1:
            provider.keys.pop()
        elif what == "keys":
            provider.keys.append(self._key(provider.name, f"new{shape.generation}"))
        return what

    def _is(self, theme: Theme) -> bool:
        return self._theme == theme

    # --- the configuration ---

    def _provider(self, name: str) -> Keyed:
        rng = self._rng
        quirks = Quirks(
            stream_usage=rng.random() < 0.8,
            stream_done=rng.random() < 0.9,
            prefill=rng.choice(("plain" if self._is("seams") else "none", "none", "plain", "prefix", "continue")),
        )
        keys = [self._key(name, f"k{n}") for n in range(rng.randint(1, 3))]
        return Keyed(name, rng.choice(KINDS), keys, rng.choice((None, None, None, 2, 6)), quirks)

    def _key(self, provider: str, name: str) -> Credential:
        rng = self._rng
        return Credential(
            name=name,
            secret=Secret(f"sk-{provider}-{name}"),
            weight=rng.choice((1.0, 1.0, 0.5, 3.0)),
            concurrency=rng.choice((None, None, None, 1, 2, 5)),
        )

    def tiers(self, names: list[str]) -> Tiers:
        rng = self._rng
        left = [(name, model) for name in names for model in ("m0", "m1") if model == "m0" or rng.random() < 0.3]
        rng.shuffle(left)
        tiers: Tiers = []
        for _ in range(rng.randint(1, 3)):
            taken, left = left[: rng.randint(1, 3)], left[3:]
            if taken:
                weights = (1.0, *[rng.choice((1.0, 1.0, 2.0, 0.0)) for _ in taken[1:]])
                tiers.append([(*each, weight) for each, weight in zip(taken, weights, strict=True)])
        return tiers

    def _fallback(self, names: list[str]) -> tuple[list[FailureKind], Tiers]:
        rng = self._rng
        kinds = rng.sample(FALL_BACK_ON, rng.randint(1, 4))
        return kinds, [[(rng.choice(names), "large", 1.0)]] if rng.random() < 0.6 else []

    def resilience(self) -> Resilience:
        rng = self._rng
        timeouts = Timeouts(
            connect=rng.choice((1.0, 5.0)),
            headers=rng.choice((None, 2.0, 10.0)),
            first_token=rng.choice((None, 1.0, 5.0)),
            stall=rng.choice((None, 2.0, 10.0)),
            alive=rng.choice((5.0, 30.0, 300.0)),
            total=rng.choice((3.0, 15.0, 40.0, 120.0)),
            hold=rng.choice((None, 0.3, 2.0, 15.0)),
        )
        hedge = Hedge(delay=rng.choice((0.5, 2.0)), share=rng.choice((0.02, 0.5))) if rng.random() < 0.4 else None
        return Resilience(
            attempts=rng.choice((1, 2, 3, 3, 4)) + self._is("seams"),
            retries=rng.choice((0, 1, 1)),
            longest_wait=rng.choice((0.0, 1.0, 10.0)),
            timeouts=timeouts,
            stream=rng.choice(("live", "live", "live", "live" if self._is("seams") else "whole")),
            tool_calls=rng.choice(("live", "whole")),
            continuation=self._is("seams") or rng.random() < 0.4,
            hedge=hedge,
        )

    # --- the providers ---

    def _temper(self, each: Keyed, length: float, *, lasting: bool) -> Temper:
        """`lasting`: what is refused may be refused for an hour."""
        rng = self._rng
        style = Style(
            spaced=rng.random() < 0.2,
            crlf=rng.random() < 0.1,
            tight=rng.random() < 0.2,
            done=each.quirks.stream_done,
            usage=each.quirks.stream_usage,
            echoes=rng.random() < 0.3,
        )
        refusals = ("limited", "down", "request", *(("key", "money", "model", "daily") if lasting else ()))
        moods: list[tuple[float, Mood]] = []
        since = 0.0
        while since < length:
            moods.append((1000.0 + since, self._mood(refusals)))
            since += rng.choice((2.0, 5.0, 20.0))
        limited = rng.random() < (0.8 if self._is("quotas") else 0.1)
        return Temper(
            kind=each.kind,
            style=style,
            moods=moods,
            rate=rng.choice((0.2, 1.0)) if limited else inf,
            burst=rng.choice((1.0, 3.0)),
            hints=(0.0, 0.3, 1.0, 3.0, 20.0) + ((LASTING,) if lasting else ()),
            quick=rng.choice((0.0, 0.05, 0.4)),
        )

    def _mood(self, refusals: tuple[str, ...]) -> Mood:
        rng, how = self._rng, self._rng.random()
        own = OF_THEME[self._theme]
        if own and how < 0.7:
            return Mood(rng.choice((0.2, 0.5, 0.8)), own)
        if how < 0.3:
            return Mood()
        if how < 0.5:  # one thing goes wrong, mostly or always
            return Mood(rng.choice((0.0, 0.0, 0.5)), (rng.choice((*DIALS, *BROKEN, *refusals)),))
        if how < 0.6:
            return Mood(0.0, ("refuse", *BROKEN))
        return Mood(rng.choice((0.2, 0.5, 0.8)), (*DIALS, *BROKEN, *refusals))

    # --- the clients ---

    def _wish(self, length: float) -> Wish:
        rng = self._rng
        endpoint = rng.choice(("chat", "chat", "chat", "chat", "responses", "audio.speech"))
        slow, themed = rng.random() < 0.15, self._is("seams") or self._is("calls")
        stream = endpoint != "audio.speech" and rng.random() < (0.9 if themed else 0.7)
        likes_tools = 0.05 if self._is("seams") else 0.9 if self._is("calls") else 0.3
        tools = endpoint != "audio.speech" and rng.random() < likes_tools
        return Wish(
            at=rng.uniform(0.0, length) if rng.random() < 0.8 else 0.0,
            endpoint=endpoint,
            model=rng.choice(("default", "default", "default", "other")),
            stream=stream,
            tools=tools,
            choices=2 if endpoint == "chat" and not tools and rng.random() < 0.1 else 1,
            usage=endpoint == "chat" and rng.random() < 0.3,
            leaves=rng.choice((0.0, 0.01, 0.5, rng.uniform(0.0, 10.0))) if rng.random() < 0.2 else None,
            room=rng.choice((1.0, 500.0, 2000.0)) if slow else inf,
            reads=rng.choice((0.0, 200.0, 5000.0)) if slow else inf,
            timeout=rng.choice(("100ms", "1s", "5s")) if rng.random() < 0.15 else None,
            attempts=rng.randint(1, 3) if rng.random() < 0.1 else None,
            max_tokens=rng.choice((1, 20, 1000)) if rng.random() < 0.2 else None,
        )

    def _moments(self, length: float) -> list[Moment]:
        """Edits, idle connections that close, clocks that are set, a machine that sleeps."""
        rng = self._rng
        often = {
            "edit": (0, 0, 1, 3),
            "close idle": (0, 1, 2),
            "doom idle": (0, 1, 4),
            "stray bytes": (0, 0, 1),
            "set clock": (0, 0, 0, 1),
            "suspend": (0, 0, 0, 0, 1),
        }
        return sorted(
            (rng.uniform(0.0, length), what) for what, counts in often.items() for _ in range(rng.choice(counts))
        )
