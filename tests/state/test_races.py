"""Races, with exact counts, on a real server and over two workers: whatever is checked and then done is one script."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence

import pytest

from mfa_gateway.core.account import Factor, FactorState
from mfa_gateway.core.proof import Banned, Purpose, Receipt, Redeemed, Rejected, Rejection, Rode, Scope
from tests.state.world import ADDRESS, Guest, ServerWorld

pytestmark = pytest.mark.processes


@pytest.fixture
async def workers(valkey_world: ServerWorld) -> list[Guest]:
    """The same account at two workers; it has e-mail."""
    guests = [Guest(await valkey_world.store()), Guest(await valkey_world.store())]
    await guests[0].enrol()
    return guests


async def tally(asked: Sequence[Awaitable[Receipt]]) -> Counter[str]:
    """How often each answer came."""
    return Counter(map(name, await asyncio.gather(*asked)))


def name(receipt: Receipt) -> str:
    match receipt:
        case Rejected(why=Rejection.WRONG, ban_left_ms=left) if left > 0:
            return "wrong, and banned"
        case Rejected(why=why):
            return why.value
        case other:
            return type(other).__name__


async def test_of_200_that_present_one_code_exactly_one_redeems_it(workers: list[Guest]) -> None:
    await workers[0].issue("123456")
    answers = await tally([workers[number % 2].present("123456", ride=None) for number in range(200)])
    assert answers == {"Redeemed": 1, "spent": 199}


async def test_of_200_that_may_ride_one_redeems_and_the_others_ride(workers: list[Guest]) -> None:
    await workers[0].issue("123456")
    answers = await tally([workers[number % 2].present("123456") for number in range(200)])
    assert answers == {"Redeemed": 1, "Rode": 199}


async def test_of_50_from_two_sessions_one_redeems_and_only_its_session_rides(workers: list[Guest]) -> None:
    sessions = [worker.again(session=f"s{at}", scope=Scope.SESSION) for at, worker in enumerate(workers)]
    await workers[0].issue("123456")
    answers = await tally([sessions[number % 2].present("123456") for number in range(50)])
    assert answers == {"Redeemed": 1, "Rode": 24, "spent": 25}


async def test_of_500_wrong_guesses_exactly_five_are_compared(workers: list[Guest]) -> None:
    guesses = [workers[number % 2].present(f"{number:06d}") for number in range(500)]
    assert await tally(guesses) == {"wrong": 4, "wrong, and banned": 1, "Banned": 495}


async def test_a_right_code_among_500_guesses_is_found_by_chance_or_not_at_all(workers: list[Guest]) -> None:
    await workers[0].issue("000250")
    answers = await tally([workers[number % 2].present(f"{number:06d}", ride=None) for number in range(500)])
    assert answers["wrong"] + answers["wrong, and banned"] == 5
    assert answers["Redeemed"] <= 1
    assert answers["Banned"] == 495 - answers["Redeemed"]


async def test_of_100_activations_with_one_code_exactly_one_takes_place(workers: list[Guest]) -> None:
    await workers[0].pend(Factor.SMS, "+491701234567")
    await workers[0].issue("123456", factor=Factor.SMS, purpose=Purpose.ACTIVATE)
    answers = await tally([workers[number % 2].activate("123456", Factor.SMS) for number in range(100)])
    standing = await workers[0].standing()
    assert answers["Redeemed"] == 1
    assert answers["stale"] == 99
    assert standing.epoch == 2
    assert standing.state(Factor.SMS) is FactorState.ACTIVE


async def test_of_100_deactivations_on_one_proof_exactly_one_takes_place(workers: list[Guest]) -> None:
    await workers[0].issue("123456")
    await workers[0].present("123456")
    answers = await tally([workers[number % 2].deactivate("123456") for number in range(100)])
    assert answers == {"Rode": 1, "stale": 99}
    assert (await workers[0].standing()).epoch == 2


async def test_codes_issued_at_once_leave_one_alive(workers: list[Guest]) -> None:
    codes = [f"{number:06d}" for number in range(8)]
    epoch = (await workers[0].standing()).epoch
    await asyncio.gather(*(workers[at % 2].issue(code, epoch=epoch) for at, code in enumerate(codes)))
    answers = await tally([workers[0].present(code, ride=None) for code in codes])
    assert answers == {"Redeemed": 1, "spent": 7}


async def test_a_revocation_is_final_whatever_is_under_way(workers: list[Guest]) -> None:
    await workers[0].issue("123456")
    standing = await workers[0].standing()
    redemption = workers[0].redemption("123456", standing, ride=None)
    results = await asyncio.gather(
        *(workers[at % 2].store.redeem(redemption, standing) for at in range(40)),
        workers[1].store.reset(workers[1].account),
        *(workers[at % 2].store.redeem(redemption, standing) for at in range(40)),
    )
    receipts = [name(one) for one in results if one is not None]
    assert receipts.count("Redeemed") <= 1
    assert (await workers[0].standing()).proofs == ()
    assert await workers[0].store.redeem(redemption, standing) == Rejected(Rejection.STALE)


async def test_enrolling_and_activating_at_once_never_activates_an_unproved_address(workers: list[Guest]) -> None:
    ada = workers[0]
    for _ in range(20):
        await ada.store.reset(ada.account)
        await ada.pend(address="old@example.test")
        await ada.issue("123456", purpose=Purpose.ACTIVATE)
        activated, _ = await asyncio.gather(ada.activate("123456"), workers[1].pend(address=ADDRESS))
        standing = await ada.standing()
        if isinstance(activated, Redeemed):
            assert ada.store.pinned_address(ada.account, Factor.EMAIL, standing) == "old@example.test"
        else:
            assert standing.active() == ()


async def test_guesses_of_other_accounts_are_counted_apart(workers: list[Guest]) -> None:
    people = [workers[at % 2].again(account=workers[0].account.__class__("shop", f"p{at}")) for at in range(10)]
    answers = await asyncio.gather(*(person.present(f"{at:06d}") for at in range(20) for person in people))
    for person, _ in enumerate(people):
        own = Counter(map(name, answers[person :: len(people)]))
        assert own == {"wrong": 4, "wrong, and banned": 1, "Banned": 15}


async def test_callers_that_leave_never_get_or_leave_an_answer_of_another_account(workers: list[Guest]) -> None:
    """200 clients drop while two accounts read their own data and present codes."""
    ada, bob = workers[0], workers[0].again(account=workers[0].account.__class__("shop", "bob"))
    await bob.enrol(value="bob@example.test")
    await bob.enrol(value="bob@example.test")

    async def read(guest: Guest, epoch: int, address: str) -> None:
        for _ in range(10):
            standing = await guest.standing()
            assert standing.epoch == epoch
            assert guest.store.pinned_address(guest.account, Factor.EMAIL, standing) == address

    readers = [read(ada, 1, ADDRESS) if at % 2 else read(bob, 2, "bob@example.test") for at in range(200)]
    tasks = [asyncio.create_task(reader) for reader in readers]
    for at, task in enumerate(tasks):
        await asyncio.sleep(0)
        if at % 3:
            task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(end) for end in ends} <= {type(None), asyncio.CancelledError}
    await bob.issue("654321")
    assert isinstance(await ada.present("654321"), Rejected)
    assert isinstance(await bob.present("654321"), Redeemed)


def test_every_answer_has_a_name_of_its_own() -> None:
    answers: list[Receipt] = [
        Redeemed(Factor.EMAIL),
        Rode(Factor.EMAIL, 1),
        Banned(1),
        Rejected(Rejection.WRONG),
        Rejected(Rejection.WRONG, 1),
        Rejected(Rejection.SPENT),
        Rejected(Rejection.STALE),
    ]
    assert len(set(map(name, answers))) == len(answers)
