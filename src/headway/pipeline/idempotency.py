"""What a request with an Idempotency-Key is: a new one, one whose answer is coming in or kept already, or a mistake.

A key means one request: the same endpoint with the same body. Only an answer that ended well is kept, from its end for
`ttl` seconds, at most a quarter of `memory` or 16 MiB of it. Everything held counts against `memory`, answers in flight
included; where it runs short, the oldest finished answers go first. Each counts for `OVERHEAD` bytes beside its own, so
their number is bounded too.

How several clients read one answer is `pipeline.fanout`'s business, and running the exchange `pipeline.dispatch`'s.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from hashlib import blake2b

import msgspec

from headway.pipeline.fanout import Fanout
from headway.pipeline.reader import Caller, Reader
from headway.ports import Downstream, Timer
from headway.types import ExchangeEvent, Idempotency

OVERHEAD = 1024
"""Bytes that an answer counts for beside its key, its header lines and its body."""
SHARE = 4
"""One answer may take the memory for all divided by this."""
LARGEST = 16 * 1024 * 1024
"""Bytes that one answer may take at most."""

_KEY = re.compile(rb"[\x20-\x7e]{1,255}")


class Refused(msgspec.Struct, frozen=True):
    """Why a key cannot be accepted, in words for the client. The same request would be refused again."""

    status: int
    code: str
    message: str


Claim = Fanout | Reader | Refused | None
"""What becomes of a request with a key. `Fanout`: it is new; run it, and have its exchange write into that. `Reader`:
it reads along with another, or has had its answer; that goes to its server in the exchange's place. None: run it as if
it had no key, since there is no memory for it.
"""


def digest_of(body: bytes, *, form: bool = False, forwarded: bytes = b"") -> bytes:
    """Tells requests apart by what would go upstream: the body, and the header lines that go with it. The boundary of a
    multipart `form` does not count: clients choose a new one when they repeat a request.
    """
    digest = blake2b(b"%d:%b" % (len(forwarded), forwarded), digest_size=32)
    if form:
        delimiter = body.partition(b"\r\n")[0]
        for part in body[len(delimiter) :].split(b"\r\n" + delimiter):
            digest.update(b"%d:" % len(part))
            digest.update(part)
    else:
        digest.update(body)
    return digest.digest()


class Replays:
    """Answers in flight and answers kept, by key. `in_use` counts what they hold, in bytes."""

    def __init__(
        self,
        settings: Idempotency,
        record: Callable[[ExchangeEvent], None],
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
        later: Callable[[float, Callable[[], None]], Timer],
    ) -> None:
        self._settings = settings
        self.record = record
        self.now = now
        self.wall = wall
        self.later = later
        self._answers: dict[bytes, Fanout] = {}
        self._finished: deque[Fanout] = deque()
        """In the order in which they ended."""
        self._readers: dict[Reader, None] = {}
        self.in_use = 0

    @property
    def on(self) -> bool:
        return self._settings.ttl > 0 and self._settings.memory > 0

    @property
    def readers(self) -> int:
        """Clients that are being served, those of exchanges in flight included."""
        return len(self._readers)

    def adjust(self, settings: Idempotency) -> None:
        """New settings hold for what is kept already; what is in flight may go on."""
        self._settings = settings
        self._make_room(0)
        for answer in list(self._answers.values()):
            if self.in_use > settings.memory or not self.on:
                answer.let_go()
        if not self.on:
            self._finished.clear()

    def claim(self, key: bytes, digest: bytes, downstream: Downstream, caller: Caller) -> Claim:
        if _KEY.fullmatch(key) is None:
            message = "Idempotency-Key must have 1 to 255 characters, all of them printable ASCII"
            return Refused(400, "invalid_request", message)
        self._expire(caller.began)
        scope = b"%b\0%b" % (key, caller.endpoint.encode())
        answer = self._answers.get(scope)
        if answer is None:
            answer = Fanout(self, scope, digest, OVERHEAD + len(scope), caller.patience)
            if not self.charge(answer, answer.overhead):
                return None
            self._answers[scope] = answer
            return answer
        if answer.digest != digest:
            message = "this Idempotency-Key was used for another request; repeat that one unchanged, or take a new key"
            return Refused(422, "idempotency_key_reused", message)
        return answer.join(downstream, caller)

    def close(self) -> None:
        """Cut off those who still read what was finished before."""
        for reader in list(self._readers):
            reader.cut_off("the gateway shut down before the answer was complete")

    # --- what answers ask of their keeper ---

    def charge(self, answer: Fanout, size: int) -> bool:
        more = size - answer.charged
        if more > 0 and not (size <= self._most and self._make_room(more)):
            return False
        answer.charged = size
        self.in_use += more
        return True

    def finished(self, answer: Fanout) -> None:
        self._finished.append(answer)

    def forget(self, answer: Fanout) -> None:
        del self._answers[answer.scope]

    def attached(self, reader: Reader) -> None:
        self._readers[reader] = None

    def detached(self, reader: Reader) -> None:
        del self._readers[reader]

    # --- bounds ---

    @property
    def _most(self) -> int:
        """Bytes that one answer may hold."""
        return min(self._settings.memory // SHARE, LARGEST) if self.on else 0

    def _make_room(self, size: int) -> bool:
        """What is still being read from an answer that goes stays counted until it has been."""
        room = self._settings.memory - size
        while self.in_use > room and self._finished:
            self._finished.popleft().let_go()
        return self.in_use <= room

    def _expire(self, now: float) -> None:
        finished, ttl = self._finished, self._settings.ttl
        while finished and finished[0].ended_at + ttl <= now:
            finished.popleft().let_go()
