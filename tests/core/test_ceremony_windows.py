"""Proving a factor beside a call: which code is sent, which opens a window, and what is told of windows."""

from typing import Any, Final

import pytest

from mfa_gateway.core.account import AccountId, Caller, Enrolment, Factor, FactorState, Inventory, Proof, Standing
from mfa_gateway.core.ceremony import (
    Action,
    Answer,
    Challenged,
    CloseWindow,
    Command,
    Deliver,
    Done,
    Failed,
    Limited,
    NotSent,
    Outcome,
    Proven,
    Recall,
    Redeem,
    Sent,
    TakeStock,
    Windows,
    happening_of,
    perform,
)
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.proof import Banned, Effect, Purpose, Redeemed, Rejected, Rejection, Ride, Rode, Scope
from mfa_gateway.core.verdict import Reason

from .conftest import Play

CALLER: Final = Caller(AccountId("shop", "jane"), session="session-1", token="token-1")
TERMS: Final = Terms(keep_ms=60_000, code_life_ms=9_000)
MAIL: Final = Enrolment(Factor.EMAIL, "mail-id", address="jane@shop.test")
WORK: Final = Enrolment(Factor.EMAIL, "work-id", address="jane@work.test")
PHONE: Final = Enrolment(Factor.SMS, "phone-id", address="+4930123456")
APP: Final = Enrolment(Factor.TOTP, "app-id")


def command(action: Action, factor: str | None = None, code: str | None = None, **more: Any) -> Command:
    return Command(action, CALLER, factor, code, Scope.SESSION, **more)


def standing(*active: Factor, proofs: tuple[Proof, ...] = ()) -> Standing:
    return Standing(recorded=True, epoch=7, factors=dict.fromkeys(active, FactorState.ACTIVE), proofs=proofs)


def stock(*enrolments: Enrolment) -> tuple[Standing, Inventory]:
    return standing(*{one.factor for one in enrolments}), Inventory(enrolments)


# --- Challenge ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "there", "meant"),
    [
        ({}, [APP, MAIL, PHONE], MAIL),
        ({"factor": "sms"}, [MAIL, PHONE], PHONE),
        ({"factor": "email", "enrolment": "work-id"}, [MAIL, WORK], WORK),
    ],
)
def test_a_code_goes_to_what_is_named_else_to_the_first_address(
    play: Play, asked: dict[str, Any], there: list[Enrolment], meant: Enrolment
) -> None:
    known, inventory = stock(*there)
    played = play(command(Action.CHALLENGE, **asked), known, inventory, Sent(), terms=TERMS)
    assert played.needs == (
        Recall(Scope.SESSION),
        TakeStock(),
        Deliver(meant.factor, Purpose.GATE, known, None, (), meant.id),
    )
    assert played.outcome == Challenged(meant.factor, meant.id, meant.address, 9_000)


@pytest.mark.parametrize("asked", [{}, {"factor": "totp"}, {"factor": "totp", "enrolment": "app-id"}])
def test_an_authenticator_is_sent_nothing(play: Play, asked: dict[str, Any]) -> None:
    assert play(command(Action.CHALLENGE, **asked), *stock(APP)).outcome == Challenged(Factor.TOTP, "app-id")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, Reason.NOT_ENROLLED),
        ({"factor": "totp"}, Reason.FACTOR_NOT_FOUND),
        ({"enrolment": "another-id"}, Reason.FACTOR_NOT_FOUND),
    ],
)
def test_nothing_is_sent_to_what_is_not_there(play: Play, asked: dict[str, Any], reason: Reason) -> None:
    there = stock() if not asked else stock(MAIL)
    assert play(command(Action.CHALLENGE, **asked), *there).outcome == Failed(reason)


def test_nothing_is_sent_to_a_factor_that_is_not_offered_or_not_active(play: Play) -> None:
    terms = Terms(factors=frozenset({Factor.TOTP}))
    assert play(command(Action.CHALLENGE), *stock(MAIL), terms=terms).outcome == Failed(Reason.NOT_ENROLLED)
    assert play(command(Action.CHALLENGE), standing(), Inventory((MAIL,))).outcome == Failed(Reason.NOT_ENROLLED)


@pytest.mark.parametrize(
    ("delivery", "failed"),
    [(NotSent(), Failed(Reason.SEND_FAILED)), (Limited(9), Failed(Reason.SEND_LIMITED, 9))],
)
def test_a_code_that_does_not_go_out_is_no_challenge(play: Play, delivery: Answer, failed: Failed) -> None:
    assert play(command(Action.CHALLENGE), *stock(MAIL), delivery).outcome == failed


# --- Answer ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("receipt", "outcome"),
    [
        (Redeemed(Factor.EMAIL), Proven(Proof(Factor.EMAIL, 0), Scope.SESSION)),
        (Rode(Factor.EMAIL, 5), Proven(Proof(Factor.EMAIL, 5), Scope.SESSION)),
        (Rejected(Rejection.WRONG, 3), Failed(Reason.CODE_INVALID, 3, "wrong")),
        (Banned(77), Failed(Reason.BANNED, 77)),
    ],
)
def test_a_good_code_of_an_active_factor_proves_it(play: Play, receipt: Answer, outcome: Outcome) -> None:
    known = standing(Factor.EMAIL, Factor.TOTP)
    played = play(command(Action.ANSWER, code="123456"), known, receipt, terms=TERMS)
    assert played.outcome == outcome
    redeem = played.needs[-1]
    assert isinstance(redeem, Redeem)
    asked = redeem.redemption
    assert (asked.factors, asked.purpose, asked.effect) == ((Factor.EMAIL, Factor.TOTP), Purpose.GATE, Effect.OPEN)
    assert (asked.scope, asked.ride, asked.epoch) == (Scope.SESSION, Ride(60_000), 7)


def test_without_a_code_or_a_factor_nothing_is_proved(play: Play) -> None:
    assert play(command(Action.ANSWER), standing(Factor.EMAIL)).outcome == Failed(Reason.CODE_MISSING)
    assert play(command(Action.ANSWER, code="123456"), standing()).outcome == Failed(Reason.NOT_ENROLLED)


# --- Grace ----------------------------------------------------------------------------------------


def test_what_counts_is_told_for_the_session_and_for_the_account(play: Play) -> None:
    session = standing(Factor.EMAIL, proofs=(Proof(Factor.EMAIL, 59_999),))
    account = standing(Factor.EMAIL, Factor.TOTP, proofs=(Proof(Factor.TOTP, 0),))
    played = play(command(Action.GRACE), session, account, terms=TERMS)
    assert played.needs == (Recall(Scope.SESSION), Recall(Scope.ACCOUNT))
    assert played.outcome == Windows(
        ((Scope.SESSION, Proof(Factor.EMAIL, 59_999)), (Scope.ACCOUNT, Proof(Factor.TOTP, 0)))
    )


@pytest.mark.parametrize(
    "proof", [Proof(Factor.EMAIL, 60_000), Proof(Factor.EMAIL, -1), Proof(Factor.SMS, 0), Proof(Factor.TOTP, 0)]
)
def test_a_proof_that_opens_nothing_is_not_told(play: Play, proof: Proof) -> None:
    terms = Terms(factors=frozenset({Factor.EMAIL, Factor.SMS}), keep_ms=60_000)
    known = standing(Factor.EMAIL, Factor.TOTP, proofs=(proof,))
    assert play(command(Action.GRACE), known, known, terms=terms).outcome == Windows()


def test_closing_forgets_both_windows(play: Play) -> None:
    played = play(command(Action.CLOSE), standing(), None, None)
    assert played.needs[1:] == (CloseWindow(Scope.SESSION), CloseWindow(Scope.ACCOUNT))
    assert played.outcome == Done()


# --- All of them ----------------------------------------------------------------------------------

OURS: Final = (Action.CHALLENGE, Action.ANSWER, Action.GRACE, Action.CLOSE)


@pytest.mark.parametrize("action", OURS)
def test_no_mail_tells_of_windows(action: Action) -> None:
    assert happening_of(action, Done()) is None


@pytest.mark.parametrize(
    ("action", "answers", "message"),
    [
        (Action.CHALLENGE, [standing(), None], "TakeStock was answered with a NoneType"),
        (Action.GRACE, [standing(), None], "Recall was answered with a NoneType"),
    ],
)
def test_a_driver_that_answers_with_something_else_is_told(action: Action, answers: list[Answer], message: str) -> None:
    ceremony = perform(command(action), Terms())
    next(ceremony)
    for answer in answers[:-1]:
        ceremony.send(answer)
    with pytest.raises(TypeError, match=f"^{message}$"):
        ceremony.send(answers[-1])


def test_an_address_on_its_way_is_not_shown() -> None:
    assert "jane@" not in repr(Challenged(Factor.EMAIL, "mail-id", "jane@shop.test", 1))
