"""What is kept of accounts for good: all or nothing, login ids owned by one, nothing lost and nothing readable."""

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Factor, FactorState
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import Algorithm, TotpProfile
from mfa_gateway.core.proof import Budget, Redeemed
from mfa_gateway.state import AccountRecord, EmbeddedStore, Store
from mfa_gateway.state.ledger import Held, Kept, Ledger, Owner, Taken, Vouched, Wanted
from tests.state.owner import client
from tests.state.test_kills import until_answered
from tests.state.test_secrecy import disguises, dump
from tests.state.world import ADA, ADDRESS, BOB, Guest, World

RECORD = AccountRecord(ADDRESS, email_verified=True, phone="+491701234567", phone_verified=True, locale="de")
PHC = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"
OTHER_PHC = PHC.replace("aGFzaG", "b3Rocm")
SECRET = b"a secret of twenty b"
EVERYTHING = Wanted(
    RECORD,
    login_ids=("ada@example.test", "ada"),
    password=PHC,
    profile={"name": "Ada", "tags": [1, 2.5, None, "\u00e4\ud800"]},
    vouched={Factor.EMAIL: Vouched(ADDRESS), Factor.TOTP: Vouched(SECRET)},
)


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return store.ledger


async def keep(ledger: Ledger, wanted: Wanted, account: AccountId = ADA) -> Kept | Taken:
    return await ledger.keep(await ledger.held(account), wanted)


async def everything(world: World) -> dict[bytes, Any]:
    """Every key with what lies in it."""
    kinds = {b"string": ("GET",), b"hash": ("HGETALL",), b"list": ("LRANGE", 0, -1), b"set": ("SMEMBERS",)}
    found = {}
    for key in await world.ask("KEYS", "*"):
        name, *rest = kinds[await world.ask("TYPE", key)]
        found[key] = await world.ask(name, key, *rest)
    return found


# --- Bringing in ------------------------------------------------------------------------------


async def test_an_account_that_nobody_brought_in_is_new(ledger: Ledger) -> None:
    held = await ledger.held(ADA)
    assert (held.is_new, held.has_record, held.login_ids, held.password) == (True, False, (), None)


async def test_everything_comes_back_as_it_was_brought_in(ledger: Ledger) -> None:
    assert await keep(ledger, EVERYTHING) is Kept.NEW
    held = await ledger.held(ADA)
    assert (held.is_new, held.has_record, held.disabled) == (False, True, False)
    assert (held.record, held.login_ids) == (RECORD, EVERYTHING.login_ids)
    assert (held.password, held.brought, held.profile) == (PHC, PHC, EVERYTHING.profile)
    assert held.factors == {Factor.EMAIL: FactorState.ACTIVE, Factor.TOTP: FactorState.ACTIVE}


async def test_what_was_brought_in_is_what_the_rest_of_the_gateway_sees(ada: Guest) -> None:
    await keep(ada.store.ledger, EVERYTHING)
    standing = await ada.standing()
    assert standing.recorded
    assert standing.active() == (Factor.EMAIL, Factor.TOTP)
    assert ada.store.pinned_address(ADA, Factor.EMAIL, standing) == ADDRESS
    assert await ada.store.record(ADA) == RECORD


async def test_an_authenticator_keeps_its_own_parameters(ada: Guest) -> None:
    profile = TotpProfile(Algorithm.SHA256, 8, 60)
    await keep(ada.store.ledger, replace(EVERYTHING, vouched={Factor.TOTP: Vouched(SECRET, profile)}))
    [enrolment] = (await ada.store.inventory(ADA)).enrolments
    assert enrolment.factor is Factor.TOTP
    assert enrolment.added_ms is not None


async def test_the_same_again_changes_nothing_at_all(ledger: Ledger, world: World) -> None:
    await keep(ledger, EVERYTHING)
    before = await everything(world)
    assert await keep(ledger, replace(EVERYTHING, vouched={})) is Kept.UNCHANGED
    assert await everything(world) == before


async def test_what_was_proved_survives_a_change_of_the_record(ada: Guest) -> None:
    await keep(ada.store.ledger, EVERYTHING)
    await ada.issue("123456")
    await ada.present("123456")
    changed = replace(EVERYTHING, record=AccountRecord("new@example.test"), profile={}, login_ids=(), vouched={})
    assert await keep(ada.store.ledger, changed) is Kept.CHANGED
    assert len((await ada.standing()).proofs) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"password": OTHER_PHC},
        {"password": None},
        {"disabled": True},
        {"removed": frozenset({Factor.TOTP})},
        {"vouched": {Factor.SMS: Vouched("+491701234567")}},
    ],
)
async def test_what_was_proved_is_void_when_who_gets_in_changes(ada: Guest, change: dict[str, Any]) -> None:
    await keep(ada.store.ledger, EVERYTHING)
    await ada.issue("123456")
    await ada.present("123456")
    assert await keep(ada.store.ledger, replace(EVERYTHING, **{"vouched": {}, **change})) is Kept.CHANGED
    standing = await ada.standing()
    assert (standing.proofs, standing.epoch) == ((), 2)


async def test_a_first_password_voids_nothing(ada: Guest) -> None:
    await ada.enrol()
    await ada.issue("123456")
    await ada.present("123456")
    assert await keep(ada.store.ledger, Wanted(AccountRecord(), password=PHC)) is Kept.CHANGED
    assert len((await ada.standing()).proofs) == 1


async def test_attempts_and_bans_stay(ada: Guest) -> None:
    await keep(ada.store.ledger, EVERYTHING)
    await ada.guess(6)
    banned = (await ada.store.show(ADA)).budgets[Budget.STEP_UP]
    assert banned.bans == 1
    await keep(ada.store.ledger, replace(EVERYTHING, password=OTHER_PHC, vouched={}))
    assert (await ada.store.show(ADA)).budgets[Budget.STEP_UP].bans == 1


async def test_a_factor_that_is_taken_away_takes_its_codes_along(ada: Guest) -> None:
    await keep(ada.store.ledger, EVERYTHING)
    await ada.issue("123456")
    await keep(ada.store.ledger, replace(EVERYTHING, vouched={}, removed=frozenset({Factor.EMAIL})))
    assert (await ada.standing()).active() == (Factor.TOTP,)
    assert not isinstance(await ada.present("123456"), Redeemed)


async def test_backup_codes_do_not_stay_alone(ada: Guest) -> None:
    await keep(ada.store.ledger, EVERYTHING)
    await ada.store.hand_out_backup(ADA, ["AAAAAAAAAA", "BBBBBBBBBB"])
    await keep(ada.store.ledger, replace(EVERYTHING, vouched={}, removed=frozenset({Factor.EMAIL, Factor.TOTP})))
    assert (await ada.standing()).factors == {}


async def test_a_disabled_account_is_enabled_again(ada: Guest) -> None:
    await keep(ada.store.ledger, replace(EVERYTHING, disabled=True))
    assert (await ada.standing()).disabled
    await keep(ada.store.ledger, replace(EVERYTHING, vouched={}))
    assert not (await ada.standing()).disabled


async def test_what_changed_since_it_was_read_is_left_alone(ada: Guest) -> None:
    ledger = ada.store.ledger
    held = await ledger.held(ADA)
    await ada.store.put_record(ADA, RECORD)
    assert await ledger.keep(held, EVERYTHING) is Kept.STALE
    held = await ledger.held(ADA)
    await ada.store.disable(ADA)
    assert await ledger.keep(held, EVERYTHING) is Kept.STALE
    held = await ledger.held(ADA)
    await ada.enrol()
    assert await ledger.keep(held, EVERYTHING) is Kept.STALE
    assert (await ledger.held(ADA)).login_ids == ()


async def test_a_record_that_is_put_anew_leaves_the_rest(ada: Guest) -> None:
    await keep(ada.store.ledger, EVERYTHING)
    await ada.store.put_record(ADA, AccountRecord("new@example.test"))
    held = await ada.store.ledger.held(ADA)
    assert held.record == AccountRecord("new@example.test")
    assert (held.login_ids, held.password) == (EVERYTHING.login_ids, PHC)


# --- Login ids --------------------------------------------------------------------------------


async def test_a_login_id_leads_to_its_owner(ledger: Ledger) -> None:
    await keep(ledger, EVERYTHING)
    for login in EVERYTHING.login_ids:
        assert await ledger.owner("shop", login) == Owner(ADA, PHC)


async def test_a_login_id_is_of_one_realm(ledger: Ledger) -> None:
    await keep(ledger, EVERYTHING)
    assert await ledger.owner("desk", "ada") is None
    assert await keep(ledger, Wanted(RECORD, login_ids=("ada",)), AccountId("desk", "ada")) is Kept.NEW
    assert await ledger.owner("desk", "ada") == Owner(AccountId("desk", "ada"), None)


async def test_nobodys_login_id_takes_as_many_trips(store: Store) -> None:
    await keep(store.ledger, EVERYTHING)
    before = store.traffic.commands
    assert await store.ledger.owner("shop", "ada") is not None
    known, before = store.traffic.commands - before, store.traffic.commands
    assert await store.ledger.owner("shop", "nobody") is None
    assert store.traffic.commands - before == known


async def test_a_login_id_of_somebody_else_changes_nothing(ledger: Ledger, world: World) -> None:
    await keep(ledger, EVERYTHING)
    before = await everything(world)
    wanted = Wanted(RECORD, login_ids=("bob", "ada", "ada@example.test"), password=PHC)
    assert await keep(ledger, wanted, BOB) == Taken(("ada", "ada@example.test"))
    assert await everything(world) == before


async def test_a_login_id_that_was_given_up_is_free(ledger: Ledger) -> None:
    await keep(ledger, EVERYTHING)
    await keep(ledger, replace(EVERYTHING, login_ids=("ada@example.test",), vouched={}))
    assert await ledger.owner("shop", "ada") is None
    assert await keep(ledger, Wanted(RECORD, login_ids=("ada",)), BOB) is Kept.NEW
    assert await ledger.owner("shop", "ada") == Owner(BOB, None)


async def test_nobody_gives_up_what_is_somebody_elses(ledger: Ledger, world: World) -> None:
    await keep(ledger, EVERYTHING)
    await keep(ledger, Wanted(RECORD, login_ids=("bob",)), BOB)
    names = ledger._foundation.names_now().keys
    await world.ask("RENAME", names.login("shop", "bob"), names.login("shop", "ada"))
    await keep(ledger, replace(EVERYTHING, login_ids=(), vouched={}))
    assert await world.ask("EXISTS", names.login("shop", "ada")) == 1
    assert await world.ask("EXISTS", names.login("shop", "ada@example.test")) == 0


async def test_two_at_once_never_own_the_same_login_id(world: World) -> None:
    stores = [await world.store() for _ in range(4)]
    people = [AccountId("shop", f"person-{number}") for number in range(16)]
    results = await asyncio.gather(
        *(
            keep(stores[index % 4].ledger, Wanted(RECORD, login_ids=("shared", f"own-{index}")), account)
            for index, account in enumerate(people)
        )
    )
    assert results.count(Kept.NEW) == 1
    assert results.count(Taken(("shared",))) == 15
    winner = people[results.index(Kept.NEW)]
    assert await stores[0].ledger.owner("shop", "shared") == Owner(winner, None)
    owned = [await stores[0].ledger.owner("shop", f"own-{index}") for index in range(16)]
    assert [owner.account for owner in owned if owner is not None] == [winner]


async def test_an_owner_cannot_be_moved_to_another_login_id(ledger: Ledger, world: World) -> None:
    await keep(ledger, EVERYTHING)
    names = ledger._foundation.names_now().keys
    stolen = await world.ask("GET", names.login("shop", "ada"))
    await world.ask("SET", names.login("shop", "admin"), stolen)
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        await ledger.owner("shop", "admin")


# --- Passwords --------------------------------------------------------------------------------


async def test_a_hash_that_is_made_anew_changes_nothing_else(ada: Guest) -> None:
    ledger = ada.store.ledger
    await keep(ledger, EVERYTHING)
    await ledger.renew_password(ADA, old=PHC, new=OTHER_PHC)
    held = await ledger.held(ADA)
    assert (held.password, held.brought) == (OTHER_PHC, PHC)
    assert (await ada.standing()).epoch == 1


async def test_a_hash_that_was_replaced_meanwhile_is_not_replaced_again(ledger: Ledger) -> None:
    await keep(ledger, EVERYTHING)
    await ledger.renew_password(ADA, old=OTHER_PHC, new="other")
    await ledger.renew_password(BOB, old=PHC, new="other")
    assert (await ledger.held(ADA)).password == PHC
    assert (await ledger.held(BOB)).is_new


async def test_another_password_begins_an_epoch_and_leaves_what_was_brought_in(ada: Guest) -> None:
    ledger = ada.store.ledger
    await keep(ledger, EVERYTHING)
    before = (await ada.standing()).epoch
    assert await ledger.password_of(ADA) == PHC
    assert await ledger.change_password(ADA, old=PHC, new=OTHER_PHC)
    held = await ledger.held(ADA)
    assert (held.password, held.brought) == (OTHER_PHC, PHC)
    assert (await ada.standing()).epoch == before + 1


async def test_a_password_that_is_another_by_now_is_not_changed(ada: Guest) -> None:
    ledger = ada.store.ledger
    await keep(ledger, EVERYTHING)
    before = (await ada.standing()).epoch
    assert not await ledger.change_password(ADA, old=OTHER_PHC, new="other")
    assert not await ledger.change_password(BOB, old=PHC, new="other")
    assert (await ledger.password_of(BOB), (await ledger.held(BOB)).is_new) == (None, True)
    assert (await ada.standing()).epoch == before


async def test_of_two_who_change_a_password_at_once_one_does(ledger: Ledger) -> None:
    await keep(ledger, EVERYTHING)
    changes = (ledger.change_password(ADA, old=PHC, new=new) for new in (OTHER_PHC, "another"))
    assert sorted(await asyncio.gather(*changes)) == [False, True]


# --- Taking out -------------------------------------------------------------------------------


async def walked(ledger: Ledger) -> list[Held | None]:
    return [one async for some in ledger.walk() for one in some]


async def test_every_account_on_record_is_met(ledger: Ledger) -> None:
    people = [AccountId("shop", f"person-{number}") for number in range(1200)]
    await asyncio.gather(*(keep(ledger, Wanted(RECORD), account) for account in people))
    met = [held.account for held in await walked(ledger) if held is not None]
    assert set(met) == set(people)


async def test_who_enrolled_alone_is_met_without_a_name(ada: Guest) -> None:
    await keep(ada.store.ledger, EVERYTHING, BOB)
    await ada.pend()
    found = await walked(ada.store.ledger)
    assert [held.account if held else None for held in sorted(found, key=bool)] == [None, BOB]


# --- For good, and for nobody's eyes ----------------------------------------------------------


@pytest.mark.processes
async def test_a_store_that_is_killed_loses_nothing_that_was_brought_in(folder: Path, valkey: str) -> None:
    async with EmbeddedStore(folder) as running, client(folder) as store:
        assert await keep(store.ledger, EVERYTHING) is Kept.NEW
        assert running.pid is not None
        os.kill(running.pid, SIGKILL)
        held = await until_answered(lambda: store.ledger.held(ADA))
        assert (held.record, held.login_ids, held.password) == (RECORD, EVERYTHING.login_ids, PHC)
        assert await store.ledger.owner("shop", "ada") == Owner(ADA, PHC)


async def test_a_dump_shows_nothing_of_what_was_brought_in(ledger: Ledger, world: World) -> None:
    account = AccountId("the-realm-of-ada", "subject-of-ada")
    login, name = "ada.lovelace@login.example.test", "Ada Augusta Lovelace"
    wanted = replace(EVERYTHING, login_ids=(login,), profile={"name": name})
    await keep(ledger, wanted, account)
    await ledger.renew_password(account, old=PHC, new=OTHER_PHC)
    seen = await dump(world)
    clear = (account.realm, account.subject, login, name, PHC, OTHER_PHC, "argon2", ADDRESS, "+491701234567")
    for secret in (*clear, f"{account.realm}:{login}", json.dumps([login]), json.dumps({"name": name})):
        assert not [form for form in disguises(secret.encode()) if form in seen], secret
    assert not [form for form in disguises(SECRET) if form in seen]


async def test_nothing_secret_is_in_a_repr(ledger: Ledger) -> None:
    await keep(ledger, EVERYTHING)
    shown = f"{await ledger.held(ADA)} {await ledger.owner('shop', 'ada')} {EVERYTHING} {Taken(('ada@example.test',))}"
    for secret in (PHC, ADDRESS, "ada@example.test", "a secret of", "+4917"):
        assert secret not in shown
