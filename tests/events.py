"""Exchanges as the gateway tells of them."""

from __future__ import annotations

from typing import Any

from headway.types import AttemptRecord, ExchangeEvent, Usage

NOW = 1_750_000_000.0
"""2025-06-15 15:06:40 UTC."""


def made_event(number: int = 0, **facts: Any) -> ExchangeEvent:
    """An exchange that went well at its first attempt, but for what is said otherwise; `number` seconds after NOW."""
    usual: dict[str, Any] = {
        "request_id": f"hw-{number}",
        "at": NOW + number,
        "endpoint": "chat",
        "model": "default",
        "route": "default",
        "stream": False,
        "outcome": "ok",
        "status": 200,
        "duration": 0.3,
        "attempts": (AttemptRecord("a/m#k", "200", 0.0, 0.3),),
        "usage": Usage(3, 5),
        "cost": 7,
        "request_bytes": 100,
        "reply_bytes": 1000,
    }
    return ExchangeEvent(**usual | facts)
