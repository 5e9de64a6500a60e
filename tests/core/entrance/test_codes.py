"""Codes as a first factor: who gets one, what brings it back, and that nothing tells known from unknown before."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Factor, FactorState, Standing
from mfa_gateway.core.ceremony import Limited, NotSent, Recall
from mfa_gateway.core.entrance import (
    Attested,
    CodeSent,
    Command,
    Denial,
    Entered,
    EntranceTerms,
    Errand,
    Finished,
    Incomplete,
    Outcome,
    Stay,
    Turned,
    words,
)
from mfa_gateway.core.entrance.account_outcomes import Pending, SecondStep
from mfa_gateway.core.entrance.codes import (
    ATTESTATION,
    AttestAddress,
    DeliverCode,
    EnterByCode,
    ForgetAddress,
    ProveAddress,
    SendCode,
)
from mfa_gateway.core.entrance.visitors import Credential, Nothing, SessionShown, Vouched
from mfa_gateway.core.entrance.words import Claim
from mfa_gateway.core.proof import Banned, Budget, Effect, Purpose, Redeemed, Rejected, Rejection
from mfa_gateway.core.quota import Asker, QuotaKind, Window
from mfa_gateway.core.site import Newcomers, Site, Tfa
from mfa_gateway.core.tickets import TicketKind
from tests.core.entrance.house import ADA, GOOD, NOW, SITE, House, session, ticket

MAIL = "ada@x.test"
STAY = Stay(3_600_000)
SERVER = Vouched("key")
OWNER = SessionShown("her token")


@pytest.fixture
def house() -> House:
    return House(sessions={"her token": session()})


def errand(command: Command, credential: Credential | None = None, site: Site = SITE, **more: Any) -> Errand:
    return Errand(command, site, NOW, credential=credential or Nothing(), client="192.0.2.1", **more)


def sending(**more: Any) -> SendCode:
    return SendCode(Factor.EMAIL, more.pop("written", MAIL), 600_000, about="email", **more)


def code_ticket(house: House, *, credential: Credential | None = None, site: Site = SITE, **more: Any) -> str:
    sent = house.play(errand(sending(**more), credential, site))
    assert isinstance(sent, CodeSent)
    return sent.ticket


def entering(text: str, code: str = GOOD, **more: Any) -> EnterByCode:
    return EnterByCode(text, code, more.pop("stay", STAY), **more)


def turned(outcome: Outcome) -> Denial:
    assert isinstance(outcome, Turned), outcome
    return outcome.denial


# --- Asking for a code ------------------------------------------------------------------------


def test_asking_for_a_code_looks_at_nobody(house: House) -> None:
    unknown, known = House(), House()
    known.known()
    for one in (unknown, known):
        assert isinstance(one.play(errand(sending())), CodeSent)
    assert unknown.trips == known.trips
    assert "FindAccount" not in known.trips


def test_the_code_is_sent_after_the_answer(house: House) -> None:
    asked = errand(sending())
    house.play(asked)
    assert house.delivered == []
    assert house.play_later(asked) == Finished()
    ((account, need),) = house.delivered
    assert account == AccountId("addresses of people", MAIL)
    assert (need.purpose, need.address, need.asker) == (Purpose.LOGIN, MAIL, Asker.STRANGER)


def test_the_code_of_somebody_known_is_kept_under_the_same_stand_in(house: House) -> None:
    house.known()
    asked = errand(sending())
    house.play(asked)
    house.play_later(asked)
    assert [account for account, _ in house.delivered] == [AccountId("addresses of people", MAIL)]
    assert "FindAccount" not in house.trips


def test_a_site_without_registration_sends_to_those_it_knows(house: House) -> None:
    house.known()
    asked = errand(sending(), site=replace(SITE, newcomers=Newcomers.UNHEARD))
    house.play(asked)
    assert house.play_later(asked) == Finished()


def test_a_site_without_registration_sends_nothing_to_addresses_that_nobody_has(house: House) -> None:
    asked = errand(sending(), site=replace(SITE, newcomers=Newcomers.UNHEARD))
    assert isinstance(house.play(asked), CodeSent)
    assert turned(house.play_later(asked)) is Denial.NOBODY
    assert house.delivered == []


@pytest.mark.parametrize(("delivery", "denial"), [(Limited(5), Denial.SENDS_LIMITED), (NotSent(), Denial.SEND_FAILED)])
def test_what_became_of_a_message_is_told_to_the_log_alone(house: House, delivery: Any, denial: Denial) -> None:
    house.delivery = delivery
    asked = errand(sending())
    assert isinstance(house.play(asked), CodeSent)
    assert turned(house.play_later(asked)) is denial


def test_an_address_that_nothing_is_sent_to_is_refused(house: House) -> None:
    assert house.play(errand(sending(written="nowhere"))) == Turned(Denial.VALUE_WRONG, "email")


def test_messages_of_strangers_are_limited_by_their_address(house: House) -> None:
    terms = EntranceTerms(sends=(Window(1, 1000),))
    house.left_ms = 700
    assert house.play(errand(sending()), terms) == Turned(Denial.CALLS_LIMITED, retry_after_ms=700)
    assert [(quota.kind, quota.subject) for quota in house.spent] == [(QuotaKind.CLIENT, ("entrance", "192.0.2.1"))]
    assert house.postponed == []


def test_servers_have_no_limit_by_their_address(house: House) -> None:
    terms = EntranceTerms(sends=(Window(1, 1000),), calls=(Window(1, 1000),))
    house.left_ms = 700
    assert isinstance(house.play(errand(sending(), SERVER), terms), CodeSent)
    assert house.postponed == [DeliverCode(house.postponed[0].address, Newcomers.WELCOME, 6, Asker.SERVER)]  # type: ignore[attr-defined]


def test_nothing_is_sent_where_only_a_ticket_is_wanted(house: House) -> None:
    assert isinstance(house.play(errand(sending(sends=False))), CodeSent)
    assert house.postponed == []


# --- Servers that may know the code -----------------------------------------------------------

TELLING = replace(SITE, returns_code=True)


def test_a_server_of_such_a_site_is_told_the_code(house: House) -> None:
    sent = house.play(errand(sending(), SERVER, TELLING))
    assert isinstance(sent, CodeSent)
    assert sent.code == GOOD
    assert [need.asker for _, need in house.delivered] == [Asker.SERVER]


def test_a_server_that_carries_the_code_itself_has_nothing_sent(house: House) -> None:
    house.play(errand(sending(sends=False), SERVER, TELLING))
    assert [need.asker for _, need in house.delivered] == [Asker.COURIER]


def test_a_stranger_is_never_told_the_code(house: House) -> None:
    sent = house.play(errand(sending(), site=TELLING))
    assert isinstance(sent, CodeSent)
    assert sent.code is None


@pytest.mark.parametrize(("delivery", "denial"), [(Limited(5), Denial.SENDS_LIMITED), (NotSent(), Denial.SEND_FAILED)])
def test_a_server_hears_what_became_of_the_message(house: House, delivery: Any, denial: Denial) -> None:
    house.delivery = delivery
    assert turned(house.play(errand(sending(), SERVER, TELLING))) is denial


# --- Logging in -------------------------------------------------------------------------------


def test_a_good_code_lets_somebody_known_in(house: House) -> None:
    house.known()
    entered = house.play(errand(entering(code_ticket(house))))
    assert isinstance(entered, Entered)
    assert (entered.portrait.account, entered.is_new, entered.id_token) == (ADA, False, None)


def test_an_address_that_nobody_has_becomes_an_account(house: House) -> None:
    entered = house.play(errand(entering(code_ticket(house), source="https://shop.test")))
    assert isinstance(entered, Entered)
    assert entered.is_new
    assert entered.portrait.profile == {"createdTimestamp": NOW, "regSource": "https://shop.test"}


def test_the_id_token_names_the_session(house: House) -> None:
    house.known()
    stay = Stay(None, wants_id_token=True)
    entered = house.play(errand(entering(code_ticket(house), stay=stay)))
    assert isinstance(entered, Entered)
    assert entered.id_token == "minted"
    (minted,) = house.minted
    assert (minted.kind, minted.claims) == (
        "JWT",
        {
            "iss": SITE.issuer,
            "apiKey": SITE.name,
            "iat": NOW // 1000,
            "exp": NOW // 1000 + 300,
            "sub": "ada",
            "sid": "5e5510",
        },
    )


def test_a_code_that_logs_in_proves_nothing_to_the_gate(house: House) -> None:
    house.play(errand(entering(code_ticket(house))))
    (asked,) = house.redeemed
    assert (asked.purpose, asked.effect, asked.budget, asked.ride) == (
        Purpose.LOGIN,
        Effect.ENTER,
        Budget.FIRST_FACTOR,
        None,
    )


def test_a_wrong_code_takes_the_same_steps_whoever_it_is_for() -> None:
    unknown, known = House(), House()
    known.known()
    for one in (unknown, known):
        outcome = one.play(errand(entering(code_ticket(one), "000000")))
        assert outcome == Turned(Denial.CODE_WRONG, "code")
    assert unknown.trips == known.trips
    assert "FindAccount" not in known.trips


@pytest.mark.parametrize(
    ("receipt", "expected"),
    [
        (Rejected(Rejection.SPENT), Turned(Denial.CODE_WRONG, "code")),
        (Rejected(Rejection.STALE), Turned(Denial.CODE_WRONG, "code")),
        (Rejected(Rejection.WRONG, 900), Turned(Denial.CODE_WRONG, "code", 900, begins_ban=True)),
        (Rejected(Rejection.WRONG, 1), Turned(Denial.CODE_WRONG, "code", 1, begins_ban=True)),
        (Banned(700), Turned(Denial.CODES_LIMITED, "code", 700)),
    ],
)
def test_a_code_that_is_not_redeemed_lets_nobody_in(house: House, receipt: Any, expected: Turned) -> None:
    house.receipts = {GOOD: receipt}
    assert house.play(errand(entering(code_ticket(house)))) == expected


def test_a_code_of_another_length_is_counted_and_never_compared(house: House) -> None:
    house.play(errand(entering(code_ticket(house), "1234")))
    assert [asked.factors for asked in house.redeemed] == [()]


def test_short_codes_are_compared_under_their_own_numbers(house: House) -> None:
    site = replace(SITE, code_digits=4)
    house.play(errand(entering(code_ticket(house, site=site), "1234"), site=site))
    assert [(asked.factors, asked.short is not None) for asked in house.redeemed] == [((Factor.EMAIL,), True)]


def test_a_site_without_registration_lets_nobody_new_in(house: House) -> None:
    site = replace(SITE, newcomers=Newcomers.UNHEARD)
    assert turned(house.play(errand(entering(code_ticket(house, site=site)), site=site))) is Denial.CODE_WRONG


def test_a_disabled_account_stays_out_and_hears_it_only_after_the_code(house: House) -> None:
    house.known(is_disabled=True)
    text = code_ticket(house)
    assert turned(house.play(errand(entering(text, "000000")))) is Denial.CODE_WRONG
    assert turned(house.play(errand(entering(text)))) is Denial.DISABLED


def test_an_account_that_was_disabled_just_now_stays_out(house: House) -> None:
    house.known()
    text = code_ticket(house)
    house.standing = Standing(disabled=True)
    assert turned(house.play(errand(entering(text)))) is Denial.DISABLED


def test_required_fields_come_before_the_session(house: House) -> None:
    house.known(profile={"firstName": ""})
    site = replace(SITE, required_fields=("email", "phoneNumber", "profile.firstName", "profile.work.city"))
    outcome = house.play(errand(entering(code_ticket(house, site=site)), site=site, device="phone"))
    assert isinstance(outcome, Incomplete)
    assert outcome.missing == ("phoneNumber", "profile.firstName", "profile.work.city")
    assert outcome.ticket.startswith(TicketKind.REGISTRATION)
    assert "OpenSession" not in house.trips


def test_a_new_account_stays_new_until_it_is_complete(house: House) -> None:
    site = replace(SITE, required_fields=("profile.firstName",))
    outcome = house.play(errand(entering(code_ticket(house, site=site)), site=site))
    assert isinstance(outcome, Incomplete)
    assert outcome.is_new
    assert '"new":"1"' in outcome.ticket


def test_a_login_is_tried_again_while_the_account_changes(house: House) -> None:
    house.known()
    house.stale_sessions = 2
    assert isinstance(house.play(errand(entering(code_ticket(house)))), Entered)
    house.stale_sessions = 3
    assert turned(house.play(errand(entering(code_ticket(house))))) is Denial.CHANGED


@dataclass
class Restless(House):
    """A house in which all sessions of an account end while somebody says who they are."""

    def _Describe(self, need: words.Describe) -> words.Portrait | None:  # noqa: N802 - named like the need
        self.standing = replace(self.standing, epoch=self.standing.epoch + 1)
        return super()._Describe(need)


@pytest.mark.parametrize("login", [MAIL, "other@x.test"], ids=["known", "new"])
def test_what_ends_all_sessions_behind_the_code_ends_the_one_to_come(login: str) -> None:
    house = Restless()
    house.known(login)
    assert turned(house.play(errand(entering(code_ticket(house))))) is Denial.CHANGED
    assert "OpenSession" not in house.trips


# --- Tickets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        ticket(TicketKind.REGISTRATION, factor=Factor.EMAIL, address=MAIL),
        ticket(TicketKind.CODE, factor=Factor.EMAIL, address=MAIL, site="3_OTHER"),
        ticket(TicketKind.CODE, factor=Factor.EMAIL, address=MAIL, born_ms=NOW - 1000),
        ticket(TicketKind.CODE, factor=Factor.EMAIL, address=MAIL, device="another"),
        ticket(TicketKind.CODE, address=MAIL),
    ],
    ids=["empty", "garbage", "another kind", "another site", "over", "another device", "no factor"],
)
def test_a_ticket_that_is_not_good_here_and_now_compares_no_code(house: House, text: str) -> None:
    assert house.play(errand(entering(text), device="this one")) == Turned(Denial.TICKET_BAD, "vToken")
    assert house.redeemed == []


def test_the_method_for_mail_takes_no_ticket_of_a_phone(house: House) -> None:
    text = ticket(TicketKind.CODE, factor=Factor.SMS, address="+491701234567")
    assert turned(house.play(errand(entering(text, factor=Factor.EMAIL)))) is Denial.TICKET_BAD


def test_a_ticket_made_for_somebody_logs_nobody_else_in(house: House) -> None:
    text = code_ticket(house, credential=OWNER)
    assert turned(house.play(errand(entering(text)))) is Denial.TICKET_BAD
    assert house.redeemed == []


def test_a_cookie_does_not_keep_its_owner_from_logging_in_as_somebody_else(house: House) -> None:
    ambient = SessionShown("her token", is_ambient=True)
    text = code_ticket(house, credential=ambient, written="other@x.test")
    assert isinstance(house.play(errand(entering(text), ambient)), Entered)


def test_a_cookie_alone_gives_nobody_an_address(house: House) -> None:
    ambient = SessionShown("her token", is_ambient=True)
    text = code_ticket(house, credential=ambient, written="other@x.test")
    assert turned(house.play(errand(ProveAddress(text, GOOD), ambient))) is Denial.FORBIDDEN


def test_a_login_that_takes_a_second_factor_gives_no_address(house: House) -> None:
    house.standing = Standing(factors={Factor.EMAIL: FactorState.ACTIVE})
    site, registration = replace(SITE, tfa=Tfa(providers=("gigyaEmail",))), ticket(TicketKind.REGISTRATION, account=ADA)
    waiting = Pending(registration, ADA, SecondStep.VERIFY)
    assert house.play(errand(sending(registration=registration), site=site)) == waiting
    text = code_ticket(house, site=site)
    command = ProveAddress(text, GOOD, registration=registration)
    assert house.play(errand(command, site=site)) == waiting
    assert house.redeemed == []


@pytest.mark.parametrize("code", [GOOD, "000000"])
def test_a_session_that_is_shown_is_whom_the_code_is_for(house: House, code: str) -> None:
    text = code_ticket(house, credential=OWNER)
    assert turned(house.play(errand(entering(text, code)))) is Denial.TICKET_BAD


def test_a_ticket_of_an_old_epoch_is_void(house: House) -> None:
    text = code_ticket(house, credential=OWNER)
    house.standing = Standing(epoch=1)
    assert turned(house.play(errand(ProveAddress(text, GOOD), OWNER))) is Denial.TICKET_BAD
    again = code_ticket(house, credential=OWNER)
    assert house.play(errand(ProveAddress(again, GOOD), OWNER)) == Finished()


# --- Proving an address -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credential", "more"),
    [
        (OWNER, {}),
        (OWNER, {"subject": "ada"}),
        (SERVER, {"subject": "ada"}),
        (Nothing(), {"registration": ticket(TicketKind.REGISTRATION, account=ADA)}),
        (OWNER, {"registration": ticket(TicketKind.REGISTRATION, account=ADA)}),
    ],
)
def test_whoever_may_speak_for_an_account_gives_it_an_address(
    house: House, credential: Credential, more: dict[str, Any]
) -> None:
    text = code_ticket(house, credential=credential, **more)
    assert house.play(errand(ProveAddress(text, GOOD, **more), credential)) == Finished()
    assert '["people","ada"]' in text


def test_a_cookie_asks_for_a_code_in_the_name_that_is_named_beside_it(house: House) -> None:
    ambient = replace(OWNER, is_ambient=True)
    assert '["people","ada"]' in code_ticket(house, credential=ambient, subject="ada")
    assert '["people","ada"]' not in code_ticket(house, credential=ambient)


def test_a_ticket_of_nobody_in_particular_proves_an_address_as_well(house: House) -> None:
    assert house.play(errand(ProveAddress(code_ticket(house), GOOD), OWNER)) == Finished()


@pytest.mark.parametrize(
    ("credential", "more", "denial"),
    [
        (Nothing(), {}, Denial.FORBIDDEN),
        (Nothing(), {"subject": "ada"}, Denial.FORBIDDEN),
        (SERVER, {}, Denial.FORBIDDEN),
        (OWNER, {"subject": "bob"}, Denial.FORBIDDEN),
        (Nothing(), {"registration": "garbage"}, Denial.TICKET_BAD),
    ],
)
def test_nobody_else_gives_an_account_an_address(
    house: House, credential: Credential, more: dict[str, str], denial: Denial
) -> None:
    command = ProveAddress(code_ticket(house), GOOD, **more)
    assert turned(house.play(errand(command, credential))) is denial
    assert house.redeemed == []


def test_a_code_is_not_asked_for_in_the_name_of_others(house: House) -> None:
    assert turned(house.play(errand(sending(subject="ada")))) is Denial.FORBIDDEN
    assert house.play(errand(sending(subject="bob"), OWNER)) == Turned(Denial.FORBIDDEN, "UID")


def test_a_ticket_made_for_one_account_proves_nothing_for_another(house: House) -> None:
    text = code_ticket(house, credential=SERVER, subject="bob")
    assert turned(house.play(errand(ProveAddress(text, GOOD), OWNER))) is Denial.TICKET_BAD


@pytest.mark.parametrize(
    ("claim", "denial"),
    [(Claim.TAKEN, Denial.TAKEN), (Claim.NOBODY, Denial.NOBODY), (Claim.STALE, Denial.CHANGED)],
)
def test_an_address_that_cannot_be_given_is_not(house: House, claim: Claim, denial: Denial) -> None:
    house.claim = claim
    assert turned(house.play(errand(ProveAddress(code_ticket(house), GOOD), OWNER))) is denial


@pytest.mark.parametrize("command", [ProveAddress("garbage", GOOD), AttestAddress("garbage", GOOD)])
def test_the_other_steps_take_no_bad_ticket_either(house: House, command: Command) -> None:
    assert turned(house.play(errand(command, OWNER))) is Denial.TICKET_BAD


def test_the_other_steps_take_no_wrong_code_either(house: House) -> None:
    for command in (ProveAddress(code_ticket(house), "000000"), AttestAddress(code_ticket(house), "000000")):
        assert turned(house.play(errand(command, OWNER))) is Denial.CODE_WRONG


# --- Statements, and taking away --------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "address", "name"), [(Factor.EMAIL, MAIL, "email"), (Factor.SMS, "+491701234567", "phoneNumber")]
)
def test_a_statement_about_an_address_is_no_login(house: House, factor: Factor, address: str, name: str) -> None:
    house.receipts = {GOOD: Redeemed(factor)}
    text = ticket(TicketKind.CODE, factor=factor, address=address)
    assert house.play(errand(AttestAddress(text, GOOD))) == Attested("minted")
    (minted,) = house.minted
    assert minted.kind == ATTESTATION
    assert minted.claims[name] == address
    assert not {"sid", "sub"} & set(minted.claims)


@pytest.mark.parametrize(
    ("claim", "expected"), [(Claim.MADE, Finished()), (Claim.NOBODY, Turned(Denial.NOBODY, "UID"))]
)
def test_a_server_takes_an_address_away(house: House, claim: Claim, expected: Outcome) -> None:
    house.claim = claim
    assert house.play(errand(ForgetAddress("ada"), SERVER)) == expected


# --- Drivers ----------------------------------------------------------------------------------


class _Wrong(House):
    """Answers what it is asked on behalf of others with something else, and never opens a session."""

    def _OnBehalf(self, need: words.OnBehalf) -> Any:  # noqa: N802 - named like the need
        return super()._OnBehalf(need) if isinstance(need.need, Recall) else "nonsense"

    def _OpenSession(self, _: words.OpenSession) -> Any:  # noqa: N802
        return "nonsense"


def test_a_driver_that_answers_something_else_is_told() -> None:
    wrong, asked = _Wrong(), errand(sending())
    text = code_ticket(wrong)
    with pytest.raises(TypeError, match="Deliver was answered with a str"):
        wrong.play_later(asked)
    with pytest.raises(TypeError, match="Redeem was answered with a str"):
        wrong.play(errand(entering(text)))
    wrong_at_the_end = type("W", (House,), {"_OpenSession": _Wrong._OpenSession})()
    wrong_at_the_end.known()
    with pytest.raises(TypeError, match="OpenSession was answered with a str"):
        wrong_at_the_end.play(errand(entering(code_ticket(wrong_at_the_end))))
    wrong_about_sessions = House(sessions={"her token": "nonsense"})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="FindSession was answered with a str"):
        wrong_about_sessions.play(errand(sending(), OWNER))
