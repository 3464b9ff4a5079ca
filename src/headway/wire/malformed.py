"""Why a client's request cannot be read."""

from __future__ import annotations

import msgspec


class Malformed(msgspec.Struct, frozen=True):
    """Why a request cannot be read, in words for the client; `param` names the field at fault."""

    message: str
    param: str | None = None
