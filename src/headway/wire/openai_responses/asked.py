"""How the Responses API was asked, as `Request.aside` tells it.

It has the shape of `extra`: names of fields, where `input[].phase` holds the field of that name of several items, as an
object with the items' numbers as keys.
"""

from __future__ import annotations

import msgspec

from headway.wire.form.request import Request
from headway.wire.openai_responses.vocabulary import DIALECT

INSTRUCTIONS = "instructions"
IDENTIFIER = "safety_identifier"
_BLANK = (None, msgspec.Raw(b'""'))


def is_instructed(request: Request) -> bool:
    """Did the first message stand in `instructions`?"""
    return request.dialect == DIALECT and request.aside.get(INSTRUCTIONS) not in _BLANK


def is_identified(request: Request) -> bool:
    """Did the user stand in `safety_identifier`?"""
    return request.dialect == DIALECT and IDENTIFIER in request.aside
