"""Calls become errands: names, keys, devices, languages; and what never becomes one."""

import json

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.entrance import CodeSent, Command, Denial, Finished, Stay, Turned
from mfa_gateway.core.entrance.codes import AttestAddress, EnterByCode, ForgetAddress, ProveAddress, SendCode
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.gigya import Gigya, codec
from mfa_gateway.dialects.gigya.envelope import Body
from mfa_gateway.dialects.gigya.errors import error_of
from mfa_gateway.dialects.gigya.method import SERVERS, Method, nothing
from mfa_gateway.dialects.gigya.methods import method_called
from mfa_gateway.dialects.gigya.refusals import refusal_error
from mfa_gateway.dialects.wire import Accepted, Asked, Reply
from tests.dialects.gigya.calls import CALL_ID, GIGYA, NOW, SITE, accept, answer, call, received

SHOWN = {"vToken": "t", "code": "123456"}
HOUR = Stay(3_600_000)


def invalid(name: str) -> tuple[int, str]:
    return 400006, f"Invalid parameter value : {name}"


def error(method: str, parameters: dict[str, str] | None = None, **more: object) -> tuple[int, str]:
    body = json.loads(answer(method, parameters, **more).body)
    return body["errorCode"], body["errorDetails"]


@pytest.mark.parametrize("name", ["accounts.otp.sendCode", "accounts.OTP.sendCode", "ACCOUNTS.OTP.SENDCODE"])
def test_the_name_of_a_method_has_no_case(name: str) -> None:
    assert isinstance(accept(name, {"phoneNumber": "+491701234567", "lang": "en"}).errand.command, SendCode)


@pytest.mark.parametrize("name", ["accounts.nothing", "", "accounts.otp.sendCode/", "accounts.otp.email.sendCode"])
def test_a_name_that_is_no_method_is_answered_in_the_contracts_own_form(name: str) -> None:
    assert error(name) == (405001, "Invalid API method")


@pytest.mark.parametrize("verb", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_verbs_than_two_are_not_allowed(verb: str) -> None:
    reply = GIGYA.receive(received("accounts.otp.login", verb=verb))
    assert isinstance(reply, Reply)
    assert (reply.status, dict(reply.headers)[b"allow"]) == (405, b"GET, POST")


def test_a_method_is_called_by_get_as_well() -> None:
    assert accept("accounts.auth.otp.email.sendCode", {"email": "a@x.test"}, verb="GET").errand.site == SITE.site


def test_the_area_may_stand_below_a_prefix() -> None:
    below = Gigya(GIGYA.sites, prefix="/gigya")
    asked = call("accounts.auth.otp.email.sendCode", {"email": "a@x.test"}, prefix="/gigya")
    assert isinstance(below.receive(asked), Accepted)
    assert list(below.endpoints) == ["/gigya/**"]


@pytest.mark.parametrize(
    ("query", "fields", "expected"),
    [
        (b"", {}, (400002, "Missing required parameter : apiKey")),
        (b"apiKey=3_NOBODY", {}, (400093, "Invalid ApiKey parameter")),
        (b"apiKey=3_KEY", {"apikey": "3_BARE"}, (400093, "Two API keys came with this request")),
    ],
)
def test_a_site_has_to_be_named(query: bytes, fields: dict[str, str], expected: tuple[int, str]) -> None:
    reply = GIGYA.receive(received("accounts.otp.login", query=query, fields=fields))
    assert isinstance(reply, Reply)
    body = json.loads(reply.body)
    assert (body["errorCode"], body["errorDetails"]) == expected


def test_mobile_clients_name_it_in_a_header() -> None:
    asked = received("accounts.auth.otp.email.sendCode", query=b"email=a%40x.test", fields={"apikey": "3_KEY"})
    assert isinstance(GIGYA.receive(asked), Accepted)


def test_a_device_comes_as_a_parameter_or_as_a_cookie() -> None:
    asked = {"email": "a@x.test"}
    name = "accounts.auth.otp.email.sendCode"
    assert accept(name, {**asked, "gmid": "g1"}, fields={"cookie": "gmid=g2"}).errand.device == "g1"
    assert accept(name, asked, fields={"cookie": "gmid=g2"}).errand.device == "g2"
    assert error(name, {**asked, "gmid": "g" * 257}) == invalid("gmid")


@pytest.mark.parametrize(
    ("lang", "languages"), [("de", ("de", "fr")), ("pt-BR", ("pt-BR", "fr")), ("", ("fr",)), ("<b>", ("fr",))]
)
def test_the_language_that_a_method_is_told_comes_first(lang: str, languages: tuple[str, ...]) -> None:
    asked = {"email": "a@x.test", "lang": lang}
    assert accept("accounts.auth.otp.email.sendCode", asked, languages=("fr",)).errand.languages == languages


def test_errors_before_the_form_is_known_are_json() -> None:
    reply = GIGYA.receive(received("accounts.otp.login", query=b"format=jsonp&callback=f&a=1&a=2"))
    assert isinstance(reply, Reply)
    assert json.loads(reply.body)["errorCode"] == 400001


def test_errors_after_it_are_in_that_form() -> None:
    reply = GIGYA.receive(received("accounts.otp.login", query=b"format=jsonp&callback=f&context=R1"))
    assert isinstance(reply, Reply)
    assert reply.body.startswith(b"/**/f({")
    assert b'"context": "R1"' in reply.body


def test_a_bad_form_is_told_in_json() -> None:
    assert error("accounts.otp.login", {"format": "xml"}) == invalid("format")


# --- The methods of codes ---------------------------------------------------------------------

PHONE = {"phoneNumber": "+491701234567", "lang": "en"}


@pytest.mark.parametrize(
    ("name", "parameters", "command"),
    [
        (
            "accounts.otp.sendCode",
            {**PHONE, "sendCode": "0", "UID": "u", "regToken": "r"},
            SendCode(Factor.SMS, "+491701234567", 600_000, False, "phoneNumber", "u", "r"),
        ),
        (
            "accounts.otp.sendCode",
            {"email": "a@x.test", "lang": "en"},
            SendCode(Factor.EMAIL, "a@x.test", 600_000, about="email"),
        ),
        (
            "accounts.auth.otp.email.sendCode",
            {"email": "a@x.test"},
            SendCode(Factor.EMAIL, "a@x.test", 300_000, about="email"),
        ),
        ("accounts.otp.login", SHOWN, EnterByCode("t", "123456", HOUR)),
        (
            "accounts.auth.otp.email.login",
            {**SHOWN, "regSource": "https://shop.test", "cid": "c", "email": "a@x.test"},
            EnterByCode("t", "123456", HOUR, Factor.EMAIL, "https://shop.test"),
        ),
        ("accounts.otp.update", {**SHOWN, "UID": "u"}, ProveAddress("t", "123456", "u")),
        ("accounts.otp.update", {**SHOWN, "regToken": "r"}, ProveAddress("t", "123456", registration="r")),
        ("accounts.auth.otp.verify", SHOWN, AttestAddress("t", "123456")),
        ("accounts.otp.delete", {"UID": "u"}, ForgetAddress("u")),
    ],
)
def test_a_call_says_what_is_to_be_done(name: str, parameters: dict[str, str], command: Command) -> None:
    assert accept(name, parameters).errand.command == command


@pytest.mark.parametrize(
    ("text", "stay"),
    [
        ("", HOUR),
        ("0", HOUR),
        ("-1", Stay(30 * 24 * 3_600_000, brief_ms=60_000)),
        ("-2", Stay(None)),
        ("3600", HOUR),
        ("1", Stay(1000)),
    ],
)
def test_a_session_lasts_as_it_is_asked_to(text: str, stay: Stay) -> None:
    command = accept("accounts.otp.login", {**SHOWN, "sessionExpiration": text}).errand.command
    assert isinstance(command, EnterByCode)
    assert command.stay == stay


def test_an_id_token_comes_along_where_it_is_asked_for() -> None:
    command = accept("accounts.otp.login", {**SHOWN, "include": "profile,, id_token ,"}).errand.command
    assert isinstance(command, EnterByCode)
    assert command.stay.wants_id_token


@pytest.mark.parametrize(
    ("name", "parameters", "expected"),
    [
        ("accounts.otp.sendCode", {"lang": "en"}, (400002, "Missing required parameter : phoneNumber")),
        ("accounts.otp.sendCode", {"phoneNumber": "+49"}, (400002, "Missing required parameter : lang")),
        ("accounts.otp.sendCode", {**PHONE, "email": "a@x.test"}, (400001, "Send phoneNumber or email, not both")),
        ("accounts.otp.sendCode", {**PHONE, "sendCode": "2"}, invalid("sendCode")),
        ("accounts.auth.otp.email.sendCode", {}, (400002, "Missing required parameter : email")),
        ("accounts.otp.login", {}, (400002, "Missing required parameter : vToken")),
        ("accounts.otp.login", {"vToken": "t"}, (400002, "Missing required parameter : code")),
        ("accounts.otp.update", {}, (400002, "Missing required parameter : vToken")),
        ("accounts.auth.otp.verify", {"vToken": "t"}, (400002, "Missing required parameter : code")),
        ("accounts.otp.delete", {}, (400002, "Missing required parameter : UID")),
        ("accounts.otp.login", {**SHOWN, "sessionExpiration": "-3"}, invalid("sessionExpiration")),
        ("accounts.otp.login", {**SHOWN, "sessionExpiration": "9" * 400}, invalid("sessionExpiration")),
        ("accounts.otp.login", {**SHOWN, "sessionExpiration": "\u0661"}, invalid("sessionExpiration")),
        ("accounts.otp.login", {**SHOWN, "targetEnv": "toaster"}, invalid("targetEnv")),
        ("accounts.otp.login", {**SHOWN, "regSource": "x" * 2049}, invalid("regSource")),
        ("accounts.otp.login", {**SHOWN, "cid": "x" * 101}, invalid("cid")),
    ],
)
def test_what_is_missing_or_wrong_is_told_in_the_contracts_words(
    name: str, parameters: dict[str, str], expected: tuple[int, str]
) -> None:
    assert error(name, parameters) == expected


def test_only_servers_take_a_number_away() -> None:
    method = method_called("accounts.otp.delete")
    assert method is not None
    assert accept("accounts.otp.delete", {"UID": "u"}).errand.welcome == method.welcome == SERVERS


@pytest.mark.parametrize("name", ["accounts.otp.sendCode", "accounts.otp.login", "accounts.auth.otp.verify"])
def test_a_method_does_not_write_what_its_exchange_never_ends_in(name: str) -> None:
    accepted = accept(name, {**SHOWN, **PHONE})
    with pytest.raises(TypeError, match="no body is written for a Finished here"):
        GIGYA.answer(Finished(), accepted)


def test_a_call_is_answered_by_whoever_accepted_it() -> None:
    accepted = accept("accounts.otp.login", SHOWN)
    with pytest.raises(TypeError, match="not accepted here"):
        GIGYA.answer(Finished(), Accepted(accepted.errand, None))


def test_an_answer_that_is_its_envelope_holds_nothing_else() -> None:
    reply = GIGYA.answer(Finished(), accept("accounts.otp.update", {**SHOWN, "UID": "u"}))
    assert list(json.loads(reply.body)) == ["callId", "errorCode", "apiVersion", "statusCode", "statusReason", "time"]


def test_a_code_is_shown_where_there_is_one_to_show() -> None:
    accepted = accept("accounts.otp.sendCode", PHONE)
    assert json.loads(GIGYA.answer(CodeSent("t", "123456"), accepted).body)["code"] == "123456"
    assert "code" not in json.loads(GIGYA.answer(CodeSent("t"), accepted).body)


# --- Denials and refusals ---------------------------------------------------------------------


@pytest.mark.parametrize("denial", Denial)
def test_every_denial_has_an_error_of_its_own_text(denial: Denial) -> None:
    found = error_of(Turned(denial, "vToken", 5))
    assert found.message
    assert found.retry_after_ms == 5


@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_of_the_gate_is_an_envelope_with_a_real_status(reason: Reason) -> None:
    reply = GIGYA.refuse(reason, Asked("GET", "/orders", request_id="abcd", now_ms=NOW))
    body = json.loads(reply.body)
    assert reply.status == body["statusCode"] >= 400
    assert body["callId"] == "abcd".zfill(32)
    assert body["time"] == "2026-11-21T19:23:13.017Z"
    assert body["errorCode"] == refusal_error(reason).code
    assert dict(reply.headers)[b"x-mfa-error-code"] == str(body["errorCode"]).encode()
    assert dict(reply.headers)[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (b"", 403),
        (b"httpStatusCodes=true", 403),
        (b"httpstatuscodes=False", 200),
        (b"a=1&httpStatusCodes=0", 200),
        (b"httpStatusCodes=nonsense", 403),
        (b"\xff=%ff", 403),
    ],
)
def test_a_refusal_of_the_gate_reads_as_success_only_where_the_query_asks_for_it(query: bytes, status: int) -> None:
    assert GIGYA.refuse(Reason.CODE_MISSING, Asked("GET", "/orders", query=query)).status == status


def test_a_refusal_says_when_to_come_back_and_what_is_allowed() -> None:
    banned = GIGYA.refuse(Reason.BANNED, Asked("GET", "/orders"), retry_after_ms=1500)
    assert dict(banned.headers)[b"retry-after"] == b"2"
    verb = GIGYA.refuse(Reason.METHOD_NOT_ALLOWED, Asked("TRACE", "/orders"))
    assert b"GET" in dict(verb.headers)[b"allow"]


def test_a_request_that_was_not_read_is_told_with_a_real_status() -> None:
    reply = GIGYA.turn_away(Reason.BODY_TOO_LARGE, received("accounts.otp.login", query=b"httpStatusCodes=false"))
    assert (reply.status, json.loads(reply.body)["callId"]) == (413, CALL_ID)


def test_a_method_may_be_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Method("accounts.auth.otp.email.getConfig", lambda _: Body({"isEnabled": True}), nothing)
    monkeypatch.setattr(codec, "method_called", lambda _: config)
    assert json.loads(answer(config.name).body)["isEnabled"] is True
