"""Passages: begun once, finished by a factor, over with their epoch unless they changed it themselves."""

from collections.abc import Callable
from dataclasses import replace

from mfa_gateway.core.account import Factor
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.entrance.second_words import Passage
from mfa_gateway.core.proof import Purpose, Redeemed, Scope
from mfa_gateway.core.session import OpenedSession
from mfa_gateway.engine import steward
from mfa_gateway.state import Store
from mfa_gateway.state.passages import Passages
from tests.state.world import ADA, BOB, GRACE_MS, MINUTE_MS, Guest, World

# What mypy checks: a parameter of the one type that accepts the other.
as_port: Callable[[Passages], steward.Passages] = lambda passages: passages  # noqa: E731 - the annotation is the point
as_changing: Callable[[Store], steward.Changing] = lambda store: store  # noqa: E731 - the annotation is the point

NAME = "login:1"


async def begin(store: Store, *, epoch: int | None = None, name: str = NAME) -> Passage | None:
    if epoch is None:
        epoch = (await Guest(store).standing()).epoch
    return await as_port(store.passages).begin_passage(ADA, name=name, epoch=epoch, life_ms=60 * MINUTE_MS)


def inside(store: Store) -> Guest:
    """Ada, in the passage."""
    return Guest(store, session=NAME, token=NAME, scope=Scope.SESSION)


async def test_a_passage_is_begun_and_found_again(store: Store) -> None:
    assert await begin(store) == Passage(0)
    assert await begin(store) == Passage(0)


async def test_a_finished_passage_tells_by_what_and_when(store: Store, world: World) -> None:
    await begin(store)
    assert await store.passages.finish_passage(ADA, name=NAME, factor=Factor.TOTP) == Passage(0, Factor.TOTP)
    await world.pass_time(2000)
    found = await begin(store)
    assert found is not None
    assert found.second is Factor.TOTP
    assert 2000 <= found.age_ms < MINUTE_MS


async def test_what_never_began_cannot_be_finished(store: Store) -> None:
    assert await store.passages.finish_passage(ADA, name=NAME, factor=Factor.TOTP) is None


async def test_a_passage_finishes_no_other(store: Store) -> None:
    await begin(store)
    await begin(store, name="login:2")
    await store.passages.finish_passage(ADA, name=NAME, factor=Factor.TOTP)
    other = await begin(store, name="login:2")
    assert other == Passage(0)
    assert await store.passages.begin_passage(BOB, name=NAME, epoch=0, life_ms=1000) == Passage(0)


async def test_a_passage_is_over_with_its_time(store: Store, world: World) -> None:
    await begin(store)
    await store.passages.finish_passage(ADA, name=NAME, factor=Factor.TOTP)
    await world.pass_time(60 * MINUTE_MS)
    assert await begin(store) == Passage(0)


async def test_a_revocation_ends_a_passage(store: Store) -> None:
    await begin(store)
    await store.revoke(ADA)
    assert await begin(store, epoch=0) is None
    assert await begin(store) is None
    assert await store.passages.finish_passage(ADA, name=NAME, factor=Factor.TOTP) is None


async def test_nobody_begins_one_with_a_login_of_an_old_epoch(store: Store) -> None:
    await store.revoke(ADA)
    assert await begin(store, epoch=0) is None


async def test_a_session_is_a_passage_as_long_as_it_is_open(store: Store) -> None:
    opened = await store.open_session(ADA, site="3_KEY", device="", life_ms=MINUTE_MS, epoch=0)
    assert isinstance(opened, OpenedSession)
    sid = opened.session.id
    assert await store.passages.begin_passage(ADA, name=sid, epoch=0, life_ms=0) == Passage(0)
    assert await store.passages.finish_passage(ADA, name=sid, factor=Factor.SMS) == Passage(0, Factor.SMS)
    found = await store.session_by_id(sid)
    assert found is not None
    await store.close_session(found)
    assert await store.passages.begin_passage(ADA, name=sid, epoch=0, life_ms=0) is None
    assert await store.session_by_id(sid) is None


async def test_a_disabled_account_has_none(store: Store) -> None:
    await begin(store)
    await store.disable(ADA)
    assert await begin(store) is None


async def test_who_enrols_a_factor_in_a_passage_stays_in_it(store: Store) -> None:
    await begin(store)
    await begin(store, name="login:2")
    ada = inside(store)
    await ada.pend()
    await ada.issue("123456", purpose=Purpose.ACTIVATE)
    assert await ada.activate("123456") == Redeemed(Factor.EMAIL)
    assert await begin(store, epoch=0) == Passage(1)
    assert await begin(store, epoch=0, name="login:2") is None


# --- Proofs go along --------------------------------------------------------------------------


async def prove(store: Store) -> None:
    ada = inside(store)
    await ada.enrol()
    await begin(store)
    await ada.issue("123456")
    assert await ada.present("123456") == Redeemed(Factor.EMAIL)


async def proofs(store: Store, session: str, scope: Scope = Scope.SESSION) -> list[tuple[Factor, int]]:
    standing = await store.recall(ADA, scope=scope, session=session)
    return [(proof.factor, proof.age_ms // 1000) for proof in standing.proofs]


async def test_what_was_proved_in_a_passage_counts_in_the_session_and_for_the_account(
    store: Store, world: World
) -> None:
    await prove(store)
    await world.pass_time(5000)
    assert await proofs(store, "sid") == []
    await store.passages.carry_proofs(ADA, source=NAME, target="sid")
    assert await proofs(store, "sid") == [(Factor.EMAIL, 5)]
    assert await proofs(store, "", Scope.ACCOUNT) == [(Factor.EMAIL, 5)]
    assert await proofs(store, "another") == []


async def test_a_passage_that_gave_its_proofs_away_is_over(store: Store) -> None:
    await prove(store)
    await store.passages.finish_passage(ADA, name=NAME, factor=Factor.EMAIL)
    await store.passages.carry_proofs(ADA, source=NAME, target="sid")
    assert await proofs(store, NAME) == []
    epoch = (await inside(store).standing()).epoch
    assert await begin(store) == Passage(epoch)


async def test_a_session_keeps_what_it_shares_with_the_account(store: Store) -> None:
    await prove(store)
    await store.passages.finish_passage(ADA, name=NAME, factor=Factor.EMAIL)
    await store.passages.carry_proofs(ADA, source=NAME, target=NAME)
    assert await proofs(store, NAME) == await proofs(store, "", Scope.ACCOUNT) == [(Factor.EMAIL, 0)]
    found = await begin(store)
    assert found is not None
    assert found.second is Factor.EMAIL


async def test_an_older_proof_does_not_replace_a_newer_one(store: Store, world: World) -> None:
    await prove(store)
    await world.pass_time(5000)
    newer = replace(inside(store), session="sid")
    await newer.issue("234567")
    assert await newer.present("234567") == Redeemed(Factor.EMAIL)
    await store.passages.carry_proofs(ADA, source=NAME, target="sid")
    assert await proofs(store, "sid") == [(Factor.EMAIL, 0)]


async def test_proofs_of_an_old_epoch_stay_behind(store: Store) -> None:
    await prove(store)
    await store.revoke(ADA)
    await store.passages.carry_proofs(ADA, source=NAME, target="sid")
    assert await proofs(store, "sid") == []


async def test_carried_proofs_last_no_longer_than_they_were_to(store: Store, world: World) -> None:
    await prove(store)
    await store.passages.carry_proofs(ADA, source=NAME, target="sid")
    await world.pass_time(GRACE_MS)
    assert await proofs(store, "sid") == []


# --- Factors taken away -----------------------------------------------------------------------


async def test_who_takes_a_factor_away_in_a_passage_stays_in_it(store: Store) -> None:
    await prove(store)
    epoch = (await inside(store).standing()).epoch
    change = await as_changing(store).withdraw(ADA, Factor.EMAIL, epoch=epoch, session=NAME)
    assert change is Change.MADE
    assert (await inside(store).standing()).active() == ()
    assert await begin(store, epoch=epoch) == Passage(epoch + 1)


async def test_what_is_not_there_is_not_taken_away(store: Store) -> None:
    await prove(store)
    epoch = (await inside(store).standing()).epoch
    assert await store.withdraw(ADA, Factor.TOTP, epoch=epoch, session="") is Change.KNOWN
    assert await store.withdraw(ADA, Factor.EMAIL, "abcd", epoch=epoch, session="") is Change.KNOWN
    assert await store.withdraw(ADA, Factor.EMAIL, epoch=epoch - 1, session="") is Change.STALE
    assert (await inside(store).standing()).active() == (Factor.EMAIL,)
