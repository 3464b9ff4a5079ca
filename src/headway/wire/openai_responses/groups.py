"""Tools that a client gives in groups, which this API calls namespaces: a call names the group beside the tool.

Nobody else has groups. Elsewhere such a tool goes by one name, made of both, and what calls it is told apart again for
the client. What describes the whole group stands before the description of its first tool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from headway.wire.form.request import Request, Tool

NAMESPACE = "namespace"
_MOST_NAME = 64
"""Characters that everybody allows in the name of a tool."""


class GroupedTool(Tool, frozen=True, kw_only=True):
    """`group` and `own` are its names as the client gave them, `raw` is the whole group: one object for all in it."""

    group: str
    own: str
    raw: msgspec.Raw


_NONE: Mapping[str, GroupedTool] = MappingProxyType({})


def joined(group: str, own: str) -> str:
    """The one name. Always the same, so that it fits to what was called in earlier turns."""
    name = f"{group}{own}" if group.endswith("__") else f"{group}__{own}"
    if len(name) <= _MOST_NAME:
        return name
    mark = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: _MOST_NAME - 9]}_{mark}"


def described(description: str | None, group: str | None, *, first: bool) -> str | None:
    if not first or not group:
        return description
    return f"{group}\n\n{description}" if description else group


def grouped(request: Request) -> Mapping[str, GroupedTool]:
    """By the one name that everybody else knows it by."""
    found = {tool.name: tool for tool in request.tools if isinstance(tool, GroupedTool)}
    return found or _NONE
