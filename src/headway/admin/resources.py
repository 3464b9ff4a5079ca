"""Parts of the configuration by name: providers, their keys, logical models. Each change publishes the whole document
with this one change in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple, cast

from fastapi import APIRouter, Body, Depends, Path, Query
from fastapi.responses import Response

from headway.admin.bounded import BoundedRoute
from headway.admin.callers import AsCaller, Needs
from headway.admin.configuration_shapes import Publication, Resource, Resources
from headway.admin.configured import Configured
from headway.admin.publishing import Change, Document, NotPublishedError, Publishing, in_file, section_of
from headway.admin.shapes import Problem
from headway.admin.versions import REFUSALS, IfMatch, changes, managed_by, tagged, wanted_base
from headway.config.masking import key_names
from headway.config.published import Published
from headway.types import Caller

Name = Annotated[str, Path(max_length=200)]
Base = Annotated[int | None, Query(ge=0, le=2**31 - 2, description="The version that the change was made of.")]
Note = Annotated[str, Query(max_length=500, description="Why, for whoever reads the history.")]
_MISSING: dict[int | str, dict[str, Any]] = {404: {"model": Problem}}


class Asked(NamedTuple):
    """Who wants a change, and of which version."""

    caller: Caller
    base: int | None
    note: str


def asked(caller: AsCaller, if_match: IfMatch = None, base: Base = None, note: Note = "") -> Asked:
    return Asked(caller, wanted_base(if_match, base), note)


AsAsked = Annotated[Asked, Depends(asked)]


class Parts:
    """A section of the configuration as it holds, and changes of it."""

    def __init__(self, gateway: Configured, publishing: Publishing) -> None:
        self._gateway = gateway
        self._publishing = publishing

    async def holds(self, section: str) -> tuple[int, str, Any]:
        """The newest version, where the section stands, and what stands there."""
        newest, written = await self._publishing.newest(), await self._publishing.written()
        if section in written:
            return newest.version, "file", written[section]
        if section in newest.document:
            return newest.version, "database", newest.document[section]
        found = section == "providers" and managed_by(self._gateway, section) == "default"
        return newest.version, "default", self._publishing.found() if found else {}

    async def listed(self, section: str) -> Response:
        version, where, value = await self.holds(section)
        items = [
            self._resource((section, name), name, where, each) for name, each in section_of({"": value}, "").items()
        ]
        return tagged(Resources.model_validate({"version": version, "managed_by": where, "items": items}), version)

    async def one(self, section: str, name: str) -> Response:
        version, where, value = await self.holds(section)
        found = section_of({"": value}, "")
        if name not in found:
            raise missing(section, name)
        return tagged(self._resource((section, name), name, where, found[name]), version)

    async def key(self, provider: str, key: str) -> Response:
        version, where, value = await self.holds("providers")
        place = ("providers", provider, "keys")
        entries = keys_of(section_of({"": value}, "").get(provider))
        for at, (name, entry) in enumerate(zip(key_names(entries), entries, strict=True)):
            if name == key:
                return tagged(self._resource((*place, at), name, where, entry), version)
        raise missing(f"providers.{provider}.keys", key)

    async def whole(self, section: str) -> Response:
        version, where, value = await self.holds(section)
        return tagged(self._resource((section,), section, where, value), version)

    async def change(self, what: Asked, section: str, change: Callable[[Document], Any], subject: str) -> Response:
        """Publish the document with `change` made to this section."""
        action = f"{section}.change"
        written = (await self._publishing.written()).keys()
        if section in written:
            message = in_file(section, str(self._gateway.configuration and self._gateway.configuration.path))
            raise NotPublishedError(409, message, code="managed_by_file")
        made = self._making(section, change, written)
        version, draft = await self._publishing.publish(
            what.caller, made, base=what.base, action=action, subject=subject, note=what.note
        )
        shown = changes(self._publishing, draft.differences)
        return tagged(Publication(version=version, changes=shown), version)

    def _making(self, section: str, change: Callable[[Document], Any], written: Iterable[str]) -> Change:
        def made(newest: Published) -> Document:
            document = {name: each for name, each in newest.document.items() if name not in written}
            # as whoever sends all of it would have read it: masks of what stays are put back in its place
            shown: dict[str, Any] = self._publishing.shown(document)
            if section == "providers" and section not in shown:
                shown[section] = self._publishing.found()
            shown[section] = change(section_of(shown, section))
            return shown

        return made

    def _resource(self, path: tuple[str | int, ...], name: str, where: str, value: Any) -> Resource:
        shown = self._publishing.shown(value, path)
        return Resource.model_validate({"name": name, "managed_by": where, "value": shown})


def missing(section: str, name: str) -> NotPublishedError:
    return NotPublishedError(404, f"there is no {name!r} in {section}", code="not_found")


def keys_of(provider: Any) -> list[Any]:
    found = cast("Mapping[str, Any]", provider).get("keys") if isinstance(provider, Mapping) else None
    return list(cast("list[Any]", found)) if isinstance(found, list) else []


def put(name: str, value: Any) -> Callable[[Document], Document]:
    return lambda section: {**section, name: value}


def without(section: str, name: str) -> Callable[[Document], Document]:
    def change(found: Document) -> Document:
        if name not in found:
            raise missing(section, name)
        return {each: value for each, value in found.items() if each != name}

    return change


def put_key(provider: str, key: str, value: Mapping[str, Any]) -> Callable[[Document], Document]:
    """In the place of the key of that name, or after the others."""

    def change(found: Document) -> Document:
        if provider not in found:
            raise missing("providers", provider)
        entries = _named(keys_of(found[provider]))
        fresh = {**value, "name": key}
        places = [at for at, each in enumerate(entries) if each.get("name") == key]
        if places:
            entries[places[0]] = fresh
        else:
            entries.append(fresh)
        return {**found, provider: {**(found[provider] or {}), "keys": entries}}

    return change


def without_key(provider: str, key: str) -> Callable[[Document], Document]:
    def change(found: Document) -> Document:
        entries = _named(keys_of(found.get(provider)))
        rest = [each for each in entries if each.get("name") != key]
        if len(rest) == len(entries):
            raise missing(f"providers.{provider}.keys", key)
        if not rest:
            message = f"{key!r} is the only key of {provider}: without any it would be asked with none"
            raise NotPublishedError(409, message, code="last_key")
        return {**found, provider: {**found[provider], "keys": rest}}

    return change


def _named(entries: list[Any]) -> list[dict[str, Any]]:
    """All in the long form, so that each keeps its name when another comes or goes."""
    return [
        {**(cast("Mapping[str, Any]", each) if isinstance(each, Mapping) else {"value": each}), "name": name}
        for name, each in zip(key_names(entries), entries, strict=True)
    ]


def resource_pages(gateway: Configured, publishing: Publishing) -> list[APIRouter]:
    parts = Parts(gateway, publishing)
    return [_readable(parts), _providers(parts), _models(parts)]


def _readable(parts: Parts) -> APIRouter:
    answers = _MISSING | {409: {"model": Problem}, 503: {"model": Problem}}
    router = APIRouter(tags=["configuration"], dependencies=[Depends(Needs("read"))], responses=answers)

    @router.get("/providers", summary="All providers", response_model=Resources)
    async def providers() -> Response:
        return await parts.listed("providers")

    @router.get("/providers/{name}", summary="One provider", response_model=Resource)
    async def provider(name: Name) -> Response:
        return await parts.one("providers", name)

    @router.get("/providers/{name}/keys/{key}", summary="One key of a provider", response_model=Resource)
    async def key(name: Name, key: Name) -> Response:
        return await parts.key(name, key)

    @router.get("/models", summary="All logical models, which are what clients ask for", response_model=Resources)
    async def models() -> Response:
        return await parts.listed("models")

    @router.get("/models/{name:path}", summary="One logical model", response_model=Resource)
    async def model(name: Name) -> Response:
        return await parts.one("models", name)

    @router.get("/resilience", summary="How far to go for an answer", response_model=Resource)
    async def resilience() -> Response:
        return await parts.whole("resilience")

    return router


def _writing() -> APIRouter:
    return APIRouter(
        tags=["configuration"],
        dependencies=[Depends(Needs("configure"))],
        responses=REFUSALS | _MISSING,
        route_class=BoundedRoute,
    )


def _providers(parts: Parts) -> APIRouter:
    router = _writing()

    @router.put("/providers/{name}", summary="Set a provider", response_model=Publication)
    async def set_provider(name: Name, value: Annotated[dict[str, Any], Body()], what: AsAsked) -> Response:
        return await parts.change(what, "providers", put(name, value), name)

    @router.delete("/providers/{name}", summary="Remove a provider", response_model=Publication)
    async def remove_provider(name: Name, what: AsAsked) -> Response:
        return await parts.change(what, "providers", without("providers", name), name)

    @router.put("/providers/{name}/keys/{key}", summary="Set a key of a provider", response_model=Publication)
    async def set_key(name: Name, key: Name, value: Annotated[dict[str, Any], Body()], what: AsAsked) -> Response:
        return await parts.change(what, "providers", put_key(name, key, value), f"{name}#{key}")

    @router.delete("/providers/{name}/keys/{key}", summary="Remove a key of a provider", response_model=Publication)
    async def remove_key(name: Name, key: Name, what: AsAsked) -> Response:
        return await parts.change(what, "providers", without_key(name, key), f"{name}#{key}")

    return router


def _models(parts: Parts) -> APIRouter:
    router = _writing()

    @router.put("/models/{name:path}", summary="Set a logical model", response_model=Publication)
    async def set_model(name: Name, value: Annotated[dict[str, Any] | list[Any], Body()], what: AsAsked) -> Response:
        return await parts.change(what, "models", put(name, value), name)

    @router.delete("/models/{name:path}", summary="Remove a logical model", response_model=Publication)
    async def remove_model(name: Name, what: AsAsked) -> Response:
        return await parts.change(what, "models", without("models", name), name)

    @router.put("/resilience", summary="Set how far to go for an answer", response_model=Publication)
    async def set_resilience(value: Annotated[dict[str, Any], Body()], what: AsAsked) -> Response:
        return await parts.change(what, "resilience", lambda _: value, "")

    return router
