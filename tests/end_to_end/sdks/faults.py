"""What goes wrong at the upstreams: for each client, upstream and fault a logical model of its own.

So no exchange suffers for another, as keys are parked and deployments rest after an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from end_to_end.sdks.applications import APPLICATIONS
from end_to_end.sdks.upstreams import UPSTREAMS, Upstream

STATUSES = ("400", "401", "404", "429", "500", "overloaded")

_OVERLOADED = MappingProxyType({"anthropic": 529})

BREAKS: Mapping[str, str] = MappingProxyType(
    {
        "error-event": "error_event_at=5t",
        "early-end": "end_at=5t",
        "lost-connection": "rst_at=5t",
        "early-end-of-a-call": "end_at=3t",
    }
)


def _faults(upstream: Upstream) -> dict[str, str]:
    overloaded = _OVERLOADED.get(upstream.name, 503)
    statuses = {status: f"status={overloaded if status == 'overloaded' else status}" for status in STATUSES}
    streamed = {f"streamed-{status}": fault for status, fault in statuses.items()}
    return statuses | streamed | dict(BREAKS)


def failing(client: str, upstream: Upstream, fault: str) -> str:
    """What the model is called."""
    return f"{client}-{upstream.name}-{fault}"


FAULTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        failing(client, upstream, name): (upstream.name, fault)
        for client in APPLICATIONS
        for upstream in UPSTREAMS
        for name, fault in _faults(upstream).items()
    }
)
