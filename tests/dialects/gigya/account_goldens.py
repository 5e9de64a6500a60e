"""Whole answers of the Gigya form about accounts and their sessions, for the golden files."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from mfa_gateway.core.entrance import Denial, Entered, Finished, Incomplete, Outcome, Turned
from mfa_gateway.core.entrance.account_outcomes import (
    DeviceNamed,
    Minted,
    Pending,
    PublicKeys,
    SecondStep,
    Seen,
    TicketGiven,
)
from mfa_gateway.dialects.gigya.signature import uid_signature
from mfa_gateway.dialects.wire import Reply
from tests.dialects.gigya.calls import GIGYA, NOW, SECRET, accept, answer
from tests.dialects.gigya.goldens import ADA, ENDLESS, EVERYTHING, PHONE, SESSION, SHOWN, Replies

CHANGED = replace(ADA, profile={**ADA.profile, "lastUpdatedTimestamp": 1_795_288_000_456, "lastName": "Lovelace"})
VERIFY = Pending("AReg", ADA.account, SecondStep.VERIFY)
REGISTER = Pending("AReg", ADA.account, SecondStep.REGISTER)
DEVICE = DeviceNamed("gmid.ver4.00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100")
KEY: Mapping[str, str] = MappingProxyType(
    {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": "AQ", "e": "AQAB"}
)
LOGIN = {"loginID": "ada@shop.test", "password": "correct horse"}
UID = "0d5b7a8f2c9e4d10a6b3f1e2d3c4b5a6"
STAMP = str(NOW // 1000)
EXCHANGE = {"UID": UID, "UIDSignature": uid_signature(SECRET, UID, NOW // 1000), "signatureTimestamp": STAMP}
METHODS: Mapping[str, Mapping[str, str]] = {
    "accounts.login": LOGIN,
    "accounts.finalizeRegistration": {"regToken": "AReg"},
    "accounts.identifiers.createToken": {"identifier": "ada@shop.test", "identifierType": "email"},
    "accounts.getAccountInfo": {},
    "accounts.setAccountInfo": {"profile": '{"firstName": "Ada"}'},
    "accounts.getJWT": {},
    "accounts.getJWTPublicKey": {},
    "accounts.logout": {},
    "accounts.session.verify": {},
    "accounts.exchangeUIDSignature": {**EXCHANGE, "userKey": "AKey"},
    "accounts.webSdkBootstrap": {},
    "socialize.getIDs": {},
}


def wrote(method: str, outcome: Outcome, *, is_secure: bool = True, **more: str) -> Reply:
    return GIGYA.answer(outcome, accept(method, {**METHODS[method], **more}, is_secure=is_secure))


def logins() -> Replies:
    """Everything that a login comes to."""
    login, finish, name = "accounts.login", "accounts.finalizeRegistration", "accounts.identifiers.createToken"
    return {
        login: wrote(login, Entered(ADA, SESSION)),
        f"{login}, somebody who changed their profile": wrote(login, Entered(CHANGED, SESSION), includeUserInfo="true"),
        f"{login}, a second factor is wanted": wrote(login, VERIFY),
        f"{login}, one has to be registered": wrote(login, REGISTER, httpStatusCodes="true"),
        f"{login}, fields are missing": wrote(login, Incomplete("AReg", ADA, ("profile.lastName",))),
        f"{login}, the mailbox is not verified": wrote(login, Incomplete("AReg", ADA, (), unverified=("a@x.test",))),
        f"{login}, wrong": wrote(login, Turned(Denial.PASSWORD_WRONG)),
        f"{login}, locked out": wrote(login, Turned(Denial.PASSWORDS_LIMITED, retry_after_ms=90_000)),
        f"{finish}, as mobile clients ask": wrote(
            finish,
            Entered(ADA, SESSION),
            include="profile,data,emails,subscriptions,preferences,",
            includeUserInfo="true",
            targetEnv="mobile",
        ),
        f"{finish}, with everything": wrote(
            finish, Entered(ADA, ENDLESS, id_token="eyJ0.eyJz.c2ln"), include=EVERYTHING
        ),
        f"{finish}, the second factor was not shown": wrote(finish, VERIFY),
        f"{finish}, the ticket is over": wrote(finish, Turned(Denial.TICKET_BAD, "regToken")),
        f"{finish}, the device does not say who it is": wrote(finish, Turned(Denial.DEVICE_MISSING)),
        name: wrote(name, TicketGiven("AIdt")),
    }


def accounts() -> Replies:
    """What is shown and amended of somebody."""
    info, amend = "accounts.getAccountInfo", "accounts.setAccountInfo"
    return {
        info: wrote(info, Seen(CHANGED, NOW - 5000)),
        f"{info}, by a server, with everything": wrote(info, Seen(ADA), include=EVERYTHING, includeUserInfo="1"),
        f"{info}, of nobody": wrote(info, Turned(Denial.NOBODY, "UID")),
        f"{info}, a second factor is wanted": wrote(info, VERIFY),
        amend: wrote(amend, Finished()),
        f"{amend}, a second factor has to be registered": wrote(amend, REGISTER),
        f"{amend}, a mailbox that was not proved": wrote(amend, Turned(Denial.ADDRESS_UNPROVEN, "profile.email")),
        "accounts.otp.sendCode, a second factor is wanted": GIGYA.answer(
            VERIFY, accept("accounts.otp.sendCode", PHONE)
        ),
        "accounts.otp.update, a second factor is wanted": GIGYA.answer(VERIFY, accept("accounts.otp.update", SHOWN)),
        f"{amend}, what clients do not write": answer(amend, {"profile": '{"data": 1, "regSource": ""}'}),
        f"{amend}, what is not kept": answer(amend, {"newPassword": "x", "subscriptions": "{}"}),
    }


def sessions() -> Replies:
    """Tokens, keys, ends, and ids."""
    jwt, key, logout = "accounts.getJWT", "accounts.getJWTPublicKey", "accounts.logout"
    bootstrap, ids, verify = "accounts.webSdkBootstrap", "socialize.getIDs", "accounts.session.verify"
    exchange = "accounts.exchangeUIDSignature"
    return {
        jwt: wrote(jwt, Minted("eyJ0.eyJz.c2ln")),
        f"{jwt}, with fields that nobody knows": wrote(jwt, Minted("eyJ0.eyJz.c2ln", ("data.a", "sub"))),
        f"{jwt}, without a session": wrote(jwt, Turned(Denial.NOBODY, "session")),
        key: wrote(key, PublicKeys((KEY,))),
        f"{key}, V2": wrote(key, PublicKeys((KEY,)), V2="true"),
        logout: wrote(logout, Finished()),
        verify: wrote(verify, Finished()),
        exchange: wrote(exchange, Finished()),
        f"{exchange}, by a page": wrote(exchange, Turned(Denial.FORBIDDEN)),
        bootstrap: wrote(bootstrap, DEVICE),
        f"{bootstrap}, without TLS": wrote(bootstrap, DEVICE, is_secure=False),
        ids: wrote(ids, DEVICE),
    }


def requests() -> Replies:
    """What no errand comes of: the first parameter that is missing is named."""
    steps = {
        "accounts.login": ({}, {"loginID": "a"}, {"aToken": "a"}),
        "accounts.finalizeRegistration": ({},),
        "accounts.identifiers.createToken": ({},),
        "accounts.setAccountInfo": ({},),
        "accounts.exchangeUIDSignature": ({}, {"UID": "a"}, {"UID": "a", "UIDSignature": "b"}, EXCHANGE),
    }
    return {
        f"{method}, with {', '.join(sent) or 'nothing'}": answer(method, dict(sent))
        for method, several in steps.items()
        for sent in several
    }


FILES: Mapping[str, Callable[[], Replies]] = {
    "gigya/logins": logins,
    "gigya/accounts": accounts,
    "gigya/sessions": sessions,
    "gigya/account-requests": requests,
}
