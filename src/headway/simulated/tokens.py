"""What a token is here: a piece of up to eight letters or digits, or one other sign, with the space before it.

Usage, truncation, quota and the chunks of a stream all count with this rule, so they agree. Joined, the
tokens are the text.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s?\w{1,8}|\s?[^\w\s]|\s+(?=\s)|\s")


def tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def count(text: str) -> int:
    return len(_TOKEN.findall(text))


PART = 85
"""What any image, sound or file counts as."""
