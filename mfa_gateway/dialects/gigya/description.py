"""Description: the methods of the Gigya form for its readers, one operation for each line of the table and each verb.

Names, verbs, credentials and errors come of the tables that calls are answered with; what a method takes and gives is
told here, and a method that nothing is told of cannot be described. What stays out: the document around it (openapi).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from mfa_gateway.core.entrance.assertions import Mode
from mfa_gateway.core.site import PROVIDERS
from mfa_gateway.dialects.describing import (
    JSON,
    Answer,
    Body,
    Description,
    Operation,
    Schema,
    items,
    number,
    one_of,
    refer,
    text,
)
from mfa_gateway.dialects.gigya.envelope import status_of
from mfa_gateway.dialects.gigya.errors import DEVICE, MESSAGES
from mfa_gateway.dialects.gigya.method import SERVERS, Method
from mfa_gateway.dialects.gigya.methods import EVERY

_FORM: Final = "application/x-www-form-urlencoded"
_SCRIPT: Final = "text/javascript"
_ENVELOPE: Final = "GigyaEnvelope"
_ABOUT: Final = (
    "Methods in the form of SAP Customer Data Cloud. A session is shown as `Authorization: Bearer`, `login_token` or "
    "cookie; servers sign (`sig`), send `secret` over TLS, or a JWT of a user key"
)

_TRUTH: Final = {"type": "boolean"}
_ANY: Final[Schema] = {"type": "object"}
_FLAG: Final = one_of(("true", "false", "1", "0"))
# Of the parameters that are not any text.
_VALUES: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        **dict.fromkeys(("httpStatusCodes", "includeUserInfo", "sendCode", "includeSecret"), _FLAG),
        **dict.fromkeys(("tempDevice", "allDevices", "V2"), _FLAG),
        "provider": one_of(PROVIDERS),
        "mode": one_of(mode.value for mode in Mode),
        "method": one_of(("sms",)),
        "loginMode": one_of(("standard", "reauth")),
        "targetEnv": one_of(("browser", "mobile", "jssdk")),
    }
)
_EVERYWHERE: Final = ("apiKey", "httpStatusCodes", "context", DEVICE, "login_token")
_SCRIPTS: Final = ("format", "callback")
_OF_SERVERS: Final = ("secret", "userKey")


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of one method: what it does, what it needs, what it may take besides, and what it may give."""

    summary: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    gives: Mapping[str, Schema] = field(default_factory=dict)


_ADDRESS: Final[Schema] = {
    "type": "object",
    "properties": {"id": text(), "obfuscated": text(), "plain": text(), "lastVerification": text()},
    "required": ["id", "obfuscated"],
}
_AUTHENTICATOR: Final[Schema] = {
    "type": "object",
    "properties": {"id": text(), "name": text(), "lastVerification": text()},
    "required": ["id"],
}
_PROVIDER: Final[Schema] = {
    "type": "object",
    "properties": {"name": one_of(PROVIDERS), "authLevel": number(), "capabilities": items(text())},
    "required": ["name", "authLevel"],
}
_PENDING: Final[Mapping[str, Schema]] = {"UID": text(), "regToken": text(), "sessionInfo": _ANY}
_SHOWN: Final[Mapping[str, Schema]] = {
    **dict.fromkeys(("UID", "UIDSignature", "signatureTimestamp", "created", "lastLogin", "registered"), text()),
    **dict.fromkeys(("isActive", "isRegistered", "isVerified"), _TRUTH),
    **dict.fromkeys(("profile", "data", "emails", "loginIDs", "userInfo"), _ANY),
}
_LOGGED_IN: Final = {**_SHOWN, **_PENDING, "newUser": _TRUTH, "isNewUser": _TRUTH, "id_token": text()}
_STAY: Final = ("targetEnv", "sessionExpiration", "include", "includeUserInfo")
_WHO: Final = ("UID", "regToken")
_BY_ASSERTION: Final = ("gigyaAssertion",)
_ATTESTED: Final = {"providerAssertion": text()}
_CODE: Final = ("gigyaAssertion", "phvToken", "code")
_TICKET: Final = {"phvToken": text()}
_CERTIFICATE: Final = _Said("The certificate that assertions are signed with", gives={"certificate": text()})
_IMPORT: Final = _Said("Bring telephone numbers of an account", ("UID", "provider", "phones"))

# spec/gigya.md section 1.
_METHODS: Final[Mapping[str, _Said]] = MappingProxyType(
    {
        "accounts.otp.sendCode": _Said(
            "Send a code to a number, or to a mailbox that is to be verified",
            ("lang",),
            ("phoneNumber", "email", "sendCode", *_WHO),
            {"vToken": text(), "code": text(), **_PENDING},
        ),
        "accounts.otp.login": _Said(
            "Log in by a code; an unknown number becomes an account where the site allows it",
            ("vToken", "code"),
            (*_STAY, "regSource", "cid"),
            _LOGGED_IN,
        ),
        "accounts.otp.update": _Said("Verify an address of an account by its code", ("vToken", "code"), _WHO, _PENDING),
        "accounts.otp.delete": _Said("Take the number of an account away", ("UID",)),
        "accounts.auth.otp.email.sendCode": _Said(
            "Send a code to a mailbox",
            ("email",),
            ("lang", "sendCode", *_WHO),
            {"vToken": text(), "code": text(), **_PENDING},
        ),
        "accounts.auth.otp.email.login": _Said(
            "Log in by a code from a mailbox", ("vToken", "code"), (*_STAY, "regSource", "cid"), _LOGGED_IN
        ),
        "accounts.auth.otp.verify": _Said(
            "A signed statement that a code was right", ("vToken", "code"), gives={"id_token": text()}
        ),
        "accounts.login": _Said(
            "Log in; 403101 or 403102 with a regToken where a second factor is to be shown",
            ("password",),
            ("loginID", "aToken", "loginMode", *_STAY),
            _LOGGED_IN,
        ),
        "accounts.finalizeRegistration": _Said("Go on with a login", ("regToken",), _STAY, _LOGGED_IN),
        "accounts.identifiers.createToken": _Said(
            "A ticket in place of a login id", ("identifier",), gives={"aToken": text()}
        ),
        "accounts.getAccountInfo": _Said(
            "Who somebody is", takes=(*_WHO, "include", "includeUserInfo"), gives={**_SHOWN, **_PENDING}
        ),
        "accounts.setAccountInfo": _Said(
            "Amend profile or data, each one JSON object",
            takes=("profile", "data", *_WHO),
            gives={"validationErrors": items(_ANY), **_PENDING},
        ),
        "accounts.getJWT": _Said(
            "A signed token about the caller, which opens the gate",
            takes=("fields", "expiration", "audience", "targetUID"),
            gives={"ignoredFields": text(), "id_token": text()},
        ),
        "accounts.getJWTPublicKey": _Said(
            "What the tokens are signed with: a JWK, with V2=true all of them",
            takes=("V2",),
            gives={"keys": items(_ANY)},
        ),
        "accounts.logout": _Said("End sessions", takes=("UID",)),
        "accounts.session.verify": _Said("Whether a session is open"),
        "accounts.exchangeUIDSignature": _Said(
            "Sign a UID anew with the secret of a user key",
            ("UID", "UIDSignature", "signatureTimestamp"),
            gives={"UID": text(), "UIDSignature": text(), "signatureTimestamp": text()},
        ),
        "accounts.webSdkBootstrap": _Said("Cookies that name a browser", gives={"hasGmid": text()}),
        "socialize.getIDs": _Said(
            "Names of a device",
            gives={"gcid": text(), "gmid": text(), "ucid": text(), "refreshTime": number()},
        ),
        "accounts.tfa.getProviders": _Said(
            "Which second factors an account has",
            takes=_WHO,
            gives={
                "activeProviders": items(_PROVIDER),
                "inactiveProviders": items(_PROVIDER),
                "pendingOptin": items(_PROVIDER),
            },
        ),
        "accounts.tfa.initTFA": _Said(
            "Begin with a second factor", ("provider",), ("mode", "clientContext", *_WHO), {"gigyaAssertion": text()}
        ),
        "accounts.tfa.finalizeTFA": _Said(
            "Count a second factor in its login; with tempDevice=false the device is remembered",
            ("gigyaAssertion", "providerAssertion"),
            ("tempDevice", *_WHO),
        ),
        "accounts.tfa.getCertificate": _CERTIFICATE,
        "accounts.tfa.phone.getCertificate": _CERTIFICATE,
        "accounts.tfa.deactivateProvider": _Said("Take a second factor away", ("provider",), ("UID",)),
        "accounts.tfa.resetTFA": _Said("Take second factors of an account away", ("UID",), ("provider",)),
        "accounts.tfa.importTFA": _IMPORT,
        "accounts.tfa.phone.importTFA": _IMPORT,
        "accounts.tfa.unregisterDevice": _Said("Forget remembered devices", takes=("allDevices", "UID")),
        "accounts.tfa.push.optin": _Said(
            "Have a device be asked, with a session: deviceInfo is JSON, {platform: android | ios, pushToken, man, os}",
            ("gigyaAssertion", "deviceInfo"),
        ),
        "accounts.tfa.push.sendVerification": _Said(
            "Ask the devices of the account; what they were asked before is void", _BY_ASSERTION
        ),
        "accounts.tfa.push.isVerified": _Said(
            "Whether a device has answered: nothing until then. Ask every 3 s, for 2 minutes",
            _BY_ASSERTION,
            gives=_ATTESTED,
        ),
        "accounts.tfa.push.verify": _Said(
            "Answer, as the device, with what the message held",
            ("gigyaAssertion", "verificationToken"),
            gives=_ATTESTED,
        ),
        "accounts.tfa.email.getEmails": _Said(
            "Mailboxes that a code can go to", _BY_ASSERTION, gives={"emails": items(_ADDRESS)}
        ),
        "accounts.tfa.email.sendVerificationCode": _Said(
            "Send a code to a mailbox of the account, or to a new one", _BY_ASSERTION, ("emailID", "email"), _TICKET
        ),
        "accounts.tfa.email.completeVerification": _Said("Show a code from a mailbox", _CODE, gives=_ATTESTED),
        "accounts.tfa.phone.getRegisteredPhoneNumbers": _Said(
            "Numbers that a code can go to", _BY_ASSERTION, gives={"phones": items(_ADDRESS)}
        ),
        "accounts.tfa.phone.sendVerificationCode": _Said(
            "Send a code to a number of the account, or to a new one; method=voice is not supported",
            ("gigyaAssertion", "method", "lang"),
            ("phoneID", "phone"),
            _TICKET,
        ),
        "accounts.tfa.phone.completeVerification": _Said("Show a code from a telephone", _CODE, gives=_ATTESTED),
        "accounts.tfa.phone.removePhone": _Said("Take a number away", ("gigyaAssertion", "phoneId")),
        "accounts.tfa.totp.register": _Said(
            "Draw the secret of an authenticator",
            _BY_ASSERTION,
            ("includeSecret",),
            {"qrCode": text(), "sctToken": text(), "secret": text()},
        ),
        "accounts.tfa.totp.verify": _Said(
            "Show a code of an authenticator", ("gigyaAssertion", "code"), ("sctToken", "name"), _ATTESTED
        ),
        "accounts.tfa.totp.getRegistered": _Said(
            "Authenticators of the account", _BY_ASSERTION, gives={"authenticators": items(_AUTHENTICATOR)}
        ),
        "accounts.tfa.totp.remove": _Said("Take an authenticator away", ("gigyaAssertion", "id")),
        "accounts.tfa.backupcodes.create": _Said(
            "Draw backup codes", _BY_ASSERTION, gives={"backupCodes": items(text())}
        ),
        "accounts.tfa.backupcodes.get": _Said(
            "How many backup codes are left, as so many stars", _BY_ASSERTION, gives={"backupCodes": items(text())}
        ),
        "accounts.tfa.backupcodes.verify": _Said(
            "Show a backup code", ("gigyaAssertion", "code"), gives={**_ATTESTED, "gigyaAssertion": text()}
        ),
    }
)

_SCHEMA: Final[Schema] = {
    "type": "object",
    "properties": {
        "callId": text(),
        "errorCode": {
            "type": "integer",
            "enum": [0, *MESSAGES],
            "description": "; ".join(f"{code}: {message}" for code, message in MESSAGES.items()),
        },
        "errorDetails": text(),
        "errorMessage": text(),
        "apiVersion": {"const": 2},
        "statusCode": number(minimum=200, maximum=599),
        "statusReason": text(),
        "time": text(format="date-time"),
        "context": text(),
    },
    "required": ["callId", "errorCode", "apiVersion", "statusCode", "statusReason", "time"],
}
# The statuses that HTTP itself wants, whatever the client asks for.
_OF_HTTP: Final = frozenset({405, 413, 503})


def description(prefix: str, *, allows_jsonp: bool) -> Description:
    """Every method below a prefix, as a GET and as a POST.

    Raises:
        KeyError: nothing is said of a method of the table.
    """
    operations = (
        _operation(prefix, method, verb, allows_jsonp=allows_jsonp) for method in EVERY for verb in ("GET", "POST")
    )
    return Description("gigya", _ABOUT, tuple(operations), {_ENVELOPE: _SCHEMA})


def _operation(prefix: str, method: Method, verb: str, *, allows_jsonp: bool) -> Operation:
    said = _METHODS[method.name]
    needs = (*said.needs, *(("userKey",) if method.name == "accounts.exchangeUIDSignature" else ()))
    names = (*needs, *said.takes, *(_OF_SERVERS if method.welcome == SERVERS else ()), *_EVERYWHERE)
    values = {name: _VALUES.get(name, text()) for name in names} | (_SCRIPT_VALUES if allows_jsonp else {})
    is_get = verb == "GET"
    form: Schema = {"type": "object", "properties": values, **({"required": list(needs)} if needs else {})}
    return Operation(
        path=f"{prefix}/{method.name}",
        method=verb,
        name=f"{method.name}_{verb.lower()}",
        summary=said.summary,
        answers=dict(_answers(said, allows_jsonp=allows_jsonp)),
        body=None if is_get else Body({_FORM: form}),
        takes_bearer=False,
        parameters=tuple(_parameter(name, values[name], needs) for name in values) if is_get else (),
    )


_SCRIPT_VALUES: Final = dict(zip(_SCRIPTS, (one_of(("json", "jsonp")), text()), strict=True))


def _parameter(name: str, schema: Schema, needs: tuple[str, ...]) -> Mapping[str, object]:
    return {"name": name, "in": "query", "required": name in needs, "schema": schema}


def _answers(said: _Said, *, allows_jsonp: bool) -> Iterator[tuple[int, Answer]]:
    done: Schema = {"allOf": [refer(_ENVELOPE), {"type": "object", "properties": dict(said.gives)}]}
    yield 200, Answer("The envelope; errors are in `errorCode`.", _content(done, allows_jsonp), _WAITS)
    for status in sorted({status_of(code) for code in MESSAGES}):
        when = "Whatever was wished" if status in _OF_HTTP else "With httpStatusCodes=true"
        fields = _WAITS | ({"Allow"} if status == 405 else set())  # noqa: PLR2004 - HTTP's own number
        # A login that is not complete shows what it has.
        told = done if status == 206 else refer(_ENVELOPE)  # noqa: PLR2004 - HTTP's own number
        yield status, Answer(f"{when}: errors from {status}000 on.", _content(told, allows_jsonp), fields)


_WAITS: Final = frozenset({"Retry-After"})


def _content(schema: Schema, allows_jsonp: bool) -> Mapping[str, Schema]:  # noqa: FBT001 - as it is configured
    return {JSON: schema, **({_SCRIPT: text()} if allows_jsonp else {})}
