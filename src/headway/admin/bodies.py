"""How large what is sent to the administration may be: little from those who are still outside."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

MOST = 4 * 1024 * 1024
MOST_FROM_OUTSIDE = 16 * 1024


def bounded(receive: Receive, most: int) -> Receive:
    """The same, until there is more than that."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise HTTPException(413, f"what is sent here may have at most {most} bytes")
        return message

    return counted
