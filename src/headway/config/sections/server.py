"""Where the gateway listens, and what one client can make it hold."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from headway.config.fields import Host
from headway.config.quantities import BodySize, HeadSize, Pause, Port, Wait
from headway.config.sections.base import Section
from headway.types import Server, ServerLimits

_LIMITS = ServerLimits()
_SERVER = Server()


class ServerLimitsSection(Section):
    """What one client can make the gateway hold."""

    later: ClassVar[frozenset[str]] = frozenset({"connections", "rpm", "tpm", "concurrency"})

    body: BodySize = Field(default=_LIMITS.body, description="Largest request body.")
    head: HeadSize = Field(default=_LIMITS.head, description="Largest request head: request line and headers together.")
    keep_alive: Wait = Field(
        default=_LIMITS.keep_alive,
        description="How long an idle client connection is kept, and how long a request may arrive without progress.",
    )
    drain: Pause = Field(
        default=_LIMITS.drain, description="How long requests in flight may go on after the gateway was told to stop."
    )


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
