"""Afterwards: a few at a time, in order, no more than there is room for, and all of it before the end."""

import asyncio

from mfa_gateway.engine.afterwards import Afterwards
from mfa_gateway.engine.entrance_ports import Job


class Work:
    """Jobs that wait to be let go, and what of them began and ended."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.may_end = asyncio.Event()

    def put(self, afterwards: Afterwards, *names: int) -> list[bool]:
        return [afterwards.put(self._job(name)) for name in names]

    def _job(self, name: int) -> Job:
        async def job() -> None:
            self.begun.append(name)
            await self.may_end.wait()
            self.ended.append(name)

        return job


async def test_nothing_begins_before_the_turn_is_over() -> None:
    work, afterwards = Work(), Afterwards()
    assert work.put(afterwards, 1) == [True]
    assert work.begun == []
    work.may_end.set()
    await afterwards.drained()
    assert work.ended == [1]


async def test_a_few_are_done_at_a_time_and_all_in_the_end() -> None:
    work, afterwards = Work(), Afterwards(at_a_time=2)
    work.put(afterwards, 1, 2, 3)
    await asyncio.sleep(0)
    assert work.begun == [1, 2]
    work.may_end.set()
    await afterwards.drained()
    assert sorted(work.ended) == [1, 2, 3]


async def test_what_there_is_no_room_for_is_refused() -> None:
    work, afterwards = Work(), Afterwards(at_a_time=1, most=2)
    assert work.put(afterwards, 1, 2, 3) == [True, True, False]
    work.may_end.set()
    await afterwards.drained()
    assert work.ended == [1, 2]


async def test_a_stop_does_what_is_left() -> None:
    work, afterwards = Work(), Afterwards(at_a_time=1)
    work.put(afterwards, 1, 2)
    work.may_end.set()
    await afterwards.close()
    assert work.ended == [1, 2]


async def test_a_stop_does_not_wait_for_ever() -> None:
    work, afterwards = Work(), Afterwards(at_a_time=1)
    work.put(afterwards, 1, 2)
    await asyncio.sleep(0)
    await afterwards.close(patience=0)
    assert (work.begun, work.ended) == ([1], [])


async def test_an_empty_queue_closes_at_once() -> None:
    await Afterwards().close()
