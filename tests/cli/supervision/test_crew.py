"""A crew of workers that are no processes, so that they can die when a test says so."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from mfa_gateway.cli.supervision import crew as crew_module
from mfa_gateway.cli.supervision.channel import Order, Stop, WindDown
from mfa_gateway.cli.supervision.crew import Crew
from mfa_gateway.cli.supervision.worker import StartFailed
from mfa_gateway.engine.tally import Counts
from tests.cli.supervision.test_channel import SETTINGS
from tests.e2e.waiting import until


class Puppet:
    """Looks like a worker."""

    hired: list["Puppet"]
    fails = False

    def __init__(self) -> None:
        self.pid = len(self.hired)
        self.counts: Counts = {("verdicts", str(self.pid)): 1}
        self.is_listening = True
        self.orders: list[Order] = []
        self.end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.hired.append(self)

    @classmethod
    async def start(cls, _listeners: Sequence[Any], _settings: object) -> "Puppet":
        return cls()

    async def begin(self) -> None:
        if self.fails:
            self.end.set_result(1)
            raise StartFailed("no")

    def tell(self, order: Order) -> None:
        self.orders.append(order)
        if isinstance(order, Stop):
            self.kill()

    def kill(self) -> None:
        if not self.end.done():
            self.end.set_result(-9)


class World:
    """A crew of puppets, with what it said of the dead and how long it waited."""

    def __init__(self, number: int) -> None:
        Puppet.hired = []
        self.now = 0.0
        self.pauses: list[float] = []
        self.buried: list[Counts] = []
        self.deaths = 0
        settings = SETTINGS.model_copy(update={"workers": number})
        self.crew = Crew(
            settings, (), bury=self.buried.append, mourn=self._mourn, clock=lambda: self.now, sleep=self._sleep
        )

    def _mourn(self) -> None:
        self.deaths += 1

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def dies(self, puppet: Puppet, *, after: float = 0.0) -> Puppet:
        """The one that takes a dead one's place."""
        number = len(Puppet.hired)
        self.now += after
        puppet.kill()
        await until(lambda: len(Puppet.hired) > number)
        for _ in range(5):
            await asyncio.sleep(0)
        return Puppet.hired[-1]


@pytest.fixture(autouse=True)
def puppets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "Worker", Puppet)
    monkeypatch.setattr(Puppet, "fails", False)


async def test_a_dead_worker_is_replaced_alone_and_its_numbers_are_kept() -> None:
    world = World(2)
    await world.crew.muster()
    first, second = Puppet.hired
    third = await world.dies(first)
    assert (world.deaths, world.buried) == (1, [first.counts])
    assert sorted(world.crew.counts, key=str) == [second.counts, third.counts]
    assert world.crew.listening == 2
    await world.crew.dismiss(1)


async def test_replacements_come_ever_more_slowly_until_one_proves_sound() -> None:
    world = World(1)
    await world.crew.muster()
    puppet = Puppet.hired[0]
    for _ in range(9):
        puppet = await world.dies(puppet)
    assert world.pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    await world.dies(puppet, after=61.0)
    assert world.pauses[-1] == 0.1
    await world.crew.dismiss(1)


async def test_a_replacement_that_cannot_start_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(1)
    await world.crew.muster()
    with capture_logs() as logs:
        monkeypatch.setattr(Puppet, "fails", True)
        await world.dies(Puppet.hired[0])
        assert world.crew.listening == 0
        monkeypatch.setattr(Puppet, "fails", False)
        await until(lambda: world.crew.listening > 0)
    events = [entry["event"] for entry in logs]
    assert events[:2] == ["worker ended", "worker did not start"]
    assert world.deaths == 1
    await world.crew.dismiss(1)


async def test_if_one_cannot_begin_nobody_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Puppet, "fails", True)
    world = World(3)
    with pytest.raises(StartFailed):
        await world.crew.muster()
    assert all(puppet.end.done() for puppet in Puppet.hired)
    assert world.crew.listening == 0


async def test_dismissed_workers_are_not_replaced_and_counted_once() -> None:
    world = World(2)
    await world.crew.muster()
    world.crew.wind_down()
    await asyncio.gather(world.crew.dismiss(3.5), world.crew.dismiss(3.5))
    assert [puppet.orders[:2] for puppet in Puppet.hired] == [[WindDown(), Stop(3.5)]] * 2
    assert (world.deaths, len(world.buried), world.crew.counts) == (0, 2, [])
