"""What each page asks of whoever calls it. Who that is has been told before, at the door."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from headway.types import Caller, Permission


def caller_of(request: Request) -> Caller:
    """Whoever the door let in. Without a door there is nobody, and nothing answers."""
    return request.scope["headway.caller"]


AsCaller = Annotated[Caller, Depends(caller_of)]


class Needs:
    """A dependency: the caller has this permission, or is refused with 403."""

    def __init__(self, permission: Permission) -> None:
        self.permission: Permission = permission

    def __call__(self, caller: AsCaller) -> Caller:
        if self.permission not in caller.permissions:
            raise HTTPException(
                403, f"this needs the permission {self.permission!r}, which {caller.name} does not have"
            )
        return caller
