"""Alerts on their way to webhooks: in which words, how often it is tried, what becomes of those that nobody takes.

Each webhook has a line of its own, so that a slow one holds up no other, and a task while something stands in it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Literal, assert_never

import msgspec

from headway.observability.posting import Address, Answered
from headway.types import Alert, Webhook, WebhookFormat

PATIENCE = 10.0
"""Seconds that one post may take."""
PAUSES = (1.0, 4.0, 16.0)
"""Seconds before each further try, give or take a fifth."""
LONGEST_PAUSE = 60.0
"""Seconds that a webhook may ask us to wait and be heard."""
MOST_WAITING = 100
"""Alerts in one line. The oldest give way."""
LONGEST_TEXT = 3000

Post = Callable[[Address, bytes, float], Awaitable[Answered]]
"""Sends a body within so many seconds."""
Result = Literal["ok", "failed", "dropped"]
Counted = Callable[[Result, str], None]
"""Hears what became of an alert at a webhook and, if it did not arrive, why; never with a secret."""

_encode = msgspec.json.Encoder().encode


def event_of(alert: Alert) -> Literal["alert_firing", "alert_resolved"]:
    return "alert_firing" if alert.resolved_at is None else "alert_resolved"


def payload(alert: Alert, form: WebhookFormat) -> bytes:
    match form:
        case "json":
            return _encode({"event": event_of(alert), **msgspec.structs.asdict(alert)})
        case "slack":
            return _encode({"text": _slack_text(alert)})
        case _:
            assert_never(form)


def should_retry(answered: Answered) -> bool:
    """Is it worth another try: no answer, too many posts, or an error of the webhook's own?"""
    status = answered.status
    return status is None or status in (408, 429) or status >= 500


def pause(answered: Answered, tries: int, rng: Random) -> float:
    """Seconds before the next of `tries` tries so far."""
    usual = PAUSES[tries - 1] * rng.uniform(0.8, 1.2)
    return max(usual, min(answered.retry_after or 0.0, LONGEST_PAUSE))


class Webhooks:
    """Call it inside a running loop; `close` gives up what has not been sent."""

    def __init__(self, post: Post, counted: Counted, rng: Random) -> None:
        self._post = post
        self._counted = counted
        self._rng = rng
        self._lines: dict[Webhook, _Line] = {}

    def adjust(self, webhooks: Sequence[Webhook]) -> None:
        """Those of a new configuration. A line of one that is still there goes on."""
        for gone in self._lines.keys() - set(webhooks):
            self._lines.pop(gone).close()
        for webhook in webhooks:
            if webhook not in self._lines:
                self._lines[webhook] = _Line(webhook, self._post, self._counted, self._rng)

    def tell(self, alert: Alert) -> None:
        """Return at once."""
        for line in self._lines.values():
            line.join(alert)

    def close(self) -> None:
        self.adjust(())


class _Line:
    def __init__(self, webhook: Webhook, post: Post, counted: Counted, rng: Random) -> None:
        self._format: WebhookFormat = webhook.format
        self._address = Address(webhook.url, webhook.reach)
        self._post = post
        self._counted = counted
        self._rng = rng
        self._waiting: deque[Alert] = deque()
        self._task: asyncio.Task[None] | None = None

    def join(self, alert: Alert) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._counted("dropped", f"{self._address.origin}: too many alerts wait to be sent")
        self._waiting.append(alert)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send_all())

    def close(self) -> None:
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send(payload(self._waiting.popleft(), self._format))
        finally:
            self._task = None

    async def _send(self, body: bytes) -> None:
        tries = 1
        while True:
            answered = await self._post(self._address, body, PATIENCE)
            if answered.status is not None and 200 <= answered.status < 300:
                self._counted("ok", "")
                return
            if tries > len(PAUSES) or not should_retry(answered):
                why = answered.problem or f"it answered {answered.status}"
                self._counted("failed", f"{self._address.origin}: {why}")
                return
            await asyncio.sleep(pause(answered, tries, self._rng))
            tries += 1


def _slack_text(alert: Alert) -> str:
    state = alert.severity if alert.resolved_at is None else "resolved"
    text = f"[{state}] {alert.kind} {alert.subject}: {alert.message}"[:LONGEST_TEXT]
    # the three characters that Slack reads as markup wherever they stand (docs.slack.dev, "Formatting message text")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
