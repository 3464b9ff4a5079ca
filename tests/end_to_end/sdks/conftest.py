"""Makes these folders importable as packages, and runs one gateway for all that the official clients ask of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = str(Path(__file__).parents[2])
if TESTS not in sys.path:
    sys.path.append(TESTS)

from end_to_end.sdks.applications import APPLICATIONS, Applications  # noqa: E402
from end_to_end.sdks.faults import FAULTS  # noqa: E402
from end_to_end.sdks.place import Place, opened  # noqa: E402
from end_to_end.sdks.seen import Application  # noqa: E402
from end_to_end.sdks.upstreams import UPSTREAMS  # noqa: E402


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
