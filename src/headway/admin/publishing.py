"""Publishing a configuration: from what was sent to a new version that runs, or to every reason why not.

A document is published only if the gateway that is asked could run it. Of two who began with the same version only one
succeeds. What is published is taken up here at once, and elsewhere within seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, NamedTuple, cast

from headway.admin.configured import Configuration, Configured
from headway.admin.reaching import out_of_reach
from headway.admin.records import Records
from headway.config.changes import ABSENT, Difference, differences
from headway.config.discover import discovered
from headway.config.load import written
from headway.config.masking import Unmasking, masked, plain_secrets, sealed
from headway.config.problems import ConfigError, ConfigPath, Finding, Problem, render_path
from headway.config.published import MANAGED, Published, check_form
from headway.config.schema import Config
from headway.storage.configurations import Configurations, Conflict, Told
from headway.storage.sealing import Sealing
from headway.storage.secret_keys import NoKeyError, Unsealing, keys
from headway.types import Caller

Document = Mapping[str, Any]
Change = Callable[[Published], Document]
"""What the document would be, made of the newest. It may raise NotPublishedError."""
GUARDED = ("providers", "observability")
"""Sections that say where requests, keys and events go."""
MOST_TRIES = 5


class NotPublishedError(Exception):
    """Nothing was published."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        problems: Sequence[Problem] = (),
        newest: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.problems = tuple(problems)
        self.newest = newest


class Draft(NamedTuple):
    """What would be published: `document` has new secrets in the clear and old ones as they were."""

    base: Published
    document: dict[str, object]
    differences: tuple[Difference, ...]
    problems: tuple[Problem, ...]


class Publishing:
    def __init__(self, gateway: Configured, records: Records) -> None:
        self._gateway = gateway
        self._records = records
        self.unseal = Unsealing(gateway.environ, self._url)

    async def configurations(self) -> Configurations:
        return Configurations(await self._records.engine())

    async def newest(self) -> Published:
        return await (await self.configurations()).newest()

    async def written(self) -> dict[str, object]:
        """What the file says, with references as they stand there; nothing where it cannot be read."""
        path = None if self._gateway.configuration is None else self._gateway.configuration.path
        if path is None:
            return {}
        try:
            return (await asyncio.to_thread(written, path)).data
        except ConfigError:
            return {}

    def found(self) -> dict[str, object]:
        """The providers that the environment alone is enough for, as a section that says no more."""
        return {name: {} for name in discovered(self._gateway.environ)}

    async def draft(self, caller: Caller, base: Published, sent: Document) -> Draft:
        """`sent` may have masks where secrets are to stay. Raises NotPublishedError where the caller may not."""
        configuration = self._configuration()
        misshapen = check_form(sent)
        if misshapen is not None:
            return Draft(base, dict(sent), (), (_problem(misshapen),))
        in_file = (await self.written()).keys()
        problems = _out_of_place(sent, in_file, str(configuration.path))
        unmasking = Unmasking(base.document, self.unseal)
        document = await asyncio.to_thread(unmasking.document, sent)
        problems.extend(map(_problem, unmasking.findings))
        return await self._draft(caller, base, document | _within(base.document, in_file), problems)

    async def _brought_back(self, caller: Caller, base: Published, older: Document) -> Draft:
        """A draft of an older version, but for sections that the file has now."""
        in_file = (await self.written()).keys()
        document = {name: each for name, each in older.items() if name not in in_file}
        return await self._draft(caller, base, document | _within(base.document, in_file), [])

    async def _draft(
        self, caller: Caller, base: Published, document: dict[str, object], problems: list[Problem]
    ) -> Draft:
        found = tuple(differences(base.document, document))
        _may(caller, found)
        if not problems:
            published = Published(version=base.version + 1, document=document)
            problems = await self._trial(self._configuration(), published)
        return Draft(base, document, found, tuple(problems))

    async def publish(
        self, caller: Caller, change: Change, *, base: int | None, action: str, subject: str = "", note: str = ""
    ) -> tuple[int, Draft]:
        """The new version. `base` is the version that the change was thought of with; None: whichever is the newest.
        Raises NotPublishedError.
        """
        for _ in range(MOST_TRIES):
            newest = await self.newest()
            if base is not None and base != newest.version:
                raise conflict(newest.version)
            draft = await self.draft(caller, newest, change(newest))
            if draft.problems:
                raise refused(draft.problems)
            if not draft.differences:
                return newest.version, draft
            version = await self._store(caller, draft, action=action, subject=subject, note=note)
            if isinstance(version, int):
                return version, draft
            if base is not None:
                raise conflict(version.newest)
        raise conflict((await self.newest()).version)

    async def bring_back(self, caller: Caller, version: int, *, base: int | None, note: str = "") -> tuple[int, Draft]:
        """An older version as the newest, which is told. Raises NotPublishedError."""
        publications = await self.configurations()
        newest, older = await publications.newest(), await publications.one(version)
        if older is None:
            raise NotPublishedError(404, "there is no such version", code="not_found")
        if base is not None and base != newest.version:
            raise conflict(newest.version)
        draft = await self._brought_back(caller, newest, older.document)
        if draft.problems:
            raise refused(draft.problems)
        action, subject = "configuration.rollback", f"version {version}"
        restored = await self._store(caller, draft, action=action, subject=subject, note=note, restored=version)
        if isinstance(restored, Conflict):
            raise conflict(restored.newest)
        return restored, draft

    async def _store(
        self, caller: Caller, draft: Draft, *, action: str, subject: str, note: str, restored: int | None = None
    ) -> int | Conflict:
        """A sound draft becomes a version, and runs."""
        configuration = self._configuration()
        document = await asyncio.to_thread(self._sealed, draft.document)
        before, after = self._told(draft.differences)
        told = Told(action=action, subject=subject, before=before, after=after)
        publications = await self.configurations()
        version = await publications.publish(draft.base.version, document, caller, told, note=note, restored=restored)
        if isinstance(version, int):
            await configuration.take(Published(version=version, document=document))
        return version

    def shown(self, document: object, path: ConfigPath = ()) -> Any:
        """As anybody may see it."""
        return masked(document, self.unseal, path)

    def _told(self, found: Sequence[Difference]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Before and after, by path."""
        before, after = dict[str, Any](), dict[str, Any]()
        for each in found:
            path = render_path(each.path)
            if each.before is not ABSENT:
                before[path] = self.shown(each.before, each.before_path)
            if each.after is not ABSENT:
                after[path] = self.shown(each.after, each.after_path)
        return before, after

    def _sealed(self, document: dict[str, object]) -> dict[str, object]:
        first = next(plain_secrets(document), None)
        if first is None:
            return document
        try:
            found = keys(self._gateway.environ, self._url(), create=True)
        except NoKeyError as error:
            message = f"is a secret that cannot be sealed: {error}; or write a reference such as ${{NAME}}"
            raise refused([_problem(Finding(path=first, message=message))]) from None
        return sealed(document, Sealing(found).seal)

    async def _trial(self, configuration: Configuration, published: Published) -> list[Problem]:
        try:
            snapshot = await asyncio.to_thread(configuration.trial, published)
        except ConfigError as error:
            return list(error.problems)
        return await out_of_reach(snapshot)

    def _configuration(self) -> Configuration:
        configuration = self._gateway.configuration
        if configuration is None or not configuration.follows:
            message = "this gateway does not take its configuration from a database; `headway serve` does"
            raise NotPublishedError(409, message, code="not_configurable")
        return configuration

    def _url(self) -> str | None:
        url = self._gateway.snapshot.storage.url
        return None if url is None else url.reveal()


def conflict(newest: int) -> NotPublishedError:
    message = f"somebody else has published meanwhile: the newest version is {newest}; look at it, and send again"
    return NotPublishedError(409, message, code="conflict", newest=newest)


def refused(problems: Sequence[Problem]) -> NotPublishedError:
    message = f"nothing was published: {_line(problems[0])}"
    if len(problems) > 1:
        message += f" (and {len(problems) - 1} more)"
    return NotPublishedError(422, message, code="invalid_configuration", problems=problems)


def in_file(section: str, file: str) -> str:
    return f"the section {section!r} is set in {file}; change it there"


def _line(problem: Problem) -> str:
    return f"{problem.path}: {problem.message}" if problem.path else problem.message


def _problem(finding: Finding) -> Problem:
    return Problem(
        path=render_path(finding.path), line=0, column=0, message=finding.message, suggestion=finding.suggestion
    )


def _out_of_place(sent: Document, managed: Container[str], file: str) -> list[Problem]:
    """Sections that cannot be published."""
    found: list[Problem] = []
    for name in sent:
        if name in Config.model_fields and name not in MANAGED:
            found.append(_problem(Finding(path=(name,), message="can only be set in headway.yaml, not by API")))
        elif name in managed:
            found.append(_problem(Finding(path=(name,), message=in_file(name, file))))
        elif name not in MANAGED:
            message = f"no such section; there are {', '.join(MANAGED)}"
            found.append(_problem(Finding(path=(name,), message=message)))
    return found


def _within(document: Document, sections: Container[str]) -> dict[str, object]:
    """What is published and does not count, since the file has it: it is there again when the file has it no more."""
    return {name: each for name, each in document.items() if name in sections}


def _may(caller: Caller, found: Sequence[Difference]) -> None:
    touched = {each.path[0] for each in found if each.path}
    for section in GUARDED:
        if section in touched and "providers" not in caller.permissions:
            message = f"to change {section!r} needs the permission 'providers', which {caller.name} does not have"
            raise NotPublishedError(403, message, code="refused")


def section_of(document: Document, name: str) -> dict[str, Any]:
    """A copy of a section of names, such as providers; empty where there is none."""
    found = document.get(name)
    return dict(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else {}
