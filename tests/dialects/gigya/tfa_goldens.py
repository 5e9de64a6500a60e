"""Whole answers of the Gigya form about second factors, for the golden files."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from mfa_gateway.core.account import Enrolment, Factor
from mfa_gateway.core.entrance import Attested, CodeSent, Finished, Outcome
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
    "push.optin": {},
    "push.sendVerification": {},
    "push.isVerified": {},
    "push.verify": {},
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
}
# What else a client can get wrong, of each method that looks at more than whether something is there.
WRONG: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("initTFA", {"provider": "gigyaCarrierPigeon"}),
    ("initTFA", {"provider": "gigyaPush"}),
    ("initTFA", {"mode": "delete"}),
    ("initTFA", {"clientContext": "x" * 2049}),
    ("finalizeTFA", {"tempDevice": "perhaps"}),
    ("phone.sendVerificationCode", {"method": "voice"}),
    ("phone.sendVerificationCode", {"method": "fax"}),
    ("phone.sendVerificationCode", {"lang": ""}),
    ("totp.register", {"includeSecret": "perhaps"}),
    ("deactivateProvider", {"provider": "gigyaPush"}),
    ("resetTFA", {"provider": "gigyaCarrierPigeon"}),
    ("importTFA", {"provider": "gigyaTotp"}),
    ("importTFA", {"phones": "[]"}),
    ("importTFA", {"phones": '["+491701234567"]'}),
    ("unregisterDevice", {"allDevices": "perhaps"}),
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


FILES: Mapping[str, Callable[[], Replies]] = {"gigya/tfa": tfa, "gigya/tfa-requests": requests}
