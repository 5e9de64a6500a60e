"""Races, with exact counts, on a real server and over two workers: whatever is checked and then done is one script."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor, FactorState
from mfa_gateway.core.ceremony import Change, Pending
from mfa_gateway.core.logout import Farewell, Heard
from mfa_gateway.core.otp import TOTP_DEFAULT, totp_step
from mfa_gateway.core.proof import (
    Banned,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Rejected,
    Rejection,
    Rode,
    Scope,
)
from mfa_gateway.state.authenticator import totp_candidates
from tests.state.world import ADDRESS, Guest, ServerWorld, name, tally

pytestmark = pytest.mark.processes


@pytest.fixture
async def workers(valkey_world: ServerWorld) -> list[Guest]:
    """The same account at two workers; it has e-mail."""
    guests = [Guest(await valkey_world.store()), Guest(await valkey_world.store())]
    await guests[0].enrol()
    return guests


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


# --- Authenticators and backup codes --------------------------------------------------------------

SECRET = b"12345678901234567890"
PAPER = ("ABCDEFGHIJ", "KLMNOPQRST")


async def test_of_200_that_present_one_backup_code_exactly_one_redeems_it(workers: list[Guest]) -> None:
    await workers[0].store.hand_out_backup(workers[0].account, PAPER)
    codes = (PAPER[0], PAPER[0].lower())
    answers = await tally([workers[number % 2].present(codes[number % 3 == 0], ride=None) for number in range(200)])
    assert answers == {"Redeemed": 1, "spent": 199}
    assert (await workers[0].store.inventory(workers[0].account)).backup_left == 1


async def test_of_100_that_confirm_one_authenticator_exactly_one_does(workers: list[Guest]) -> None:
    first = workers[0]
    standing = await first.standing()
    pending = await first.store.enrol_secret(
        first.account, secret=SECRET, profile=TOTP_DEFAULT, epoch=standing.epoch, name=""
    )
    found = await first.store.resume(first.account)
    assert isinstance(pending, Pending)
    assert found is not None
    code = dict(totp_candidates(SECRET, standing.now_ms))[totp_step(standing.now_ms)]
    asked = first.redemption(
        code,
        standing,
        factors=(Factor.TOTP,),
        purpose=Purpose.ACTIVATE,
        effect=Effect.ACTIVATE,
        target=Factor.TOTP,
        enrolment=pending.id,
        ride=None,
    )
    seen = replace(standing, sealed={Factor.TOTP: found.sealed})
    answers = await tally([workers[number % 2].store.redeem(asked, seen) for number in range(100)])
    assert answers == {"Redeemed": 1, "stale": 99}
    assert (await first.standing()).epoch == standing.epoch + 1


async def test_of_60_operators_that_add_addresses_at_once_five_find_room(workers: list[Guest]) -> None:
    asked = [workers[at % 2].store.attach(workers[0].account, Factor.SMS, f"+4917012345{at:02d}") for at in range(60)]
    assert Counter(await asyncio.gather(*asked)) == {Change.MADE: 5, Change.FULL: 55}


# --- Honest clients that repeat themselves --------------------------------------------------------


async def spend(guest: Guest, code: str) -> None:
    await guest.issue(code)
    await guest.present(code, ride=None)


async def supersede(guest: Guest, code: str) -> None:
    await guest.issue(code)
    await guest.issue("999999")


async def let_expire(guest: Guest, code: str) -> None:
    await guest.issue(code, life_ms=1)
    deadline = asyncio.get_running_loop().time() + 5
    while await guest.store._line.ask(
        "EXISTS", *guest.store._foundation.names_now().keys.of(guest.account).codes(Factor.EMAIL)
    ):
        assert asyncio.get_running_loop().time() < deadline


@pytest.mark.parametrize("ends", [spend, supersede, let_expire])
async def test_eight_parallel_calls_with_a_dead_code_never_lead_to_a_ban(
    workers: list[Guest], ends: Callable[[Guest, str], Awaitable[None]]
) -> None:
    for turn in range(4):
        code = f"1000{turn:02d}"
        await ends(workers[0], code)
        calls = [workers[number % 2].present(code, ride=None) for number in range(8)]
        assert await tally(calls) == {"spent": 8}
    assert await workers[0].attempts() == 0
    await workers[0].issue("123456")
    assert await workers[0].present("123456") == Redeemed(Factor.EMAIL)


async def test_eight_parallel_calls_with_a_used_authenticator_code_never_lead_to_a_ban(workers: list[Guest]) -> None:
    await workers[0].store.attach(workers[0].account, Factor.TOTP, SECRET)
    standing = await workers[0].standing()
    code = dict(totp_candidates(SECRET, standing.now_ms))[totp_step(standing.now_ms)]
    assert await workers[0].present(code, ride=None) == Redeemed(Factor.TOTP)
    assert await tally([workers[number % 2].present(code, ride=None) for number in range(8)]) == {"spent": 8}
    assert await workers[0].attempts() == 0


# --- One budget -----------------------------------------------------------------------------------


async def test_wrong_codes_spread_over_every_way_ban_after_five_in_all(workers: list[Guest]) -> None:
    one, other = workers
    await one.store.hand_out_backup(one.account, PAPER)
    await one.pend(address="new@example.test")
    epoch = (await one.standing()).epoch
    await one.store.enrol_secret(one.account, secret=SECRET, profile=TOTP_DEFAULT, epoch=epoch)
    pending = await one.store.resume(one.account)
    assert pending is not None
    confirm = {
        "factors": (Factor.TOTP,),
        "purpose": Purpose.ACTIVATE,
        "effect": Effect.ACTIVATE,
        "target": Factor.TOTP,
        "enrolment": pending.id,
    }
    asked = [
        one.present("900000"),
        other.present("ZZZZZZZZZZ"),
        one.activate("900001"),
        other.present("9000002", **confirm),
        one.deactivate("900003"),
        other.present("900004"),
        one.present("ZZZZZZZZZY"),
    ]
    assert await tally(asked) == {"wrong": 4, "wrong, and banned": 1, "Banned": 2}


# --- Revocations ------------------------------------------------------------------------------


async def test_of_200_revocations_each_begins_an_epoch(workers: list[Guest]) -> None:
    before = (await workers[0].standing()).epoch
    await asyncio.gather(*(workers[number % 2].store.revoke(workers[0].account) for number in range(200)))
    assert (await workers[1].standing()).epoch == before + 200


async def test_two_good_answers_at_once_end_the_window_and_the_epoch_moves_twice(workers: list[Guest]) -> None:
    await workers[0].issue("123456")
    assert name(await workers[0].present("123456")) == "Redeemed"
    before = await workers[1].standing()
    assert len(before.proofs) == 1
    await asyncio.gather(*(worker.store.revoke(worker.account) for worker in workers))
    after = await workers[1].standing()
    assert (after.proofs, after.epoch) == ((), before.epoch + 2)


async def test_no_proof_of_an_old_epoch_survives_a_revocation_that_races_its_redemption(workers: list[Guest]) -> None:
    seen: Counter[str] = Counter()
    for number in range(100):
        code = f"{number:06d}"
        await workers[0].issue(code)
        standing = await workers[0].standing()
        redemption = workers[0].redemption(code, standing)
        redeeming = workers[0].store.redeem(redemption, standing)
        revoking = workers[1].store.revoke(workers[1].account)
        # Whichever is asked first reaches the store first about as often as not.
        both = (redeeming, revoking) if number % 2 else (revoking, redeeming)
        receipt = (await asyncio.gather(*both))[0 if number % 2 else 1]
        after = await workers[number % 2].standing()
        assert (after.proofs, after.epoch) == ((), standing.epoch + 1)
        seen[name(receipt)] += 1
    assert seen["Redeemed"] + seen["stale"] == 100


async def test_a_window_that_closes_while_200_ride_lets_nobody_ride_afterwards(workers: list[Guest]) -> None:
    await workers[0].issue("123456")
    assert name(await workers[0].present("123456")) == "Redeemed"
    rides = [workers[number % 2].present("123456") for number in range(200)]
    closing = workers[1].store.close_window(workers[0].account, scope=Scope.ACCOUNT, session="")
    *receipts, _ = await asyncio.gather(*rides, closing)
    told = Counter(name(receipt) for receipt in receipts if receipt is not None)
    assert told["Rode"] + told["spent"] == 200
    assert name(await workers[0].present("123456")) == "spent"
    assert (await workers[1].standing()).proofs == ()


async def test_of_200_that_bring_one_word_of_an_issuer_one_ends_something(workers: list[Guest]) -> None:
    word = Farewell(workers[0].account, "https://idp.test", "out-1", life_ms=60_000)
    before = (await workers[0].standing()).epoch
    heard = await asyncio.gather(*(workers[number % 2].store.bid_farewell(word) for number in range(200)))
    assert Counter(heard) == {Heard.FIRST: 1, Heard.AGAIN: 199}
    assert (await workers[1].standing()).epoch == before + 1
