"""Whole answers of the Gigya form about second factors, for the golden files."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from mfa_gateway.core.account import Enrolment, Factor
from mfa_gateway.core.entrance import Attested, CodeSent, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.second_outcomes import (
    CertificateTold,
    CodesLeft,
    CodesPrinted,
    EnrolmentsTold,
    FactorsTold,
    SecretShown,
)
from mfa_gateway.dialects.wire import Reply
from tests.dialects.gigya.calls import GIGYA, NOW, accept, answer

Replies = Mapping[str, Reply]

ASSERTION = {"gigyaAssertion": "eyJ0.eyJh.c2ln"}
CODE = {**ASSERTION, "phvToken": "APhv", "code": "123456"}
TOKEN = Attested("eyJ0.eyJp.c2ln")
MAILS = (
    Enrolment(Factor.EMAIL, "0a1b", address="countess@shop.test", added_ms=NOW - 90_000, used_ms=NOW - 1000),
    Enrolment(Factor.EMAIL, "recorded-address", address="ada@shop.test"),
)
PHONES = (Enrolment(Factor.SMS, "2c3d", address="+491701234567", added_ms=NOW - 90_000),)
AUTHENTICATORS = (
    Enrolment(Factor.TOTP, "4e5f", "Telephone", added_ms=NOW - 90_000, used_ms=NOW - 1000),
    Enrolment(Factor.TOTP, "6a7b", added_ms=NOW - 90_000),
)
SECRET = SecretShown("ASct", "JBSWY3DPEHPK3PXP", "otpauth://totp/Shop:ada?secret=JBSWY3DPEHPK3PXP&issuer=Shop")
IMPORTED = '[{"phoneNumber": "491701234567", "method": "sms"}, {"phone": "+491701234568", "method": "voice"}]'
DEVICE = '{"platform": "android", "man": "Example", "pushToken": "dGVs:ZXBob25l", "os": "15"}'
METHODS: Mapping[str, Mapping[str, str]] = {
    "getProviders": {"regToken": "AReg"},
    "initTFA": {"regToken": "AReg", "provider": "gigyaEmail", "mode": "verify"},
    "finalizeTFA": {**ASSERTION, "providerAssertion": "eyJ0.eyJp.c2ln", "regToken": "AReg"},
    "getCertificate": {},
    "phone.getCertificate": {},
    "email.getEmails": ASSERTION,
    "email.sendVerificationCode": {**ASSERTION, "emailID": "0a1b", "lang": "en"},
    "email.completeVerification": CODE,
    "phone.getRegisteredPhoneNumbers": ASSERTION,
    "phone.sendVerificationCode": {**ASSERTION, "phone": "491701234567", "method": "sms", "lang": "en"},
    "phone.completeVerification": CODE,
    "phone.removePhone": {**ASSERTION, "phoneId": "2c3d"},
    "totp.register": ASSERTION,
    "totp.verify": {**ASSERTION, "code": "123456", "sctToken": "ASct"},
    "totp.getRegistered": ASSERTION,
    "totp.remove": {**ASSERTION, "id": "4e5f"},
    "backupcodes.create": ASSERTION,
    "backupcodes.get": ASSERTION,
    "backupcodes.verify": {**ASSERTION, "code": "KLMNOPQRST"},
    "deactivateProvider": {"provider": "gigyaPhone"},
    "resetTFA": {"UID": "ada"},
    "importTFA": {"UID": "ada", "provider": "gigyaPhone", "phones": IMPORTED},
    "phone.importTFA": {"UID": "ada", "provider": "gigyaPhone", "phones": IMPORTED},
    "unregisterDevice": {"allDevices": "true"},
    "push.optin": {**ASSERTION, "deviceInfo": DEVICE},
    "push.sendVerification": ASSERTION,
    "push.isVerified": ASSERTION,
    "push.verify": {**ASSERTION, "verificationToken": f"gate.{'A' * 43}"},
}
# What each method ends with where everything is well.
OUTCOMES: Mapping[str, Outcome] = {
    "getProviders": FactorsTold((Factor.EMAIL, Factor.SMS), (Factor.TOTP,)),
    "initTFA": TOKEN,
    "finalizeTFA": Finished(),
    "getCertificate": CertificateTold("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    "phone.getCertificate": CertificateTold("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    "email.getEmails": EnrolmentsTold(MAILS),
    "email.sendVerificationCode": CodeSent("APhv"),
    "email.completeVerification": TOKEN,
    "phone.getRegisteredPhoneNumbers": EnrolmentsTold(PHONES),
    "phone.sendVerificationCode": CodeSent("APhv"),
    "phone.completeVerification": TOKEN,
    "phone.removePhone": Finished(),
    "totp.register": SECRET,
    "totp.verify": TOKEN,
    "totp.getRegistered": EnrolmentsTold(AUTHENTICATORS),
    "totp.remove": Finished(),
    "backupcodes.create": CodesPrinted(("KLMNOPQRST", "UVWXYZ2345")),
    "backupcodes.get": CodesLeft(2),
    "backupcodes.verify": TOKEN,
    "deactivateProvider": Finished(),
    "resetTFA": Finished(),
    "importTFA": Finished(),
    "phone.importTFA": Finished(),
    "unregisterDevice": Finished(),
    "push.optin": Finished(),
    "push.sendVerification": Finished(),
    "push.isVerified": TOKEN,
    "push.verify": TOKEN,
}
# What else a client can get wrong, of each method that looks at more than whether something is there.
WRONG: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("initTFA", {"provider": "gigyaCarrierPigeon"}),
    ("initTFA", {"provider": "livelink"}),
    ("initTFA", {"mode": "delete"}),
    ("initTFA", {"clientContext": "x" * 2049}),
    ("finalizeTFA", {"tempDevice": "perhaps"}),
    ("phone.sendVerificationCode", {"method": "voice"}),
    ("phone.sendVerificationCode", {"method": "fax"}),
    ("phone.sendVerificationCode", {"lang": ""}),
    ("totp.register", {"includeSecret": "perhaps"}),
    ("deactivateProvider", {"provider": "livelink"}),
    ("resetTFA", {"provider": "gigyaCarrierPigeon"}),
    ("importTFA", {"provider": "gigyaTotp"}),
    ("importTFA", {"phones": "[]"}),
    ("importTFA", {"phones": '["+491701234567"]'}),
    ("unregisterDevice", {"allDevices": "perhaps"}),
    ("push.optin", {"deviceInfo": "a telephone"}),
    ("push.verify", {"verificationToken": ""}),
)
# What each method of devices is turned away with, by whatever went wrong.
_BAD = Turned(Denial.ASSERTION_BAD, "gigyaAssertion")
_STRANGE = Turned(Denial.NOBODY, "session")
_MANY = Turned(Denial.SENDS_LIMITED, retry_after_ms=30_000)
TURNED: tuple[tuple[str, str, Turned], ...] = (
    ("push.optin", "without a session", _STRANGE),
    ("push.optin", "with a bad assertion", _BAD),
    ("push.optin", "of a device that is there", Turned(Denial.VALUE_WRONG, "deviceInfo")),
    ("push.optin", "too soon after another one", _MANY),
    ("push.optin", "while nothing can be sent", Turned(Denial.SEND_FAILED)),
    ("push.sendVerification", "with a bad assertion", _BAD),
    ("push.sendVerification", "of somebody without a device", Turned(Denial.NO_PROVIDER)),
    ("push.sendVerification", "too soon after another one", _MANY),
    ("push.sendVerification", "while nothing can be sent", Turned(Denial.SEND_FAILED)),
    ("push.isVerified", "with a bad assertion", _BAD),
    ("push.verify", "by nobody", _STRANGE),
    ("push.verify", "with a bad assertion", _BAD),
    ("push.verify", "with a wrong token", Turned(Denial.CODE_WRONG, "code")),
    ("push.verify", "with one wrong token too many", Turned(Denial.CODES_LIMITED, "code", 900_000)),
    ("push.verify", "after the account has changed", Turned(Denial.TICKET_BAD, "verificationToken")),
)


def wrote(method: str, outcome: Outcome, **more: str) -> Reply:
    """The answer of a method, without the bytes of a picture: those are another's to make."""
    reply = GIGYA.answer(outcome, accept(f"accounts.tfa.{method}", {**METHODS[method], **more}))
    return replace(reply, body=re.sub(rb"(data:image/png;base64,)[^\"]+", rb"\1iVBORw0...", reply.body))


def tfa() -> Replies:
    """Every good answer."""
    plain = "for whoever may edit"
    return {f"accounts.tfa.{method}": wrote(method, outcome) for method, outcome in OUTCOMES.items()} | {
        f"accounts.tfa.email.getEmails, {plain}": wrote("email.getEmails", EnrolmentsTold(MAILS, is_plain=True)),
        f"accounts.tfa.phone.getRegisteredPhoneNumbers, {plain}": wrote(
            "phone.getRegisteredPhoneNumbers", EnrolmentsTold(PHONES, is_plain=True)
        ),
        "accounts.tfa.totp.register, includeSecret=true": wrote("totp.register", SECRET, includeSecret="true"),
        "accounts.tfa.getProviders, of somebody who has none": wrote("getProviders", FactorsTold((), ())),
        "accounts.tfa.getProviders, of somebody whose device has not opted in": wrote(
            "getProviders", FactorsTold((Factor.EMAIL,), (Factor.TOTP, Factor.PUSH))
        ),
    }


def requests() -> Replies:
    """What no errand comes of."""
    bare = {name: f"accounts.tfa.{name}" for name in METHODS}
    needy = [name for name in METHODS if name not in ("getProviders", "unregisterDevice") and "Certificate" not in name]
    missing = {f"{bare[name]}, nothing sent": answer(bare[name], {}) for name in needy}
    return missing | {
        f"{bare[name]}, {', '.join(f'{key}={value[:30]}' for key, value in wrong.items())}": answer(
            bare[name], {**METHODS[name], **wrong}
        )
        for name, wrong in WRONG
    }


def turned() -> Replies:
    """How the methods of devices say no, and not yet."""
    bare = "accounts.tfa.push.isVerified, not answered yet"
    said = {f"accounts.tfa.{method}, {why}": wrote(method, denied) for method, why, denied in TURNED}
    return {bare: wrote("push.isVerified", Finished())} | said


FILES: Mapping[str, Callable[[], Replies]] = {
    "gigya/tfa": tfa,
    "gigya/tfa-requests": requests,
    "gigya/tfa-push": turned,
}
