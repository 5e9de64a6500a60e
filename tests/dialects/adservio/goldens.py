"""Replies of the Adservio form, for the golden files."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from mfa_gateway.core.account import AccountId, Enrolment, Factor
from mfa_gateway.core.entrance import Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.option_outcomes import (
    ChallengeBegun,
    CodeNeeded,
    OptionAdded,
    OptionsListed,
    SecretDrawn,
    SignedIn,
)
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.adservio import ErrorForm
from mfa_gateway.dialects.wire import Asked, Reply
from tests.dialects.adservio.calls import ADSERVIO, BEARER, WHO, accept, turn

Replies = Mapping[str, Reply]

# The dates of the seed, in UTC.
FIRST, LATER = 1_597_424_643_000, 1_597_429_631_999
SMS = Enrolment(Factor.SMS, "000000000000100000000000", "", "+40768248202", FIRST, FIRST)
TOTP = Enrolment(Factor.TOTP, "000000000000300000000000", "My phone", None, LATER, FIRST)
MAIL = Enrolment(Factor.EMAIL, "fffffffffffff00000000000", "", "ada@school.test", FIRST)
OWN = {"uaID": "42"}
SENT = {
    "POST ./auth": ("", WHO),
    "POST ./auth/tfa_options, _method=GET": ("/tfa_options", {**WHO, "_method": "GET"}),
    "POST ./auth/tfa_challenge": ("/tfa_challenge", {**WHO, "tfaOptID": "1"}),
    "POST ./auth/challenge_phone": (
        "/challenge_phone",
        {"chUaID": "42", "chIntent": "edit", "chPhone": "+40768248202"},
    ),
    "POST ./auth/tfa_options": ("/tfa_options", {**OWN, "tfaOptType": "3", "chSecret": "A", "chResponse": "012345"}),
    "POST ./auth/tfa_options, _method=DELETE": (
        "/tfa_options",
        {**OWN, "tfaOptID": "1", "uaPassword": "right", "_method": "DELETE"},
    ),
}


def wrote(call: str, outcome: Outcome) -> Reply:
    path, fields = SENT[call]
    return ADSERVIO.answer(outcome, accept(path, fields))


def listed(options: tuple[Enrolment, ...], *, is_whole: bool) -> Reply:
    outcome = OptionsListed(options, is_whole)
    if is_whole:
        return ADSERVIO.answer(outcome, accept("/tfa_options", None, BEARER, verb="GET", query=OWN))
    return wrote("POST ./auth/tfa_options, _method=GET", outcome)


def answers() -> Replies:
    """Every good answer."""
    signed = SignedIn(AccountId("school", "42"), "eyJ0.eyJz.c2ln", FIRST)
    drawn = SecretDrawn("JBSWY3DPEHPK3PXP", "otpauth://totp/School:ada?secret=JBSWY3DPEHPK3PXP&issuer=School")
    return {
        "POST ./auth": wrote("POST ./auth", signed),
        "POST ./auth, tfaSave=1": wrote("POST ./auth", replace(signed, device="0123456789abcdef0123456789abcdef")),
        "the list, by password": listed((MAIL, TOTP, SMS), is_whole=False),
        "the list, by token": listed((MAIL, TOTP, SMS), is_whole=True),
        "the list, nothing there": listed((), is_whole=False),
        "POST ./auth/tfa_challenge": wrote("POST ./auth/tfa_challenge", Finished()),
        "POST ./auth/challenge_phone": wrote("POST ./auth/challenge_phone", ChallengeBegun(8_412_733_001_234_567)),
        "GET ./auth/totp": ADSERVIO.answer(drawn, accept("/totp", None, BEARER, verb="GET")),
        "POST ./auth/tfa_options": wrote("POST ./auth/tfa_options", OptionAdded(3)),
        "DELETE ./auth/tfa_options": wrote("POST ./auth/tfa_options, _method=DELETE", Finished()),
    }


def denials() -> Replies:
    """What each call meets instead, as far as the answer differs from one call to another."""
    passwords = {
        f"{call}, wrong password": wrote(call, Turned(Denial.PASSWORD_WRONG))
        for call in SENT
        if "Password" in SENT[call][1]
    }
    return {
        "POST ./auth, a code is needed": wrote("POST ./auth", CodeNeeded()),
        "POST ./auth, wrong code": wrote("POST ./auth", Turned(Denial.CODE_WRONG, "code")),
        "POST ./auth, too many codes": wrote("POST ./auth", Turned(Denial.CODES_LIMITED, "code", 900_000)),
        "POST ./auth, too many passwords": wrote("POST ./auth", Turned(Denial.PASSWORDS_LIMITED, "", 900_000)),
        **passwords,
        "the list, of another uaID": wrote("POST ./auth/tfa_options, _method=GET", Turned(Denial.NOBODY, "account")),
        "the list, no token": wrote("POST ./auth/tfa_options, _method=GET", Turned(Denial.NOBODY, "token")),
        "an option of nobody": wrote("POST ./auth/tfa_challenge", Turned(Denial.VALUE_WRONG, "option")),
        "a number that no message goes to": wrote("POST ./auth/challenge_phone", Turned(Denial.VALUE_WRONG, "address")),
        "no recent login": wrote("POST ./auth/challenge_phone", Turned(Denial.LOGIN_STALE)),
        "too many messages": wrote("POST ./auth/tfa_challenge", Turned(Denial.SENDS_LIMITED, "", 29_001)),
        "not sent": wrote("POST ./auth/tfa_challenge", Turned(Denial.SEND_FAILED)),
        "a wrong code of a new number": wrote("POST ./auth/tfa_options", Turned(Denial.CODE_WRONG, "challenge")),
        "a wrong code of a new authenticator": wrote("POST ./auth/tfa_options", Turned(Denial.CODE_WRONG, "secret")),
        "the last of the tries": wrote("POST ./auth/tfa_options", Turned(Denial.CODES_LIMITED, "secret", 900_000)),
        "the account has changed": wrote("POST ./auth", Turned(Denial.CHANGED)),
        "the store is away": wrote("POST ./auth", Turned(Denial.UNAVAILABLE, "", 1000)),
        "too many calls": wrote("POST ./auth", Turned(Denial.CALLS_LIMITED, "", 60_000)),
    }


def requests() -> Replies:
    """What no errand comes of."""
    return {
        "a path that there is not": turn("/nothing", WHO),
        "PUT": turn("/tfa_options", WHO, verb="PUT"),
        "a password in the query": turn("/tfa_options", None, verb="GET", query=WHO),
        "two modes": turn("/tfa_options", {**WHO, **OWN, "_method": "GET"}),
        "a field twice": turn("", body=b"uaUserName=a&uaUserName=b"),
        "XML": turn("", kind=b"text/xml", body=b"<a/>"),
        "no name": turn("", {"uaPassword": "right"}),
        "errors as an object": replace(ADSERVIO, errors=ErrorForm.OBJECT).refuse(
            Reason.CODE_MISSING, Asked("GET", "/orders/1")
        ),
    }


def refusals() -> Replies:
    """What the gate says in this form on a protected route."""
    asked = Asked("PATCH", "/orders/1")
    return {f"{reason}": ADSERVIO.refuse(reason, asked) for reason in Reason}


FILES: Mapping[str, Callable[[], Replies]] = {
    "adservio/answers": answers,
    "adservio/denials": denials,
    "adservio/requests": requests,
    "adservio/refusals": refusals,
}
