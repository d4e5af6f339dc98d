from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from environment import ENVIRONMENT, control
from stand_in import StandIn

from patwarden import AsyncClient, Client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(ENVIRONMENT["endpoint"], ENVIRONMENT["keys"]["admin"], plaintext=True, check_timeout=30) as client:
        yield client


@pytest.fixture(params=[True, False], ids=["coalescing", "each alone"])
async def async_client(request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(
        ENVIRONMENT["endpoint"],
        ENVIRONMENT["keys"]["admin"],
        plaintext=True,
        check_timeout=30,
        coalesce=request.param,
    ) as client:
        yield client


@pytest.fixture
def openfga_cut() -> Iterator[None]:
    """The server cannot reach OpenFGA meanwhile."""
    control("/openfga/cut")
    try:
        yield
    finally:
        control("/openfga/heal")


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(params=["sync", "asyncio"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)
