"""What the entrance keeps: uses, accounts that make themselves, and codes that let in without proving anything."""

import asyncio
from dataclasses import replace

from mfa_gateway.core.account import AccountId, Factor, Standing
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.entrance.words import Address, Claim, Registered, Use
from mfa_gateway.core.proof import (
    Budget,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Regulation,
    Rejected,
    Rejection,
    Scope,
)
from mfa_gateway.state import Store
from tests.state.world import World

MAIL = Address(Factor.EMAIL, "ada@x.test")
PHONE = Address(Factor.SMS, "+491701234567")
HOLDER = AccountId("addresses of people", MAIL.text)


# --- Uses -------------------------------------------------------------------------------------


async def test_of_many_uses_at_a_time_one_is_the_first(world: World) -> None:
    stores = [await world.store() for _ in range(2)]
    uses = await asyncio.gather(
        *(store.uses.use_once("nonce", "3_KEY", "k", "n1", keep_ms=60_000) for store in stores * 25)
    )
    assert sorted(uses) == sorted([Use.FIRST, *[Use.REPEATED] * 49])


async def test_uses_of_other_names_are_others(store: Store) -> None:
    for names in (("nonce", "a", "b"), ("nonce", "ab", ""), ("ticket", "a", "b"), ("nonce", "a", "b", "")):
        assert await store.uses.use_once(*names, keep_ms=60_000) is Use.FIRST


async def test_a_use_is_forgotten_when_it_cannot_come_again(store: Store, world: World) -> None:
    assert await store.uses.was_used("nonce", "n1") is Use.FIRST
    assert await store.uses.use_once("nonce", "n1", keep_ms=1000) is Use.FIRST
    assert await store.uses.was_used("nonce", "n1") is Use.REPEATED
    await world.pass_time(1001)
    assert await store.uses.use_once("nonce", "n1", keep_ms=1000) is Use.FIRST


# --- Accounts ---------------------------------------------------------------------------------


async def test_an_account_is_made_once_for_an_address(world: World) -> None:
    stores = [await world.store() for _ in range(2)]
    made = await asyncio.gather(
        *(
            store.accounts.register(AccountId("people", f"{n:02}"), MAIL, profile={"n": n})
            for n, store in enumerate(stores * 5)
        )
    )
    (first,) = (one for one in made if one.is_new)
    assert {one.account for one in made} == {first.account}
    assert await stores[0].accounts.find("people", MAIL.text) == first.account


async def test_whoever_is_new_is_on_record_with_what_they_showed(store: Store) -> None:
    made = await store.accounts.register(AccountId("people", "1"), PHONE, profile={"createdTimestamp": 7})
    assert made == Registered(AccountId("people", "1"), is_new=True)
    portrait = await store.accounts.portrait(made.account)
    assert portrait is not None
    assert (portrait.phone, portrait.phone_verified, portrait.email) == (PHONE.text, True, None)
    assert (portrait.login_ids, portrait.profile) == ((PHONE.text,), {"createdTimestamp": 7})


async def test_nobody_is_found_and_nobody_described_where_nobody_is(store: Store) -> None:
    assert await store.accounts.find("people", "nobody@x.test") is None
    assert await store.accounts.portrait(AccountId("people", "nobody")) is None


async def test_the_same_address_in_another_realm_is_somebody_elses(store: Store) -> None:
    await store.accounts.register(AccountId("people", "1"), MAIL, profile={})
    assert await store.accounts.find("others", MAIL.text) is None


async def test_an_account_takes_another_address_in_place_of_its_own(store: Store) -> None:
    account = (await store.accounts.register(AccountId("people", "1"), MAIL, profile={"a": 1})).account
    assert await store.accounts.claim_address(account, PHONE) is Claim.MADE
    assert await store.accounts.claim_address(account, replace(MAIL, text="new@x.test")) is Claim.MADE
    portrait = await store.accounts.portrait(account)
    assert portrait is not None
    assert set(portrait.login_ids) == {PHONE.text, "new@x.test"}
    assert (portrait.email, portrait.phone, portrait.profile) == ("new@x.test", PHONE.text, {"a": 1})
    assert await store.accounts.find("people", MAIL.text) is None


async def test_an_address_that_somebody_has_is_not_given_away(store: Store) -> None:
    await store.accounts.register(AccountId("people", "1"), MAIL, profile={})
    other = (await store.accounts.register(AccountId("people", "2"), PHONE, profile={})).account
    assert await store.accounts.claim_address(other, MAIL) is Claim.TAKEN
    assert await store.accounts.claim_address(AccountId("people", "nobody"), MAIL) is Claim.NOBODY


async def test_an_address_is_taken_away_with_its_login(store: Store) -> None:
    account = (await store.accounts.register(AccountId("people", "1"), MAIL, profile={})).account
    await store.accounts.claim_address(account, PHONE)
    assert await store.accounts.drop_address(account, Factor.SMS) is Claim.MADE
    assert await store.accounts.find("people", PHONE.text) is None
    assert await store.accounts.find("people", MAIL.text) == account
    assert await store.accounts.drop_address(account, Factor.EMAIL) is Claim.MADE
    assert await store.accounts.drop_address(AccountId("people", "nobody"), Factor.EMAIL) is Claim.NOBODY


async def test_a_profile_is_replaced_unless_it_changed_meanwhile(store: Store) -> None:
    account = (await store.accounts.register(AccountId("people", "1"), MAIL, profile={})).account
    portrait = await store.accounts.portrait(account)
    assert portrait is not None
    assert await store.accounts.set_profile(portrait, {"firstName": "Ada"}) is Claim.MADE
    assert await store.accounts.set_profile(portrait, {"firstName": "Eve"}) is Claim.STALE


# --- Codes that let in ------------------------------------------------------------------------


async def issue(store: Store, purpose: Purpose = Purpose.LOGIN, account: AccountId = HOLDER) -> str:
    made = await store.issue(account, factor=Factor.EMAIL, purpose=purpose, code="123456", life_ms=600_000, epoch=0)
    assert made is Change.MADE
    return "123456"


def redemption(code: str, purpose: Purpose = Purpose.LOGIN) -> Redemption:
    return Redemption(
        account=HOLDER,
        epoch=0,
        purpose=purpose,
        presented=code,
        factors=(Factor.EMAIL,),
        scope=Scope.ACCOUNT,
        session="",
        token="",
        effect=Effect.ENTER if purpose is Purpose.LOGIN else Effect.OPEN,
        target=None,
        ride=None,
        keep_ms=1_800_000,
        regulation=Regulation(max_retries=2),
        budget=Budget.FIRST_FACTOR,
    )


async def redeem(store: Store, code: str, purpose: Purpose = Purpose.LOGIN) -> Receipt:
    return await store.redeem(redemption(code, purpose), Standing())


async def test_a_code_that_lets_in_is_redeemed_once_and_leaves_nothing(store: Store) -> None:
    code = await issue(store)
    receipts = await asyncio.gather(*(redeem(store, code) for _ in range(20)))
    assert sorted(type(one).__name__ for one in receipts) == ["Redeemed", *["Rejected"] * 19]
    standing = await store.recall(HOLDER, scope=Scope.ACCOUNT, session="")
    assert (standing.recorded, standing.proofs, standing.factors) == (False, (), {})
    assert (await store.ledger.held(HOLDER)).is_new


async def test_codes_of_the_entrance_and_of_the_gate_are_never_exchanged(store: Store) -> None:
    code = await issue(store)
    assert isinstance(await redeem(store, code, Purpose.GATE), Rejected)
    assert isinstance(await redeem(store, code), Redeemed)
    await issue(store, Purpose.GATE)
    assert await redeem(store, code) == Rejected(Rejection.SPENT)


async def test_the_first_factor_never_locks_the_second(store: Store) -> None:
    await issue(store)
    for _ in range(2):
        await redeem(store, "000000")
    await issue(store, Purpose.GATE)
    gate = replace(redemption("123456", Purpose.GATE), budget=Budget.STEP_UP)
    assert isinstance(await store.redeem(gate, Standing()), Redeemed)
