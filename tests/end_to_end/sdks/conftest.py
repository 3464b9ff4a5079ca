"""Runs one gateway for all that the official clients ask of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from end_to_end.sdks.applications import APPLICATIONS, Applications
from end_to_end.sdks.faults import FAULTS
from end_to_end.sdks.place import Place, opened
from end_to_end.sdks.seen import Application
from end_to_end.sdks.upstreams import UPSTREAMS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`client`: every official client. `upstream`: every provider. Others are filled in by the test itself."""
    if "client" in metafunc.fixturenames:
        metafunc.parametrize("client", APPLICATIONS, ids=lambda name: f"{name}-client", indirect=True)
    if "upstream" in metafunc.fixturenames:
        metafunc.parametrize("upstream", UPSTREAMS, ids=lambda each: f"{each.name}-upstream")


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    with opened(FAULTS) as place:
        yield place


@pytest.fixture(scope="session")
def applications(place: Place) -> Iterator[Applications]:
    with Applications(place.url) as applications:
        yield applications


@pytest.fixture
def client_name(request: pytest.FixtureRequest) -> str:
    return request.node.callspec.params["client"]


@pytest.fixture
def client(request: pytest.FixtureRequest, applications: Applications) -> Application:
    return applications[request.param]
