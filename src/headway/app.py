"""The composition root: the only place that names concrete classes.

`Headway` is one running gateway inside a loop: data plane, pages, log, metrics, and the watch on its configuration.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import IO

import msgspec

from headway.config.load import discover
from headway.config.problems import ConfigError
from headway.control.listings import Listings
from headway.control.reload import ConfigFile
from headway.core.load import Load
from headway.failures import Failure
from headway.observability.exports import Around, Exports
from headway.observability.log import LogWriter, notice_line
from headway.observability.metrics import Metrics
from headway.observability.recorder import Recorder
from headway.observability.targets import LiveMetrics
from headway.pipeline.gateway import Gateway
from headway.server.access import VARIABLE, Access, token_from
from headway.server.application import Application
from headway.server.hosting import GatewayServer, server_config
from headway.server.pages import pages
from headway.transport.signing import Signers
from headway.transport.upstreams import Upstreams, trust
from headway.types import Overview, RouteRecord, Snapshot, Tls


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How to run. `path` None: the snapshot came from the environment and is not reloaded."""

    path: Path | None = None
    host: str | None = None
    """Overrides the snapshot's."""
    port: int | None = None
    log: bool = True
    worker: int | None = None
    """Number of this worker where there are several; it becomes a label of every metric."""


class Headway:
    """Make it inside a running loop; `serve` runs until a signal, `close` releases what it holds."""

    def __init__(self, snapshot: Snapshot, settings: Settings, environ: Mapping[str, str], out: IO[bytes]) -> None:
        loop = asyncio.get_running_loop()
        self.loop = loop
        self.settings = settings
        self.draining = False
        worker = "" if settings.worker is None else f'worker="{settings.worker}"'
        self.metrics = Metrics(constant=worker)
        self._log = LogWriter(out, lambda lost: self.metrics.log_dropped.add((), lost)) if settings.log else None
        around = Around(providers=lambda: self.snapshot.providers, trust=lambda: trust(Tls()), worker=settings.worker)
        self._exports = Exports(snapshot.observability, around)
        self.recorder = Recorder(
            self.metrics,
            loop=loop,
            write=None if self._log is None else self._log.write,
            export=self._exports.take,
        )
        self.upstreams = Upstreams(environ)
        self.signers = Signers(environ)
        self.gateway = Gateway(
            snapshot,
            transport=self.upstreams,
            sink=self.recorder,
            loop=loop,
            rng=Random(),
            signers=self.signers,
        )
        self._environ = environ
        self._listings = Listings(
            self.upstreams,
            self.signers,
            environ,
            snapshot=lambda: self.snapshot,
            changed=self._models_changed,
            notice=self.notice,
        )
        self.access = Access(settings.host or snapshot.server.host, token_from(environ.get(VARIABLE)))
        self.application = Application(self.gateway, pages(self))
        self._file = (
            None
            if settings.path is None
            else ConfigFile(settings.path, environ, publish=self.publish, refused=self._config_refused)
        )
        registry, now = self.gateway.registry, self.gateway.now
        self.metrics.gauge("headway_parked_keys", "Keys left alone after a refusal.", lambda: registry.parked(now()))
        self.metrics.gauge("headway_open_breakers", "Deployments left alone for their health.", registry.tripped)
        self.metrics.gauge("headway_in_flight_requests", "Exchanges under way.", lambda: self.gateway.in_flight)
        self.metrics.gauge("headway_upstream_connections", "Open connections to providers.", self.upstreams.connections)
        self.metrics.gauge(
            "headway_config_generation", "The running configuration's number.", lambda: self.gateway.snapshot.generation
        )
        self._live = LiveMetrics(self.gateway.overview)
        self.metrics.live.extend(self._live.families())
        self.metrics.live.extend(self._exports.families())

    # --- what the pages tell about ---

    @property
    def snapshot(self) -> Snapshot:
        return self.gateway.snapshot

    @property
    def in_flight(self) -> int:
        return self.gateway.in_flight

    @property
    def last_config_error(self) -> str | None:
        return None if self._file is None else self._file.error

    def render_metrics(self) -> str:
        self.recorder.drain()
        self._live.look()
        return self.metrics.render()

    def overview(self) -> Overview:
        return self.gateway.overview()

    def explain(self, model: str, load: Load, session: str | None) -> RouteRecord | Failure:
        return self.gateway.explain(model, load, session)

    # --- configuration ---

    def publish(self, snapshot: Snapshot) -> None:
        self.gateway.publish(snapshot)
        self.upstreams.keep(snapshot.providers.values())
        self._exports.adjust(snapshot.observability)
        self.metrics.reloads.add(("ok",))
        self.notice("config_published", f"generation {snapshot.generation} from {snapshot.source}")

    def reload(self) -> None:
        if self._file is not None:
            self._file.ask()

    def _models_changed(self) -> None:
        """A provider lists other models than before: what they are called, cost and can do is part of a snapshot."""
        if self._file is not None:
            self._file.ask()
            return
        try:
            self.publish(discover(self._environ, generation=self.snapshot.generation + 1))
        except ConfigError as error:
            self._config_refused(str(error))

    def _config_refused(self, error: str) -> None:
        self.metrics.reloads.add(("refused",))
        self.notice("config_refused", f"the running configuration stays: {error}")

    def notice(self, event: str, message: str) -> None:
        if self._log is not None:
            self._log.write(notice_line(self.gateway.wall(), event, message))

    # --- running ---

    async def serve(self, sock: socket.socket | None = None) -> None:
        """Serve until a signal, then drain. `sock` is a listening socket shared with other workers."""
        if sock is not None:
            self.access.host = str(sock.getsockname()[0])
        server = self.server()
        watch = None if self._file is None else asyncio.ensure_future(self._file.watch())
        lists = asyncio.ensure_future(self._listings.keep(Random()))
        self.loop.add_signal_handler(signal.SIGHUP, self.reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # a worker begins with it blocked
        server.watch_idle(self.loop)
        try:
            await server.serve(None if sock is None else [sock])
        finally:
            self.loop.remove_signal_handler(signal.SIGHUP)
            lists.cancel()
            if watch is not None:
                watch.cancel()
            self.close()

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
        self.gateway.close()
        self.signers.close()
        self.upstreams.close()
        self.recorder.drain()
        self._exports.close()
        if self._log is not None:
            self._log.close()
