"""Races for short codes, with exact counts, on a real server and over two workers."""

import asyncio
from collections import Counter

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.proof import Banned, Regulation, Rejected, Rejection, ShortCodes
from tests.state.world import Guest, ServerWorld, name, tally

pytestmark = pytest.mark.processes

LENIENT = Regulation(max_retries=1000)


@pytest.fixture
async def workers(valkey_world: ServerWorld) -> list[Guest]:
    """The same account at two workers; it has e-mail."""
    guests = [Guest(await valkey_world.store()), Guest(await valkey_world.store())]
    await guests[0].enrol()
    return guests


async def try_at_once(workers: list[Guest], times: int, **numbers: int) -> Counter[str]:
    """Wrong codes of four digits at once, while only the stricter numbers hold."""
    guests = [worker.again(regulation=LENIENT, short=ShortCodes(**numbers)) for worker in workers]
    return await tally([guests[number % 2].present(f"9{number:03d}", ride=None) for number in range(times)])


async def test_of_50_wrong_short_codes_three_void_the_live_one_and_ten_fill_the_day(workers: list[Guest]) -> None:
    await workers[0].issue("1234")
    assert await try_at_once(workers, 50) == {"wrong": 9, "wrong, and banned": 1, "Banned": 40}
    assert await workers[1].present("1234", ride=None) == Rejected(Rejection.SPENT)
    await workers[0].issue("4321")
    assert isinstance(await workers[1].present("4321", ride=None), Banned)


@pytest.mark.parametrize(("times", "then"), [(2, "Redeemed"), (3, "spent"), (50, "spent")])
async def test_exactly_three_of_many_at_once_are_compared_with_a_live_code(
    workers: list[Guest], times: int, then: str
) -> None:
    await workers[0].issue("1234")
    assert await try_at_once(workers, times, per_day=1000) == {"wrong": times}
    assert name(await workers[1].present("1234", ride=None)) == then


@pytest.mark.parametrize(("tries", "then"), [(51, "Redeemed"), (50, "spent")])
async def test_no_try_at_a_live_code_is_lost_and_none_counts_twice(workers: list[Guest], tries: int, then: str) -> None:
    await workers[0].issue("1234")
    assert await try_at_once(workers, 50, tries=tries, per_day=1000) == {"wrong": 50}
    assert name(await workers[1].present("1234", ride=None)) == then


async def test_eight_parallel_calls_with_a_code_that_wrong_tries_voided_never_lead_to_a_ban(
    workers: list[Guest],
) -> None:
    await workers[0].issue("1234")
    await try_at_once(workers, 3)
    for _ in range(4):
        assert await tally([workers[number % 2].present("1234", ride=None) for number in range(8)]) == {"spent": 8}
    assert await workers[0].attempts() == 3


async def test_of_50_that_issue_one_short_code_at_once_one_does(workers: list[Guest]) -> None:
    asked = [workers[number % 2].issue("1234", factor=(Factor.EMAIL, Factor.SMS)[number % 2]) for number in range(50)]
    assert Counter(await asyncio.gather(*asked)) == {Change.MADE: 1, Change.REPEATED: 49}
