"""Assertions: the claims of the contract, and that nothing but what was given here, for this, is taken."""

import base64
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.entrance import Denial, Errand, Finished, Outcome, Turned
from mfa_gateway.core.entrance.assertions import ASSERTION_MS, Claims, Mode, read_claims
from mfa_gateway.core.entrance.logins import Resumed
from mfa_gateway.core.entrance.passages import _of_login
from mfa_gateway.core.entrance.second_codes import AnswerSecond, TellAddresses
from mfa_gateway.core.entrance.second_outcomes import EnrolmentsTold
from mfa_gateway.core.entrance.second_words import Passage
from mfa_gateway.core.entrance.steps import Visit
from mfa_gateway.core.entrance.tfa import FinishSecond
from mfa_gateway.core.entrance.visitors import Stranger
from mfa_gateway.core.entrance.words import Use, UseOnce
from mfa_gateway.core.site import Site
from mfa_gateway.core.tickets import Ticket, TicketKind
from tests.core.entrance.dwelling import errand
from tests.core.entrance.hall import MAIL, Hall, altered, hall, login_ticket, phv, play, said_in, token
from tests.core.entrance.house import ADA, GOOD, NOW, SITE, ticket

# The example of the seed document (accounts.tfa.initTFA): header and body. Its signature cannot be verified by anybody.
SEED_HEAD = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJodHRwOi8vd3d3LnczLm9yZy8yMDAwLzA5L3htbGRzaWcjcnNhLXNoYTEiLCJ4NXUiOiJodHRwOi8vYWNjb3VudHM"
    "uZ2lneWEuY29tL2FjY291bnRzLnRmYS5nZXRDZXJ0aWZpY2F0ZSJ9"
)
SEED_BODY = (
    "eyJhY3Rpb24iOiJyZWdpc3Rlck9yVmVyaWZ5IiwicGFyYW1zIjp7fSwiY3R4IjoiXHUwMDAwY293WGwwazY0MGExMzRjU00wUFV3ckdwbUJWWXhUYUN"
    "rZm9sOExHK044ZU5xMk93TGdiRkxBeG9pZXRvT1JXTFg0QThZMUdGNzRIc2xUQzlkbHZkdE9OcUY2bHJSdXJMZk55blpudmVWU2xzekJ4dDY5dXptL0"
    "VNeW1QZEUvMU9uclUybGFaOXpLTXg1RHIrWERHd3FScUlkK3U2VUU0MXo2RmV3K0VTZkYzM3VVSm9iSTJIY05YcUlSTStpMTRiIiwiaXNzIjoiZ2lne"
    "WEuY29tIiwic3ViIjoiNjIyNjYxMV9jOGZmNjVmZjE4MWQ0MjlkODYxNzQwZDQxYmE1ZGVmYSIsImF1ZCI6WyJnaWd5YVBob25lIl0sImlhdCI6MTM4"
    "NzE3NzQ3MiwianRpIjoiWWRnM0hyUlYzZFBlV2txazFCSUdRdjJzU1ovR1FJVEsifQ"
)


def decoded(part: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return said


def encoded(said: object) -> str:
    written = json.dumps(said, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(written).rstrip(b"=").decode()


# --- The claims -------------------------------------------------------------------------------


def test_the_example_of_the_seed_goes_through_the_model_unchanged() -> None:
    claims = read_claims(decoded(SEED_BODY))
    assert claims is not None
    assert encoded(claims.written()) == SEED_BODY
    assert (claims.action, claims.aud, claims.iat) == ("registerOrVerify", ("gigyaPhone",), 1_387_177_472)
    assert claims.ctx.startswith("\0cow")
    assert len(base64.b64decode(claims.jti)) == 24


def test_the_header_of_the_seed_is_that_of_the_old_form() -> None:
    assert encoded(decoded(SEED_HEAD)) == SEED_HEAD


@pytest.mark.parametrize("name", ["action", "params", "ctx", "iss", "sub", "aud", "iat", "jti"])
@pytest.mark.parametrize("value", [None, 1.5, True, [1], {"a": 1}], ids=str)
def test_claims_of_another_kind_are_none(name: str, value: object) -> None:
    said = decoded(SEED_BODY)
    assert read_claims({**said, name: value}) is None
    del said[name]
    assert read_claims(said) is None


def test_one_claim_too_many_is_too_many() -> None:
    assert read_claims({**decoded(SEED_BODY), "exp": 1}) is None


# --- Given and taken --------------------------------------------------------------------------


def claims_of(assertion: str) -> Claims:
    claims = read_claims(said_in(assertion))
    assert claims is not None
    return claims


def asking(assertion: str, **more: Any) -> Errand:
    return errand(TellAddresses(Factor.EMAIL, assertion), **more)


def is_bad(outcome: Outcome) -> bool:
    return isinstance(outcome, Turned) and outcome.denial is Denial.ASSERTION_BAD


@pytest.fixture
def house() -> Hall:
    return hall(MAIL)


def test_an_assertion_says_what_it_was_asked_for(house: Hall) -> None:
    claims = claims_of(house.assertion())
    assert list(claims.written()) == ["action", "params", "ctx", "iss", "sub", "aud", "iat", "jti"]
    assert (claims.action, claims.params, claims.iss) == ("verify", {}, "gigya.com")
    assert (claims.sub, claims.aud, claims.iat) == ("ada", ("gigyaEmail",), NOW // 1000)
    assert re.fullmatch(r"[A-Za-z0-9+/]{32}", claims.jti)


def test_no_two_are_called_alike(house: Hall) -> None:
    assert claims_of(house.assertion()).jti != claims_of(house.assertion()).jti


@pytest.mark.parametrize(
    ("mode", "action"),
    [(Mode.REGISTER, "registerOrVerify"), (Mode.ADD, "registerOrVerify"), (Mode.EDIT, "edit"), (Mode.VERIFY, "verify")],
)
def test_every_mode_has_its_action(mode: Mode, action: str) -> None:
    house = hall(MAIL, proved={Factor.EMAIL: 0})
    assert claims_of(house.assertion(mode=mode)).action == action


def test_an_assertion_is_over_after_five_minutes(house: Hall) -> None:
    assertion = house.assertion()
    for age_ms, is_over in ((ASSERTION_MS - 1, False), (ASSERTION_MS, True), (-9_999, False), (-11_000, True)):
        outcome = house.play(replace(asking(assertion), now_ms=NOW + age_ms))
        assert is_bad(outcome) is is_over


@pytest.mark.parametrize(
    "claims",
    [
        {"action": "edit"},
        {"aud": ["gigyaPhone"]},
        {"aud": ["gigyaEmail", "gigyaPhone"]},
        {"sub": "bob"},
        {"iss": "gigya"},
        {"jti": "another"},
        {"iat": NOW // 1000 - 301},
        {"ctx": "nothing"},
    ],
    ids=str,
)
def test_what_is_said_in_clear_agrees_with_what_is_sealed(house: Hall, claims: dict[str, object]) -> None:
    assert is_bad(house.play(asking(altered(house.assertion(), **claims))))


def test_an_assertion_is_for_one_provider(house: Hall) -> None:
    assertion = house.assertion()
    assert isinstance(house.play(asking(assertion)), EnrolmentsTold)
    assert is_bad(house.play(errand(TellAddresses(Factor.SMS, assertion))))


def test_an_assertion_is_for_one_device_and_one_that_does_not_say_so_hears_that(house: Hall) -> None:
    command = TellAddresses(Factor.EMAIL, house.assertion(device="gmid-1"))
    assert isinstance(house.play(errand(command, device="gmid-1")), EnrolmentsTold)
    assert is_bad(house.play(errand(command, device="gmid-2")))
    assert house.play(errand(command)) == Turned(Denial.DEVICE_MISSING)


def test_an_assertion_is_for_one_site(house: Hall) -> None:
    other = Site("3_OTHER", SITE.realm)
    assert is_bad(house.play(asking(house.assertion(), site=other)))


def test_an_assertion_is_over_with_its_passage(house: Hall) -> None:
    assertion = house.assertion()
    house.passage = None
    assert is_bad(house.play(asking(assertion)))


@pytest.mark.parametrize("text", ["", "garbage", "JWT||{}", "gigya-assertion+jwt||{}"])
def test_nothing_else_is_one(house: Hall, text: str) -> None:
    assert is_bad(house.play(asking(text)))


def test_the_old_form_has_the_address_of_its_certificate() -> None:
    house = hall(MAIL)
    old = Site(SITE.name, SITE.realm, legacy_assertions=True, base_url="https://shop.test")
    assertion = house.assertion(site=old)
    assert assertion.split("|")[1] == "https://shop.test/accounts.tfa.getCertificate"
    assert isinstance(house.play(asking(assertion, site=old)), EnrolmentsTold)


def test_an_assertion_answers_no_assertion(house: Hall) -> None:
    assertion = house.assertion()
    finish = FinishSecond(assertion, assertion, registration=login_ticket())
    assert is_bad(house.play(errand(finish)))


def answered(house: Hall) -> tuple[str, str]:
    """An assertion, and the answer to it."""
    assertion = house.assertion()
    return assertion, token(play(house, AnswerSecond(Factor.EMAIL, assertion, phv(house, assertion), GOOD)))


def finished(house: Hall, assertion: str, answer: str) -> Outcome:
    return play(house, FinishSecond(assertion, answer, registration=login_ticket()))


def test_what_is_sealed_has_to_be_what_is_sealed_in_an_assertion(house: Hall) -> None:
    empty = ticket(TicketKind.CONTEXT)
    assert is_bad(house.play(asking(altered(house.assertion(), ctx=empty))))
    assertion, answer = answered(house)
    assert is_bad(finished(house, assertion, altered(answer, ctx=empty)))
    assert is_bad(finished(house, assertion, altered(answer, ctx="nothing")))
    assert finished(house, assertion, answer) == Finished()


def test_no_answer_and_another_shape_are_no_answer(house: Hall) -> None:
    assertion, answer = answered(house)
    for wrong in ("", altered(answer, iat="now"), altered(answer, sub="bob"), altered(answer, iat=NOW // 1000 - 301)):
        assert is_bad(finished(house, assertion, wrong))
    assert is_bad(finished(house, "", answer))


def test_a_driver_that_reads_something_else_is_told(monkeypatch: pytest.MonkeyPatch, house: Hall) -> None:
    assertion = house.assertion()
    monkeypatch.setattr(Hall, "_ReadToken", lambda *_: "claims")
    with pytest.raises(TypeError, match="ReadToken was answered with a str"):
        house.play(asking(assertion))


FACTS = {"mode": "verify", "passage": "01", "jti": "x", "answers": "01"}


@pytest.mark.parametrize(
    "sealed",
    [{"factor": Factor.EMAIL}, {"account": ADA}, {"account": ADA, "factor": Factor.EMAIL, "facts": {"jti": "x"}}],
    ids=["of nobody", "of no factor", "of no mode"],
)
def test_what_is_sealed_in_an_assertion_has_to_be_whole(house: Hall, sealed: dict[str, Any]) -> None:
    context = ticket(TicketKind.CONTEXT, **{"facts": FACTS, **sealed})
    assert is_bad(house.play(asking(altered(house.assertion(), ctx=context))))


@pytest.mark.parametrize(
    "sealed",
    [{"account": AccountId("people", "bob"), "factor": Factor.EMAIL}, {"account": ADA}],
    ids=["of somebody else", "of no factor"],
)
def test_an_answer_is_sealed_for_the_account_and_a_factor(house: Hall, sealed: dict[str, Any]) -> None:
    assertion, answer = answered(house)
    facts = {"jti": str(said_in(assertion)["jti"]), "answers": "01"}
    context = ticket(TicketKind.CONTEXT, facts=facts, **sealed)
    assert is_bad(finished(house, assertion, altered(answer, ctx=context)))
    good = ticket(TicketKind.CONTEXT, facts=facts, account=ADA, factor=Factor.EMAIL)
    assert finished(house, assertion, altered(answer, ctx=good)) == Finished()


def test_an_assertion_goes_on_in_its_passage_and_begins_none(house: Hall) -> None:
    house.play(asking(house.assertion()))
    assert (house.begun[-1].name, house.begun[-1].life_ms) == ("01", 0)


def test_that_an_assertion_was_answered_is_remembered_a_minute_longer_than_it_lasts(
    monkeypatch: pytest.MonkeyPatch, house: Hall
) -> None:
    remembered: list[UseOnce] = []

    def noted(_: Hall, need: UseOnce) -> Use:
        remembered.append(need)
        return Use.FIRST

    monkeypatch.setattr(Hall, "_UseOnce", noted)
    assertion, answer = answered(house)
    finished(house, assertion, answer)
    assert remembered == [UseOnce(("assertion", SITE.name, said_in(assertion)["jti"]), 360_000)]


@pytest.mark.parametrize(("born_ms", "age_ms"), [(NOW - 5, 5), (NOW, 0), (NOW + 5, 0)])
def test_the_passage_of_a_login_is_as_old_as_its_ticket_and_never_younger_than_new(born_ms: int, age_ms: int) -> None:
    born = Ticket(TicketKind.REGISTRATION, SITE.name, "01", born_ms, 1000, account=ADA)
    visit = Visit(SITE, Stranger(), NOW)
    assert _of_login(Resumed(born, ADA, Passage(0)), visit).login_ms == age_ms
