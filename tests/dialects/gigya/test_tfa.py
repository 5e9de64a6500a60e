"""The methods of second factors: what of a request matters, and that every picture can be seen."""

import base64
import json
from typing import Any

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.entrance import Errand, Finished, Kind
from mfa_gateway.core.entrance.account_outcomes import TicketGiven
from mfa_gateway.core.entrance.assertions import Mode
from mfa_gateway.core.entrance.second_changes import BringPhones, ForgetDevices
from mfa_gateway.core.entrance.second_codes import SendSecond
from mfa_gateway.core.entrance.tfa import BeginSecond, FinishSecond
from mfa_gateway.dialects.gigya.methods import method_called
from mfa_gateway.dialects.gigya.tfa_codes import obfuscated
from tests.dialects.gigya.calls import GIGYA, accept, answer
from tests.dialects.gigya.tfa_goldens import METHODS, OUTCOMES, SECRET


def command(method: str, **more: str) -> Any:
    errand = accept(f"accounts.tfa.{method}", {**METHODS[method], **more}).errand
    assert isinstance(errand, Errand)
    return errand.command


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_contract_is_known_in_any_case(name: str) -> None:
    assert method_called(f"accounts.tfa.{name}".upper()) is not None


def test_only_servers_take_factors_from_others_or_bring_them_in() -> None:
    for name in ("resetTFA", "importTFA", "phone.importTFA"):
        found = method_called(f"accounts.tfa.{name}")
        assert found is not None
        assert found.welcome == {Kind.SERVER}


def test_a_mode_that_is_not_named_is_register() -> None:
    assert command("initTFA", mode="") == BeginSecond(Factor.EMAIL, Mode.REGISTER, "AReg")


@pytest.mark.parametrize(("told", "remembers"), [("", True), ("0", True), ("1", False), ("True", False)])
def test_a_temporary_device_is_not_remembered(told: str, *, remembers: bool) -> None:
    made = command("finalizeTFA", tempDevice=told)
    assert isinstance(made, FinishSecond)
    assert made.remembers is remembers


def test_the_id_of_an_address_wins_over_the_address() -> None:
    both = command("email.sendVerificationCode", email="ada@shop.test")
    assert both == SendSecond(Factor.EMAIL, "eyJ0.eyJh.c2ln", "0a1b", "ada@shop.test", "emailID")


def test_a_number_is_dialled_with_or_without_its_plus() -> None:
    for written in ("491701234567", "+491701234567"):
        assert command("phone.sendVerificationCode", phone=written).written == "+491701234567"


def test_the_names_of_parameters_have_no_case() -> None:
    sent = accept("accounts.tfa.phone.removePhone", {"GIGYAASSERTION": "a.b.c", "phoneID": "2c3d"}).errand
    assert isinstance(sent, Errand)
    assert sent.command == command("phone.removePhone", gigyaAssertion="a.b.c")


def test_phones_are_brought_in_under_both_names() -> None:
    assert command("importTFA") == BringPhones("ada", ("+491701234567", "+491701234568"))
    assert command("phone.importTFA") == command("importTFA")


def test_devices_are_forgotten_for_a_server_too() -> None:
    assert command("unregisterDevice", UID="ada") == ForgetDevices("ada")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("countess@shop.test", "co***ss@shop.test"),
        ("ada@shop.test", "a***@shop.test"),
        ("+491701234567", "+#########567"),
    ],
)
def test_an_address_is_shown_to_whoever_knows_it(address: str, shown: str) -> None:
    assert obfuscated(address) == shown


def test_the_picture_of_a_secret_is_a_png_in_base64() -> None:
    reply = GIGYA.answer(SECRET, accept("accounts.tfa.totp.register", dict(METHODS["totp.register"])))
    kind, _, picture = json.loads(reply.body)["qrCode"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(picture, validate=True).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", [name for name in OUTCOMES if METHODS[name] or "Certificate" in name])
def test_every_parameter_that_is_needed_is_named_where_it_is_missing(name: str) -> None:
    described = GIGYA.describe().operations
    (operation,) = (one for one in described if one.path == f"/accounts.tfa.{name}" and one.method == "GET")
    for parameter in operation.parameters:
        if parameter["required"]:
            values = {key: value for key, value in METHODS[name].items() if key != parameter["name"]}
            said = json.loads(answer(f"accounts.tfa.{name}", values).body)
            assert said["errorDetails"] == f"Missing required parameter : {parameter['name']}"


@pytest.mark.parametrize(("name", "parameter"), [("email", "emailID"), ("phone", "phoneID")])
def test_a_code_has_to_go_somewhere(name: str, parameter: str) -> None:
    values = {"gigyaAssertion": "a.b.c", "method": "sms", "lang": "en"}
    said = json.loads(answer(f"accounts.tfa.{name}.sendVerificationCode", values).body)
    assert said["errorDetails"] == f"Missing required parameter : {parameter}"


@pytest.mark.parametrize("phones", ["{", "{}", "[" * 100_000])
def test_phones_that_are_no_list_are_refused(phones: str) -> None:
    said = json.loads(answer("accounts.tfa.importTFA", {**METHODS["importTFA"], "phones": phones}).body)
    assert said["errorDetails"] == "Invalid parameter value : phones"


@pytest.mark.parametrize("platform", ["android", "ios", "iOS", "ANDROID"])
def test_a_device_says_how_it_is_reached_and_what_it_is(platform: str) -> None:
    info = json.dumps({"platform": platform, "man": "Example", "pushToken": "dGVs:ZXBob25l", "os": "15"})
    device = command("push.optin", deviceInfo=info).device
    assert (device.platform.value, device.token) == (platform.lower(), "dGVs:ZXBob25l")
    assert device.name == f"Example {platform} 15"


def test_a_device_need_not_say_what_it_is() -> None:
    info = {"platform": "android", "pushToken": "dGVs:ZXBob25l"}
    assert command("push.optin", deviceInfo=json.dumps(info)).device.name == "android"
    odd = {**info, "man": 7, "os": "1\n5" + "x" * 99}
    name = command("push.optin", deviceInfo=json.dumps(odd)).device.name
    assert (name[:14], len(name)) == ("android 15xxxx", 64)


@pytest.mark.parametrize(
    "info",
    [
        "{",
        "[]",
        "[" * 5000,
        "[" * 4000,
        '{"platform": "android"}',
        '{"platform": "android", "pushToken": 7}',
        '{"platform": "android", "pushToken": "short"}',
        '{"platform": "android", "pushToken": "with a blank"}',
        json.dumps({"platform": "android", "pushToken": "x" * 1025}),
        '{"platform": "windows", "pushToken": "dGVs:ZXBob25l"}',
        '{"platform": "android", "pushToken": "dGVs:ZXBob25l", "man": "' + "x" * 5000 + '"}',
    ],
)
def test_what_is_no_device_is_refused(info: str) -> None:
    said = json.loads(answer("accounts.tfa.push.optin", {**METHODS["push.optin"], "deviceInfo": info}).body)
    assert said["errorDetails"] == "Invalid parameter value : deviceInfo"


def test_whoever_waits_for_a_device_is_told_nothing_until_it_has_answered() -> None:
    waiting = accept("accounts.tfa.push.isVerified", dict(METHODS["push.isVerified"]))
    said = json.loads(GIGYA.answer(Finished(), waiting).body)
    assert (said["errorCode"], "providerAssertion" in said) == (0, False)


WRITERS = [name for name, outcome in OUTCOMES.items() if type(outcome).__name__ != "Finished"]


@pytest.mark.parametrize("name", WRITERS)
def test_a_method_writes_its_own_outcomes_and_no_other(name: str) -> None:
    with pytest.raises(TypeError, match="no body is written for a TicketGiven here"):
        GIGYA.answer(TicketGiven("t"), accept(f"accounts.tfa.{name}", dict(METHODS[name])))
