"""The contract of single enrolments and backup codes, on every server."""

from dataclasses import replace

import pytest

from mfa_gateway.core.account import MOST_ENROLMENTS, Enrolment, Factor, FactorState, Standing
from mfa_gateway.core.ceremony import FRESH_LOGIN_MS, PENDING_TOTP_MS, Change, LoggedIn, Pending
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import TOTP_DEFAULT, Algorithm, TotpProfile
from mfa_gateway.core.proof import Banned, Effect, Purpose, Receipt, Redeemed, Rejected, Rejection, Ride, Rode
from mfa_gateway.engine.chance import SYSTEM
from mfa_gateway.state.authenticator import totp_candidates
from tests.state.world import ADA, ADDRESS, BOB, GRACE_MS, MINUTE_MS, SPENT, STALE, WRONG, Guest, World

SECRET = b"12345678901234567890"
OTHER_SECRET = b"09876543210987654321"
PHONE = "+491701234567"
WORK = "ada@work.test"
CODES = ("ABCDEFGHIJ", "KLMNOPQRST", "UVWXYZ2345")


def shown(secret: bytes, standing: Standing, profile: TotpProfile = TOTP_DEFAULT) -> str:
    """What the authenticator shows now."""
    exactly = replace(profile, drift=0)
    [(_, code)] = totp_candidates(secret, standing.now_ms, exactly)
    return code


async def begin(guest: Guest, secret: bytes = SECRET, profile: TotpProfile = TOTP_DEFAULT) -> Pending:
    """Begin an authenticator."""
    epoch = (await guest.standing()).epoch
    pending = await guest.store.enrol_secret(guest.account, secret=secret, profile=profile, epoch=epoch, name="Phone")
    assert isinstance(pending, Pending)
    return pending


async def confirm(guest: Guest, code: str, *, ticket: str | None = None) -> Receipt:
    """Confirm what is pending with a code, as the ceremony does."""
    standing = await guest.standing()
    pending = await guest.store.resume(guest.account)
    if pending is None:
        return STALE
    asked = guest.redemption(
        code,
        standing,
        factors=(Factor.TOTP,),
        purpose=Purpose.ACTIVATE,
        effect=Effect.ACTIVATE,
        target=Factor.TOTP,
        ride=None,
        enrolment=pending.id if ticket is None else ticket,
    )
    return await guest.store.redeem(asked, replace(standing, sealed={Factor.TOTP: pending.sealed}))


async def ids(guest: Guest, factor: Factor) -> list[str]:
    """The enrolments of a factor."""
    return [one.id for one in (await guest.store.inventory(guest.account)).enrolments if one.factor is factor]


# --- An authenticator -----------------------------------------------------------------------------


async def test_a_drawn_secret_becomes_active_by_its_first_code(ada: Guest) -> None:
    await begin(ada)
    standing = await ada.standing()
    assert await confirm(ada, shown(SECRET, standing)) == Redeemed(Factor.TOTP)
    after = await ada.standing()
    assert (after.active(), after.epoch, after.recorded) == ((Factor.TOTP,), standing.epoch + 1, True)
    assert [proof.factor for proof in after.proofs] == [Factor.TOTP]


async def test_the_step_of_the_first_code_is_spent(ada: Guest) -> None:
    await begin(ada)
    code = shown(SECRET, await ada.standing())
    await confirm(ada, code)
    assert await ada.present(code, ride=None) == SPENT


async def test_a_secret_is_confirmed_once(ada: Guest) -> None:
    await begin(ada)
    await confirm(ada, shown(SECRET, await ada.standing()))
    assert await ada.store.resume(ADA) is None


async def test_a_wrong_first_code_is_counted_and_the_secret_still_waits(ada: Guest) -> None:
    await begin(ada)
    assert await confirm(ada, "000000" if shown(SECRET, await ada.standing()) != "000000" else "111111") == WRONG
    assert await ada.attempts() == 1
    assert await confirm(ada, shown(SECRET, await ada.standing())) == Redeemed(Factor.TOTP)


async def test_a_secret_waits_for_ten_minutes_and_not_longer(ada: Guest, world: World) -> None:
    await begin(ada)
    await world.pass_time(PENDING_TOTP_MS - MINUTE_MS)
    assert await ada.store.resume(ADA) is not None
    await world.pass_time(MINUTE_MS)
    assert await ada.store.resume(ADA) is None
    await world.pass_time(1)
    assert await world.ask("KEYS", "*:pending:*") == []


async def test_a_secret_that_outlives_its_expiry_is_still_too_old(ada: Guest, world: World) -> None:
    await begin(ada)
    (key,) = await world.ask("KEYS", "*:pending:*")
    await world.ask("PERSIST", key)
    await world.pass_time(PENDING_TOTP_MS)
    await world.ask("PERSIST", key)
    assert await ada.store.resume(ADA) is None


async def test_a_clock_set_back_makes_a_pending_secret_void(ada: Guest, world: World) -> None:
    await begin(ada)
    await world.pass_time(-MINUTE_MS)
    assert await ada.store.resume(ADA) is None


async def test_a_second_beginning_takes_the_place_of_the_first(ada: Guest) -> None:
    first = await begin(ada)
    second = await begin(ada, OTHER_SECRET)
    assert first.id != second.id
    assert await confirm(ada, shown(SECRET, await ada.standing()), ticket=first.id) == STALE
    assert await confirm(ada, shown(SECRET, await ada.standing())) == WRONG
    assert await confirm(ada, shown(OTHER_SECRET, await ada.standing())) == Redeemed(Factor.TOTP)


async def test_what_is_pending_does_not_survive_its_epoch(ada: Guest) -> None:
    await begin(ada)
    pending = await ada.store.resume(ADA)
    await ada.enrol()
    assert await ada.store.resume(ADA) is None
    assert pending is not None
    standing = await ada.standing()
    asked = ada.redemption(
        shown(SECRET, standing),
        standing,
        factors=(Factor.TOTP,),
        purpose=Purpose.ACTIVATE,
        effect=Effect.ACTIVATE,
        target=Factor.TOTP,
        enrolment=pending.id,
    )
    assert await ada.store.redeem(asked, replace(standing, sealed={Factor.TOTP: pending.sealed})) == STALE


async def test_a_secret_waits_for_its_own_account_alone(ada: Guest, world: World) -> None:
    await begin(ada)
    bob = ada.again(account=BOB)
    assert await bob.store.resume(BOB) is None
    await begin(bob, OTHER_SECRET)
    keys = ada.store._foundation.names_now().keys
    stolen = await world.ask("HGET", keys.of(ADA).pending(Factor.TOTP), "sealed")
    await world.ask("HSET", keys.of(BOB).pending(Factor.TOTP), "sealed", stolen)
    with pytest.raises(StoreUnavailable, match="totp factor cannot be read"):
        await confirm(bob, shown(SECRET, await bob.standing()))


async def test_a_pending_secret_does_not_show_as_a_pending_factor(ada: Guest) -> None:
    await begin(ada)
    assert (await ada.standing()).state(Factor.TOTP) is FactorState.OFF


@pytest.mark.parametrize(
    "profile", [TotpProfile(Algorithm.SHA256, digits=8, period=60), TotpProfile(Algorithm.SHA512, digits=7)]
)
async def test_each_authenticator_keeps_the_parameters_it_began_with(ada: Guest, profile: TotpProfile) -> None:
    await begin(ada, profile=profile)
    code = shown(SECRET, await ada.standing(), profile)
    assert len(code) == profile.digits
    assert await confirm(ada, code) == Redeemed(Factor.TOTP)
    assert await ada.present(shown(SECRET, await ada.standing()), ride=None) == WRONG
    (window,) = (await ada.standing()).proofs
    assert window.factor is Factor.TOTP


async def test_two_authenticators_count_their_steps_apart(ada: Guest) -> None:
    await ada.store.attach(ADA, Factor.TOTP, SECRET)
    await ada.store.attach(ADA, Factor.TOTP, OTHER_SECRET)
    standing = await ada.standing()
    assert await ada.present(shown(SECRET, standing), ride=None) == Redeemed(Factor.TOTP)
    assert await ada.present(shown(OTHER_SECRET, standing), ride=None) == Redeemed(Factor.TOTP)
    assert await ada.present(shown(SECRET, standing), ride=None) == SPENT


# --- Several --------------------------------------------------------------------------------------


async def test_a_second_address_leaves_the_first_where_it_was(ada: Guest) -> None:
    await ada.enrol()
    assert await ada.pend(address=WORK) is Change.MADE
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    assert await ada.activate("123456") == Redeemed(Factor.EMAIL)
    standing = await ada.standing()
    first, second = await ids(ada, Factor.EMAIL)
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing) == ADDRESS
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing, enrolment=first) == ADDRESS
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing, enrolment=second) == WORK
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing, enrolment="0" * 24) is None


async def test_a_factor_has_no_more_than_five(ada: Guest) -> None:
    for number in range(MOST_ENROLMENTS):
        assert await ada.store.attach(ADA, Factor.EMAIL, f"{number}@example.test") is Change.MADE
    assert await ada.store.attach(ADA, Factor.EMAIL, "6@example.test") is Change.FULL
    assert await ada.pend(address="6@example.test") is Change.FULL
    assert len(await ids(ada, Factor.EMAIL)) == MOST_ENROLMENTS


async def test_the_same_address_is_added_once_and_keeps_its_id(ada: Guest) -> None:
    assert await ada.store.attach(ADA, Factor.EMAIL, ADDRESS) is Change.MADE
    assert await ada.store.attach(ADA, Factor.EMAIL, ADDRESS) is Change.KNOWN
    before = await ids(ada, Factor.EMAIL)
    await ada.store.reset(ADA)
    await ada.enrol()
    assert await ids(ada, Factor.EMAIL) == before
    await ada.again(account=BOB).enrol()
    assert await ids(ada.again(account=BOB), Factor.EMAIL) != before


async def test_removing_one_address_leaves_the_other_and_begins_a_new_epoch(ada: Guest) -> None:
    await ada.enrol()
    await ada.store.attach(ADA, Factor.EMAIL, WORK)
    first, second = await ids(ada, Factor.EMAIL)
    await ada.issue("123456")
    epoch = (await ada.standing()).epoch
    assert await ada.deactivate("123456", enrolment=first) == Redeemed(Factor.EMAIL)
    standing = await ada.standing()
    assert (standing.active(), standing.epoch) == ((Factor.EMAIL,), epoch + 1)
    assert await ids(ada, Factor.EMAIL) == [second]
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing) == WORK


async def test_an_address_has_one_id_before_and_after_it_is_active(ada: Guest) -> None:
    epoch = (await ada.standing()).epoch
    pending = await ada.store.enrol(ADA, factor=Factor.EMAIL, address=WORK, epoch=epoch)
    assert isinstance(pending, Pending)
    assert WORK not in repr(pending)
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    assert await ada.activate("123456", enrolment=pending.id) == Redeemed(Factor.EMAIL)
    assert await ids(ada, Factor.EMAIL) == [pending.id]


async def test_the_last_address_takes_the_factor_along(ada: Guest, world: World) -> None:
    await ada.enrol()
    (one,) = await ids(ada, Factor.EMAIL)
    await ada.issue("123456")
    assert await ada.deactivate("123456", enrolment=one) == Redeemed(Factor.EMAIL)
    assert (await ada.standing()).factors == {}
    (key,) = await world.ask("KEYS", "*}:account")
    assert not [name for name in await world.ask("HKEYS", key) if name.startswith(b"email")]


async def test_an_address_that_is_not_there_is_not_removed_and_no_code_is_spent(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    assert await ada.deactivate("123456", enrolment="0" * 24) == STALE
    assert await ada.present("123456") == Redeemed(Factor.EMAIL)


async def test_names_and_times_are_remembered(ada: Guest, world: World) -> None:
    await ada.store.attach(ADA, Factor.EMAIL, ADDRESS, name="Home")
    await ada.store.attach(ADA, Factor.SMS, PHONE)
    began = (await ada.standing()).now_ms
    mail, phone = (await ada.store.inventory(ADA)).enrolments
    assert (mail.factor, mail.name, mail.address, mail.used_ms) == (Factor.EMAIL, "Home", ADDRESS, None)
    assert (phone.factor, phone.name, phone.address) == (Factor.SMS, "", PHONE)
    assert mail.added_ms is not None
    assert abs(mail.added_ms - began) < MINUTE_MS
    await ada.issue("123456")
    await ada.present("123456")
    mail, phone = (await ada.store.inventory(ADA)).enrolments
    assert mail.used_ms is not None
    assert phone.used_ms is None


async def test_the_address_that_a_code_went_to_is_the_one_that_was_used(ada: Guest) -> None:
    await ada.store.attach(ADA, Factor.EMAIL, ADDRESS)
    await ada.store.attach(ADA, Factor.EMAIL, WORK)
    _, second = await ids(ada, Factor.EMAIL)
    epoch = (await ada.standing()).epoch
    await ada.store.issue(
        *(ADA,), factor=Factor.EMAIL, purpose=Purpose.GATE, code="123456", life_ms=MINUTE_MS, epoch=epoch,
        enrolment=second,
    )  # fmt: skip
    await ada.present("123456")
    used = {one.address: one.used_ms is not None for one in (await ada.store.inventory(ADA)).enrolments}
    assert used == {ADDRESS: False, WORK: True}


async def test_a_new_name_changes_nothing_else(ada: Guest) -> None:
    await ada.store.attach(ADA, Factor.TOTP, SECRET, name="Old", profile=TotpProfile(digits=8))
    standing = await ada.standing()
    (one,) = await ids(ada, Factor.TOTP)
    asked = {"factor": Factor.TOTP, "enrolment": one, "name": "New"}
    assert await ada.store.rename(ADA, standing=standing, **asked) is Change.MADE  # type: ignore[arg-type]
    (renamed,) = (await ada.store.inventory(ADA)).enrolments
    assert (renamed.id, renamed.name) == (one, "New")
    assert (await ada.standing()).epoch == standing.epoch
    code = shown(SECRET, await ada.standing(), TotpProfile(digits=8))
    assert await ada.present(code) == Redeemed(Factor.TOTP)
    stale = replace(standing, epoch=standing.epoch - 1)
    assert await ada.store.rename(ADA, standing=stale, **asked) is Change.STALE  # type: ignore[arg-type]
    asked["enrolment"] = "0" * 24
    assert await ada.store.rename(ADA, standing=standing, **asked) is Change.STALE  # type: ignore[arg-type]


async def test_an_operator_takes_one_away_or_all(ada: Guest) -> None:
    await ada.enrol()
    await ada.store.attach(ADA, Factor.EMAIL, WORK)
    first, second = await ids(ada, Factor.EMAIL)
    epoch = (await ada.standing()).epoch
    assert await ada.store.detach(ADA, Factor.EMAIL, first)
    assert await ids(ada, Factor.EMAIL) == [second]
    assert not await ada.store.detach(ADA, Factor.EMAIL, first)
    assert await ada.store.detach(ADA, Factor.EMAIL)
    assert not await ada.store.detach(ADA, Factor.EMAIL)
    standing = await ada.standing()
    assert (standing.factors, standing.epoch) == ({}, epoch + 2)


async def test_a_secret_that_is_too_short_is_refused(ada: Guest) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        await ada.store.attach(ADA, Factor.TOTP, b"short")
    with pytest.raises(TypeError, match="drawn"):
        await ada.store.attach(ADA, Factor.BACKUP, "ABCDEFGHIJ")


# --- Backup codes ---------------------------------------------------------------------------------


@pytest.fixture
async def tim(ada: Guest) -> Guest:
    """Somebody with a mailbox, an authenticator, and three codes on paper."""
    await ada.enrol()
    await ada.store.attach(ADA, Factor.TOTP, SECRET)
    epoch = (await ada.standing()).epoch
    assert await ada.store.print_backup(ADA, codes=CODES, level=30, epoch=epoch) is Change.MADE
    return ada


async def test_each_backup_code_is_good_once(tim: Guest) -> None:
    assert (await tim.store.inventory(ADA)).backup_left == 3
    assert await tim.present(CODES[0], ride=None) == Redeemed(Factor.BACKUP)
    assert await tim.present(CODES[0], ride=None) == SPENT
    assert (await tim.store.inventory(ADA)).backup_left == 2
    assert await tim.attempts() == 0


async def test_a_backup_code_is_read_in_either_case_and_spent_in_both(tim: Guest) -> None:
    assert await tim.present(CODES[0].lower(), ride=None) == Redeemed(Factor.BACKUP)
    assert await tim.present(CODES[0], ride=None) == SPENT


async def test_a_backup_code_rides_on_its_proof_like_any_other(tim: Guest) -> None:
    await tim.present(CODES[0])
    rode = await tim.present(CODES[0].lower(), ride=Ride(GRACE_MS))
    assert isinstance(rode, Rode)
    assert rode.factor is Factor.BACKUP
    assert (await tim.store.inventory(ADA)).backup_left == 2


async def test_backup_codes_are_counted_in_the_budget_of_all_others(tim: Guest) -> None:
    receipts = [await tim.present(code) for code in ("ZZZZZZZZZ2", "999999", "ZZZZZZZZZ3", "88888888", "ZZZZZZZZZ4")]
    assert receipts == [*[WRONG] * 4, Rejected(Rejection.WRONG, 900_000)]
    assert isinstance(await tim.present(CODES[0]), Banned)
    assert (await tim.store.inventory(ADA)).backup_left == 3


async def test_a_rule_that_does_not_list_backup_codes_takes_none(tim: Guest) -> None:
    assert await tim.present(CODES[0], factors=(Factor.TOTP,)) == WRONG
    assert (await tim.store.inventory(ADA)).backup_left == 3


async def test_a_new_set_voids_the_old_and_every_window(tim: Guest) -> None:
    await tim.present(CODES[0])
    before = await tim.standing()
    assert await tim.store.print_backup(ADA, codes=("NEWCODEABC",), level=30, epoch=before.epoch) is Change.MADE
    after = await tim.standing()
    assert (after.epoch, after.proofs) == (before.epoch + 1, ())
    assert await tim.present(CODES[1]) == WRONG
    assert await tim.present("NEWCODEABC") == Redeemed(Factor.BACKUP)


async def test_a_first_set_closes_no_window(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    before = await ada.standing()
    await ada.store.print_backup(ADA, codes=CODES, level=10, epoch=before.epoch)
    after = await ada.standing()
    assert (after.epoch, len(after.proofs), after.backup_level) == (before.epoch, 1, 10)


async def test_a_set_is_not_made_in_another_epoch_nor_without_another_factor(ada: Guest) -> None:
    assert await ada.store.print_backup(ADA, codes=CODES, level=10, epoch=0) is Change.STALE
    assert await ada.store.hand_out_backup(ADA, CODES) is Change.STALE
    await ada.enrol()
    assert await ada.store.print_backup(ADA, codes=CODES, level=10, epoch=0) is Change.STALE
    assert (await ada.standing()).active() == (Factor.EMAIL,)


async def test_a_set_goes_with_the_last_factor_it_stands_in_for(tim: Guest, world: World) -> None:
    assert await tim.deactivate(CODES[0], Factor.TOTP, factors=(Factor.BACKUP,)) == Redeemed(Factor.BACKUP)
    assert (await tim.standing()).active() == (Factor.EMAIL, Factor.BACKUP)
    await tim.issue("123456")
    assert await tim.deactivate("123456") == Redeemed(Factor.EMAIL)
    assert (await tim.standing()).factors == {}
    assert await world.ask("KEYS", "*}:backup") == []


async def test_a_set_can_be_removed_by_itself(tim: Guest, world: World) -> None:
    code = shown(SECRET, await tim.standing())
    assert await tim.deactivate(code, Factor.BACKUP, factors=(Factor.TOTP,)) == Redeemed(Factor.TOTP)
    assert (await tim.standing()).active() == (Factor.EMAIL, Factor.TOTP)
    assert await world.ask("KEYS", "*}:backup") == []


async def test_resetting_takes_the_set_and_what_is_pending_along(tim: Guest, world: World) -> None:
    await begin(tim, OTHER_SECRET)
    await tim.store.reset(ADA)
    assert await world.ask("KEYS", "*}:backup") == []
    assert await world.ask("KEYS", "*:pending:*") == []
    assert (await tim.standing()).factors == {}


def test_drawn_codes_are_all_different_and_of_their_shape() -> None:
    codes = SYSTEM.backup_codes(500)
    assert len(set(codes)) == 500
    assert all(len(code) == 10 and set(code) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for code in codes)
    assert not any(code.isdigit() for code in codes)


# --- Recent login ---------------------------------------------------------------------------------


async def test_a_login_is_recent_for_five_minutes_in_its_own_session(ada: Guest, world: World) -> None:
    assert await ada.store.logged_in(ADA, session="s") == LoggedIn(None)
    await ada.store.remember_login(ADA, session="s")
    await world.pass_time(MINUTE_MS)
    age_ms = (await ada.store.logged_in(ADA, session="s")).age_ms
    assert age_ms is not None
    assert MINUTE_MS <= age_ms < 2 * MINUTE_MS
    assert await ada.store.logged_in(ADA, session="other") == LoggedIn(None)
    assert await ada.store.logged_in(BOB, session="s") == LoggedIn(None)
    await world.pass_time(FRESH_LOGIN_MS)
    assert await ada.store.logged_in(ADA, session="s") == LoggedIn(None)


async def test_a_login_does_not_survive_its_epoch(ada: Guest) -> None:
    await ada.store.remember_login(ADA, session="s")
    await ada.store.reset(ADA)
    assert await ada.store.logged_in(ADA, session="s") == LoggedIn(None)


async def test_a_clock_set_back_makes_nobody_recent(ada: Guest, world: World) -> None:
    await ada.store.remember_login(ADA, session="s")
    await world.pass_time(-MINUTE_MS)
    assert await ada.store.logged_in(ADA, session="s") == LoggedIn(None)


def test_an_enrolment_does_not_show_its_address() -> None:
    assert "example" not in repr(Enrolment(Factor.EMAIL, "an-id", address=ADDRESS))
    assert "sealed-secret" not in repr(Pending("an-id", b"sealed-secret", b"sealed-secret"))
