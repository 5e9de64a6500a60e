"""Sessions of the gateway's own: opened once, found by what names them, and over with their life or their epoch."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.ceremony import Change, LoggedIn
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.logout import Farewell
from mfa_gateway.core.proof import Purpose, Receipt, Redeemed, Rejected, Scope
from mfa_gateway.core.session import OpenedSession, Session
from mfa_gateway.engine import ports
from mfa_gateway.state import Store, StoreSettings, open_store
from tests.state.world import ADA, ADDRESS, BOB, KEY, MINUTE_MS, PATIENCE, Guest, ServerWorld, World

# What mypy checks: a parameter of the one type that accepts the other.
as_port: Callable[[Store], ports.Sessions] = lambda store: store  # noqa: E731 - the annotation is the point

HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


async def opened(store: Store, account: AccountId = ADA, *, life_ms: int | None = HOUR_MS) -> OpenedSession:
    epoch = (await store.recall(account, scope=Scope.ACCOUNT, session="")).epoch
    found = await as_port(store).open_session(account, site="3_KEY", device="gmid-1", life_ms=life_ms, epoch=epoch)
    assert isinstance(found, OpenedSession)
    return found


async def is_over(store: Store, one: OpenedSession) -> bool:
    by_token, by_id = [await store.session(one.token), await store.session_by_id(one.session.id)]
    assert (by_token is None) == (by_id is None)
    return by_token is None


def kept(session: Session | None) -> Session:
    """What of a session does not change while it lasts."""
    assert session is not None
    return replace(session, age_ms=0, left_ms=None)


# --- Opened and found -------------------------------------------------------------------------


async def test_a_session_is_found_by_its_token_and_by_its_id(store: Store) -> None:
    one = await opened(store)
    assert (one.session.account, one.session.site, one.session.device) == (ADA, "3_KEY", "gmid-1")
    assert kept(await store.session(one.token)) == kept(one.session)
    assert kept(await store.session_by_id(one.session.id)) == kept(one.session)


async def test_a_brief_session_is_kept_as_one_and_found_after_that_as_well(store: Store, world: World) -> None:
    one = await store.open_session(ADA, site="3_KEY", device="", life_ms=HOUR_MS, epoch=0, brief_ms=MINUTE_MS)
    assert isinstance(one, OpenedSession)
    found = await store.session(one.token)
    assert found is not None
    assert (found.brief_ms, found.is_on_its_own) == (MINUTE_MS, True)


async def test_a_session_is_found_by_another_worker(store: Store, world: World) -> None:
    one = await opened(store)
    assert kept(await (await world.store()).session(one.token)) == kept(one.session)


async def test_each_session_has_an_id_a_token_and_a_secret_of_its_own(store: Store) -> None:
    one, other = await opened(store), await opened(store)
    assert one.session.id != other.session.id
    assert one.token != other.token
    assert one.session.secret != other.session.secret


async def test_an_id_is_lower_case_hexadecimal_and_a_secret_has_256_bits(store: Store) -> None:
    session = (await opened(store)).session
    assert set(session.id) <= set("0123456789abcdef")
    assert len(session.secret) == 32


async def test_nobody_who_knows_an_id_can_make_the_token(store: Store) -> None:
    one, other = await opened(store), await opened(store)
    mixed = base64.urlsafe_b64decode(one.token)[:36] + base64.urlsafe_b64decode(other.token)[36:]
    assert await store.session(base64.urlsafe_b64encode(mixed).decode()) is None
    assert await store.session(one.session.id) is None
    assert await store.session_by_id(one.token) is None


@pytest.mark.parametrize("at", [0, 26, 27, 47, 48, 91])
async def test_a_token_that_is_wrong_in_one_place_is_unknown(store: Store, at: int) -> None:
    token = (await opened(store)).token
    wrong = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    assert await store.session(wrong) is None


@pytest.mark.parametrize("text", ["", "x", "{}", "*", "A" * 91, "A" * 93, "A" * 10_000, "=" * 92, "\ud800", "ä" * 92])
async def test_what_is_no_token_is_unknown_without_a_trip(store: Store, text: str) -> None:
    before = store.traffic.commands
    assert await store.session(text) is None
    assert await store.session_by_id(text) is None
    assert store.traffic.commands == before


@pytest.mark.parametrize("spoil", [str.upper, lambda sid: sid + "\n", lambda sid: sid[1:], lambda sid: f" {sid}"])
async def test_an_id_has_one_spelling(store: Store, spoil: Callable[[str], str]) -> None:
    one = await opened(store)
    assert await store.session_by_id(spoil(one.session.id)) is None


async def test_a_token_with_line_ends_or_padding_is_unknown(store: Store) -> None:
    one = await opened(store)
    assert [await store.session(text) for text in (one.token + "\n", one.token + "=", " " + one.token)] == [None] * 3


@given(subject=st.text(max_size=20), realm=st.text(max_size=20), site=st.text(max_size=20), device=st.text(max_size=20))
@settings(deadline=None, max_examples=50)
def test_whatever_is_kept_of_a_session_comes_back(subject: str, realm: str, site: str, device: str) -> None:
    async def there_and_back() -> None:
        store = await open_store(StoreSettings("memory://", (KEY,)))
        account = AccountId(realm, subject)
        one = await store.open_session(account, site=site, device=device, life_ms=HOUR_MS, epoch=0)
        assert isinstance(one, OpenedSession)
        assert kept(await store.session(one.token)) == Session(
            id=one.session.id,
            account=account,
            site=site,
            device=device,
            age_ms=0,
            left_ms=None,
            secret=one.session.secret,
        )
        await store.close()

    asyncio.run(there_and_back())


# --- For how long -----------------------------------------------------------------------------


async def test_a_session_is_over_at_the_end_of_its_life(store: Store, world: World) -> None:
    one = await opened(store)
    await world.pass_time(HOUR_MS - 5000)
    assert not await is_over(store, one)
    await world.pass_time(5000)
    assert await is_over(store, one)


async def test_looking_at_a_session_does_not_make_it_last_longer(store: Store, world: World) -> None:
    one = await opened(store)
    for _ in range(4):
        await store.session(one.token)
        await world.pass_time(HOUR_MS // 4)
    assert await is_over(store, one)


async def test_a_session_tells_its_age_and_what_is_left(store: Store, world: World) -> None:
    one = await opened(store)
    await world.pass_time(MINUTE_MS)
    found = await store.session(one.token)
    assert found is not None
    assert found.left_ms is not None
    assert MINUTE_MS <= found.age_ms < MINUTE_MS + 5000
    assert HOUR_MS - MINUTE_MS - 5000 < found.left_ms <= HOUR_MS - MINUTE_MS


async def test_a_session_without_an_end_lasts_while_it_is_used(store: Store, world: World) -> None:
    one = await opened(store, life_ms=None)
    assert one.session.left_ms is None
    for _ in range(5):
        await world.pass_time(300 * DAY_MS)
        found = await store.session_by_id(one.session.id)
        assert found is not None
        assert found.left_ms is None


async def test_a_session_without_an_end_that_nobody_uses_goes_away(store: Store, world: World) -> None:
    one = await opened(store, life_ms=None)
    await world.pass_time(400 * DAY_MS)
    assert await is_over(store, one)


# --- Over at once -----------------------------------------------------------------------------


async def revoke(store: Store) -> None:
    await store.revoke(ADA)


async def disable(store: Store) -> None:
    await store.disable(ADA)


async def disable_and_enable(store: Store) -> None:
    await store.disable(ADA)
    await store.enable(ADA)


async def reset(store: Store) -> None:
    await store.reset(ADA)


async def hear_farewell(store: Store) -> None:
    await store.bid_farewell(Farewell(ADA, "https://idp.test", "out-1", life_ms=MINUTE_MS))


async def change_a_factor(store: Store) -> None:
    await store.attach(ADA, Factor.EMAIL, ADDRESS)


async def activate(guest: Guest) -> Receipt:
    await guest.pend(Factor.SMS, "+491701234567")
    await guest.issue("333333", factor=Factor.SMS, purpose=Purpose.ACTIVATE)
    return await guest.activate("333333", Factor.SMS)


async def deactivate(guest: Guest) -> Receipt:
    await guest.issue("444444")
    return await guest.deactivate("444444")


async def deactivate_by_riding(guest: Guest) -> Receipt:
    await guest.issue("555555")
    assert await guest.present("555555") == Redeemed(Factor.EMAIL)
    return await guest.deactivate("555555")


@pytest.mark.parametrize("ends", [revoke, disable, disable_and_enable, reset, hear_farewell, change_a_factor])
async def test_whatever_begins_a_new_epoch_ends_every_session_of_the_account(
    store: Store, world: World, ends: Callable[[Store], Awaitable[None]]
) -> None:
    sessions = [await opened(store), await opened(store, life_ms=None)]
    bobs = await opened(store, BOB)
    await ends(await world.store())
    assert [await is_over(store, one) for one in (*sessions, bobs)] == [True, True, False]


async def test_a_session_is_not_opened_in_an_epoch_that_is_over(store: Store, world: World) -> None:
    epoch = (await store.recall(ADA, scope=Scope.ACCOUNT, session="")).epoch
    await store.revoke(ADA)
    answer = await store.open_session(ADA, site="s", device="", life_ms=HOUR_MS, epoch=epoch)
    assert answer is Change.STALE
    assert await world.ask("KEYS", "mfa:*:opened:*") == []
    assert await world.ask("KEYS", "mfa:*:session:*") == []


async def test_a_session_is_not_opened_for_a_disabled_account(store: Store) -> None:
    await store.disable(ADA)
    epoch = (await store.recall(ADA, scope=Scope.ACCOUNT, session="")).epoch
    assert await store.open_session(ADA, site="s", device="", life_ms=None, epoch=epoch) is Change.STALE


async def test_a_closed_session_is_over_at_every_worker_and_no_other_is(store: Store, world: World) -> None:
    one, other = await opened(store), await opened(store)
    elsewhere = await world.store()
    await elsewhere.close_session(one.session)
    assert [await is_over(store, session) for session in (one, other)] == [True, False]


async def test_a_closed_session_is_told_to_those_who_hold_something_open(store: Store, world: World) -> None:
    one = await opened(store)
    async with asyncio.timeout(PATIENCE), aclosing(store.revocations()) as heard:
        assert await anext(heard) is None
        await (await world.store()).close_session(one.session)
        assert await anext(heard) == await store.revocation_name(ADA)


async def test_closing_a_session_twice_changes_nothing(store: Store) -> None:
    one = await opened(store)
    await store.close_session(one.session)
    await store.close_session(one.session)
    assert await is_over(store, one)


async def test_closing_a_session_of_an_old_epoch_leaves_those_of_the_new_one(store: Store) -> None:
    old = await opened(store)
    await store.revoke(ADA)
    new = await opened(store)
    await store.close_session(old.session)
    assert not await is_over(store, new)


async def test_what_was_proved_in_a_session_ends_with_it(ada: Guest) -> None:
    await ada.enrol()
    one, other = await opened(ada.store), await opened(ada.store)
    here, there = (ada.again(session=session.session.id, scope=Scope.SESSION) for session in (one, other))
    for guest, code in ((here, "111111"), (there, "222222")):
        await guest.issue(code)
        assert await guest.present(code) == Redeemed(Factor.EMAIL)
    await ada.store.close_session(one.session)
    assert [len((await guest.standing()).proofs) for guest in (here, there)] == [0, 1]


@pytest.mark.parametrize("change", [activate, deactivate, deactivate_by_riding])
async def test_whoever_changes_a_factor_ends_every_session_but_the_one_in_which_it_was_done(
    ada: Guest, change: Callable[[Guest], Awaitable[Receipt]]
) -> None:
    await ada.enrol()
    here, there = await opened(ada.store), await opened(ada.store)
    before = (await ada.standing()).epoch
    assert not isinstance(await change(ada.again(session=here.session.id)), Rejected)
    assert (await ada.standing()).epoch == before + 1
    assert [await is_over(ada.store, one) for one in (here, there)] == [False, True]
    await ada.store.revoke(ADA)
    assert await is_over(ada.store, here)


async def test_a_session_of_an_old_epoch_does_not_come_back_with_a_change_of_factors(ada: Guest) -> None:
    await ada.enrol()
    old = await opened(ada.store)
    await ada.store.revoke(ADA)
    assert not isinstance(await activate(ada.again(session=old.session.id)), Rejected)
    assert await is_over(ada.store, old)


async def test_a_session_that_was_closed_does_not_come_back_either(ada: Guest, world: World) -> None:
    await ada.enrol()
    one = await opened(ada.store)
    await ada.store.close_session(one.session)
    assert not isinstance(await activate(ada.again(session=one.session.id)), Rejected)
    assert await is_over(ada.store, one)
    assert await world.ask("KEYS", "mfa:*:opened:*") == []


# --- The login that it was --------------------------------------------------------------------


async def test_a_session_that_was_opened_is_a_recent_login_for_five_minutes(store: Store, world: World) -> None:
    one = await opened(store)
    assert await store.logged_in(ADA, session=one.session.id) != LoggedIn(None)
    await world.pass_time(5 * MINUTE_MS)
    assert await store.logged_in(ADA, session=one.session.id) == LoggedIn(None)
    assert not await is_over(store, one)


async def test_a_session_that_was_closed_is_no_recent_login(store: Store) -> None:
    one = await opened(store)
    await store.close_session(one.session)
    assert await store.logged_in(ADA, session=one.session.id) == LoggedIn(None)


# --- On a real server -------------------------------------------------------------------------


@pytest.mark.processes
async def test_no_session_survives_a_revocation_that_races_its_opening(valkey_world: ServerWorld) -> None:
    one, other = await valkey_world.store(), await valkey_world.store()
    for number in range(100):
        epoch = (await one.recall(ADA, scope=Scope.ACCOUNT, session="")).epoch
        opening = one.open_session(ADA, site="s", device="", life_ms=HOUR_MS, epoch=epoch)
        both = (opening, other.revoke(ADA)) if number % 2 else (other.revoke(ADA), opening)
        answer = (await asyncio.gather(*both))[0 if number % 2 else 1]
        assert answer is Change.STALE or (isinstance(answer, OpenedSession) and await is_over(other, answer))


@pytest.mark.processes
async def test_a_replica_answers_nothing_because_it_may_not_know_of_a_revocation(valkey_world: ServerWorld) -> None:
    store = await valkey_world.store()
    one = await opened(store)
    await valkey_world.ask("REPLICAOF", "127.0.0.1", 1)
    try:
        with pytest.raises(StoreUnavailable, match="READONLY"):
            await store.session(one.token)
    finally:
        await valkey_world.ask("REPLICAOF", "NO", "ONE")
    assert not await is_over(store, one)


@pytest.mark.processes
async def test_a_session_that_was_sealed_with_a_forgotten_key_is_a_fault(valkey_world: ServerWorld) -> None:
    old, new = KEY, bytes(reversed(KEY))
    store = await valkey_world.store()
    rotated = await open_store(StoreSettings(valkey_world.url, (new, old), timeout=PATIENCE, connect_timeout=PATIENCE))
    one = await opened(rotated)
    await rotated.close()
    with pytest.raises(StoreUnavailable, match="a session cannot be read"):
        await store.session(one.token)


async def test_a_new_set_of_backup_codes_ends_every_session_but_the_one_that_asked(store: Store, ada: Guest) -> None:
    await ada.enrol()
    epoch = (await ada.standing()).epoch
    await store.print_backup(ADA, codes=("FIRSTSETAB",), level=10, epoch=epoch)
    mine, other = await opened(store), await opened(store)
    await store.print_backup(ADA, codes=("SECONDSETB",), level=10, epoch=epoch, session=mine.session.id)
    assert (await is_over(store, mine), await is_over(store, other)) == (False, True)
