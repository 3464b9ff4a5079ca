"""Where the gateway listens, and what one client can make it hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from pydantic import Field

from headway.config.fields import Host
from headway.config.quantities import Amount, BodySize, Concurrency, HeadSize, Pause, Port, Wait
from headway.config.sections.base import Section
from headway.types import Server, ServerLimits

_LIMITS = ServerLimits()
_SERVER = Server()


class ClientLimitsSection(Section):
    """What each client may ask for. Clients are told apart by the key that they show."""

    rpm: Amount | None = Field(default=None, description="Most requests a minute.")
    tpm: Amount | None = Field(default=None, description="Most tokens a minute, sent and answered.")
    concurrency: Concurrency | None = Field(default=None, description="Most requests at a time.")


class ServerLimitsSection(Section):
    """What one client can make the gateway hold."""

    later: ClassVar[frozenset[str]] = frozenset({"connections"})
    elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType(
        dict.fromkeys(("rpm", "tpm", "concurrency"), "belongs under 'clients', and holds for each of them")
    )

    body: BodySize = Field(default=_LIMITS.body, description="Largest request body.")
    head: HeadSize = Field(default=_LIMITS.head, description="Largest request head: request line and headers together.")
    keep_alive: Wait = Field(
        default=_LIMITS.keep_alive,
        description="How long an idle client connection is kept, and how long a request may arrive without progress.",
    )
    drain: Pause = Field(
        default=_LIMITS.drain, description="How long requests in flight may go on after the gateway was told to stop."
    )
    in_flight: Concurrency | None = Field(
        default=None, description="Most requests at a time, of all clients; those beyond it are refused at once."
    )
    clients: ClientLimitsSection = Field(default=ClientLimitsSection(), description="What each client may ask for.")


class ServerSection(Section):
    """Where the gateway listens."""

    later: ClassVar[frozenset[str]] = frozenset({"tls", "workers", "cors"})

    host: Host = Field(
        default=_SERVER.host, description="Host name or IP address to listen on; 0.0.0.0 is every interface."
    )
    port: Port = Field(default=_SERVER.port, description="Port to listen on; 0 takes a free one.")
    limits: ServerLimitsSection = Field(
        default=ServerLimitsSection(), description="What one client can make the gateway hold."
    )
