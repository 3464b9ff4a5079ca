"""The one place where a module is imported by name: those that need a library which only an extra installs.

Whoever does not use a cloud should not have to install its library, nor wait for it at every start (botocore alone
takes a quarter of a second); so these modules are loaded when a provider in the configuration wants them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Literal, NamedTuple

from headway.types import AuthScheme

Source = Literal["aws", "google", "entra"]


class Extra(NamedTuple):
    """`libraries` are what is imported, `package` is what is installed."""

    name: str
    package: str
    libraries: tuple[str, ...]


EXTRAS: dict[Source, Extra] = {
    "aws": Extra("bedrock", "botocore", ("botocore",)),
    "google": Extra("vertex", "google-auth[requests]", ("google.auth", "requests")),
    "entra": Extra("entra", "azure-identity", ("azure.identity",)),
}
_SOURCES: dict[AuthScheme, Source] = {"sigv4": "aws", "google": "google", "entra": "entra"}


def lacking(auth: AuthScheme) -> str | None:
    """What has to be installed before this way to sign can find credentials by itself; None: nothing. Fit for a check
    of the configuration.
    """
    source = _SOURCES.get(auth)
    if source is None or _is_there(source):
        return None
    return missing(source)


def load(source: Source) -> ModuleType | None:
    """The module of that name beside this one; None if its library is not installed."""
    if not _is_there(source):
        return None
    return import_module(f"headway.providers.auth.{source}")


def missing(source: Source) -> str:
    extra = EXTRAS[source]
    return f"{extra.package} is not installed: pip install 'headway[{extra.name}]'"


def _is_there(source: Source) -> bool:
    try:
        return all(find_spec(library) is not None for library in EXTRAS[source].libraries)
    except ModuleNotFoundError:  # of `google.auth`, not even `google` is there
        return False
