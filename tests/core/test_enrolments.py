"""Single addresses, authenticators and backup codes: who may change them, and what each step asks of the world."""

from collections.abc import Sequence
from itertools import product
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from mfa_gateway.core.account import (
    AccountId,
    Caller,
    Enrolment,
    Factor,
    FactorState,
    Inventory,
    Person,
    Standing,
    level_of,
    masked,
    needed_level,
)
from mfa_gateway.core.ceremony import (
    Action,
    Answer,
    AskLogin,
    Begun,
    Challenged,
    Change,
    Command,
    Deliver,
    Done,
    Draw,
    Enrol,
    Failed,
    LoggedIn,
    LookUp,
    Need,
    Pending,
    Print,
    Printed,
    Recall,
    Redeem,
    Rename,
    Resume,
    Sent,
    Stock,
    TakeStock,
    happening_of,
    perform,
)
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.message import Happening
from mfa_gateway.core.otp import Algorithm, TotpProfile
from mfa_gateway.core.proof import Banned, Effect, Purpose, Redeemed, Redemption, Rejected, Rejection
from mfa_gateway.core.verdict import Reason

from .conftest import Play, PlayAll, Played

NOW_MS: Final = 1_800_000_000_000
CALLER: Final = Caller(AccountId("shop", "jane"), session="session-1", token="token-1")
ACTIVE = FactorState.ACTIVE
JANE: Final = Person(email="jane@shop.test", phone="+4930123456", locale="de")
CHANGING: Final = (Action.ADD, Action.RENAME, Action.BACKUP)
SECRET: Final = bytes(range(20))


def logged_in(ago_ms: float) -> Caller:
    """Jane, with a token that tells when she logged in."""
    claims = {"auth_time": (NOW_MS - ago_ms) / 1000}
    return Caller(CALLER.account, session="session-1", token="token-1", claims=claims)


def command(action: Action, factor: str | None = "totp", code: str | None = "123456", **more: Any) -> Command:
    return Command(action, **{"caller": CALLER, "factor_name": factor, "code": code, **more})


def standing(*active: Factor, backup_level: int = 0) -> Standing:
    factors = dict.fromkeys(active, ACTIVE)
    return Standing(recorded=True, epoch=7, factors=factors, now_ms=NOW_MS, backup_level=backup_level)


def redemption_of(played: Played) -> Redemption:
    (need,) = (need for need in played.needs if isinstance(need, Redeem))
    return need.redemption


def reason_of(played: Played) -> Reason | None:
    return played.outcome.reason if isinstance(played.outcome, Failed) else None


# --- Who may --------------------------------------------------------------------------------------


def test_a_first_authenticator_takes_a_recent_login(play: Play) -> None:
    played = play(command(Action.ADD, code=None), standing(), LoggedIn(None))
    assert played.needs == (Recall(command(Action.ADD).scope), AskLogin())
    assert played.outcome == Failed(Reason.LOGIN_STALE)


@pytest.mark.parametrize(("age_ms", "is_recent"), [(0, True), (299_999, True), (300_000, False), (None, False)])
def test_a_login_through_the_gateway_is_recent_for_five_minutes(
    play: Play, age_ms: int | None, *, is_recent: bool
) -> None:
    answers: list[Answer] = [standing(), LoggedIn(age_ms), *([Change.STALE] if is_recent else [])]
    assert (reason_of(play(command(Action.ADD), *answers)) is Reason.LOGIN_STALE) is not is_recent


@pytest.mark.parametrize(
    ("ago_ms", "is_recent"), [(0, True), (299_999, True), (300_000, False), (-10_000, True), (-10_001, False)]
)
def test_so_is_one_that_the_token_tells_of(play: Play, ago_ms: int, *, is_recent: bool) -> None:
    answers: list[Answer] = [standing(), Change.STALE if is_recent else LoggedIn(None)]
    played = play(command(Action.ADD, caller=logged_in(ago_ms)), *answers)
    assert isinstance(played.needs[-1], Draw if is_recent else AskLogin)


@pytest.mark.parametrize("told", ["1800000000", True, None, [1_800_000_000], float("nan"), float("inf")])
def test_a_login_time_that_is_no_number_of_seconds_tells_nothing(play: Play, told: object) -> None:
    caller = Caller(CALLER.account, session="s", token="t", claims={"auth_time": told, "iat": NOW_MS / 1000})
    assert play(command(Action.ADD, caller=caller), standing(), LoggedIn(None)).outcome == Failed(Reason.LOGIN_STALE)


@pytest.mark.parametrize("action", CHANGING)
def test_once_there_is_a_factor_a_login_is_not_enough(play: Play, action: Action) -> None:
    asked = command(action, "email", None, caller=logged_in(0))
    assert play(asked, standing(Factor.EMAIL)).outcome == Failed(Reason.CODE_MISSING)


@pytest.mark.parametrize(
    ("action", "target", "active", "accepted"),
    [
        (Action.ADD, "totp", [Factor.EMAIL], [Factor.EMAIL]),
        (Action.ADD, "totp", [Factor.EMAIL, Factor.TOTP], [Factor.TOTP]),
        (Action.ADD, "email", [Factor.EMAIL, Factor.TOTP], [Factor.EMAIL, Factor.TOTP]),
        (Action.RENAME, "totp", [Factor.EMAIL, Factor.TOTP], [Factor.TOTP]),
        (Action.REMOVE, "totp", [Factor.EMAIL, Factor.TOTP], [Factor.TOTP]),
        (Action.REMOVE, "backup", [Factor.EMAIL, Factor.TOTP, Factor.BACKUP], [Factor.TOTP]),
        (Action.BACKUP, None, [Factor.EMAIL, Factor.TOTP], [Factor.TOTP]),
        (Action.BACKUP, None, [Factor.EMAIL], [Factor.EMAIL]),
    ],
)
def test_a_change_takes_a_code_of_the_level_of_its_target(
    play: Play, action: Action, target: str | None, active: list[Factor], accepted: list[Factor]
) -> None:
    played = play(command(action, target), standing(*active), Banned(1))
    redemption = redemption_of(played)
    assert list(redemption.factors) == accepted
    assert redemption.purpose is Purpose.GATE
    assert redemption.ride is None


@pytest.mark.parametrize(("level", "accepted"), [(10, ()), (20, ()), (30, (Factor.BACKUP,))])
def test_backup_codes_are_worth_what_it_took_to_make_them(play: Play, level: int, accepted: tuple[Factor, ...]) -> None:
    known = standing(Factor.EMAIL, Factor.TOTP, Factor.BACKUP, backup_level=level)
    played = play(command(Action.REMOVE, "totp", "ABCDEFGHIJ"), known, Banned(1))
    assert redemption_of(played).factors == accepted


def test_backup_codes_do_not_raise_what_a_change_takes() -> None:
    known = standing(Factor.EMAIL, Factor.BACKUP, backup_level=30)
    assert needed_level(known, Factor.TOTP) == 10
    assert [level_of(known, factor) for factor in known.active()] == [10, 30]


def test_with_an_e_mail_code_alone_nothing_is_done_to_an_authenticator(play_all: PlayAll) -> None:
    known = standing(Factor.EMAIL, Factor.TOTP, Factor.BACKUP, backup_level=30)

    def offers(need: Need) -> Sequence[Answer]:
        match need:
            case Recall():
                return [known]
            case Redeem(redemption=redemption):
                right = Factor.EMAIL in redemption.factors
                return [Redeemed(Factor.EMAIL) if right else Rejected(Rejection.WRONG)]
            case Resume():
                return [None, Pending("other")]
            case _:
                raise AssertionError(f"{need} was asked for")

    for action in (Action.ADD, Action.CONFIRM, Action.RENAME, Action.REMOVE, Action.BACKUP, Action.DEACTIVATE):
        for played in play_all(command(action, "totp", caller=logged_in(0), ticket="t"), offers):
            assert isinstance(played.outcome, Failed)


# --- An authenticator -----------------------------------------------------------------------------


def test_an_authenticator_begins_with_a_secret_that_is_shown_once(play: Play) -> None:
    terms = Terms(totp=TotpProfile(Algorithm.SHA256, digits=8, period=60), issuer="Shop")
    asked = command(Action.ADD, code=None, caller=logged_in(0), name="My telephone")
    played = play(asked, standing(), Pending("an-id", SECRET), terms=terms)
    assert played.needs[1:] == (Draw(7, terms.totp, "My telephone"),)
    begun = played.outcome
    assert isinstance(begun, Begun)
    assert begun.ticket == "an-id"
    uri = urlsplit(begun.uri)
    assert uri.path == "/Shop:jane"
    assert parse_qs(uri.query)["secret"] == [begun.secret]
    assert parse_qs(uri.query)["algorithm"] == ["SHA256"]
    assert begun.secret not in repr(begun)


def test_an_authenticator_is_labelled_with_the_mailbox_that_the_token_tells(play: Play) -> None:
    caller = Caller(CALLER.account, session="s", token="t", claims={"auth_time": NOW_MS / 1000, "email": "j@shop.test"})
    begun = play(command(Action.ADD, caller=caller), standing(), Pending("an-id", SECRET)).outcome
    assert isinstance(begun, Begun)
    assert ":j@shop.test?" in begun.uri


@pytest.mark.parametrize("email", ["", 7, None, ["j@shop.test"]])
def test_an_authenticator_is_labelled_with_the_subject_where_the_token_tells_no_mailbox(
    play: Play, email: object
) -> None:
    claims = {"auth_time": NOW_MS / 1000, "email": email}
    caller = Caller(CALLER.account, session="s", token="t", claims=claims)
    begun = play(command(Action.ADD, caller=caller), standing(), Pending("an-id", SECRET)).outcome
    assert isinstance(begun, Begun)
    assert f":{CALLER.account.subject}?" in begun.uri


def test_an_authenticator_becomes_active_by_its_own_code_and_no_other(play: Play) -> None:
    known = standing(Factor.EMAIL)
    pending = Pending("an-id", sealed=b"an-id:sealed")
    played = play(command(Action.CONFIRM, ticket="an-id"), known, pending, Redeemed(Factor.TOTP))
    redeem = played.needs[-1]
    assert isinstance(redeem, Redeem)
    asked = redeem.redemption
    assert (asked.purpose, asked.factors, asked.effect, asked.target, asked.enrolment) == (
        *(Purpose.ACTIVATE, (Factor.TOTP,), Effect.ACTIVATE, Factor.TOTP, "an-id"),
    )
    assert redeem.standing.sealed == {Factor.TOTP: b"an-id:sealed"}
    assert played.outcome == Done()


@pytest.mark.parametrize("pending", [None, Pending("another-id")])
def test_what_is_not_pending_under_this_ticket_is_not_confirmed(play: Play, pending: Pending | None) -> None:
    played = play(command(Action.CONFIRM, ticket="an-id"), standing(), pending)
    assert reason_of(played) is Reason.FACTOR_NOT_FOUND


def test_a_ticket_has_to_be_named(play: Play) -> None:
    assert reason_of(play(command(Action.CONFIRM), standing(), Pending("an-id"))) is Reason.FACTOR_NOT_FOUND


# --- An address -----------------------------------------------------------------------------------


def test_a_further_address_is_pending_until_its_code_comes_back(play: Play) -> None:
    asked = command(Action.ADD, "email", address="work@shop.test", name="Work")
    known = standing(Factor.EMAIL)
    played = play(asked, known, Redeemed(Factor.EMAIL), JANE, Pending("an-id"), Sent(), terms=Terms(code_life_ms=9_000))
    assert played.needs[2:] == (
        LookUp(),
        Enrol(Factor.EMAIL, 7, "work@shop.test", "Work"),
        Deliver(Factor.EMAIL, Purpose.ACTIVATE, known, "work@shop.test", ("de",)),
    )
    assert played.outcome == Challenged(Factor.EMAIL, "an-id", "work@shop.test", 9_000)
    assert "work@" not in repr(played.outcome)


def test_an_address_that_is_not_named_is_that_of_the_directory(play: Play) -> None:
    played = play(command(Action.ADD, "sms", caller=logged_in(0)), standing(), JANE, Pending("an-id"), Sent())
    assert Enrol(Factor.SMS, 7, "+4930123456") in played.needs


@pytest.mark.parametrize(
    ("factor", "address"),
    [
        *(("email", address) for address in ("", "jane", "a b@c.test", "a@b@c.test", "a\n@b.test", "@", "a@")),
        *(("sms", address) for address in ("", "030123456", "+0123456", "+49 30 123456", "+4930123456789012")),
        ("totp", "jane@shop.test"),
    ],
)
def test_what_is_no_address_costs_neither_a_code_nor_a_message(play: Play, factor: str, address: str) -> None:
    played = play(command(Action.ADD, factor, address=address), standing(Factor.EMAIL))
    assert reason_of(played) is Reason.FACTOR_NOT_FOUND


@pytest.mark.parametrize("name", ["x" * 65, "a\nb", "\x1b[31m"])
def test_a_name_that_could_not_be_shown_is_refused(play: Play, name: str) -> None:
    for action in (Action.ADD, Action.RENAME):
        assert reason_of(play(command(action, "email", name=name), standing(Factor.EMAIL))) is Reason.BODY_MALFORMED


def test_a_name_may_have_64_characters(play: Play) -> None:
    asked = command(Action.RENAME, "email", enrolment="an-id", name="x" * 64)
    assert play(asked, standing(Factor.EMAIL), Redeemed(Factor.EMAIL), Change.MADE).outcome == Done()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Change.STALE, Reason.FACTOR_NOT_FOUND),
        (Change.KNOWN, Reason.ALREADY_ACTIVE),
        (Change.FULL, Reason.ALREADY_ACTIVE),
    ],
)
def test_what_the_store_did_not_take_is_not_begun(play: Play, change: Change, reason: Reason) -> None:
    by_login = logged_in(0)
    assert reason_of(play(command(Action.ADD, "email", caller=by_login), standing(), JANE, change)) is reason
    assert reason_of(play(command(Action.ADD, "totp", caller=by_login), standing(), change)) is reason


def test_a_pending_address_becomes_active_by_the_code_that_went_there(play: Play) -> None:
    played = play(command(Action.CONFIRM, "email"), standing(Factor.TOTP), Redeemed(Factor.EMAIL))
    asked = redemption_of(played)
    assert (asked.purpose, asked.effect, asked.target, asked.enrolment) == (
        *(Purpose.ACTIVATE, Effect.ACTIVATE, Factor.EMAIL, ""),
    )


def test_nobody_can_be_reached_whom_the_directory_does_not_know(play: Play) -> None:
    played = play(command(Action.ADD, "email", caller=logged_in(0)), standing(), None)
    assert reason_of(played) is Reason.FACTOR_NOT_FOUND


def test_a_trigger_names_the_address_that_it_means(play: Play) -> None:
    asked = command(Action.TRIGGER, "email", enrolment="an-id")
    (_, deliver) = play(asked, standing(Factor.EMAIL), Sent()).needs
    assert isinstance(deliver, Deliver)
    assert deliver.enrolment == "an-id"


# --- Rename, remove, list -------------------------------------------------------------------------


def test_a_new_name_is_given_to_one_enrolment(play: Play) -> None:
    known = standing(Factor.EMAIL)
    asked = command(Action.RENAME, "email", enrolment="an-id", name="Work")
    played = play(asked, known, Redeemed(Factor.EMAIL), Change.MADE)
    assert played.needs[-1] == Rename(Factor.EMAIL, "an-id", known, "Work")
    assert played.outcome == Done()


def test_only_what_is_there_and_active_is_renamed(play: Play) -> None:
    assert reason_of(play(command(Action.RENAME, "pigeon"), standing(Factor.EMAIL))) is Reason.FACTOR_NOT_FOUND
    assert reason_of(play(command(Action.RENAME, "sms"), standing(Factor.EMAIL))) is Reason.FACTOR_NOT_FOUND
    stale = play(command(Action.RENAME, "email"), standing(Factor.EMAIL), Redeemed(Factor.EMAIL), Change.STALE)
    assert reason_of(stale) is Reason.FACTOR_NOT_FOUND


def test_one_enrolment_is_removed_by_its_id(play: Play) -> None:
    asked = command(Action.REMOVE, "email", enrolment="an-id")
    played = play(asked, standing(Factor.EMAIL), Redeemed(Factor.EMAIL))
    redemption = redemption_of(played)
    assert (redemption.effect, redemption.target, redemption.enrolment) == (Effect.DEACTIVATE, Factor.EMAIL, "an-id")
    assert played.outcome == Done()


def test_what_is_not_there_cannot_be_removed(play: Play) -> None:
    assert reason_of(play(command(Action.REMOVE, "sms"), standing(Factor.EMAIL))) is Reason.FACTOR_NOT_FOUND
    played = play(command(Action.REMOVE, "email"), standing(Factor.EMAIL), Rejected(Rejection.STALE))
    assert reason_of(played) is Reason.DEACTIVATION_FAILED


def test_the_inventory_costs_no_code(play: Play) -> None:
    inventory = Inventory((Enrolment(Factor.EMAIL, "an-id", address="jane@shop.test"),), backup_left=3)
    played = play(command(Action.INVENTORY, None, None), standing(Factor.EMAIL), inventory)
    assert played.needs[1:] == (TakeStock(),)
    assert played.outcome == Stock(inventory)
    assert "jane@" not in repr(played.outcome)


# --- Backup codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("active", "level"), [([Factor.EMAIL], 10), ([Factor.EMAIL, Factor.SMS], 20), ([Factor.EMAIL, Factor.TOTP], 30)]
)
def test_a_set_is_worth_the_code_that_it_took(play: Play, active: list[Factor], level: int) -> None:
    codes = ("ABCDEFGHIJ",)
    played = play(command(Action.BACKUP, None), standing(*active), Redeemed(active[-1]), codes)
    assert played.needs[-1] == Print(7, level, 10)
    assert played.outcome == Printed(codes)
    assert "ABCDEFGHIJ" not in repr(played.outcome)


def test_backup_codes_alone_are_no_factor(play: Play) -> None:
    asked = command(Action.BACKUP, None, caller=logged_in(0))
    assert reason_of(play(asked, standing())) is Reason.NOT_ENROLLED
    assert reason_of(play(asked, standing(Factor.BACKUP, backup_level=30))) is Reason.NOT_ENROLLED


def test_a_gateway_that_offers_no_backup_codes_draws_none(play: Play) -> None:
    terms = Terms(factors=frozenset({Factor.EMAIL}))
    played = play(command(Action.BACKUP, None), standing(Factor.EMAIL), terms=terms)
    assert reason_of(played) is Reason.FACTOR_NOT_FOUND


@pytest.mark.parametrize("action", [Action.TRIGGER, Action.ACTIVATE, Action.VERIFY, Action.DEACTIVATE, Action.ADD])
def test_backup_codes_are_neither_triggered_nor_activated(play: Play, action: Action) -> None:
    known = standing(Factor.EMAIL, Factor.BACKUP)
    assert reason_of(play(command(action, "backup"), known)) is Reason.FACTOR_NOT_FOUND


# --- Every step -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "answers", "message"),
    [
        (command(Action.INVENTORY), [standing(), None], "TakeStock was answered with a NoneType"),
        (command(Action.ADD), [standing(), None], "AskLogin was answered with a NoneType"),
        (command(Action.ADD, caller=logged_in(0)), [standing(), None], "Draw was answered with a NoneType"),
        (command(Action.CONFIRM), [standing(), Sent()], "Resume was answered with a Sent"),
        (command(Action.BACKUP), [standing(Factor.EMAIL), Redeemed(Factor.EMAIL), None], "Print was answered with a"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_a_programming_error(
    asked: Command, answers: list[Answer], message: str
) -> None:
    ceremony = perform(asked, Terms())
    next(ceremony)
    for answer in answers[:-1]:
        ceremony.send(answer)
    with pytest.raises(TypeError, match=f"^{message}"):
        ceremony.send(answers[-1])


TOLD: Final = {
    Action.VERIFY: Happening.ADDED,
    Action.CONFIRM: Happening.ADDED,
    Action.RENAME: Happening.CHANGED,
    Action.BACKUP: Happening.CHANGED,
    Action.DEACTIVATE: Happening.REMOVED,
    Action.REMOVE: Happening.REMOVED,
}


@pytest.mark.parametrize(("action", "outcome"), list(product(Action, (Done(), Failed(Reason.CODE_INVALID)))))
def test_the_owner_is_told_of_every_change_that_was_made(action: Action, outcome: Done | Failed) -> None:
    assert happening_of(action, outcome) is (TOLD.get(action) if outcome == Done() else None)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("jane@shop.test", "j***@shop.test"),
        ("@shop.test", "***@shop.test"),
        ("+491701234567", "+49***67"),
        ("+123456", "+12***56"),
        ("+12345", "***"),
        ("", "***"),
    ],
)
def test_a_masked_address_leads_nowhere(address: str, shown: str) -> None:
    assert masked(address) == shown
