"""What a client asks a model for.

Anything that the form has no place for is kept in `extra`, under the client's own name for it, and only its own
dialect can write it again. What of it the answer would be wrong without is in `needs` too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from headway.types import Dialect
from headway.wire.form.parts import Cache, Message

NO_FIELDS: Mapping[str, msgspec.Raw] = MappingProxyType({})


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the client runs. `parameters` is a JSON schema; `custom` tools take free text instead, in the form
    that `format` describes (OpenAI's words).
    """

    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None
    custom: bool = False
    format: msgspec.Raw = msgspec.Raw()
    cache: Cache | None = None


class HostedTool(msgspec.Struct, frozen=True):
    """A tool that the provider runs itself, as its dialect describes it. `kind` is its name there."""

    dialect: Dialect
    kind: str
    raw: msgspec.Raw


class ToolChoice(msgspec.Struct, frozen=True):
    """`auto`: as the model likes; `none`: no tool; `required`: at least one. `names`: only these are allowed, and with
    `required` and one name it is that tool.
    """

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """The answer is to be JSON; with a `schema`, such as that describes."""

    schema: msgspec.Raw = msgspec.Raw()
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Thinking(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model is to think first: by `effort` (none, minimal, low, medium, high, xhigh, max), by a `budget`
    of tokens (0: not at all; -1: as it sees fit), or as the dialect usually does where both are None. `show`: the
    answer is to tell what was thought, perhaps as a summary (`summary`: auto, concise, detailed).
    """

    effort: str | None = None
    budget: int | None = None
    show: bool | None = None
    summary: str | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request for words. None and empty mean that the client did not say."""

    dialect: Dialect
    """Whose words it was read from."""
    model: str
    messages: tuple[Message, ...]
    """Instructions that stand before the conversation are messages of role `system` (or `developer`) here too."""
    tools: tuple[Tool | HostedTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    output: Output | None = None
    thinking: Thinking | None = None
    max_output: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    logit_bias: msgspec.Raw = msgspec.Raw()
    n: int | None = None
    """How many answers."""
    user: str | None = None
    metadata: msgspec.Raw = msgspec.Raw()
    """An object of texts."""
    service_tier: str | None = None
    verbosity: str | None = None
    """low, medium, high."""
    cache_key: str | None = None
    """Requests with the same key share most of their prompt."""
    stream: bool = False
    stream_usage: bool = True
    """A stream is to tell the usage, which in some dialects is a matter of choice."""
    extra: Mapping[str, msgspec.Raw] = NO_FIELDS
    aside: Mapping[str, msgspec.Raw] = NO_FIELDS
    """What only its own dialect must hear again, and what is fulfilled or means nothing anywhere else: nobody lists it
    as dropped. A client's older manner of speaking, whose answer must be in the same manner, is told here too.
    """
    needs: tuple[str, ...] = ()
    """Names in `extra`, or of other things, that only the request's own dialect can do, and that must not be left out:
    a conversation that the provider keeps, a tool that it runs, sound as the answer.
    """


class Toward(msgspec.Struct, frozen=True, kw_only=True):
    """What a writer must know of the model that it writes to."""

    model: str
    most_output: int | None = None
    """The most tokens that the model can answer with, where that is known. Some dialects want a bound in every
    request.
    """
    lacks: frozenset[str] = frozenset()
    """Abilities that the model is known not to have (`form.abilities`), and parameters that it refuses, by their names
    in the form's `Request`.
    """
    abilities_lacking: frozenset[str] = frozenset()
    """Those of `lacks` that are abilities."""
    renames: Mapping[str, str] = MappingProxyType({})
    """Parameters that the model wants under another name than its dialect's usual one, by that usual name."""

    @property
    def refuses(self) -> frozenset[str]:
        """Those of `lacks` that are no abilities: parameters, which may be left out."""
        return self.lacks - self.abilities_lacking


class Written(msgspec.Struct, frozen=True):
    """A request in the words of a dialect. `dropped` names what could not be said, by the names of the form: a field of
    `Request`, a name in `extra`, or a place such as `messages[3].reasoning`.
    """

    body: bytes
    dropped: tuple[str, ...] = ()


class Unsupported(msgspec.Struct, frozen=True):
    """Why a request cannot be put into a dialect, or to a model, without changing what it means. `feature` is a short
    name (tools, images, previous_response_id), `message` a sentence about the target that begins with a verb in the
    third person: "takes no images".
    """

    feature: str
    message: str
