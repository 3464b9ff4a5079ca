"""How a deployment has done of late: how soon it answers, and how often it answers at all.

Time to first token for streams, time per answer for whole replies, each freed from what the size of the request or of
the answer explains: how much that is, is learnt for each model. What was seen fades, in a minute most of it, towards
what its peers do, so that whoever was slow is tried again.
"""

from __future__ import annotations

from math import exp

RISES = 0.5
"""How much of a worse time is believed at once."""
FALLS = 0.1
"""How much of a better one, at least."""
FADES = 20.0
"""Seconds after which a time that was not seen again counts for a third."""
HALF_LIFE = 120.0
"""Seconds, of successes and failures."""
GOOD, BAD = 9.0, 1.0
"""What is believed of a deployment of which nothing is known: nine of ten go well."""
FAILED_TAKES = 3.0
"""A failure before the first token counts as so many times the usual, or as long as it took if that is more."""
WORST = 10.0
"""So many times as slow as its peers says all there is to say: more would only take longer to fade."""
FADES_EVERY = 1.0
"""Seconds within which nothing fades."""
REMEMBERS = 0.98
MANY = 64
STEEPEST = 1.0 / 200.0
_LN2 = 0.6931471805599453


class Shape:
    """How much longer a model takes for each token, as a part of what it takes anyway (running least squares)."""

    __slots__ = ("_n", "_seen", "_x", "_xx", "_xy", "_y", "slope")

    def __init__(self) -> None:
        self._n = self._x = self._y = self._xx = self._xy = 0.0
        self._seen = 0
        self.slope = 0.0

    def learn(self, tokens: float, seconds: float) -> None:
        """Once much has been seen, of one in four."""
        self._seen += 1
        if self._seen > MANY and self._seen % 4:
            return
        kept = REMEMBERS
        n = self._n = self._n * kept + 1.0
        x = self._x = self._x * kept + tokens
        y = self._y = self._y * kept + seconds
        xx = self._xx = self._xx * kept + tokens * tokens
        xy = self._xy = self._xy * kept + tokens * seconds
        spread = n * xx - x * x
        if n < 8.0 or spread <= 0.01 * x * x:
            return
        per_token = (n * xy - x * y) / spread
        base = (y - per_token * x) / n
        if per_token <= 0.0:
            self.slope = 0.0
        elif base <= 0.0:
            self.slope = STEEPEST
        else:
            self.slope = min(per_token / base, STEEPEST)


class Times:
    """Seconds that one deployment takes, for a request or an answer without size. None: nothing was seen."""

    __slots__ = ("_answered", "_at", "_shape", "_value")

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._value: float | None = None
        self._answered = 0.0
        """What the last answer took."""
        self._at = 0.0

    def saw(self, seconds: float, tokens: float, now: float) -> None:
        shape = self._shape
        shape.learn(tokens, seconds)
        self._answered = seconds / (1.0 + shape.slope * tokens)
        self._take(self._answered, now)

    def failed(self, seconds: float, now: float) -> None:
        """Several in a row count no more than one: it would be forgotten that it was ever quick."""
        if self._value is not None:
            self._take(max(seconds, FAILED_TAKES * self._answered, self._value), now)

    def now(self, peers: float | None, now: float) -> float | None:
        """`peers` is what others take: what was seen fades towards it."""
        value = self._value
        if value is None or peers is None:
            return value if peers is None else peers
        value = min(value, WORST * peers)
        idle = now - self._at
        return peers + (value - peers) * exp(-idle / FADES) if idle > 1.0 else value

    def last(self) -> float | None:
        return self._value

    def forget(self) -> None:
        self._value = None

    def _take(self, seconds: float, now: float) -> None:
        value = self._value
        if value is None:
            self._value = seconds
        else:
            part = RISES if seconds > value else max(FALLS, 1.0 - exp((self._at - now) / FADES))
            self._value = value + (seconds - value) * part
        self._at = now


class Standing:
    """Of one deployment."""

    __slots__ = ("_at", "_bad", "_good", "first_token", "whole")

    def __init__(self, first_token: Shape, whole: Shape) -> None:
        self.first_token = Times(first_token)
        self.whole = Times(whole)
        self._good = 0.0
        self._bad = 0.0
        self._at = 0.0

    def succeeded(self, now: float) -> None:
        if now - self._at > FADES_EVERY:
            self._fade(now)
        self._good += 1.0

    def failed(self, seconds: float, now: float) -> None:
        """`seconds` is how long the attempt took; before its first token."""
        self._fade(now)
        self._bad += 1.0
        self.first_token.failed(seconds, now)
        self.whole.failed(seconds, now)

    def reliability(self, now: float) -> float:
        """The part of requests that go well, as far as is known: 0 to 1."""
        kept = exp(-_LN2 * (now - self._at) / HALF_LIFE)
        good, bad = self._good * kept, self._bad * kept
        return (good + GOOD) / (good + bad + GOOD + BAD)

    def forget(self) -> None:
        """It has recovered: what was bad about it says nothing any more."""
        self._good = self._bad = 0.0
        self.first_token.forget()
        self.whole.forget()

    def _fade(self, now: float) -> None:
        elapsed = now - self._at
        if elapsed > FADES_EVERY:
            kept = exp(-_LN2 * elapsed / HALF_LIFE)
            self._good *= kept
            self._bad *= kept
            self._at = now
