"""A request as the Responses API was asked."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from headway.wire.form.request import NO_FIELDS, Request


class Asked(Request, frozen=True, kw_only=True):
    """`aside` is what only this API needs to hear again, and nobody misses elsewhere: because it is fulfilled anyway
    (nothing is stored, encrypted reasoning is always shown) or says nothing (ids and states of items). It has the shape
    of `extra`: names of fields, where `input[].phase` holds the field of that name of several items, as an object with
    the items' numbers as keys. `instructed`: the first message stood in `instructions`.
    """

    aside: Mapping[str, msgspec.Raw] = NO_FIELDS
    instructed: bool = False
