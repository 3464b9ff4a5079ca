"""The official clients, each made once for a gateway: making one takes longer than asking it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from end_to_end.sdks.anthropic_client import Messages
from end_to_end.sdks.bedrock_client import Converse
from end_to_end.sdks.cohere_client import Cohere
from end_to_end.sdks.gemini_client import Gemini
from end_to_end.sdks.openai_client import Chat, Responses
from end_to_end.sdks.seen import Application

APPLICATIONS: Mapping[str, Callable[[str], Application]] = MappingProxyType(
    {
        "chat": Chat,
        "responses": Responses,
        "anthropic": Messages,
        "gemini": Gemini,
        "bedrock": Converse,
        "cohere": Cohere,
    }
)


class Applications:
    """By name; closed at the end of the block."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._made: dict[str, Application] = {}

    def __getitem__(self, name: str) -> Application:
        if name not in self._made:
            self._made[name] = APPLICATIONS[name](self._url)
        return self._made[name]

    def __enter__(self) -> Applications:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._made.values():
            each.close()
