"""Windows that end before their time: exactly what was to end, for whom it was to end, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor, FactorState
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.logout import Farewell, Heard
from mfa_gateway.core.proof import Purpose, Redeemed, Scope
from mfa_gateway.engine import ports
from mfa_gateway.state import Store
from tests.state.world import ADA, BOB, MINUTE_MS, PATIENCE, SPENT, WRONG, Guest, World

# What mypy checks: a parameter of the one type that accepts the other.
as_port: Callable[[Store], ports.Endings] = lambda store: store  # noqa: E731 - the annotation is the point
as_memory: Callable[[Store], ports.Farewells] = lambda store: store  # noqa: E731 - the annotation is the point


async def opened(guest: Guest, code: str = "123456") -> Guest:
    await guest.issue(code)
    assert isinstance(await guest.present(code), Redeemed)
    return guest


async def proofs(guest: Guest) -> int:
    return len((await guest.standing()).proofs)


async def test_a_closed_window_is_closed(ada: Guest) -> None:
    await ada.enrol()
    await opened(ada)
    await as_port(ada.store).close_window(ada.account, scope=Scope.ACCOUNT, session=ada.session)
    assert await proofs(ada) == 0


async def test_the_code_that_opened_it_does_not_open_it_again(ada: Guest) -> None:
    await ada.enrol()
    await opened(ada)
    await ada.store.close_window(ada.account, scope=Scope.ACCOUNT, session=ada.session)
    assert await ada.present("123456") == SPENT
    assert await ada.attempts() == 0


async def test_a_new_code_opens_a_new_one(ada: Guest) -> None:
    await ada.enrol()
    await opened(ada)
    before = await ada.standing()
    await ada.store.close_window(ada.account, scope=Scope.ACCOUNT, session=ada.session)
    await opened(ada, "654321")
    assert (await ada.standing()).epoch == before.epoch


async def test_closing_the_window_of_a_session_leaves_the_others_open(ada: Guest) -> None:
    await ada.enrol()
    here = await opened(ada.again(scope=Scope.SESSION))
    there = await opened(ada.again(scope=Scope.SESSION, session="session-2"), "222222")
    whole = await opened(ada, "333333")
    await ada.store.close_window(ada.account, scope=Scope.SESSION, session=here.session)
    assert [await proofs(guest) for guest in (here, there, whole)] == [0, 1, 1]


async def test_a_revocation_ends_every_window_of_the_account_and_of_nobody_else(ada: Guest) -> None:
    bob = ada.again(account=BOB)
    for guest in (ada, bob):
        await guest.enrol()
    windows = [
        await opened(ada),
        await opened(ada.again(scope=Scope.SESSION), "222222"),
        await opened(ada.again(scope=Scope.SESSION, session="session-2"), "333333"),
        await opened(bob),
    ]
    await as_port(ada.store).revoke(ada.account)
    assert [await proofs(guest) for guest in windows] == [0, 0, 0, 1]


async def test_a_revocation_voids_codes_on_their_way_and_what_is_pending(ada: Guest) -> None:
    await ada.enrol()
    await ada.pend(Factor.SMS, "+491701234567")
    await ada.issue("123456")
    await ada.issue("222222", factor=Factor.SMS, purpose=Purpose.ACTIVATE)
    epoch = (await ada.standing()).epoch
    await ada.store.revoke(ada.account)
    assert await ada.present("123456") == SPENT
    assert (await ada.activate("222222", Factor.SMS)) != Redeemed(Factor.SMS)
    assert await ada.issue("444444", epoch=epoch) is Change.STALE


async def test_a_revocation_leaves_factors_and_attempts_as_they_are(ada: Guest) -> None:
    await ada.enrol()
    assert await ada.present("999999") == WRONG
    before = await ada.standing()
    await ada.store.revoke(ada.account)
    after = await ada.standing()
    assert (after.factors, after.epoch) == ({Factor.EMAIL: FactorState.ACTIVE}, before.epoch + 1)
    assert await ada.attempts() == 1


async def test_a_revocation_is_told_to_those_who_hold_something_open(ada: Guest) -> None:
    await ada.enrol()
    async with aclosing(ada.store.revocations()) as heard:
        assert await _next(heard) is None
        await ada.store.revoke(ada.account)
        assert await _next(heard) == await ada.store.revocation_name(ada.account)


# --- Log-outs that an issuer tells of ---------------------------------------------------------

WORD = Farewell(ADA, "https://idp.test", "out-1", life_ms=MINUTE_MS)


async def test_an_issuers_word_ends_every_window_of_the_account(ada: Guest) -> None:
    await ada.enrol()
    windows = [await opened(ada), await opened(ada.again(scope=Scope.SESSION), "222222")]
    assert await as_memory(ada.store).bid_farewell(WORD) is Heard.FIRST
    assert [await proofs(guest) for guest in windows] == [0, 0]


async def test_the_same_word_ends_nothing_a_second_time(ada: Guest) -> None:
    await ada.enrol()
    await ada.store.bid_farewell(WORD)
    await opened(ada)
    assert await ada.store.bid_farewell(WORD) is Heard.AGAIN
    assert await proofs(ada) == 1


@pytest.mark.parametrize(
    "other", [replace(WORD, token_id="out-2"), replace(WORD, issuer="https://idp2.test"), replace(WORD, account=BOB)]
)
async def test_another_word_is_another(ada: Guest, other: Farewell) -> None:
    assert await ada.store.bid_farewell(WORD) is Heard.FIRST
    assert await ada.store.bid_farewell(other) is Heard.FIRST


async def test_a_word_is_remembered_no_longer_than_it_could_come_again(ada: Guest, world: World) -> None:
    await ada.store.bid_farewell(WORD)
    (key,) = await world.ask("KEYS", "mfa:*farewell*")
    assert 0 < await world.ask("PTTL", key) <= MINUTE_MS
    await world.pass_time(MINUTE_MS)
    assert await ada.store.bid_farewell(WORD) is Heard.FIRST


async def test_a_word_is_told_to_those_who_hold_something_open(ada: Guest) -> None:
    async with aclosing(ada.store.revocations()) as heard:
        assert await _next(heard) is None
        await ada.store.bid_farewell(WORD)
        assert await _next(heard) == await ada.store.revocation_name(ADA)


async def _next(heard: AsyncGenerator[str | None]) -> str | None:
    async with asyncio.timeout(PATIENCE):
        return await anext(heard)
