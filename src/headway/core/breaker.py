"""Whether a deployment is well enough for traffic.

Closed: it gets its share. Open: it gets nothing for a while, each time in a row twice as long. Half open: one request
at a time, until two have gone well. Then its share grows back slowly. It opens after so many failures in a row, or when
more than half of what it was sent of late almost surely failed. Only what speaks about the deployment itself is told to
it (`core.health` chooses).
"""

from __future__ import annotations

from math import comb, exp, sqrt
from random import Random

from headway.core.rests import Unrest
from headway.types import Breaker as Rules

WINDOW = 60.0
"""Seconds after which an observation counts for a third."""
FEWEST = 8.0
"""Observations, so weighted, below which the rate of failures says nothing."""
CERTAINTY = 0.95
PROOFS = 2
"""Successes that close it."""
JITTER = 0.2
LEAST_SHARE = 0.1


class Breaker:
    """State of one deployment. `tripped` while it is open or half open."""

    __slots__ = (
        "_bad",
        "_fresh",
        "_good",
        "_in_a_row",
        "_judged",
        "_opened",
        "_probing",
        "_proofs",
        "_ramp_from",
        "_trips",
        "_unrest",
        "name",
        "ramp_until",
        "rules",
        "tripped",
        "until",
    )

    def __init__(self, name: str, rules: Rules, unrest: Unrest) -> None:
        self.name = name
        self.rules = rules
        self._unrest = unrest
        self.tripped = False
        self.until = 0.0
        self.ramp_until = 0.0
        self._ramp_from = 0.0
        self._trips = 0
        self._opened = 0.0
        self._in_a_row = 0
        self._probing = False
        self._proofs = 0
        self._fresh = 0
        """Successes since the last failure; they are weighed when the next one comes."""
        self._good = 0.0
        self._bad = 0.0
        self._judged = 0.0

    # --- may it be used? ---

    def allows(self, now: float) -> bool:
        return not self.tripped or (self.until <= now and not self._probing)

    def share(self, now: float) -> float:
        """How much of its usual traffic it should get; less than 1 after it has recovered."""
        if now >= self.ramp_until:
            return 1.0
        return max(LEAST_SHARE, (now - self._ramp_from) / (self.ramp_until - self._ramp_from))

    def begins(self, now: float) -> None:
        """The deployment is new beside others: its share grows like that of one that has recovered."""
        self._ramp_from = now
        self.ramp_until = now + self.rules.ramp
        self._unrest.lasts(self.ramp_until)

    def enter(self) -> bool:
        """A request is sent. True: it is the one on which the deployment is tried out."""
        if not self.tripped or self._probing:
            return False
        self._probing = True
        return True

    def leave(self) -> None:
        """The trial is over, whatever came of it."""
        self._probing = False

    # --- what it is told ---

    def succeeded(self, sent: float, now: float) -> bool:
        """True: this closed it. `sent` is when the request began: what was sent before it opened proves nothing."""
        self._in_a_row = 0
        self._fresh += 1
        if not self._judged:
            self._judged = now
        return self.tripped and sent >= self._opened and self._proven(now)

    def failed(self, sent: float, now: float, rng: Random) -> bool:
        """True: this opened it. What was sent before it last opened tells nothing new, not even once it has closed."""
        if sent < self._opened:
            return False
        self._weigh(now)
        self._in_a_row += 1
        if self.tripped:
            if self.until <= now:
                self._open(now, rng)
            return False
        if self._in_a_row < self.rules.failures and not self._mostly_fails():
            return False
        if now >= self.ramp_until:  # it had been well for a while
            self._trips = 0
        self._open(now, rng)
        return True

    def open_for(self, seconds: float, now: float) -> bool:
        """Open it for at least so long. True: it was not open before."""
        opened = not self.tripped
        if opened:
            self._unrest.tripped(+1)
        self.tripped = True
        self._opened = now
        self._proofs = 0
        self.until = max(self.until, now + seconds)
        return opened

    def forget(self) -> None:
        """Nobody uses it any more, save requests that began before: what becomes of them is no unrest of others."""
        if self.tripped:
            self.tripped = False
            self._unrest.tripped(-1)
        self._unrest = Unrest()

    def _open(self, now: float, rng: Random) -> None:
        rules = self.rules
        rest = min(rules.rest * 2.0 ** min(self._trips, 16), rules.longest_rest)
        self._trips += 1
        self.open_for(rest * rng.uniform(1.0 - JITTER, 1.0 + JITTER), now)

    def _proven(self, now: float) -> bool:
        self._proofs += 1
        if self._proofs < PROOFS:
            return False
        self.tripped = False
        self.until = 0.0
        self._good = self._bad = 0.0
        self._fresh = 0
        self.begins(now)
        self._unrest.tripped(-1)
        return True

    def _weigh(self, now: float) -> None:
        """Let the past fade, and count the successes since as if they had come evenly."""
        age = (now - self._judged) / WINDOW
        kept = exp(-age)
        self._good = self._good * kept + self._fresh * ((1.0 - kept) / age if age > 1e-6 else 1.0)
        self._bad = self._bad * kept + 1.0
        self._fresh = 0
        self._judged = now

    def _mostly_fails(self) -> bool:
        """Is it almost sure that more than half of all requests fail? (Beta posterior of an even prior.)"""
        if self._good + self._bad < FEWEST:
            return False
        bad, good = round(self._bad), round(self._good)
        tries = bad + good + 1
        if tries > 200:
            return bad / tries > 0.5 + 1.645 * 0.5 / sqrt(tries)
        return sum(comb(tries, k) for k in range(bad + 1)) / 2**tries > CERTAINTY
