"""The outbox: everything that one turn of the loop puts in leaves together, in order, when the turn is over."""

import asyncio

from mfa_gateway.doors.outbox import Outbox, outbox_of


class Letter:
    """Something that says when it was flushed."""

    def __init__(self, name: str, written: list[str]) -> None:
        self.name = name
        self._written = written

    def flush(self) -> None:
        self._written.append(self.name)


async def next_turn() -> None:
    """Until everything that this turn called for has been called."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_nothing_is_flushed_before_the_turn_is_over() -> None:
    written: list[str] = []
    outbox_of(asyncio.get_running_loop()).put(Letter("a", written))
    assert written == []
    await next_turn()
    assert written == ["a"]


async def test_what_was_put_in_first_leaves_first_and_each_once() -> None:
    written: list[str] = []
    outbox = outbox_of(asyncio.get_running_loop())
    for name in "abc":
        outbox.put(Letter(name, written))
    await next_turn()
    outbox.put(Letter("d", written))
    await next_turn()
    assert written == ["a", "b", "c", "d"]


async def test_what_is_put_in_by_a_flush_leaves_in_the_next_turn() -> None:
    written: list[str] = []
    outbox = outbox_of(asyncio.get_running_loop())

    class Reply(Letter):
        def flush(self) -> None:
            super().flush()
            outbox.put(Letter("reply", written))

    outbox.put(Reply("first", written))
    await next_turn()
    await next_turn()
    assert written == ["first", "reply"]


async def test_a_loop_has_one_outbox() -> None:
    loop = asyncio.get_running_loop()
    assert outbox_of(loop) is outbox_of(loop)


def test_a_turn_with_much_to_say_is_called_for_once() -> None:
    calls: list[object] = []

    class Loop(asyncio.BaseEventLoop):
        def call_soon(self, callback: object, *_: object, **__: object) -> None:  # type: ignore[override]
            calls.append(callback)

    loop = Loop()
    outbox = Outbox(loop)
    for _ in range(5):
        outbox.put(Letter("x", []))
    loop.close()
    assert len(calls) == 1
