"""What is masked in a text before it is kept, and where it stands.

A finding takes the place of what was found by its name in brackets: `[email]`. Numbers of cards and accounts count only
if their check digits are right. How texts stand in bodies is `storage.texts`' business.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType, TracebackType
from typing import NamedTuple, Self

from headway.types import Masked, Masking

# What stands before a word: nothing of a word, or the end of an escape in JSON within JSON.
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt]))"
_SHAPES = (
    r"sk-[A-Za-z0-9_-]{16,512}",  # OpenAI, Anthropic, OpenRouter, DeepSeek, ...
    r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,256}",  # Stripe
    r"AIza[A-Za-z0-9_-]{30,64}",
    r"ya29\.[A-Za-z0-9_-]{20,2048}",
    r"(?:AKIA|ASIA)[A-Z0-9]{16}",
    r"gh[pousr]_[A-Za-z0-9]{20,255}",
    r"github_pat_[A-Za-z0-9_]{20,255}",
    r"glpat-[A-Za-z0-9_-]{16,255}",
    r"xox[a-z]-[A-Za-z0-9-]{10,255}",
    r"hf_[A-Za-z0-9]{20,255}",
    r"(?:gsk|r8|npm|dop_v1|shpat)_[A-Za-z0-9]{20,255}",
    r"(?:pplx|xai|fw|nvapi)-[A-Za-z0-9_-]{20,255}",
    r"eyJ[A-Za-z0-9_-]{8,8192}\.eyJ[A-Za-z0-9_-]{4,8192}\.[A-Za-z0-9_-]{0,8192}",  # RFC 7519, a signed JWT
)
_SECRET = (
    rf"{_START}(?:{'|'.join(_SHAPES)})"
    r"|(?i:(?<=bearer )[A-Za-z0-9._~+/=-]{12,8192})"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]|-(?!----END))*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
    r"|(?<=://)[^\s/:@\"'\\]{1,256}:[^\s/@\"'\\]{1,256}(?=@)"
    r"|(?i:(?:api[_-]?key|secret[_-]?key|client[_-]?secret|access[_-]?token|refresh[_-]?token|password|passwd)"
    r"[\\\"']{0,3}\s{0,3}[:=]\s{0,3}[\\\"']{0,3}(?P<value>[^\s\"'\\,;&<>{}\[\]]{6,1024}))"
)
_PATTERNS: Mapping[Masked, str] = MappingProxyType(
    {
        "secret": _SECRET,
        "email": r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,63}",
        "card": r"(?<!\d)(?:\d[ -]?){12,18}\d(?!\d)",
        "iban": rf"{_START}[A-Z]{{2}}\d{{2}}(?:[ ]?[A-Z0-9]){{11,30}}(?![A-Za-z0-9])",
        "phone": r"(?<![\w+])\+[1-9](?:[ ().\-/]{0,2}\d){7,14}(?!\d)",
    }
)


_SECRETS = re.compile(_SECRET)


class Span(NamedTuple):
    """A place in a text, and what it is masked as."""

    start: int
    end: int
    name: str


class TooSlowError(Exception):
    """It would have taken too long."""


Check = Callable[[str], int]
"""How many characters, from the first, are what was looked for; 0 if none."""


class Masks:
    """What one configuration masks."""

    def __init__(self, masking: Masking) -> None:
        self._patterns: list[tuple[str, re.Pattern[str], Check | None]] = [
            (kind, re.compile(_PATTERNS[kind]), _CHECKS.get(kind)) for kind in masking.kinds
        ]
        self._patterns.extend([(name, re.compile(pattern), None) for name, pattern in masking.patterns])

    def spans(self, text: str) -> list[Span]:
        """In order, none within another."""
        found = sorted(self._all(text))
        kept: list[Span] = []
        for span in found:
            if kept and span.start < kept[-1].end:
                last = kept[-1]
                kept[-1] = Span(last.start, max(last.end, span.end), last.name)
            else:
                kept.append(span)
        return kept

    def masked(self, text: str) -> str:
        return replaced(text, self.spans(text))

    def _all(self, text: str) -> Iterator[Span]:
        for name, pattern, check in self._patterns:
            if check is not None:
                yield from _checked(name, pattern, check, text)
                continue
            for match in pattern.finditer(text):
                start, end = match.span("value" if pattern is _SECRETS and match["value"] else 0)
                if end > start:
                    yield Span(start, end, name)


def replaced(text: str, spans: list[Span]) -> str:
    pieces: list[str] = []
    done = 0
    for start, end, name in spans:
        pieces += (text[done:start], f"[{name}]")
        done = end
    return "".join((*pieces, text[done:])) if spans else text


def _checked(name: str, pattern: re.Pattern[str], check: Check, text: str) -> Iterator[Span]:
    at = 0
    while (match := pattern.search(text, at)) is not None:
        length = check(match[0])
        if length:
            yield Span(match.start(), match.start() + length, name)
        at = match.start() + (length or 1)


def _longest(text: str, is_one: Callable[[str], bool], least: int) -> int:
    """What follows may be more of the same, after a blank or dash."""
    ends = [len(text), *(at for at in range(len(text) - 1, least - 1, -1) if text[at] in " -")]
    return next((end for end in ends if is_one(text[:end])), 0)


def _is_card(text: str) -> bool:
    """ISO/IEC 7812-1, annex B: the formula of Luhn."""
    digits = [int(each) for each in text if each.isdigit()]
    doubled = [2 * each - 9 * (each > 4) for each in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0 and any(digits)


def _is_iban(text: str) -> bool:
    """ISO 13616: letters are numbers, and what remains of the whole by 97 is 1."""
    word = text.replace(" ", "")
    return int("".join(str(int(each, 36)) for each in word[4:] + word[:4])) % 97 == 1


_CHECKS: Mapping[Masked, Check] = MappingProxyType(
    {"card": partial(_longest, is_one=_is_card, least=13), "iban": partial(_longest, is_one=_is_iban, least=15)}
)


class Bounded:
    """`with Bounded(seconds)`: what takes longer, as a pattern that goes astray may, raises `TooSlowError`. Only for
    the main thread.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGALRM, _too_slow)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, self._before)


def _too_slow(_number: int, _frame: object) -> None:
    raise TooSlowError
