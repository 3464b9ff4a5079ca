"""The composition root: the only place that names concrete classes.

`Headway` is one running gateway inside a loop: data plane, pages, log, metrics, and the watch on its configuration.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from typing import IO

import msgspec

from headway.config.load import discover, load
from headway.config.problems import ConfigError
from headway.config.published import Published
from headway.control.listings import Listings
from headway.control.reload import Configuration, Source, Start
from headway.core.load import Load
from headway.failures import Failure
from headway.observability.alarm import Alarm
from headway.observability.exports import Around, Exports
from headway.observability.feed import Feed
from headway.observability.log import LogWriter, notice_line
from headway.observability.metrics import Gauge, Metrics, ReadCounter, Samples
from headway.observability.posting import post
from headway.observability.recorder import Recorder
from headway.observability.shipping import Shipments
from headway.observability.targets import LiveMetrics
from headway.observability.webhooks import Result, Webhooks
from headway.pipeline.gateway import Gateway
from headway.server.access import SETUP_VARIABLE, VARIABLE, Access, token_from
from headway.server.application import Application
from headway.server.hosting import GatewayServer, server_config
from headway.server.later import Closing, Later
from headway.server.pages import pages
from headway.storage.published import Publications
from headway.transport.signing import Signers
from headway.transport.upstreams import Upstreams, trust
from headway.types import Alert, Orders, Overview, RouteRecord, Snapshot, Tls


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to run. `path` None: the snapshot came from the environment and is not reloaded."""

    path: Path | None = None
    host: str | None = None
    """Overrides the snapshot's."""
    port: int | None = None
    log: bool = True
    worker: int | None = None
    """Number of this worker where there are several; it becomes a label of every metric."""


def _orders(snapshot: Snapshot) -> Orders | None:
    """What the writer of the request log is told first."""
    storage, content = snapshot.storage, snapshot.observability.content
    if storage.url is None:
        return None
    return Orders(
        url=storage.url.reveal(),
        kept=storage.kept,
        cap=content.cap,
        masking=content.masking,
        budgets=snapshot.alerts.budgets,
    )


def _discovered(environ: Mapping[str, str], generation: int) -> Snapshot:
    return discover(environ, generation=generation)


def _administration(headway: Headway) -> Closing:
    """Imported when it is asked for: with what it stands on it takes as much memory as all the rest."""
    make = import_module("headway.admin.application").Administration
    return make(headway, headway.access, headway.feed, setup_token=headway.setup_token)


class Headway:
    """Make it inside a running loop; `serve` runs until a signal, `close` releases what it holds."""

    def __init__(
        self,
        snapshot: Snapshot,
        settings: Settings,
        environ: Mapping[str, str],
        out: IO[bytes],
        *,
        again: Callable[[int], Snapshot] | None = None,
        start: Start | None = None,
    ) -> None:
        """`again` makes the snapshot once more with another number, where it came from no file; not given: it came from
        the environment. With a `start` what is published by API is followed.
        """
        self.loop = asyncio.get_running_loop()
        self.settings = settings
        self.environ = environ
        self.draining = False
        self._observe(snapshot, out)
        self._serve_models(snapshot, environ)
        self._follow_listings(environ, again)
        self.access = Access(settings.host or snapshot.server.host, token_from(environ.get(VARIABLE)))
        self.setup_token = token_from(environ.get(SETUP_VARIABLE))
        self._raise_alarms(snapshot)
        self.feed = Feed(self.recorder.watch)
        self._publications = Publications()
        self.configuration = self._configured(start)
        self.administration = Later(lambda: _administration(self))
        self.application = Application(self.gateway, pages(self, administration=self.administration))
        self._live = LiveMetrics(self.gateway.overview)
        self._show_live_state()

    # --- what it is made of ---

    def _observe(self, snapshot: Snapshot, out: IO[bytes]) -> None:
        """Whoever hears how exchanges went: metrics, log, request log, exports."""
        settings = self.settings
        worker = "" if settings.worker is None else f'worker="{settings.worker}"'
        self.metrics = Metrics(constant=worker)
        self._log = LogWriter(out, lambda lost: self.metrics.log_dropped.add((), lost)) if settings.log else None
        self.request_log = Shipments([sys.executable, "-m", "headway.storage.writer"], self._log_failed)
        self.request_log.adjust(_orders(snapshot))
        around = Around(providers=lambda: self.snapshot.providers, trust=lambda: trust(Tls()), worker=settings.worker)
        self._exports = Exports(snapshot.observability, around)
        self.recorder = Recorder(
            self.metrics,
            loop=self.loop,
            write=None if self._log is None else self._log.write,
            ship=self.request_log,
            export=self._exports.take,
        )

    def _serve_models(self, snapshot: Snapshot, environ: Mapping[str, str]) -> None:
        """The data plane and what it reaches providers by."""
        self.upstreams = Upstreams(environ)
        self.signers = Signers(environ)
        self.gateway = Gateway(
            snapshot,
            transport=self.upstreams,
            sink=self.recorder,
            loop=self.loop,
            rng=Random(),
            signers=self.signers,
            keep_content=self.recorder.keep_content,
        )

    def _follow_listings(self, environ: Mapping[str, str], again: Callable[[int], Snapshot] | None) -> None:
        """What providers list, and how to make the snapshot once more when that has changed."""
        self._again: Callable[[int], Snapshot] = again or partial(_discovered, environ)
        self._listings = Listings(
            self.upstreams,
            self.signers,
            environ,
            snapshot=lambda: self.snapshot,
            changed=self.models_changed,
            notice=self.notice,
        )

    def _raise_alarms(self, snapshot: Snapshot) -> None:
        self.alarm = Alarm(
            snapshot.alerts,
            troubles=self.gateway.troubles,
            lost=lambda: self.metrics.lines_lost + self.request_log.dropped,
            spent=lambda: self.request_log.spent,
            wall=self.gateway.wall,
            notice=self.notice,
            webhooks=Webhooks(partial(post, self.upstreams), self._alert_sent, Random()),
            tells_of_budgets=not self.settings.worker,  # the first of several is number 0
        )
        self.recorder.follow(self.alarm)

    def _show_live_state(self) -> None:
        """Metrics that are read when they are asked for."""
        registry, now = self.gateway.registry, self.gateway.now
        self.metrics.gauge("headway_parked_keys", "Keys left alone after a refusal.", lambda: registry.parked(now()))
        self.metrics.gauge("headway_open_breakers", "Deployments left alone for their health.", registry.tripped)
        self.metrics.gauge("headway_in_flight_requests", "Exchanges under way.", lambda: self.gateway.in_flight)
        self.metrics.gauge("headway_upstream_connections", "Open connections to providers.", self.upstreams.connections)
        self.metrics.gauge(
            "headway_config_generation", "The running configuration's number.", lambda: self.gateway.snapshot.generation
        )
        meaning = "Rows of the request log, by what became of them."
        self.metrics.live.append(ReadCounter("headway_request_log_rows_total", meaning, ("result",), self._rows))
        meaning = "Messages and replies that were to be kept, by what became of them."
        self.metrics.live.append(ReadCounter("headway_request_contents_total", meaning, ("result",), self._contents))
        self.metrics.live.extend(self._live.families())
        self.metrics.live.append(Gauge("headway_alerts", "Alerts that last.", ("kind",), self.alarm.firing))
        meaning = "The part of a budget that is spent in the period that runs."
        self.metrics.live.append(Gauge("headway_spent_ratio", meaning, ("budget",), self.alarm.budgets_used))
        self.metrics.live.extend(self._exports.families())

    # --- what the pages tell about ---

    @property
    def snapshot(self) -> Snapshot:
        return self.gateway.snapshot

    @property
    def in_flight(self) -> int:
        return self.gateway.in_flight

    @property
    def has_siblings(self) -> bool:
        """Other workers listen on the same socket."""
        return self.settings.worker is not None

    @property
    def last_config_error(self) -> str | None:
        return None if self.configuration is None else self.configuration.error

    def render_metrics(self) -> str:
        self.recorder.drain()
        self._live.look()
        return self.metrics.render()

    def overview(self) -> Overview:
        return self.gateway.overview()

    def explain(self, model: str, load: Load, session: str | None) -> RouteRecord | Failure:
        return self.gateway.explain(model, load, session)

    def alerts(self) -> tuple[Alert, ...]:
        return self.alarm.listed()

    def _rows(self) -> Samples:
        return [(("stored",), self.request_log.stored), (("dropped",), self.request_log.dropped)]

    def _contents(self) -> Samples:
        counted = self.request_log.contents
        return [(("stored",), counted.stored), (("dropped",), counted.dropped)]

    def _log_failed(self, why: str | None) -> None:
        if why is None:
            self.notice("request_log_recovered", "the request log is written again")
        else:
            self.notice("request_log_failed", f"the request log cannot be written; requests are served as ever: {why}")

    # --- configuration ---

    def _configured(self, start: Start | None) -> Configuration | None:
        path = self.settings.path
        if start is not None:
            return Configuration(
                start.make,
                path=path,
                publish=self.publish,
                refused=self.config_refused,
                publications=Source(self._newest, self._database_trouble),
                published=start.published,
                error=start.error,
            )
        if path is None:
            return None
        return Configuration(
            lambda generation, _: load(path, self.environ, generation=generation),
            path=path,
            publish=self.publish,
            refused=self.config_refused,
        )

    async def _newest(self, known: int | None) -> Published | None:
        url = self.snapshot.storage.url
        return None if url is None else await self._publications.newest(url.reveal(), known)

    def _database_trouble(self, why: str | None) -> None:
        if why is None:
            self.notice("publications_recovered", "what is published can be read again")
        else:
            self.notice("publications_unreadable", f"what is published cannot be read; what runs stays: {why}")

    def publish(self, snapshot: Snapshot) -> None:
        self.gateway.publish(snapshot)
        self.upstreams.keep(snapshot.providers.values())
        self.request_log.adjust(_orders(snapshot))
        self.alarm.adjust(snapshot.alerts)
        self._exports.adjust(snapshot.observability)
        self.metrics.reloads.add(("ok",))
        self.notice("config_published", f"generation {snapshot.generation} from {snapshot.source}")

    def reload(self) -> None:
        if self.configuration is not None:
            self.configuration.ask()

    def models_changed(self) -> None:
        """A provider lists other models than before: what they are called, cost and can do is part of a snapshot."""
        if self.configuration is not None:
            self.configuration.ask()
            return
        try:
            self.publish(self._again(self.snapshot.generation + 1))
        except ConfigError as error:
            self.config_refused(str(error))

    def config_refused(self, error: str) -> None:
        self.metrics.reloads.add(("refused",))
        self.notice("config_refused", f"the running configuration stays: {error}")

    def notice(self, event: str, message: str, facts: Iterable[tuple[str, object]] = ()) -> None:
        if self._log is not None:
            self._log.write(notice_line(self.gateway.wall(), event, message, facts))

    def _alert_sent(self, result: Result, why: str) -> None:
        self.metrics.alert_posts.add((result,))
        if why:
            self.notice("alert_not_sent", why)

    # --- running ---

    async def serve(self, sock: socket.socket | None = None) -> None:
        """Serve until a signal, then drain. `sock` is a listening socket shared with other workers."""
        if sock is not None:
            self.access.host = str(sock.getsockname()[0])
        server = self.server()
        self.request_log.begin()
        watch = None if self.configuration is None else asyncio.ensure_future(self.configuration.watch())
        lists = asyncio.ensure_future(self._listings.keep(Random()))
        alarm = asyncio.ensure_future(self.alarm.keep())
        self.loop.add_signal_handler(signal.SIGHUP, self.reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # a worker begins with it blocked
        server.watch_idle(self.loop)
        try:
            await server.serve(None if sock is None else [sock])
        finally:
            self.loop.remove_signal_handler(signal.SIGHUP)
            lists.cancel()
            alarm.cancel()
            if watch is not None:
                watch.cancel()
            self.close()
            await self.administration.close()
            await self._publications.close()
            await self.request_log.close()

    def server(self) -> GatewayServer:
        wanted, limits = self.snapshot.server, self.snapshot.server.limits
        config = server_config(
            self.application,
            host=self.settings.host or wanted.host,
            port=wanted.port if self.settings.port is None else self.settings.port,
            drain=limits.drain,
            keep_alive=limits.keep_alive,
        )
        return GatewayServer(config, self.application, self._drain)

    def _drain(self) -> None:
        self.draining = True
        self.notice("draining", f"{self.in_flight} requests in flight")

    def close(self) -> None:
        self.alarm.close()
        self.gateway.close()
        self.signers.close()
        self.upstreams.close()
        self.recorder.drain()
        self._exports.close()
        if self._log is not None:
            self._log.close()
