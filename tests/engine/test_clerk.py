"""The clerk: each need of a ceremony is carried out once, for the one who asks, and a fault ends in a refusal."""

from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor, FactorState, Standing
from mfa_gateway.core.ceremony import Action, Challenged, Change, Command, Done, Failed, Listed, LoggedIn
from mfa_gateway.core.fault import Fault, StoreUnavailable
from mfa_gateway.core.gate import RETRY_MS, Terms
from mfa_gateway.core.proof import Effect, Purpose, Redeemed, Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from tests.engine.fakes import ANNA, GOOD_CODE, Lines, MemoryStore, OneAddress, Outbox, call

NOBODY_YET = Standing(recorded=True, epoch=7)
PENDING = Standing(recorded=True, epoch=7, factors={Factor.EMAIL: FactorState.PENDING})


@pytest.fixture
def directory() -> OneAddress:
    return OneAddress()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def clerk(store: MemoryStore, directory: OneAddress, outbox: Outbox, lines: Lines) -> Clerk:
    dispatcher = Dispatcher(
        terms=DispatchTerms(), draw=lambda _: "424242", store=store, sender=outbox, journal=lines.journal
    )
    return Clerk(terms=Terms(), store=store, directory=directory, dispatcher=dispatcher, journal=lines.journal)


def command(action: Action, **fields: object) -> Command:
    plain = Command(action, ANNA, factor_name="email", scope=Scope.ACCOUNT, languages=("de",))
    return replace(plain, **fields)  # type: ignore[arg-type] # the fields of a Command


CALL = call("/multi-factor-auth-trigger", method="POST")


async def test_listing_recalls_once(clerk: Clerk, store: MemoryStore) -> None:
    outcome = await clerk.carry_out(command(Action.LIST, factor_name=None), CALL)
    assert isinstance(outcome, Listed)
    assert outcome.factors[0] == (Factor.EMAIL, FactorState.ACTIVE)
    assert store.trips == ["recall"]
    assert store.asked == [(ANNA.account, Scope.ACCOUNT, ANNA.session)]


async def test_a_trigger_sends_one_message_to_the_pinned_address(
    clerk: Clerk, store: MemoryStore, directory: OneAddress, outbox: Outbox
) -> None:
    assert await clerk.carry_out(command(Action.TRIGGER), CALL) == Done()
    assert store.trips == ["recall", "reserve", "spend", "issue"]
    (message,) = outbox.messages
    assert (message.address, message.code, message.purpose) == ("anna@example.com", "424242", Purpose.GATE)
    assert message.languages == ("de",)
    assert directory.asked == []


async def test_an_activation_looks_up_enrols_and_delivers_once_each(
    clerk: Clerk, store: MemoryStore, directory: OneAddress, outbox: Outbox
) -> None:
    store.standing = NOBODY_YET
    assert await clerk.carry_out(command(Action.ACTIVATE), CALL) == Done()
    assert store.trips == ["recall", "enrol", "reserve", "spend", "issue"]
    assert store.asked[1] == (ANNA.account, Factor.EMAIL, "anna@example.com", 7)
    assert directory.asked == [ANNA]
    (message,) = outbox.messages
    assert (message.purpose, message.address) == (Purpose.ACTIVATE, "anna@example.com")


async def test_a_verification_redeems_once(clerk: Clerk, store: MemoryStore, outbox: Outbox) -> None:
    store.standing = PENDING
    store.receipts = {GOOD_CODE: Redeemed(Factor.EMAIL)}
    assert await clerk.carry_out(command(Action.VERIFY, code=GOOD_CODE), CALL) == Done()
    assert store.trips == ["recall", "redeem"]
    redemption, standing = store.asked[1]
    assert (redemption.account, redemption.purpose, redemption.effect) == (
        ANNA.account,
        Purpose.ACTIVATE,
        Effect.ACTIVATE,
    )
    assert standing is store.standing
    assert outbox.messages == []


async def test_a_deactivation_redeems_once(clerk: Clerk, store: MemoryStore) -> None:
    assert await clerk.carry_out(command(Action.DEACTIVATE, code=GOOD_CODE), CALL) == Done()
    assert store.trips == ["recall", "redeem"]
    assert store.asked[1][0].effect is Effect.DEACTIVATE


async def test_an_address_that_is_added_is_named_by_the_id_that_it_was_given(clerk: Clerk, store: MemoryStore) -> None:
    store.standing, store.login = NOBODY_YET, LoggedIn(0)
    outcome = await clerk.carry_out(command(Action.ADD), CALL)
    assert outcome == Challenged(Factor.EMAIL, "id-of-address", "anna@example.com", Terms().code_life_ms)


async def test_closing_forgets_the_windows_of_this_session_and_of_its_account(clerk: Clerk, store: MemoryStore) -> None:
    assert await clerk.carry_out(command(Action.CLOSE, factor_name=None), CALL) == Done()
    assert store.trips == ["recall", "close_window", "close_window"]
    assert store.asked[1:] == [(ANNA.account, scope, ANNA.session) for scope in (Scope.SESSION, Scope.ACCOUNT)]


async def test_a_wrong_code_fails_and_does_nothing_else(clerk: Clerk, store: MemoryStore, outbox: Outbox) -> None:
    outcome = await clerk.carry_out(command(Action.DEACTIVATE, code="000000"), CALL)
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.CODE_INVALID
    assert store.trips == ["recall", "redeem"]
    assert outbox.messages == []


async def test_a_change_in_between_sends_nothing(clerk: Clerk, store: MemoryStore, outbox: Outbox) -> None:
    store.standing, store.change = NOBODY_YET, Change.STALE
    assert isinstance(await clerk.carry_out(command(Action.ACTIVATE), CALL), Failed)
    assert outbox.messages == []


@pytest.mark.parametrize("at", ["recall", "enrol", "reserve", "spend", "issue"])
async def test_a_fault_of_the_store_on_the_way_is_a_refusal(clerk: Clerk, store: MemoryStore, at: str) -> None:
    store.standing, store.down = NOBODY_YET, {at}
    outcome = await clerk.carry_out(command(Action.ACTIVATE), CALL)
    assert outcome == Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)
    assert store.trips[-1] == at


async def test_a_fault_at_the_redemption_is_a_refusal_and_asked_once(clerk: Clerk, store: MemoryStore) -> None:
    store.down = {"redeem"}
    outcome = await clerk.carry_out(command(Action.DEACTIVATE, code=GOOD_CODE), CALL)
    assert outcome == Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)
    assert store.trips == ["recall", "redeem"]


async def test_a_fault_of_the_directory_is_a_refusal(
    clerk: Clerk, store: MemoryStore, directory: OneAddress, outbox: Outbox
) -> None:
    store.standing, directory.fault = NOBODY_YET, StoreUnavailable("no records")
    assert await clerk.carry_out(command(Action.ACTIVATE), CALL) == Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)
    assert outbox.messages == []


async def test_any_other_fault_is_the_same_refusal(clerk: Clerk, store: MemoryStore, directory: OneAddress) -> None:
    store.standing, directory.fault = NOBODY_YET, Fault("something else")
    assert await clerk.carry_out(command(Action.ACTIVATE), CALL) == Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)


async def test_a_fault_is_written_down_with_the_ceremony(clerk: Clerk, store: MemoryStore, lines: Lines) -> None:
    store.down = {"recall"}
    await clerk.carry_out(command(Action.TRIGGER), CALL)
    assert [line["event"] for line in lines.all] == ["fault", "ceremony"]


async def test_a_ceremony_is_one_line(clerk: Clerk, lines: Lines) -> None:
    await clerk.carry_out(command(Action.TRIGGER), CALL)
    assert (lines.only["event"], lines.only["action"], lines.only["outcome"]) == ("ceremony", "trigger", "done")
