"""The configuration as it holds, what is published of it, and publishing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import yaml
from fastapi import APIRouter, Depends, Query
from fastapi.responses import PlainTextResponse, Response

from headway.admin.bounded import BoundedRoute
from headway.admin.callers import AsCaller, Needs
from headway.admin.configuration_shapes import (
    ConfigurationState,
    EditionShown,
    History,
    Preview,
    Proposal,
    Publication,
    Rollback,
    SectionState,
    Sent,
    Validity,
    WholeEditionShown,
    problem_shown,
)
from headway.admin.configured import Configured
from headway.admin.publishing import NotPublishedError, Publishing
from headway.admin.records import Records
from headway.admin.refusals import refuse
from headway.admin.resources import resource_pages
from headway.admin.shapes import Problem
from headway.admin.versions import REFUSALS, IfMatch, changes, managed_by, tagged, wanted_base
from headway.config.changes import differences
from headway.config.published import Published
from headway.config.schema import Config, json_schema
from headway.storage.configurations import MOST_ON_A_PAGE

_ANSWERS: dict[int | str, dict[str, Any]] = {409: {"model": Problem}, 503: {"model": Problem}}


def configuration_routers(gateway: Configured, records: Records) -> list[APIRouter]:
    publishing = Publishing(gateway, records)
    return [
        _reading_pages(gateway, publishing),
        _history_pages(publishing),
        _publishing_pages(publishing),
        *resource_pages(gateway, publishing),
    ]


async def _effective(gateway: Configured, publishing: Publishing, newest: Published) -> dict[str, SectionState]:
    written = await publishing.written()
    sections: dict[str, SectionState] = {}
    for name in Config.model_fields:
        where = managed_by(gateway, name)
        if name in written:
            where, value = "file", written[name]
        elif name in newest.document:
            where, value = "database", newest.document[name]
        else:
            value = publishing.found() if name == "providers" and where == "default" else {}
        sections[name] = SectionState(managed_by=where, value=publishing.shown(value, (name,)))
    return sections


def _reading_pages(gateway: Configured, publishing: Publishing) -> APIRouter:
    router = APIRouter(prefix="/configuration", tags=["configuration"], dependencies=[Depends(Needs("read"))])

    @router.get("", summary="The configuration as it holds", response_model=ConfigurationState, responses=_ANSWERS)
    async def whole() -> Response:
        newest = await publishing.newest()
        snapshot, configuration = gateway.snapshot, gateway.configuration
        path = None if configuration is None else configuration.path
        state = ConfigurationState(
            version=newest.version,
            applied=snapshot.published,
            generation=snapshot.generation,
            source=snapshot.source,
            file=None if path is None else str(path),
            error=gateway.last_config_error,
            sections=await _effective(gateway, publishing, newest),
            document=publishing.shown(newest.document),
        )
        return tagged(state, newest.version)

    @router.get("/schema", summary="What a configuration may say, as JSON schema")
    async def schema() -> dict[str, Any]:
        return json_schema()

    @router.get(
        "/export",
        summary="The configuration as it holds, as YAML",
        response_class=PlainTextResponse,
        responses=_ANSWERS | {200: {"content": {"application/yaml": {}}, "description": "YAML, secrets masked."}},
    )
    async def export() -> Response:
        sections = await _effective(gateway, publishing, await publishing.newest())
        written = {name: each.value for name, each in sections.items() if each.value or each.managed_by != "default"}
        text = yaml.safe_dump(written, sort_keys=False, allow_unicode=True, width=120)
        return Response(text, media_type="application/yaml", headers={"cache-control": "no-store"})

    return router


def _history_pages(publishing: Publishing) -> APIRouter:
    router = APIRouter(
        prefix="/configuration/history",
        tags=["configuration"],
        dependencies=[Depends(Needs("read"))],
        responses=_ANSWERS,
    )

    @router.get("", summary="Published versions, newest first")
    async def history(
        *,
        limit: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE)] = 50,
        before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
    ) -> History:
        editions = await (await publishing.configurations()).page(most=limit, before=before)
        shown = [EditionShown.model_validate(each, from_attributes=True) for each in editions]
        more = len(shown) == limit and shown[-1].version > 1
        return History(versions=shown, next=shown[-1].version if more else None)

    @router.get(
        "/{version}",
        summary="One published version, and what it changed",
        response_model=WholeEditionShown,
        responses={404: {"model": Problem}},
    )
    async def one(version: int) -> WholeEditionShown | Response:
        store = await publishing.configurations()
        found = await store.one(version) if 0 < version < 2**31 else None
        if found is None:
            return refuse(404, "there is no such version", code="not_found")
        older = await store.one(version - 1)
        before: Mapping[str, Any] = {} if older is None else older.document
        return WholeEditionShown(
            version=found.version,
            at=found.at,
            author=found.author,
            note=found.note,
            restored=found.restored,
            document=publishing.shown(found.document),
            changes=changes(publishing, tuple(differences(before, found.document))),
        )

    return router


def _publishing_pages(publishing: Publishing) -> APIRouter:
    router = APIRouter(
        prefix="/configuration",
        tags=["configuration"],
        dependencies=[Depends(Needs("configure"))],
        responses=REFUSALS,
        route_class=BoundedRoute,
    )

    @router.post("/validate", summary="Whether a document could be published, and all that is wrong with it")
    async def validate(sent: Sent, caller: AsCaller) -> Validity:
        draft = await publishing.draft(caller, await publishing.newest(), sent.document)
        return Validity(valid=not draft.problems, problems=list(map(problem_shown, draft.problems)))

    @router.post("/diff", summary="What publishing a document would change")
    async def diff(sent: Sent, caller: AsCaller) -> Preview:
        draft = await publishing.draft(caller, await publishing.newest(), sent.document)
        return Preview(
            valid=not draft.problems,
            problems=list(map(problem_shown, draft.problems)),
            base=draft.base.version,
            changes=changes(publishing, draft.differences),
        )

    @router.put("", summary="Publish a document", response_model=Publication, responses={428: {"model": Problem}})
    async def publish(sent: Proposal, caller: AsCaller, if_match: IfMatch = None) -> Response:
        base = wanted_base(if_match, sent.base)
        if base is None:
            message = "say which version this was made of, as 'base' or in If-Match; 0 if none was published"
            raise NotPublishedError(428, message, code="base_required")
        version, draft = await publishing.publish(
            caller, lambda _: sent.document, base=base, action="configuration.publish", note=sent.note
        )
        return tagged(Publication(version=version, changes=changes(publishing, draft.differences)), version)

    @router.post(
        "/rollback",
        summary="Publish an older version again",
        response_model=Publication,
        responses={404: {"model": Problem}},
    )
    async def rollback(sent: Rollback, caller: AsCaller, if_match: IfMatch = None) -> Response:
        base = wanted_base(if_match, sent.base)
        version, draft = await publishing.bring_back(caller, sent.version, base=base, note=sent.note)
        return tagged(Publication(version=version, changes=changes(publishing, draft.differences)), version)

    return router
