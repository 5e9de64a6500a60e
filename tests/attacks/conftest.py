"""The grounds that attacks share, and a clean slate for each of them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.attacks.estate import Estate, estate
from tests.attacks.ground import Ground, ground


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def standing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with ground(tmp_path_factory.mktemp("attacks")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def field(standing: Ground) -> Ground:
    await standing.api.renew()
    return standing


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Estate]:
    async with estate(tmp_path_factory.mktemp("estate")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def home(house: Estate) -> AsyncIterator[Estate]:
    """The estate with a clean slate before, and the oracle after."""
    await house.api.renew()
    yield house
    house.sound()
