"""Who else is told of finished exchanges, by the running configuration: files, webhooks, OpenTelemetry.

A reload closes what is not wanted any more and leaves alone what stays as it was. OpenTelemetry's library is only
loaded when it is wanted.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import import_module
from random import Random
from typing import NamedTuple, Protocol

import msgspec

from headway.observability.files import JsonlPipe
from headway.observability.metrics import ReadCounter
from headway.observability.webhook import WebhookPipe
from headway.types import ExchangeEvent, JsonlSink, Observability, Otel, Provider, WebhookSink

CLOSE_WITHIN = 5.0
"""Seconds in which everything that waits must be handed over at the end, or is lost."""

Wanted = Otel | JsonlSink | WebhookSink


class Pipe(Protocol):
    """Where events go. `take` returns at once, `close` hands over what waits."""

    def lost(self) -> Mapping[str, int]:
        """How many never arrived, of each thing that was to."""
        ...

    def take(self, events: list[ExchangeEvent], /) -> None: ...

    def close(self, timeout: float, /) -> None: ...


class Around(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What the pipes need of the gateway. Both are called from any thread."""

    providers: Callable[[], Mapping[str, Provider]]
    """Those of the running configuration."""
    trust: Callable[[], ssl.SSLContext]
    """Makes what verifies certificates."""
    worker: int | None = None


class Closing(NamedTuple):
    """A pipe on its way out."""

    name: str
    pipe: Pipe
    thread: threading.Thread


class Exports:
    """Make it and call it in the loop's thread."""

    def __init__(self, settings: Observability, around: Around) -> None:
        self._around = around
        self._pipes: dict[Wanted, Pipe] = {}
        self._closing: list[Closing] = []
        self._lost: Counter[tuple[str, str]] = Counter()
        """By pipes that are closed."""
        self.adjust(settings)

    def adjust(self, settings: Observability) -> None:
        """Have the pipes that are wanted now."""
        wanted: list[Wanted] = [*settings.sinks] if settings.otel is None else [settings.otel, *settings.sinks]
        for each in [each for each in self._pipes if each not in wanted]:
            self._close(each, CLOSE_WITHIN)
        self._pipes = {each: self._pipes.get(each) or self._made(each) for each in wanted}

    def take(self, events: list[ExchangeEvent]) -> None:
        for pipe in self._pipes.values():
            pipe.take(events)

    def close(self, within: float = CLOSE_WITHIN) -> None:
        """Hand over what waits, in `within` seconds."""
        until = time.monotonic() + within
        for each in list(self._pipes):
            self._close(each, within)
        for closing in self._closing:
            closing.thread.join(max(until - time.monotonic(), 0.0))

    def families(self) -> list[ReadCounter]:
        return [
            ReadCounter(
                "headway_exports_dropped_total",
                "Events and spans that did not reach a sink or OpenTelemetry's collector.",
                ("sink", "what"),
                lambda: self._losses().items(),
            )
        ]

    def _losses(self) -> Counter[tuple[str, str]]:
        for gone in [each for each in self._closing if not each.thread.is_alive()]:
            self._closing.remove(gone)
            self._lost.update(_named(gone.name, gone.pipe))
        found = self._lost.copy()
        for each in self._closing:
            found.update(_named(each.name, each.pipe))
        for wanted, pipe in self._pipes.items():
            found.update(_named(_name_of(wanted), pipe))
        return found

    def _made(self, wanted: Wanted) -> Pipe:
        match wanted:
            case JsonlSink():
                return JsonlPipe(wanted, self._around.worker)
            case WebhookSink():
                return WebhookPipe(wanted, self._around.trust, Random())
            case Otel():
                pipe: Pipe = import_module("headway.observability.otel.pipe").otlp(wanted, self._around.providers)
                return pipe

    def _close(self, wanted: Wanted, within: float) -> None:
        """In a thread, since the loop must not wait for the slow."""
        pipe = self._pipes.pop(wanted)
        thread = threading.Thread(target=pipe.close, args=(within,), name="headway-closing", daemon=True)
        thread.start()
        self._closing.append(Closing(_name_of(wanted), pipe, thread))


def _name_of(wanted: Wanted) -> str:
    return "otel" if isinstance(wanted, Otel) else wanted.name


def _named(name: str, pipe: Pipe) -> dict[tuple[str, str], int]:
    return {(name, what): count for what, count in pipe.lost().items()}
