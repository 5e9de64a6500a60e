"""Ceremonies: the order of their checks as the Glue interface promises it, and what no line of play allows."""

from collections.abc import Sequence
from itertools import product
from typing import Final

import pytest

from mfa_gateway.core.account import LEVELS, AccountId, Caller, Factor, FactorState, Person, Standing
from mfa_gateway.core.ceremony import (
    DEACTIVATION_RIDE_MS,
    Action,
    Answer,
    Change,
    Command,
    Deliver,
    Done,
    Enrol,
    Failed,
    Limited,
    Listed,
    LookUp,
    Need,
    NotSent,
    Pending,
    Recall,
    Redeem,
    Sent,
    perform,
)
from mfa_gateway.core.gate import KnownBy, Terms
from mfa_gateway.core.proof import (
    Banned,
    CodeShapes,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Regulation,
    Rejected,
    Rejection,
    Ride,
    Rode,
    Scope,
    ShortCodes,
)
from mfa_gateway.core.verdict import Reason

from .conftest import Play, PlayAll, Played

CALLER: Final = Caller(AccountId("shop", "jane"), session="session-1", token="token-1")
JANE: Final = Person(email="jane@shop.test", phone="+4930123456", locale="de")
PENDING_ADDRESS: Final = Pending("an-id")
Line = tuple[Command, Standing, Played]
OFF, PENDING, ACTIVE = FactorState.OFF, FactorState.PENDING, FactorState.ACTIVE

GOOD: Final[tuple[Receipt, ...]] = (Redeemed(Factor.EMAIL), Rode(Factor.EMAIL, 5))
BAD: Final[tuple[tuple[Receipt, Failed], ...]] = (
    (Rejected(Rejection.WRONG), Failed(Reason.CODE_INVALID, 0, "wrong")),
    (Rejected(Rejection.WRONG, 900_000), Failed(Reason.CODE_INVALID, 900_000, "wrong")),
    (Rejected(Rejection.SPENT), Failed(Reason.CODE_INVALID, 0, "spent")),
    (Rejected(Rejection.STALE), Failed(Reason.CODE_INVALID, 0, "stale")),
    (Banned(77), Failed(Reason.BANNED, 77)),
)
DELIVERIES: Final = (
    (Sent(), Done()),
    (NotSent(), Failed(Reason.SEND_FAILED)),
    (Limited(30_000), Failed(Reason.SEND_LIMITED, 30_000)),
)


def command(
    action: Action,
    factor: str | None = "email",
    code: str | None = "123456",
    *,
    scope: Scope = Scope.ACCOUNT,
    languages: tuple[str, ...] = (),
) -> Command:
    return Command(action, CALLER, factor_name=factor, code=code, scope=scope, languages=languages)


def standing(**states: FactorState) -> Standing:
    factors = {Factor(name): state for name, state in states.items()}
    return Standing(recorded=True, epoch=7, factors=factors, sealed={Factor.EMAIL: b"sealed"})


NOTHING: Final = standing()


def redemption_of(played: Played) -> Redemption:
    (need,) = (need for need in played.needs if isinstance(need, Redeem))
    return need.redemption


# --- What every ceremony begins with ----------------------------------------------------------


# A preflight tells what would become of a call, for whoever makes it, and asks in the order of the judge.
WITH_AN_ACCOUNT: Final = [action for action in Action if action is not Action.PREFLIGHT]


@pytest.mark.parametrize("action", WITH_AN_ACCOUNT)
@pytest.mark.parametrize("scope", Scope)
def test_a_ceremony_begins_with_what_the_store_knows(play: Play, action: Action, scope: Scope) -> None:
    played = play(command(action, "nothing", scope=scope), Standing(disabled=True))
    assert played.needs == (Recall(scope),)


@pytest.mark.parametrize("action", WITH_AN_ACCOUNT)
def test_a_disabled_account_can_do_nothing(play: Play, action: Action) -> None:
    everything = Standing(recorded=True, disabled=True, factors=dict.fromkeys(Factor, ACTIVE))
    assert play(command(action), everything).outcome == Failed(Reason.ACCOUNT_DISABLED)


@pytest.mark.parametrize("action", WITH_AN_ACCOUNT)
def test_an_account_that_needs_a_record_and_has_none_can_do_nothing(play: Play, action: Action) -> None:
    played = play(command(action), Standing(), terms=Terms(known_by=KnownBy.RECORD))
    assert played.outcome == Failed(Reason.ACCOUNT_UNKNOWN)


# --- The order of the checks: the first failure answers ---------------------------------------
# Each row puts right what the row before was refused for, and leaves everything after it wrong.

ORDERS: Final[dict[Action, list[tuple[str | None, str | None, Standing, Reason]]]] = {
    Action.TRIGGER: [
        (None, None, NOTHING, Reason.FACTOR_MISSING),
        ("", None, NOTHING, Reason.FACTOR_MISSING),
        ("carrier-pigeon", None, NOTHING, Reason.FACTOR_NOT_FOUND),
        ("sms", None, standing(sms=ACTIVE), Reason.FACTOR_NOT_FOUND),
        ("email", None, NOTHING, Reason.FACTOR_NOT_FOUND),
        ("email", None, standing(email=PENDING), Reason.FACTOR_NOT_FOUND),
    ],
    Action.ACTIVATE: [
        (None, None, standing(email=ACTIVE), Reason.FACTOR_MISSING),
        ("", None, standing(email=ACTIVE), Reason.FACTOR_MISSING),
        ("carrier-pigeon", None, standing(email=ACTIVE), Reason.FACTOR_NOT_FOUND),
        ("sms", None, standing(email=ACTIVE), Reason.FACTOR_NOT_FOUND),
        ("email", None, standing(email=ACTIVE), Reason.ALREADY_ACTIVE),
        ("totp", None, standing(totp=ACTIVE), Reason.ALREADY_ACTIVE),
        ("totp", None, standing(email=ACTIVE), Reason.FACTOR_NOT_FOUND),
        ("email", None, standing(totp=ACTIVE), Reason.CODE_MISSING),
        ("email", "", standing(totp=ACTIVE), Reason.CODE_MISSING),
    ],
    Action.VERIFY: [
        (None, None, NOTHING, Reason.CODE_MISSING),
        (None, "", NOTHING, Reason.CODE_MISSING),
        (None, "000000", NOTHING, Reason.FACTOR_MISSING),
        ("carrier-pigeon", "000000", NOTHING, Reason.FACTOR_NOT_FOUND),
        ("sms", "000000", standing(sms=PENDING), Reason.FACTOR_NOT_FOUND),
        ("email", "000000", standing(email=ACTIVE), Reason.ALREADY_ACTIVE),
        ("email", "000000", NOTHING, Reason.FACTOR_NOT_FOUND),
    ],
    Action.DEACTIVATE: [
        (None, None, NOTHING, Reason.CODE_MISSING),
        (None, "", NOTHING, Reason.CODE_MISSING),
        (None, "000000", NOTHING, Reason.FACTOR_MISSING),
        ("carrier-pigeon", "000000", NOTHING, Reason.FACTOR_NOT_FOUND),
        ("sms", "000000", standing(sms=ACTIVE), Reason.FACTOR_NOT_FOUND),
        ("email", "000000", NOTHING, Reason.FACTOR_NOT_FOUND),
        ("email", "000000", standing(email=PENDING), Reason.FACTOR_NOT_FOUND),
    ],
}
WITHOUT_SMS: Final = Terms(factors=frozenset({Factor.EMAIL, Factor.TOTP}))


@pytest.mark.parametrize(
    ("action", "factor", "code", "known", "reason"),
    [(action, *row) for action, rows in ORDERS.items() for row in rows],
)
def test_the_first_failing_check_answers(
    play: Play, action: Action, factor: str | None, code: str | None, known: Standing, reason: Reason
) -> None:
    played = play(command(action, factor, code), known, terms=WITHOUT_SMS)
    assert played.outcome == Failed(reason)


@pytest.mark.parametrize("name", ["EMAIL", "Email", "email ", "Factor.EMAIL", "e\u200bmail", "__class__"])
def test_a_factor_is_named_exactly(play: Play, name: str) -> None:
    assert play(command(Action.TRIGGER, name), standing(email=ACTIVE)).outcome == Failed(Reason.FACTOR_NOT_FOUND)


# --- List -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "listed"),
    [
        (NOTHING, [("email", OFF), ("sms", OFF), ("totp", OFF)]),
        (standing(totp=ACTIVE), [("totp", ACTIVE), ("email", OFF), ("sms", OFF)]),
        (standing(email=PENDING, sms=ACTIVE), [("sms", ACTIVE), ("email", PENDING), ("totp", OFF)]),
        (standing(totp=PENDING, sms=PENDING), [("sms", PENDING), ("totp", PENDING), ("email", OFF)]),
    ],
)
def test_the_list_shows_active_then_pending_then_the_others(
    play: Play, known: Standing, listed: list[tuple[str, FactorState]]
) -> None:
    expected = Listed(tuple((Factor(name), state) for name, state in listed))
    assert play(command(Action.LIST, None, None), known).outcome == expected


def test_the_list_shows_only_what_the_gateway_offers(play: Play) -> None:
    played = play(command(Action.LIST), standing(sms=ACTIVE, email=PENDING), terms=WITHOUT_SMS)
    assert played.outcome == Listed(((Factor.EMAIL, PENDING), (Factor.TOTP, OFF)))


# --- Trigger ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("delivery", "outcome"), DELIVERIES)
@pytest.mark.parametrize("factor", [Factor.EMAIL, Factor.SMS])
def test_a_trigger_sends_a_gate_code_to_the_pinned_address(
    play: Play, factor: Factor, delivery: Answer, outcome: object
) -> None:
    known = standing(email=ACTIVE, sms=ACTIVE)
    played = play(command(Action.TRIGGER, factor.value, None, languages=("de",)), known, delivery)
    assert played.needs[1:] == (Deliver(factor, Purpose.GATE, known, None, ("de",)),)
    assert played.outcome == outcome


def test_a_trigger_of_totp_sends_nothing(play: Play) -> None:
    assert play(command(Action.TRIGGER, "totp", None), standing(totp=ACTIVE)).outcome == Done()


# --- Activate ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [OFF, PENDING])
@pytest.mark.parametrize(("delivery", "outcome"), DELIVERIES)
def test_a_first_factor_becomes_pending_and_a_code_goes_out(
    play: Play, state: FactorState, delivery: Answer, outcome: object
) -> None:
    known = standing(email=state)
    played = play(command(Action.ACTIVATE, "email", None), known, JANE, PENDING_ADDRESS, delivery)
    assert played.needs[1:] == (
        LookUp(),
        Enrol(Factor.EMAIL, 7, "jane@shop.test"),
        Deliver(Factor.EMAIL, Purpose.ACTIVATE, known, "jane@shop.test", ("de",)),
    )
    assert played.outcome == outcome


def test_the_phone_number_is_what_sms_is_pinned_to(play: Play) -> None:
    played = play(command(Action.ACTIVATE, "sms", None), NOTHING, JANE, PENDING_ADDRESS, Sent())
    assert played.needs[2] == Enrol(Factor.SMS, 7, "+4930123456")


@pytest.mark.parametrize(
    ("locale", "languages"), [("de", ("de", "en", "fr")), (None, ("en", "fr")), ("", ("en", "fr"))]
)
def test_the_directory_knows_a_language_better_than_the_client(
    play: Play, locale: str | None, languages: tuple[str, ...]
) -> None:
    person = Person(email="jane@shop.test", locale=locale)
    asked = command(Action.ACTIVATE, "email", None, languages=("en", "fr"))
    deliver = play(asked, NOTHING, person, PENDING_ADDRESS, Sent()).needs[-1]
    assert isinstance(deliver, Deliver)
    assert deliver.languages == languages


@pytest.mark.parametrize("person", [None, Person(), Person(phone="+4930123456")])
def test_a_factor_without_a_verified_address_cannot_be_activated(play: Play, person: Person | None) -> None:
    outcome = play(command(Action.ACTIVATE, "email", None), NOTHING, person).outcome
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.FACTOR_NOT_FOUND


def test_an_account_that_changed_meanwhile_gets_no_pending_factor_and_no_code(play: Play) -> None:
    outcome = play(command(Action.ACTIVATE, "email", None), NOTHING, JANE, Change.STALE).outcome
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.FACTOR_NOT_FOUND


def test_a_further_factor_takes_a_code_of_one_that_is_active(play: Play) -> None:
    known = standing(email=ACTIVE)
    played = play(command(Action.ACTIVATE, "sms"), known, Redeemed(Factor.EMAIL), JANE, PENDING_ADDRESS, Sent())
    assert [type(need) for need in played.needs] == [Recall, Redeem, LookUp, Enrol, Deliver]
    assert played.outcome == Done()


def test_the_code_for_a_further_factor_is_redeemed_as_a_gate_code_without_a_ride(play: Play) -> None:
    terms = Terms(shapes=CodeShapes(sent=8), regulation=Regulation(max_retries=3), keep_ms=99)
    asked = command(Action.ACTIVATE, "sms", "12345678", scope=Scope.SESSION)
    played = play(asked, standing(email=ACTIVE), Banned(1), terms=terms)
    assert redemption_of(played) == Redemption(
        account=CALLER.account,
        epoch=7,
        purpose=Purpose.GATE,
        presented="12345678",
        factors=(Factor.EMAIL,),
        scope=Scope.SESSION,
        session="session-1",
        token="token-1",
        effect=Effect.OPEN,
        target=None,
        ride=None,
        keep_ms=99,
        regulation=Regulation(max_retries=3),
    )


def test_a_short_code_is_redeemed_under_stricter_numbers(play: Play) -> None:
    short = ShortCodes(tries=2, per_day=7)
    terms = Terms(shapes=CodeShapes(sent=4, short=short))
    for code, told in (("1234", short), ("123456", None)):
        played = play(command(Action.ACTIVATE, "sms", code), standing(email=ACTIVE), Banned(1), terms=terms)
        assert redemption_of(played).short == told


@pytest.mark.parametrize(("receipt", "failure"), BAD)
def test_a_wrong_code_activates_nothing(play: Play, receipt: Receipt, failure: Failed) -> None:
    assert play(command(Action.ACTIVATE, "sms"), standing(email=ACTIVE), receipt).outcome == failure


# --- Verify -----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [Factor.EMAIL, Factor.SMS, Factor.TOTP])
def test_a_pending_factor_becomes_active_by_its_own_code(play: Play, factor: Factor) -> None:
    known = Standing(epoch=7, factors={other: ACTIVE for other in Factor if other is not factor} | {factor: PENDING})
    played = play(command(Action.VERIFY, factor.value), known, Redeemed(factor))
    redemption = redemption_of(played)
    assert (redemption.purpose, redemption.factors, redemption.effect, redemption.target, redemption.ride) == (
        Purpose.ACTIVATE,
        (factor,),
        Effect.ACTIVATE,
        factor,
        None,
    )
    assert played.outcome == Done()


@pytest.mark.parametrize(("receipt", "failure"), BAD)
def test_a_wrong_code_verifies_nothing(play: Play, receipt: Receipt, failure: Failed) -> None:
    assert play(command(Action.VERIFY), standing(email=PENDING), receipt).outcome == failure


# --- Deactivate -------------------------------------------------------------------------------


@pytest.mark.parametrize("receipt", GOOD)
def test_an_active_factor_is_removed_by_a_code(play: Play, receipt: Receipt) -> None:
    played = play(command(Action.DEACTIVATE), standing(email=ACTIVE), receipt)
    redemption = redemption_of(played)
    assert (redemption.purpose, redemption.factors, redemption.effect, redemption.target, redemption.ride) == (
        Purpose.GATE,
        (Factor.EMAIL,),
        Effect.DEACTIVATE,
        Factor.EMAIL,
        Ride(300_000, same_token=True),
    )
    assert played.outcome == Done()


def test_a_code_just_used_may_deactivate_for_five_minutes() -> None:
    assert DEACTIVATION_RIDE_MS == 5 * 60 * 1000


@pytest.mark.parametrize(("receipt", "failure"), [row for row in BAD if row[0] != Rejected(Rejection.STALE)])
def test_a_wrong_code_removes_nothing(play: Play, receipt: Receipt, failure: Failed) -> None:
    assert play(command(Action.DEACTIVATE), standing(email=ACTIVE), receipt).outcome == failure


def test_a_deactivation_of_an_account_that_changed_meanwhile_failed(play: Play) -> None:
    outcome = play(command(Action.DEACTIVATE), standing(email=ACTIVE), Rejected(Rejection.STALE)).outcome
    assert isinstance(outcome, Failed)
    assert outcome.reason is Reason.DEACTIVATION_FAILED


# --- Levels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "known", "accepted"),
    [
        ("totp", standing(email=ACTIVE, totp=ACTIVE), [Factor.TOTP]),
        ("sms", standing(email=ACTIVE, sms=ACTIVE), [Factor.SMS]),
        ("email", standing(email=ACTIVE, totp=ACTIVE), [Factor.EMAIL, Factor.TOTP]),
        ("sms", standing(email=ACTIVE, sms=ACTIVE, totp=ACTIVE), [Factor.SMS, Factor.TOTP]),
        ("email", standing(email=ACTIVE), [Factor.EMAIL]),
    ],
)
def test_a_factor_is_removed_only_by_a_code_of_its_level(
    play: Play, target: str, known: Standing, accepted: list[Factor]
) -> None:
    played = play(command(Action.DEACTIVATE, target), known, Banned(1))
    assert list(redemption_of(played).factors) == accepted


@pytest.mark.parametrize(
    ("target", "known", "accepted"),
    [
        ("sms", standing(email=ACTIVE), [Factor.EMAIL]),
        ("sms", standing(email=ACTIVE, totp=ACTIVE), [Factor.TOTP]),
        ("email", standing(sms=ACTIVE), [Factor.SMS]),
        ("email", standing(sms=ACTIVE, totp=ACTIVE, email=PENDING), [Factor.SMS, Factor.TOTP]),
    ],
)
def test_a_factor_is_added_only_by_a_code_of_its_level_or_the_highest_there_is(
    play: Play, target: str, known: Standing, accepted: list[Factor]
) -> None:
    played = play(command(Action.ACTIVATE, target), known, Banned(1))
    assert list(redemption_of(played).factors) == accepted


@pytest.mark.parametrize("action", [Action.ACTIVATE, Action.VERIFY, Action.DEACTIVATE])
def test_with_an_e_mail_code_alone_a_totp_factor_is_neither_removed_nor_replaced(
    play_all: PlayAll, action: Action
) -> None:
    known = standing(email=ACTIVE, sms=OFF, totp=ACTIVE)

    def offers(need: Need) -> Sequence[Answer]:
        match need:
            case Redeem(redemption=redemption):
                right = Factor.EMAIL in redemption.factors
                return [Redeemed(Factor.EMAIL) if right else Rejected(Rejection.WRONG)]
            case _:
                return _every_answer(need, [known])

    for factor in ("totp", "sms"):
        for played in play_all(command(action, factor), offers):
            assert isinstance(played.outcome, Failed)
            assert not any(isinstance(need, Enrol | Deliver) for need in played.needs)


@pytest.mark.parametrize("action", [Action.ACTIVATE, Action.DEACTIVATE])
def test_a_code_of_a_factor_that_is_no_longer_offered_changes_nothing(play: Play, action: Action) -> None:
    known = standing(sms=ACTIVE, email=ACTIVE if action is Action.DEACTIVATE else OFF)
    redemption = redemption_of(play(command(action, "email"), known, Banned(1), terms=WITHOUT_SMS))
    assert Factor.SMS not in redemption.factors


@pytest.mark.parametrize("action", [Action.VERIFY, Action.DEACTIVATE, Action.ACTIVATE])
@pytest.mark.parametrize("code", ["12345", "x", "\uff11\uff12\uff13\uff14\uff15\uff16", " 123456", "1" * 65])
def test_a_code_of_no_possible_shape_is_counted_and_never_compared(play: Play, action: Action, code: str) -> None:
    known = standing(email=PENDING if action is Action.VERIFY else ACTIVE)
    target = "sms" if action is Action.ACTIVATE else "email"
    assert redemption_of(play(command(action, target, code), known, Banned(1))).factors == ()


# --- Every line of play -----------------------------------------------------------------------

STANDINGS: Final = [
    Standing(recorded=True, disabled=disabled, epoch=7, factors=dict(zip(Factor, states, strict=False)))
    for disabled in (False, True)
    for states in product(FactorState, repeat=3)
]
COMMANDS: Final = [
    command(action, factor, code)
    for action in (Action.LIST, Action.TRIGGER, Action.ACTIVATE, Action.VERIFY, Action.DEACTIVATE)
    for factor in (None, "email", "sms", "totp", "carrier-pigeon")
    for code in (None, "123456")
]


def _every_answer(need: Need, standings: Sequence[Standing]) -> Sequence[Answer]:
    match need:
        case Recall():
            return standings
        case Redeem():
            return [*GOOD, *(receipt for receipt, _ in BAD)]
        case LookUp():
            return [None, Person(), JANE]
        case Enrol():
            return [PENDING_ADDRESS, *(change for change in Change if change is not Change.MADE)]
        case Deliver():
            return [delivery for delivery, _ in DELIVERIES]
        case _:
            raise AssertionError(f"these ceremonies need no {need}")


@pytest.fixture(scope="module")
def every_line(play_all: PlayAll) -> list[Line]:
    lines = [(one, played) for one in COMMANDS for played in play_all(one, lambda need: _every_answer(need, STANDINGS))]
    return [(one, _recalled(played), played) for one, played in lines]


def _recalled(played: Played) -> Standing:
    answer = played.steps[0][1]
    assert isinstance(answer, Standing)
    return answer


def test_there_are_thousands_of_lines_and_each_ends(every_line: list[Line]) -> None:
    assert len(every_line) > 3000
    assert {type(played.outcome) for _, _, played in every_line} == {Listed, Done, Failed}


def test_nothing_is_asked_for_after_a_code_was_refused(every_line: list[Line]) -> None:
    for _, _, played in every_line:
        for at, (need, answer) in enumerate(played.steps):
            if isinstance(need, Redeem) and answer not in GOOD:
                assert at == len(played.steps) - 1
                assert isinstance(played.outcome, Failed)


def test_an_account_with_a_factor_changes_only_after_a_code(
    every_line: list[Line],
) -> None:
    for _, known, played in every_line:
        if known.active():
            kinds = [type(need) for need in played.needs]
            assert Enrol not in kinds or Redeem in kinds[: kinds.index(Enrol)]


def test_only_a_redeemed_code_verifies_or_deactivates(every_line: list[Line]) -> None:
    for one, _, played in every_line:
        if one.action in (Action.VERIFY, Action.DEACTIVATE) and played.outcome == Done():
            assert any(isinstance(need, Redeem) and answer in GOOD for need, answer in played.steps)


def test_a_code_is_redeemed_at_most_once_and_only_if_one_was_presented(
    every_line: list[Line],
) -> None:
    for one, _, played in every_line:
        times = sum(isinstance(need, Redeem) for need in played.needs)
        assert times <= (1 if one.code else 0)


def test_every_redemption_is_the_callers_own_in_the_recalled_epoch(
    every_line: list[Line],
) -> None:
    for one, known, played in every_line:
        for need in played.needs:
            if isinstance(need, Redeem):
                asked = need.redemption
                assert (asked.account, asked.epoch, asked.token) == (CALLER.account, known.epoch, CALLER.token)
                assert (asked.presented, need.standing) == (one.code, known)


def test_a_change_never_takes_less_than_its_level(every_line: list[Line]) -> None:
    for one, known, played in every_line:
        for need in played.needs:
            if isinstance(need, Redeem) and need.redemption.purpose is Purpose.GATE:
                highest = max(LEVELS[factor] for factor in known.active())
                needed = min(LEVELS[Factor(one.factor_name or "")], highest)
                assert all(LEVELS[factor] >= needed for factor in need.redemption.factors)


def test_a_gate_code_goes_out_only_for_an_active_factor_and_an_activation_code_only_for_a_pending_one(
    every_line: list[Line],
) -> None:
    for _, known, played in every_line:
        for need in played.needs:
            if isinstance(need, Deliver):
                expected = Purpose.GATE if known.state(need.factor) is ACTIVE else Purpose.ACTIVATE
                assert need.purpose is expected
                assert (need.address is None) == (expected is Purpose.GATE)


def test_a_message_goes_out_at_most_once_and_last(every_line: list[Line]) -> None:
    for _, _, played in every_line:
        assert not any(isinstance(need, Deliver) for need in played.needs[:-1])


# --- The driver's mistakes, and secrets -------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "answers", "message"),
    [
        (command(Action.LIST), [None], "Recall was answered with a NoneType"),
        (command(Action.TRIGGER), [standing(email=ACTIVE), None], "Deliver was answered with a NoneType"),
        (command(Action.DEACTIVATE), [standing(email=ACTIVE), Sent()], "Redeem was answered with a Sent"),
        (command(Action.ACTIVATE), [NOTHING, Sent()], "LookUp was answered with a Sent"),
        (command(Action.ACTIVATE), [NOTHING, JANE, None], "Enrol was answered with a NoneType"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_a_programming_error(
    asked: Command, answers: list[Answer], message: str
) -> None:
    ceremony = perform(asked, Terms())
    next(ceremony)
    for answer in answers[:-1]:
        ceremony.send(answer)
    with pytest.raises(TypeError, match=f"^{message}$"):
        ceremony.send(answers[-1])


def test_neither_codes_nor_addresses_are_shown() -> None:
    shown = [
        command(Action.VERIFY, code="314159"),
        Enrol(Factor.EMAIL, 7, "jane@shop.test"),
        Deliver(Factor.EMAIL, Purpose.ACTIVATE, NOTHING, "jane@shop.test"),
    ]
    assert not any(secret in repr(value) for value in shown for secret in ("314159", "jane@shop.test", "sealed"))
