"""What was asked and answered in one exchange, where that is kept: the body as it came, the answer as it went.

Only the beginning of each is held. What of it is masked, and where it is kept, is decided later, elsewhere. Headers are
no part of it, and neither is what is no text.
"""

from __future__ import annotations

import re

from headway.pipeline.asked import Asked
from headway.pipeline.conversation import Headers
from headway.pipeline.principal import ANONYMOUS, principal_of
from headway.ports import Downstream
from headway.types import Body, Content, ContentRules, Route, Snapshot

SEEN_BEYOND = 32 * 1024
"""Bytes after those that are kept, so that a secret is known that they cut in two."""
TEXTS = ("application/json", "text/", "application/x-ndjson", "application/vnd.amazon.eventstream")
_TYPE = re.compile(rb"(?:^|\r\n)content-type: *([^\r\n;]*)", re.IGNORECASE)
_ENCODED = re.compile(rb"(?:^|\r\n)content-encoding:", re.IGNORECASE)


def rules_of(snapshot: Snapshot) -> ContentRules | None:
    """None: nothing is kept, of no model."""
    rules = snapshot.observability.content
    if snapshot.storage.url is None or not (rules.requests or rules.replies):
        return None
    said = any(rules.principals.values()) or any(route.content for route in snapshot.routes.values())
    return rules if rules.enabled or said else None


def is_kept(rules: ContentRules, route: Route, headers: Headers) -> bool:
    """What is said of a model or of a client goes before what is said of all; if they differ, nothing is kept."""
    said = route.content
    if rules.principals and said is not False:
        of_client = rules.principals.get(principal_of(headers) or ANONYMOUS)
        said = said if of_client is None else of_client
    return rules.enabled if said is None else said


class Overheard:
    """The client's side of an exchange, and a note of what goes there."""

    __slots__ = ("_downstream", "_heard", "_kind", "_left", "_request", "_request_id", "_size", "at")

    def __init__(self, downstream: Downstream, rules: ContentRules, asked: Asked, body: bytes) -> None:
        most = rules.cap + SEEN_BEYOND
        self._downstream = downstream
        self._request_id = asked.request_id
        self._request: Body | None = None
        if rules.requests and asked.endpoint.body == "json":
            self._request = Body(body[:most], len(body), "application/json")
        self._kind: str | None = None
        """Of the answer. None: it is not to be kept."""
        self._heard: list[bytes] = []
        self._left = most if rules.replies else 0
        self._size = 0
        self.at = 0.0
        """Unix time of the end."""

    def content(self) -> Content:
        """Once the last of the answer has gone out: from the loop's next turn on."""
        reply = None if self._kind is None else Body(b"".join(self._heard), self._size, self._kind)
        return Content(request_id=self._request_id, at=self.at, request=self._request, reply=reply)

    def reply(self, status: int, headers: bytes, body: bytes) -> None:
        self._begin(headers)
        self._hear(body)
        self._downstream.reply(status, headers, body)

    def begin(self, status: int, headers: bytes, length: int | None) -> None:
        self._begin(headers)
        self._downstream.begin(status, headers, length)

    def write(self, data: bytes) -> None:
        self._hear(data)
        self._downstream.write(data)

    def end(self) -> None:
        self._downstream.end()

    def abort(self) -> None:
        self._downstream.abort()

    def _begin(self, headers: bytes) -> None:
        found = _TYPE.search(headers)
        kind = "" if found is None else found[1].decode("ascii", "replace").lower()
        if self._left and kind.startswith(TEXTS) and _ENCODED.search(headers) is None:
            self._kind = kind
        else:
            self._left = 0

    def _hear(self, data: bytes) -> None:
        self._size += len(data)
        if self._left:
            start = data[: self._left]
            self._left -= len(start)
            self._heard.append(start)
