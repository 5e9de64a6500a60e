"""What the tests of the directory share: an operator's system on a socket, and a clock that is set by hand."""

from collections.abc import AsyncIterator

import pytest

from tests.directory.hooks import System


class Ticks:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
async def system() -> AsyncIterator[System]:
    running = System()
    await running.start()
    yield running
    await running.stop()
