"""What one request weighs: its size in tokens, as far as anybody can know before it is sent.

No tokenizer: how many bytes make a token is learnt for each deployment from the usage that its answers report, and so
is how much a model usually answers. Sizes of images and sounds come with the request, since their bytes say little.
"""

from __future__ import annotations

import msgspec

from headway.types import Accounting, Dimension

BYTES_PER_TOKEN = 4.0
"""Of a deployment that has not said yet."""
FEWEST_BYTES, MOST_BYTES = 0.5, 40.0
USUAL_ANSWER = 256.0
USUAL = 0.01
"""How much one request changes what is held to be usual."""
MANY = 64
LEARNS = 0.1
"""How much one answer changes what is believed, once some have come."""


class Load(msgspec.Struct, frozen=True, gc=False):
    """`text` are bytes, `media` tokens; `most_output` is the client's own bound on the answer, in tokens."""

    text: int = 0
    media: int = 0
    most_output: int | None = None


NO_LOAD = Load()


class Need(msgspec.Struct, frozen=True, gc=False):
    """What a request takes from each dimension of a quota, by estimate. Tokens, but for `requests`."""

    requests: float = 1.0
    tokens: float = 0.0
    input: float = 0.0
    output: float = 0.0

    def of(self, dimension: Dimension) -> float:
        if dimension == "requests":
            return self.requests
        if dimension == "tokens":
            return self.tokens
        return self.input if dimension == "input" else self.output


class Estimate:
    """What is believed of one deployment's tokens."""

    __slots__ = ("_answers", "_seen", "_sent", "_usual_input", "_usual_output", "bytes_per_token", "usual_answer")

    def __init__(self) -> None:
        self.bytes_per_token = BYTES_PER_TOKEN
        self.usual_answer = USUAL_ANSWER
        self._seen = 0
        self._answers = 0
        self._sent = 0
        self._usual_input = 0.0
        self._usual_output = 0.0

    def tokens_in(self, load: Load) -> float:
        return load.text / self.bytes_per_token + load.media

    def need(self, load: Load, accounting: Accounting) -> Need:
        """What a request of this load will take."""
        sent = load.text / self.bytes_per_token + load.media
        most = load.most_output
        if accounting == "input":
            return Need(1.0, sent, sent, 0.0)
        if accounting == "reserved" and most is not None:
            answered = float(most)
        else:
            answered = self.usual_answer if most is None else min(self.usual_answer, most)
        return Need(1.0, sent + answered, sent, answered)

    def took(self, need: Need) -> None:
        """A request is sent."""
        self._sent += 1
        part = max(USUAL, 1.0 / self._sent)
        self._usual_input += (need.input - self._usual_input) * part
        self._usual_output += (need.tokens - need.input - self._usual_output) * part

    def usual(self) -> Need:
        """What a request has needed on average. Were quotas compared by the last one, who is bound by tokens would look
        better than it is, since one small request makes up for several large ones.
        """
        return Need(1.0, self._usual_input + self._usual_output, self._usual_input, self._usual_output)

    def learn(self, load: Load, tokens_in: int, tokens_out: int) -> None:
        """From the usage of one answer; once much has been seen, of one in eight."""
        self._answers += 1
        if self._answers > MANY and self._answers % 8:
            return
        text_tokens = tokens_in - load.media
        if text_tokens > 0 and load.text > 0:
            self._seen += 1
            found = min(max(load.text / text_tokens, FEWEST_BYTES), MOST_BYTES)
            self.bytes_per_token += (found - self.bytes_per_token) * max(LEARNS, 1.0 / self._seen)
        self.usual_answer += (tokens_out - self.usual_answer) * max(LEARNS, 1.0 / self._answers)
