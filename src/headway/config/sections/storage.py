"""Where the request log is kept, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from headway.config.fields import DatabaseUrl
from headway.config.quantities import Age, StoreSize
from headway.config.sections.base import Section, nothing_is_empty
from headway.types import Kept

_KEPT = Kept()


class KeepSection(Section):
    """For how long, and how much."""

    age: Age = Field(default=_KEPT.age, description="How long a request stays in the log.")
    size: StoreSize = Field(
        default=_KEPT.size, description="How large the log may get; the oldest requests go first. Sums are not counted."
    )
    minutes: Age = Field(default=_KEPT.minutes, description="How long sums by the minute are kept.")
    hours: Age = Field(default=_KEPT.hours, description="How long sums by the hour are kept.")


class StorageSection(Section):
    """Where the request log is kept."""

    url: DatabaseUrl | None = Field(
        default=None,
        description="The database: sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME; off keeps nothing. Not set: "
        "what HEADWAY_DATABASE_URL in the environment says, else sqlite:///headway.db.",
    )
    keep: Annotated[KeepSection, BeforeValidator(nothing_is_empty)] = Field(
        default=KeepSection(), description="How long requests stay, and how much room they may take."
    )
