"""Whether messages and replies are kept, how much of them, and what is masked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from headway.config.fields import Name, Pattern
from headway.config.quantities import Age, CapSize
from headway.config.sections.base import Section
from headway.types import ContentRules, Kept, Masked

_RULES = ContentRules()


class ContentSection(Section):
    """What is kept of messages and replies, in the request log's database. Off unless it is switched on."""

    enabled: bool = Field(
        default=_RULES.enabled,
        description="Whether messages and replies are kept, where a model does not say otherwise.",
    )
    requests: bool = Field(default=_RULES.requests, description="Whether that takes in what is asked.")
    replies: bool = Field(default=_RULES.replies, description="Whether that takes in what is answered.")
    principals: Annotated[dict[Name, bool], Field(max_length=1000)] = Field(
        default={},
        description="Whether those of a client are kept, by its 'principal' in events; 'anonymous' are those without "
        "a key. What is kept of a model and not of a client, or the other way round, is not kept.",
    )
    cap: CapSize = Field(default=_RULES.cap, description="How much of each is kept; the rest is left out.")
    redact: list[Masked] = Field(
        default=list(_RULES.masking.kinds),
        description="What is masked before anything is written: keys and tokens of known shapes (secret), e-mail "
        "addresses, numbers of cards and bank accounts (iban), telephone numbers with their country's.",
    )
    patterns: Annotated[dict[Name, Pattern], Field(max_length=50)] = Field(
        default={}, description="What else is masked: regular expressions, by the name that takes their place."
    )
    keep: Age = Field(default=Kept().content, description="How long they stay.")
