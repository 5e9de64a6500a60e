"""Whole answers of the Gigya form, for the golden files: a file for each group of methods, a block for each fact."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.entrance import Attested, CodeSent, Denial, Entered, Finished, Incomplete, Outcome, Turned
from mfa_gateway.core.entrance.words import Portrait
from mfa_gateway.core.session import OpenedSession, Session
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Asked, Reply
from tests.dialects.gigya.calls import GIGYA, NOW, accept, answer

Replies = Mapping[str, Reply]

PHONE = {"phoneNumber": "+491701234567", "lang": "en"}
SHOWN = {"vToken": "AXu1", "code": "123456"}
ADA = Portrait(
    AccountId("people", "0d5b7a8f2c9e4d10a6b3f1e2d3c4b5a6"),
    email="ada@shop.test",
    email_verified=True,
    phone="+491701234567",
    phone_verified=True,
    login_ids=("ada@shop.test", "+491701234567"),
    profile={
        "firstName": "Ada",
        "createdTimestamp": 1_763_769_600_123,
        "regSource": "https://shop.test",
        "data": {"a": 1},
    },
)
STRANGER = Portrait(AccountId("people", "bob"), is_disabled=True, email="bob@shop.test")
SESSION = OpenedSession(
    Session("5e55", ADA.account, "3_KEY", device="", age_ms=0, left_ms=3_600_000, secret=b"0123456789abcdef" * 2),
    "dG9rZW4",
)
ENDLESS = replace(SESSION, session=replace(SESSION.session, left_ms=None))
EVERYTHING = "profile,data,emails,loginIDs,regSource,id_token"
METHODS = {
    "accounts.otp.sendCode": PHONE,
    "accounts.otp.login": SHOWN,
    "accounts.otp.update": {**SHOWN, "UID": "ada"},
    "accounts.otp.delete": {"UID": "ada"},
    "accounts.auth.otp.email.sendCode": {"email": "ada@shop.test"},
    "accounts.auth.otp.email.login": SHOWN,
    "accounts.auth.otp.verify": SHOWN,
}


def wrote(method: str, outcome: Outcome, **more: str) -> Reply:
    return GIGYA.answer(outcome, accept(method, {**METHODS[method], **more}))


def codes() -> Replies:
    """Every good answer of the methods of codes."""
    send, login = "accounts.otp.sendCode", "accounts.otp.login"
    by_mail = "accounts.auth.otp.email"
    return {
        send: wrote(send, CodeSent("AXu1")),
        f"{send}, to a server that is told the code": wrote(send, CodeSent("AXu1", "123456")),
        f"{by_mail}.sendCode": wrote(f"{by_mail}.sendCode", CodeSent("AXu1")),
        login: wrote(login, Entered(ADA, SESSION)),
        f"{login}, somebody new, with everything": wrote(
            login, Entered(ADA, SESSION, is_new=True, id_token="eyJ0.eyJz.c2ln"), include=EVERYTHING
        ),
        f"{login}, targetEnv=mobile": wrote(login, Entered(ADA, ENDLESS), targetEnv="mobile", include="x"),
        f"{by_mail}.login, targetEnv=jssdk": wrote(
            f"{by_mail}.login", Entered(STRANGER, SESSION), targetEnv="jssdk", include="emails,loginIDs,regSource"
        ),
        f"{by_mail}.login, at a site without a secret": wrote(
            f"{by_mail}.login", Entered(ADA, SESSION), apiKey="3_BARE", include=""
        ),
        f"{login}, with fields that are missing": wrote(
            login, Incomplete("AReg", ADA, ("profile.lastName", "phoneNumber"), is_new=True)
        ),
        "accounts.otp.update": wrote("accounts.otp.update", Finished(), context="R2162263861"),
        "accounts.otp.delete": wrote("accounts.otp.delete", Finished()),
        "accounts.auth.otp.verify": wrote("accounts.auth.otp.verify", Attested("eyJ0.eyJl.c2ln")),
    }


def denials() -> Replies:
    """Every denial; they read alike for all methods."""
    return {
        f"{denial}": wrote(
            "accounts.otp.login", Turned(denial, "vToken", 90_000 if "limited" in denial else 0), httpStatusCodes="true"
        )
        for denial in Denial
    }


def requests() -> Replies:
    """What no errand comes of."""
    missing = {f"{name}, nothing sent": answer(name, {}) for name in METHODS}
    return missing | {
        "a method that there is not": answer("accounts.nothing"),
        "an API key of nobody": answer("accounts.otp.login", {**SHOWN, "apiKey": "3_NOBODY"}),
        "an error as a script": answer("accounts.otp.login", {"format": "jsonp", "callback": "gigya.callback"}),
        "PUT": answer("accounts.otp.login", verb="PUT"),
    }


def refusals() -> Replies:
    """What the gate says in this form on a protected route."""
    asked = Asked("PATCH", "/orders/1", request_id="0badcafe0badcafe", now_ms=NOW)
    return {f"{reason}": GIGYA.refuse(reason, asked) for reason in Reason}


FILES: Mapping[str, Callable[[], Replies]] = {
    "gigya/codes": codes,
    "gigya/denials": denials,
    "gigya/requests": requests,
    "gigya/refusals": refusals,
}
