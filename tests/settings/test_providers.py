from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_gateway.settings import Settings
from mfa_gateway.settings.providers import Twilio, Vonage

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]

SID = "AC0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def password(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2 of the provider\n")


def twilio(**keys: object) -> dict[str, object]:
    return {"senders.sms": {"twilio": {"account_sid": SID, "auth_token_file": "password", **keys}}}


def vonage(**keys: object) -> dict[str, object]:
    return {"senders.sms": {"vonage": {"api_key": "abcd1234", "api_secret_file": "password", "from": "Shop", **keys}}}


def the_twilio(settings: Settings) -> Twilio:
    assert settings.senders.sms is not None
    assert settings.senders.sms.twilio is not None
    return settings.senders.sms.twilio


def the_vonage(settings: Settings) -> Vonage:
    assert settings.senders.sms is not None
    assert settings.senders.sms.vonage is not None
    return settings.senders.sms.vonage


def test_a_provider_is_at_its_own_address_unless_another_is_written(load: Load) -> None:
    assert str(the_twilio(load(twilio(**{"from": "+4915112345678"}))).base_url) == "https://api.twilio.com"
    assert str(the_vonage(load(vonage())).base_url) == "https://rest.nexmo.com"
    assert str(the_vonage(load(vonage(base_url="https://sms.internal:8443/"))).base_url) == "https://sms.internal:8443"


def test_a_password_is_what_is_in_its_file(load: Load) -> None:
    settings = load(vonage())
    assert the_vonage(settings).api_secret_file.content.get_secret_value() == b"hunter2 of the provider"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("base", ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000"])
def test_a_password_may_travel_in_clear_on_this_machine(complaints: Complain, base: str) -> None:
    assert complaints(vonage(base_url=base)) == []


@pytest.mark.parametrize("base", ["http://rest.nexmo.com", "http://10.0.0.7"])
def test_a_password_travels_in_clear_nowhere_else(complaints: Complain, base: str) -> None:
    assert complaints(vonage(base_url=base)) == [
        "senders.sms.vonage.base_url: would send the password in clear: write https://"
    ]


@pytest.mark.parametrize("sender", ["+4915112345678", "4915112345678", "12345", "Example", "My Shop 24", "A&B"])
def test_a_message_comes_from_a_number_or_a_short_name(complaints: Complain, sender: str) -> None:
    assert complaints(vonage(**{"from": sender})) == []


@pytest.mark.parametrize("sender", ["", "twelve chars", "+49 151", "Müller", "a\nb", "+1234567890123456"])
def test_a_message_comes_from_nothing_else(complaints: Complain, sender: str) -> None:
    (problem,) = complaints(vonage(**{"from": sender}))
    assert problem.startswith("senders.sms.vonage.from: ")


@pytest.mark.parametrize("name", ["AC/../..", "a:b", "", "a b", "a" * 65])
def test_a_login_holds_nothing_that_ends_it(complaints: Complain, name: str) -> None:
    (problem,) = complaints(twilio(**{"from": "Shop", "account_sid": name}))
    assert problem.startswith("senders.sms.twilio.account_sid: must be the name")


def test_twilio_has_one_origin(complaints: Complain) -> None:
    assert complaints(twilio()) == ["senders.sms.twilio: needs exactly one of from or messaging_service_sid"]
    assert complaints(twilio(**{"from": "Shop", "messaging_service_sid": "MG01"})) == [
        "senders.sms.twilio: from and messaging_service_sid are written: keep exactly one of them"
    ]


def test_short_messages_travel_in_one_way(complaints: Complain) -> None:
    both = vonage() | {"senders.sms.log": {}}
    assert complaints(both) == ["senders.sms: vonage and log are written: keep exactly one of them"]
    assert complaints({"senders.sms": {}}) == ["senders.sms: needs exactly one of webhook, twilio, vonage or log"]
