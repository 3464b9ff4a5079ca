"""What the generations of Claude take, told by a model's name.

Anthropic's guides of thinking, effort, structured outputs and of migration to each generation. Other
makers serve models of theirs in this dialect too: those know thinking by budget alone.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

_NAME = re.compile(r"(opus|sonnet|haiku|fable|mythos)-(\d+)(?:[-.](\d{1,2}))?(?!\d)")
_NUMBER_FIRST = re.compile(r"claude-(\d)(?:[-.](\d{1,2}))?-(opus|sonnet|haiku|instant)")


class Ways(msgspec.Struct, frozen=True, gc=False):
    """What a model takes. `budgets`: thinking within a number of tokens; `adaptive`: thinking as it sees fit, steered
    by effort; `xhigh`: there is an effort between high and max; `unasked`: it thinks where the request does not speak
    of it; `can_rest`: thinking can be turned off; `sampling`: temperature, top_p and top_k; `both`: temperature and
    top_p at once; `structured`: schemas for the answer and for tools.
    """

    budgets: bool = True
    adaptive: bool = False
    xhigh: bool = False
    unasked: bool = False
    can_rest: bool = True
    sampling: bool = True
    both: bool = False
    structured: bool = True


_OLD = Ways(both=True, structured=False)
_41 = Ways()
_OTHERS = Ways(both=True)
_46 = Ways(adaptive=True)
_47 = Ways(budgets=False, adaptive=True, xhigh=True, sampling=False)
_5 = Ways(budgets=False, adaptive=True, xhigh=True, sampling=False, unasked=True)
_ALWAYS = Ways(budgets=False, adaptive=True, xhigh=True, sampling=False, unasked=True, can_rest=False)


@lru_cache(maxsize=1024)
def ways(model: str) -> Ways:
    name = model.lower()
    if (found := _NAME.search(name)) is not None:
        family, version = found[1], (int(found[2][:3]), int(found[3] or 0))
    elif (found := _NUMBER_FIRST.search(name)) is not None:
        family, version = found[3], (int(found[1]), int(found[2] or 0))
    else:
        return _ALWAYS if "mythos" in name else _OTHERS
    if family in ("fable", "mythos") or version >= (5, 1):
        return _ALWAYS
    if version >= (5, 0):
        return _5
    if version >= (4, 7):
        return _47
    if version >= (4, 6):
        return _46
    return _41 if version >= (4, 1) else _OLD
