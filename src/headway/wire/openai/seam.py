"""Where a second model's text takes up a text that had broken off.

The second model was asked to go on with the text told so far, without the white space at its end (`asked_with`). What
it then writes may begin with things the client has already: that white space, a piece of the told text's end, or all
of it, which some providers repeat before they go on (Mistral's `prefix`). Cutting off too little doubles something,
cutting off too much loses something that nobody will miss in time; so a piece counts as repeated by mistake only if
nobody would write it twice on purpose:

- the told text ends with it and holds it nowhere else: what came twice (a table's rows, a refrain) may come again;
- its first half does not come again within it: a line of dashes, or `ha ha ha ha`, may be longer than it was;
- it has `LEAST` characters. If it begins with neither letter nor digit, it is set off from the told text as a
  repetition on purpose would be (`tomorrow` + `, and tomorrow`), and must have `LEAST_SET_OFF`; unless it is the whole
  text. Otherwise it would run into the told text's last word, in scripts with spaces between words; in scripts
  without, eight characters are a clause.

Short of all the told text it has at most `MOST` characters, so that little is ever held back to find out.
"""

from __future__ import annotations

LEAST = 8
LEAST_SET_OFF = 24
MOST = 200


def asked_with(told: str) -> str:
    """What the second model is asked to go on with: targets refuse words of its own that end in white space."""
    return told.rstrip()


class Seam:
    """The end of one told text. It holds no state of the text that goes on."""

    __slots__ = ("_blank", "_end", "_told")

    def __init__(self, told: str) -> None:
        self._told = asked_with(told)
        self._end = self._told[-MOST:]
        self._blank = told[len(self._told) :]

    def rest(self, text: str, *, final: bool) -> str | None:
        """What of `text`, all that the second model has written so far, the client does not have yet. None: more of it
        must come to tell; not if it is `final`.
        """
        if not final and self._may_repeat_more(text):
            return None
        text = text[self._repeated(text) :]
        if not final and len(text) < len(self._blank) and self._blank.startswith(text):
            return None
        return text[_common(self._blank, text) :]

    def _may_repeat_more(self, text: str) -> bool:
        """Can the next characters make `text` a longer repetition than it is?"""
        length = len(text)
        if 0 <= self._end.find(text) < len(self._end) - length:
            return True
        return length < len(self._told) and self._told.startswith(text)

    def _repeated(self, text: str) -> int:
        """How many characters at the beginning of `text` repeat the told text's end by mistake.

        Only the longest candidate needs a look: a shorter one also stands at that one's beginning, hence twice.
        """
        told = self._told
        if told and text.startswith(told):
            return len(told) if len(told) >= LEAST and not _repeats_itself(told) else 0
        for length in range(min(len(text), len(self._end)), LEAST - 1, -1):
            piece = text[:length]
            if told.endswith(piece):
                long_enough = length >= LEAST_SET_OFF or piece[0].isalnum()
                once = told.find(piece) == len(told) - length
                return length if long_enough and once and not _repeats_itself(piece) else 0
        return 0


def _repeats_itself(piece: str) -> bool:
    return piece.find(piece[: (len(piece) + 1) // 2], 1) >= 0


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length
