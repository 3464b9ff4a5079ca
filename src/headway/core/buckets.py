"""What a key may still send: buckets that refill, known from configuration and from what replies tell.

A request reserves what it will probably need when it is sent, and settles with what it truly used. What a provider says
remains is believed at once where it is less than ours, and by halves where it is more, since replies come out of order
and others may use the same key. A provider that tells nothing is paced: its refusals say how fast is too fast
(`core.pace`).
"""

from __future__ import annotations

from math import inf

import msgspec

from headway.core.load import Need
from headway.core.pace import Pace
from headway.types import Accounting, Dimension, Limits, Reading, Usage

SPARE = 0.05
"""Part of a provider's bucket that is left alone: estimates are wrong, and others may use the key. What we were told to
keep within is kept to the last.
"""
MINUTE, DAY = 60.0, 86400.0
EXACT = 1.0 - 1e-9
"""Parts of a limit are no exact numbers: what just fits must not be kept out by the last digit."""
REGROWS = 600.0
"""Seconds in which a bucket that held less than it should have is trusted again."""
LOOKS_BACK = 10.0
"""Seconds over which the rate at which was sent is measured."""
LOOKS_EVERY = 0.02
"""Seconds between looks at the headers of replies."""
LOWEST = 1.0
"""A bucket owes at most so many times what it holds."""


class Bucket:
    """`limit` units refill over `window` seconds. `level` is what is left, and less than nothing where more was used
    than reserved; `taken` is all that was ever reserved.
    """

    __slots__ = ("_at", "_capacity", "_spare", "configured", "dimension", "level", "limit", "taken", "window")

    def __init__(self, dimension: Dimension, limit: float, window: float, now: float, *, configured: bool) -> None:
        self.dimension: Dimension = dimension
        self.limit = limit
        self.window = window
        self.level = limit
        self.taken = 0.0
        self.configured = configured
        """By us: no reply changes it."""
        self._capacity = limit
        """What it holds at a time; less than its limit after a refusal that came too early."""
        self._spare = 0.0 if configured else SPARE
        self._at = now

    def refill(self, now: float) -> float:
        """The level now."""
        elapsed = now - self._at
        if elapsed > 0.0:
            self._at = now
            if self._capacity < self.limit:
                self._capacity = min(self._capacity + elapsed * self.limit / REGROWS, self.limit)
            self.level = min(self.level + elapsed * self.limit / self.window, self._capacity)
        return self.level

    def holds(self, need: float, now: float) -> bool:
        if now > self._at:
            self.refill(now)
        left, spare = self.level - need, self._spare
        enough = spare * self._capacity * EXACT
        return left >= enough or (left >= 0.0 and need > (1.0 - spare) * self._capacity)

    def wait(self, need: float, now: float) -> float:
        """Seconds until it holds that much; infinite if it never does."""
        if need > self.limit:
            return inf
        part = self._spare
        spare = part * self._capacity if need <= (1.0 - part) * self._capacity else 0.0
        return max(0.0, (need + spare - self.refill(now)) * self.window / self.limit)

    def used(self, now: float) -> float:
        """The part that is gone: 0 to 1."""
        if now > self._at:
            self.refill(now)
        return 1.0 - max(self.level, 0.0) / self.limit

    def take(self, need: float, now: float) -> float:
        """Reserve; what `taken` says then is what a reply to this request is compared with."""
        if now > self._at:
            self.refill(now)
        self.taken += need
        self._lower(need)
        return self.taken

    def settle(self, reserved: float, used: float) -> None:
        if used > reserved:
            self._lower(used - reserved)
        else:
            self.level = min(self.level + reserved - used, self._capacity)

    def adopt(self, reading: Reading, sent_since: float, now: float, *, alone: bool) -> None:
        """Believe a reply. `sent_since` was reserved after the request that it answers; `alone`: nothing else was."""
        self.refill(now)
        limit = reading.limit
        if limit is not None and limit != self.limit:
            self._capacity = limit if self._capacity >= self.limit else min(self._capacity, limit)
            self.limit = limit
        if reading.window is not None:
            self.window = reading.window
        found = min(reading.remaining - sent_since, self._capacity)
        if found > self.level and not alone:
            found = self.level + (found - self.level) / 2.0
        self.level = max(found, -LOWEST * self.limit)

    def promised(self, need: float, wait: float, now: float) -> None:
        """The provider says that it will hold that much after so many seconds."""
        late = self.wait(need, now) - wait
        if 0.0 < late < inf:
            self.level += late * self.limit / self.window

    def surprised(self, now: float) -> None:
        """A refusal, where it should have had room: it holds less at a time than its limit says."""
        self.refill(now)
        self._capacity = max(self._capacity / 2.0, self.limit / self.window, 1.0)
        self.level = min(self.level, 0.0)

    def _lower(self, by: float) -> None:
        self.level = max(self.level - by, -LOWEST * self.limit)


class Reservation(msgspec.Struct, frozen=True, gc=False):
    """What one request took from one bucket, and what had been taken in all by then."""

    bucket: Bucket
    amount: float
    mark: float


NOTHING: tuple[Reservation, ...] = ()


class Quota:
    """All that bounds what one key may send to one model, or all keys to one provider."""

    __slots__ = ("_before", "_marked", "_sent", "buckets", "looks_again", "pace")

    def __init__(self) -> None:
        self.buckets: list[Bucket] = []
        self.pace: Pace | None = None
        """Of a provider that says nothing, once it has refused."""
        self.looks_again = 0.0
        self._marked = 0.0
        self._sent = 0
        """Requests since then."""
        self._before = 0.0
        """Requests per second in the time before."""

    def configure(self, limits: Limits, now: float) -> None:
        """What the configuration says. Levels stay, where a bucket stays."""
        wanted: dict[tuple[Dimension, float], float] = {}
        bounds: tuple[tuple[Dimension, float, int | None], ...] = (
            ("requests", MINUTE, limits.rpm),
            ("tokens", MINUTE, limits.tpm),
            ("requests", DAY, limits.rpd),
            ("tokens", DAY, limits.tpd),
        )
        for dimension, window, limit in bounds:
            if limit is not None:
                wanted[dimension, window] = float(limit)
        kept = [bucket for bucket in self.buckets if not bucket.configured]
        for (dimension, window), limit in wanted.items():
            bucket = next(
                (b for b in self.buckets if b.configured and (b.dimension, b.window) == (dimension, window)), None
            )
            if bucket is None or bucket.limit != limit:
                bucket = Bucket(dimension, limit, window, now, configured=True)
            kept.append(bucket)
        self.buckets = kept

    # --- before a request ---

    @property
    def bounds(self) -> bool:
        """Is anything known that could stand in the way?"""
        return bool(self.buckets) or self.pace is not None

    def admits(self, need: Need, now: float) -> bool:
        for bucket in self.buckets:
            if not bucket.holds(need.of(bucket.dimension), now):
                return False
        pace = self.pace
        return pace is None or pace.room(now) >= 1.0

    def wait(self, need: Need, now: float) -> float:
        """Seconds until it admits the request; infinite if it never does."""
        longest = 0.0
        for bucket in self.buckets:
            longest = max(longest, bucket.wait(need.of(bucket.dimension), now))
        if self.pace is not None:
            longest = max(longest, self.pace.wait(now))
        return longest

    def room(self, need: Need, now: float) -> float:
        """How many such requests it admits now; infinite if nothing is known."""
        least = inf
        for bucket in self.buckets:
            amount = need.of(bucket.dimension)
            if amount > 0.0:
                least = min(least, bucket.refill(now) / amount)
        if self.pace is not None:
            least = min(least, self.pace.room(now))
        return max(least, 0.0)

    def used(self, now: float) -> float:
        """How near its bound it is: 0 to 1, by the fullest use."""
        most = 0.0
        for bucket in self.buckets:
            most = max(most, bucket.used(now))
        return most

    def count(self, now: float) -> None:
        """A request is sent."""
        since = now - self._marked
        if since > LOOKS_BACK:
            self._before = self._sent / since
            self._sent = 0
            self._marked = now
        self._sent += 1
        if self.pace is not None:
            self.pace.sent(now)

    def reserve(self, need: Need, now: float) -> tuple[Reservation, ...]:
        """The same, and take what it needs."""
        self.count(now)
        taken: list[Reservation] = []
        for bucket in self.buckets:
            amount = need.of(bucket.dimension)
            taken.append(Reservation(bucket, amount, bucket.take(amount, now)))
        return tuple(taken)

    # --- after it ---

    def looked(self, now: float) -> None:
        """A reply's headers are looked at; those of others need not be until `looks_again`, a fiftieth second later."""
        self.looks_again = now + LOOKS_EVERY

    def read(
        self, readings: tuple[Reading, ...], taken: tuple[Reservation, ...], others: int, need: Need, now: float
    ) -> None:
        """Believe a reply's headers. `others` are under way with the same key."""
        for reading in readings:
            bucket = self._bucket_of(reading)
            if bucket is None:
                if reading.limit is None or reading.limit <= 0.0:
                    continue
                window = reading.window or MINUTE
                bucket = Bucket(reading.dimension, reading.limit, window, now, configured=False)
                self.buckets.append(bucket)
                bucket.adopt(reading, others * need.of(reading.dimension), now, alone=True)
                self.pace = None
                continue
            mark = next((each.mark for each in taken if each.bucket is bucket), None)
            since = others * need.of(reading.dimension) if mark is None else bucket.taken - mark
            bucket.adopt(reading, since, now, alone=not others)

    def refused(self, sent: float, now: float, *, told_when: bool) -> None:
        """A rate limit; `told_when`: it came with the time after which to come again. Where the headers show nothing
        that is used up, something else was: bursts, or a bound that is not told.
        """
        told = [bucket for bucket in self.buckets if not bucket.configured]
        if not told and not told_when:
            if self.pace is None:
                self.pace = Pace()
            self.pace.refused(sent, self._rate(now), now)
        elif all(bucket.used(now) < 1.0 - SPARE for bucket in told):
            for bucket in told:
                if bucket.dimension == "requests":
                    bucket.surprised(now)

    def promised(self, need: Need, wait: float, now: float) -> None:
        """A refusal said when to come again: it knows better than what was made of headers."""
        for bucket in self.buckets:
            if not bucket.configured:
                bucket.promised(need.of(bucket.dimension), wait, now)

    def _rate(self, now: float) -> float:
        """Requests per second that were sent of late."""
        since = now - self._marked
        return max(self._sent / max(since, 1.0), self._before)

    def _bucket_of(self, reading: Reading) -> Bucket | None:
        window = reading.window
        for bucket in self.buckets:
            if bucket.configured or bucket.dimension != reading.dimension:
                continue
            if window is None or bucket.window == window:
                return bucket
        return None


def settle(taken: tuple[Reservation, ...], usage: Usage, accounting: Accounting) -> None:
    """Give back, or take as well, what truly differs from what was reserved, where the provider does."""
    if accounting == "reserved":
        return
    sent = usage.input_tokens - usage.cached_input_tokens
    for each in taken:
        dimension = each.bucket.dimension
        if dimension == "requests":
            continue
        if dimension == "tokens":
            used = sent if accounting == "input" else sent + usage.output_tokens
        else:
            used = sent if dimension == "input" else usage.output_tokens
        each.bucket.settle(each.amount, float(used))


def give_back(taken: tuple[Reservation, ...]) -> None:
    """Nothing was sent."""
    for each in taken:
        each.bucket.settle(each.amount, 0.0)
