"""Calls about accounts and sessions become errands; what they are told, and what never becomes one."""

import json

import pytest

from mfa_gateway.core.entrance import Command, Entered, Finished, Outcome, Stay
from mfa_gateway.core.entrance.account_outcomes import DeviceNamed, TicketGiven
from mfa_gateway.core.entrance.logins import FinishRegistration, LogIn, LoginMode, NameSomebody
from mfa_gateway.core.entrance.own_sessions import (
    Acknowledge,
    ConfirmSession,
    LogOut,
    NameDevice,
    SignToken,
    TellKeys,
)
from mfa_gateway.core.entrance.profiles import Amend, Look
from mfa_gateway.dialects.gigya import devices, logins, people, sessions
from mfa_gateway.dialects.gigya.method import SERVERS, Method
from mfa_gateway.dialects.gigya.signature import uid_signature
from tests.dialects.gigya.account_goldens import EXCHANGE, METHODS, STAMP, UID
from tests.dialects.gigya.calls import GIGYA, NOW, SECRET, accept, answer
from tests.dialects.gigya.goldens import ADA, SESSION

HOUR = Stay(3_600_000)
LOGIN = {"loginID": "ada", "password": "right"}


def error(method: str, parameters: dict[str, str] | None = None, **more: object) -> tuple[int, str]:
    body = json.loads(answer(method, parameters, **more).body)
    return body["errorCode"], body["errorDetails"]


@pytest.mark.parametrize(
    ("name", "parameters", "command"),
    [
        ("accounts.login", LOGIN, LogIn("ada", "", "right", HOUR)),
        ("accounts.login", {"aToken": "t", "password": "right"}, LogIn("", "t", "right", HOUR)),
        ("accounts.login", {**LOGIN, "loginMode": "reAuth"}, LogIn("ada", "", "right", HOUR, LoginMode.AGAIN)),
        (
            "accounts.login",
            {**LOGIN, "sessionExpiration": "-2", "include": "id_token"},
            LogIn("ada", "", "right", Stay(None, wants_id_token=True)),
        ),
        (
            "accounts.finalizeRegistration",
            {"regToken": "r", "sessionExpiration": "60"},
            FinishRegistration("r", Stay(60_000)),
        ),
        ("accounts.identifiers.createToken", {"identifier": "ada"}, NameSomebody("ada")),
        ("accounts.getAccountInfo", {"UID": "u", "regToken": "r"}, Look("u", "r")),
        ("accounts.setAccountInfo", {"profile": '{"a": [1]}', "UID": "u"}, Amend({"a": [1]}, subject="u")),
        (
            "accounts.setAccountInfo",
            {"data": '{"a": null}', "regToken": "r"},
            Amend(data={"a": None}, registration="r"),
        ),
        ("accounts.getJWT", {}, SignToken()),
        (
            "accounts.getJWT",
            {"fields": "data.a, firstName,", "expiration": "900", "audience": "shop", "targetUID": "u"},
            SignToken(("data.a", "firstName"), 900_000, "shop", "u"),
        ),
        ("accounts.getJWTPublicKey", {"V2": "1"}, TellKeys()),
        ("accounts.logout", {"UID": "u"}, LogOut("u")),
        ("accounts.session.verify", {}, ConfirmSession()),
        ("accounts.exchangeUIDSignature", {**EXCHANGE, "userKey": "AKey"}, Acknowledge()),
        ("accounts.webSdkBootstrap", {}, NameDevice()),
        ("socialize.getIDs", {}, NameDevice()),
    ],
)
def test_a_call_says_what_is_to_be_done(name: str, parameters: dict[str, str], command: Command) -> None:
    assert accept(name, parameters).errand.command == command


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("accounts.login", {**LOGIN, "loginMode": "link"}, (400096, "loginMode=link is not supported")),
        ("accounts.login", {**LOGIN, "loginMode": "x"}, (400006, "Invalid parameter value : loginMode")),
        ("accounts.login", {**LOGIN, "aToken": "t"}, (400001, "Send loginID or aToken, not both")),
        ("accounts.login", {"password": "right"}, (400002, "Missing required parameter : loginID")),
        ("accounts.login", {"loginID": "ada"}, (400002, "Missing required parameter : password")),
        ("accounts.login", {**LOGIN, "targetEnv": "x"}, (400006, "Invalid parameter value : targetEnv")),
        ("accounts.login", {**LOGIN, "includeUserInfo": "x"}, (400006, "Invalid parameter value : includeUserInfo")),
        (
            "accounts.finalizeRegistration",
            {"regToken": "r", "targetEnv": "x"},
            (400006, "Invalid parameter value : targetEnv"),
        ),
        (
            "accounts.identifiers.createToken",
            {"identifier": "a" * 256},
            (400006, "Invalid parameter value : identifier"),
        ),
        ("accounts.getAccountInfo", {"includeUserInfo": "x"}, (400006, "Invalid parameter value : includeUserInfo")),
        ("accounts.setAccountInfo", {"profile": "{}"}, (400002, "Missing required parameter : profile")),
        ("accounts.setAccountInfo", {"profile": "[]"}, (400006, "Invalid parameter value : profile")),
        ("accounts.setAccountInfo", {"profile": '{"a": 1, "a": 2}'}, (400006, "Invalid parameter value : profile")),
        ("accounts.setAccountInfo", {"data": "1"}, (400006, "Invalid parameter value : data")),
        ("accounts.getJWT", {"expiration": "0"}, (400006, "Invalid parameter value : expiration")),
        ("accounts.getJWT", {"expiration": "-1"}, (400006, "Invalid parameter value : expiration")),
        ("accounts.getJWT", {"expiration": "2592001"}, (400006, "Invalid parameter value : expiration")),
        ("accounts.getJWT", {"audience": "a" * 256}, (400006, "Invalid parameter value : audience")),
        ("accounts.getJWT", {"audience": "a\n"}, (400006, "Invalid parameter value : audience")),
        ("accounts.getJWT", {"fields": "a" * 129}, (400006, "Invalid parameter value : fields")),
        ("accounts.getJWT", {"fields": "a," * 101}, (400006, "Invalid parameter value : fields")),
        ("accounts.getJWTPublicKey", {"V2": "x"}, (400006, "Invalid parameter value : V2")),
    ],
)
def test_what_no_errand_comes_of_is_told(name: str, parameters: dict[str, str], expected: tuple[int, str]) -> None:
    assert error(name, parameters) == expected


def test_an_object_has_a_bottom() -> None:
    deep, deeper = "[" * 14 + "]" * 14, "[" * 15 + "[1]" + "]" * 15
    accept("accounts.setAccountInfo", {"data": f'{{"a": {deep}}}'})
    assert error("accounts.setAccountInfo", {"data": f'{{"a": {deeper}}}'})[0] == 400006


# --- UID signatures ---------------------------------------------------------------------------


def exchange(**more: str) -> dict[str, str]:
    return {**EXCHANGE, "userKey": "AKey", **more}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"signatureTimestamp": "x"}, (400006, "Invalid parameter value : signatureTimestamp")),
        ({"signatureTimestamp": str(int(STAMP) - 61)}, (400128, "Signature timestamp expired")),
        ({"signatureTimestamp": str(int(STAMP) + 61)}, (400128, "Signature timestamp expired")),
        ({"signatureTimestamp": str(int(STAMP) - 1)}, (400006, "Invalid parameter value : UIDSignature")),
        ({"UID": "bob"}, (400006, "Invalid parameter value : UIDSignature")),
        ({"UIDSignature": "x"}, (400006, "Invalid parameter value : UIDSignature")),
        ({"userKey": "ANobody"}, (400006, "Invalid parameter value : userKey")),
        ({"userKey": "Signer"}, (400006, "Invalid parameter value : userKey")),
    ],
)
def test_a_signature_that_is_none_is_not_exchanged(changed: dict[str, str], expected: tuple[int, str]) -> None:
    assert error("accounts.exchangeUIDSignature", exchange(**changed)) == expected


def test_a_signature_is_exchanged_up_to_a_minute_later_for_servers_alone() -> None:
    seconds = int(STAMP) - 60
    shown = {"UIDSignature": uid_signature(SECRET, UID, seconds), "signatureTimestamp": str(seconds)}
    assert accept("accounts.exchangeUIDSignature", exchange(**shown)).errand.welcome == SERVERS


def test_a_site_without_any_secret_exchanges_nothing() -> None:
    reply = error("accounts.exchangeUIDSignature", exchange(apiKey="3_BARE"))
    assert reply == (400006, "Invalid parameter value : UIDSignature")


def test_nobody_whose_login_waits_for_something_gets_a_signature() -> None:
    entered = GIGYA.answer(Entered(ADA, SESSION), accept("accounts.login", LOGIN))
    assert json.loads(entered.body)["UIDSignature"] == uid_signature(SECRET, ADA.account.subject, NOW // 1000)


# --- Devices ----------------------------------------------------------------------------------


def test_only_what_a_cookie_holds_is_a_devices_own_id() -> None:
    fields = {"cookie": "gmid=mine; ucid=me"}
    accepted = accept("accounts.webSdkBootstrap", {"gmid": "told", "ucid": "told"}, fields=fields)
    assert accepted.errand.command == NameDevice("mine", "me")
    assert accept("accounts.webSdkBootstrap", {"gmid": "told"}).errand.command == NameDevice()


@pytest.mark.parametrize(("is_secure", "ending"), [(True, "Secure; SameSite=None"), (False, "SameSite=Lax")])
def test_no_script_reads_an_id_and_no_site_sends_it_in_clear(is_secure: bool, ending: str) -> None:  # noqa: FBT001
    accepted = accept("accounts.webSdkBootstrap", is_secure=is_secure)
    reply = GIGYA.answer(DeviceNamed("d" * 16, "u" * 16), accepted)
    cookies = [value.decode() for name, value in reply.headers if name == b"set-cookie"]
    assert [cookie.partition("=")[0] for cookie in cookies] == ["gmid", "ucid", "hasGmid", "gig_bootstrap_3_KEY"]
    assert all(cookie.endswith(f"; Path=/; HttpOnly; {ending}") for cookie in cookies)


# --- What is never written --------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"accounts.session.verify"}))
def test_a_method_writes_its_own_outcomes_and_no_other(name: str) -> None:
    other: Outcome = TicketGiven("t") if "createToken" not in name else Finished()
    with pytest.raises(TypeError, match="no body is written"):
        GIGYA.answer(other, accept(name, dict(METHODS[name])))


def test_a_code_is_sent_or_the_login_waits_and_nothing_else() -> None:
    with pytest.raises(TypeError, match="no body is written"):
        GIGYA.answer(Finished(), accept("accounts.auth.otp.email.sendCode", {"email": "a@x.test"}))


def test_every_method_with_a_golden_answer_is_in_the_table() -> None:
    every: tuple[Method, ...] = (*logins.METHODS, *people.METHODS, *sessions.METHODS, *devices.METHODS)
    assert {method.name for method in every} == set(METHODS)
