"""The deadline: rings once, when it is due, however often it was moved."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from mfa_gateway.doors.deadline import Deadline


@dataclass
class Timer:
    """A timer of the loop below."""

    at: float
    ring: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


@dataclass
class Loop:
    """As much of an event loop as a deadline needs, with a clock that is moved by hand."""

    now: float = 100.0
    timers: list[Timer] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, ring: Callable[[], None]) -> Timer:
        timer = Timer(at, ring)
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.pending if timer.at <= until]:
            timer = min(due, key=lambda found: found.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            timer.ring()
        self.now = until

    @property
    def pending(self) -> list[Timer]:
        return [timer for timer in self.timers if not timer.is_cancelled]


class Bench:
    """A deadline and the moments at which it was reached."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.reached: list[float] = []
        self.deadline = Deadline(self.loop, lambda: self.reached.append(self.loop.now))  # type: ignore[arg-type]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_rings_when_it_is_due_and_only_once(bench: Bench) -> None:
    bench.deadline.set(5)
    bench.loop.advance(4.9)
    assert bench.reached == []
    bench.loop.advance(100)
    assert bench.reached == [105.0]


def test_it_can_be_put_off(bench: Bench) -> None:
    bench.deadline.set(5)
    bench.loop.advance(3)
    bench.deadline.set(5)
    bench.loop.advance(100)
    assert bench.reached == [108.0]


def test_it_can_be_brought_forward(bench: Bench) -> None:
    bench.deadline.set(50)
    bench.deadline.set(5)
    bench.loop.advance(100)
    assert bench.reached == [105.0]


def test_it_can_be_taken_back(bench: Bench) -> None:
    bench.deadline.set(5)
    bench.deadline.clear()
    bench.loop.advance(100)
    assert bench.reached == []


def test_it_can_be_set_again_after_it_was_taken_back_or_reached(bench: Bench) -> None:
    bench.deadline.set(5)
    bench.deadline.clear()
    bench.deadline.set(7)
    bench.loop.advance(10)
    bench.deadline.set(1)
    bench.loop.advance(10)
    assert bench.reached == [107.0, 111.0]


def test_moving_it_costs_no_timer(bench: Bench) -> None:
    for _ in range(1000):
        bench.deadline.set(10)
        bench.deadline.clear()
        bench.deadline.set(15)
        bench.loop.advance(0.001)
    assert len(bench.loop.timers) == 1


def test_it_lets_go_of_the_loop_when_it_is_stopped(bench: Bench) -> None:
    bench.deadline.set(5)
    bench.deadline.stop()
    assert bench.loop.pending == []
    bench.loop.advance(100)
    assert bench.reached == []


async def test_it_rings_on_a_real_loop() -> None:
    reached = asyncio.Event()
    Deadline(asyncio.get_running_loop(), reached.set).set(0.01)
    await asyncio.wait_for(reached.wait(), 5)
