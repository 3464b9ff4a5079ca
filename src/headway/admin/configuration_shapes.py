"""What the pages of the configuration take and answer with. Secrets in it are masked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from headway.admin.shapes import ErrorBody
from headway.config import problems
from headway.config.changes import ABSENT, Difference
from headway.config.problems import render_path

ManagedBy = Literal["file", "database", "default"]
Version = Field(ge=0, le=2**31 - 2)
Note = Field(default="", max_length=500, description="Why, for whoever reads the history.")


class SettingProblem(BaseModel):
    """Something wrong with one setting."""

    path: str = Field(description="As in `models.default.tiers[0]`; empty: the whole.")
    message: str
    suggestion: str | None = Field(default=None, description="What was probably meant.")
    source: str | None = Field(
        default=None, description="Where it stands, with line and column, if not in what was sent."
    )


class Refusal(BaseModel):
    """Why nothing was published."""

    error: ErrorBody
    problems: list[SettingProblem] = Field(default=[], description="All of them.")
    newest: int | None = Field(default=None, description="The newest version, if another was expected.")


class Change(BaseModel):
    """One setting or section that differs."""

    path: str
    change: Literal["added", "removed", "changed"]
    before: Any = None
    after: Any = None


class SectionState(BaseModel):
    """A section of the configuration as it holds."""

    managed_by: ManagedBy = Field(description="Where it stands. What the file has can only be changed there.")
    value: Any = Field(description="As it is written, secrets masked.")


class ConfigurationState(BaseModel):
    """The configuration as it holds, and what of it is published."""

    version: int = Field(description="The newest published version; 0: none. It is the ETag, too.")
    applied: int | None = Field(description="The published version that runs here.")
    generation: int
    source: str
    file: str | None
    error: str | None = Field(description="Why the configuration as it stands is not what runs.")
    sections: dict[str, SectionState]
    document: dict[str, Any] = Field(description="What is published, as PUT takes it.")


class Sent(BaseModel):
    """A document: sections as in headway.yaml. A masked secret stays what it is."""

    model_config = ConfigDict(extra="forbid")
    document: dict[str, Any]


class Proposal(Sent):
    base: int | None = Field(
        default=None, ge=0, le=2**31 - 2, description="The version that it was made of. Or If-Match."
    )
    note: str = Note


class Rollback(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=1, le=2**31 - 2, description="The version to bring back.")
    base: int | None = Field(default=None, ge=0, le=2**31 - 2, description="The newest version. Or If-Match.")
    note: str = Note


class Validity(BaseModel):
    valid: bool
    problems: list[SettingProblem]


class Preview(Validity):
    """What publishing would change."""

    base: int
    changes: list[Change]


class Publication(BaseModel):
    """What was published."""

    version: int = Field(description="The newest version now. Nothing changed: the one that was.")
    changes: list[Change]


class EditionShown(BaseModel):
    """A published version."""

    version: int
    at: float = Field(description="Unix time.")
    author: str
    note: str
    restored: int | None = Field(description="The version that it brought back.")


class WholeEditionShown(EditionShown):
    document: dict[str, Any]
    changes: list[Change] = Field(description="What it changed from the version before.")


class History(BaseModel):
    versions: list[EditionShown] = Field(description="Newest first.")
    next: int | None = Field(description="Pass it as `before` for the versions before these; null: there are none.")


class Resource(BaseModel):
    """A part of the configuration that has a name."""

    name: str
    managed_by: ManagedBy
    value: Any


class Resources(BaseModel):
    version: int
    managed_by: ManagedBy
    items: list[Resource]


def problem_shown(problem: problems.Problem) -> SettingProblem:
    source = f"line {problem.line}, column {problem.column} of the file" if problem.line else None
    return SettingProblem(path=problem.path, message=problem.message, suggestion=problem.suggestion, source=source)


def change_shown(found: Difference, before: Any, after: Any) -> Change:
    """`before` and `after` are masked."""
    if found.before is ABSENT:
        return Change(path=render_path(found.path), change="added", after=after)
    if found.after is ABSENT:
        return Change(path=render_path(found.path), change="removed", before=before)
    return Change(path=render_path(found.path), change="changed", before=before, after=after)
