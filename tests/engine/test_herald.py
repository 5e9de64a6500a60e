"""The herald: the owner hears of every change at the address pinned before, and a lost mail changes nothing."""

import pytest

from mfa_gateway.core.account import Factor, FactorState, Person, Standing
from mfa_gateway.core.ceremony import Action, Command, Done, Failed, LoggedIn, Pending, Printed
from mfa_gateway.core.entrance.second_words import TellOwner
from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.message import Happening, NoticeMessage
from mfa_gateway.core.proof import Redeemed
from mfa_gateway.core.verdict import Reason
from mfa_gateway.engine.chance import SYSTEM
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from mfa_gateway.engine.herald import Herald
from tests.engine.fakes import ANNA, GOOD_CODE, Lines, MemoryStore, OneAddress, Outbox, call

CALL = call("/multi-factor-auth-trigger", method="POST")


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def directory() -> OneAddress:
    return OneAddress(Person(email="directory@example.com"))


@pytest.fixture
def herald(store: MemoryStore, directory: OneAddress, outbox: Outbox, lines: Lines) -> Herald:
    return Herald(store=store, directory=directory, teller=outbox, journal=lines.journal)


@pytest.fixture
def clerk(store: MemoryStore, directory: OneAddress, outbox: Outbox, lines: Lines, herald: Herald) -> Clerk:
    dispatcher = Dispatcher(
        terms=DispatchTerms(), draw=lambda _: "424242", store=store, sender=outbox, journal=lines.journal
    )
    return Clerk(
        terms=Terms(), store=store, directory=directory, dispatcher=dispatcher, journal=lines.journal, herald=herald
    )


async def test_a_removal_is_told_to_the_address_that_was_pinned(clerk: Clerk, outbox: Outbox) -> None:
    asked = Command(Action.DEACTIVATE, ANNA, factor_name="email", code=GOOD_CODE, languages=("de",))
    assert await clerk.carry_out(asked, CALL) == Done()
    assert outbox.notices == [NoticeMessage("anna@example.com", Happening.REMOVED, Factor.EMAIL, ("de",))]


async def test_without_a_pinned_mailbox_it_is_told_to_that_of_the_directory(
    clerk: Clerk, store: MemoryStore, outbox: Outbox
) -> None:
    store.pinned, store.pending = None, Pending("t", sealed=b"x")
    store.standing = Standing(recorded=True, factors={Factor.SMS: FactorState.ACTIVE})
    store.receipts = {GOOD_CODE: Redeemed(Factor.TOTP)}
    asked = Command(Action.CONFIRM, ANNA, factor_name="totp", code=GOOD_CODE, ticket="t")
    assert await clerk.carry_out(asked, CALL) == Done()
    assert outbox.notices == [NoticeMessage("directory@example.com", Happening.ADDED, Factor.TOTP)]


async def test_somebody_without_a_mailbox_is_told_nothing(
    clerk: Clerk, store: MemoryStore, directory: OneAddress, outbox: Outbox
) -> None:
    store.pinned, directory.person = None, None
    asked = Command(Action.DEACTIVATE, ANNA, factor_name="email", code=GOOD_CODE)
    assert await clerk.carry_out(asked, CALL) == Done()
    assert outbox.notices == []


@pytest.mark.parametrize("action", [Action.TRIGGER, Action.LIST, Action.INVENTORY, Action.GRACE])
async def test_what_changes_nothing_is_not_told(clerk: Clerk, outbox: Outbox, action: Action) -> None:
    await clerk.carry_out(Command(action, ANNA, factor_name="email"), CALL)
    assert outbox.notices == []


async def test_a_refusal_is_not_told(clerk: Clerk, outbox: Outbox) -> None:
    outcome = await clerk.carry_out(Command(Action.DEACTIVATE, ANNA, factor_name="email", code="000000"), CALL)
    assert isinstance(outcome, Failed)
    assert outbox.notices == []


async def test_a_change_stands_when_its_mail_does_not_go_out(clerk: Clerk, outbox: Outbox, lines: Lines) -> None:
    outbox.fault = DeliveryFailed("the mail server said no")
    asked = Command(Action.DEACTIVATE, ANNA, factor_name="email", code=GOOD_CODE)
    assert await clerk.carry_out(asked, CALL) == Done()
    assert [line["event"] for line in lines.all] == ["fault", "ceremony"]
    assert lines.all[1]["audit"]


# --- What else ceremonies of single enrolments need of the clerk ----------------------------------


async def test_a_secret_is_drawn_as_long_as_its_hash(clerk: Clerk, store: MemoryStore) -> None:
    store.standing, store.login = Standing(recorded=True, epoch=7), LoggedIn(5)
    await clerk.carry_out(Command(Action.ADD, ANNA, factor_name="totp", name="Phone"), CALL)
    assert store.trips == ["recall", "logged_in", "enrol_secret"]
    account, secret, profile, epoch, name = store.asked[-1]
    assert (account, len(secret), profile, epoch, name) == (ANNA.account, 20, Terms().totp, 7, "Phone")
    assert SYSTEM.secret(20) != secret


async def test_a_set_of_backup_codes_is_drawn_and_told(clerk: Clerk, store: MemoryStore, outbox: Outbox) -> None:
    printed = await clerk.carry_out(Command(Action.BACKUP, ANNA, code=GOOD_CODE), CALL)
    assert isinstance(printed, Printed)
    assert len(printed.codes) == 10
    assert store.asked[-2] == (ANNA.account, printed.codes, 10, 3, ANNA.session)
    assert [(notice.happening, notice.factor) for notice in outbox.notices] == [(Happening.CHANGED, Factor.BACKUP)]


async def test_an_enrolment_is_renamed_once(clerk: Clerk, store: MemoryStore) -> None:
    asked = Command(Action.RENAME, ANNA, factor_name="email", code=GOOD_CODE, enrolment="an-id", name="Work")
    assert await clerk.carry_out(asked, CALL) == Done()
    assert (ANNA.account, Factor.EMAIL, "an-id", "Work", store.standing) in store.asked


async def test_codes_and_secrets_are_in_no_line(clerk: Clerk, store: MemoryStore, lines: Lines) -> None:
    printed = await clerk.carry_out(Command(Action.BACKUP, ANNA, code=GOOD_CODE), CALL)
    assert isinstance(printed, Printed)
    assert not any(code in str(line) for code in (*printed.codes, GOOD_CODE) for line in lines.all)
    assert lines.only["audit"]


async def test_a_recent_login_that_is_missing_is_told_as_such(clerk: Clerk, store: MemoryStore) -> None:
    store.standing = Standing(recorded=True)
    outcome = await clerk.carry_out(Command(Action.ADD, ANNA, factor_name="totp"), CALL)
    assert outcome == Failed(Reason.LOGIN_STALE)


async def test_what_happens_at_the_entrance_is_told_as_well(
    clerk: Clerk, outbox: Outbox, store: MemoryStore, lines: Lines
) -> None:
    told = TellOwner(ANNA, Happening.ADDED, Factor.SMS, store.standing, ("de",))
    await clerk.announce(told, CALL)
    assert outbox.notices == [NoticeMessage("anna@example.com", Happening.ADDED, Factor.SMS, ("de",))]
    assert (lines.only["factor"], lines.only["happening"], lines.only["audit"]) == ("sms", "added", True)
