"""How many tokens a request has, asked and answered in every dialect that knows the question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from headway.types import Dialect
from headway.wire.anthropic import counting as anthropic
from headway.wire.converse import invoke as converse
from headway.wire.form.codec import Said
from headway.wire.form.reply import NoReply
from headway.wire.form.request import Request, Toward, Unsupported, Written
from headway.wire.gemini import counting as gemini
from headway.wire.malformed import Malformed


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """One dialect. `form` is its name, or that of a variety of it."""

    form: str
    dialect: Dialect
    read_request: Callable[[Mapping[str, msgspec.Raw], Said], Request | Malformed]
    write_request: Callable[[Request, Toward], Written | Unsupported]
    read_reply: Callable[[bytes], int | NoReply]
    write_reply: Callable[[int], bytes]


_GEMINI = Counting(
    form="gemini",
    dialect="gemini",
    read_request=gemini.read_count,
    write_request=gemini.write_count,
    read_reply=gemini.read_counted,
    write_reply=gemini.write_counted,
)
COUNTS: Mapping[str, Counting] = {
    each.form: each
    for each in (
        Counting(
            form="anthropic",
            dialect="anthropic",
            read_request=anthropic.read_count_request,
            write_request=anthropic.write_count_request,
            read_reply=anthropic.read_count_reply,
            write_reply=anthropic.write_count_reply,
        ),
        _GEMINI,
        msgspec.structs.replace(_GEMINI, form="vertex", write_request=partial(gemini.write_count, whole=False)),
        Counting(
            form="converse",
            dialect="converse",
            read_request=converse.read_count_request,
            write_request=converse.write_count_request,
            read_reply=converse.read_count,
            write_reply=converse.write_count,
        ),
    )
}
"""By form."""
