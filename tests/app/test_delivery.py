"""What a configuration says about messages, put together: seen from the services at the other end."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from mfa_gateway.app.delivery import alarm_of, dispatch_terms, numbers_of, senders_of
from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.phone import NumberFlaw, PhoneNumber
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.quota import Conversion, Window
from mfa_gateway.settings import Settings, parse_settings
from tests.engine.fakes import Atlas
from tests.senders.webhooks import Service, replies

Load = Callable[..., Settings]

BY_SMS = CodeMessage(Factor.SMS, "+491701234567", "048213", Purpose.GATE, 600_000)
NUMBER = PhoneNumber("+491701234567", "DE")
ADA = AccountId("shop", "ada")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Settings with SMS on, and these sections beside."""
    (tmp_path / "password").write_text("hunter2\n")

    def loaded(sms: object, *, dry_run: bool = False, **sections: object) -> Settings:
        tree = {
            "secrets": {"keys": [b64encode(bytes(32)).decode()]},
            "access_control": {"default_policy": "open"},
            "factors": {"email": {"enabled": False}, "sms": {"enabled": True, "countries": ["DE"]}},
            "senders": {"sms": sms, "dry_run": dry_run},
            **sections,
        }
        return parse_settings(tree, folder=tmp_path)

    return loaded


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    running = Service()
    await running.start()
    yield running
    await running.stop()


async def send(settings: Settings) -> None:
    senders = senders_of(settings)
    try:
        await senders.send(BY_SMS)
    finally:
        await senders.close()


async def test_twilio_is_spoken_to_as_configured(load: Load, service: Service) -> None:
    service.answer = replies("201 Created", body=b"{}")
    account = {"account_sid": "AC01", "auth_token_file": "password", "messaging_service_sid": "MG01"}
    await send(load({"twilio": {**account, "base_url": f"http://127.0.0.1:{service.port}"}}))
    [post] = service.posts
    assert post.line == "POST /2010-04-01/Accounts/AC01/Messages.json HTTP/1.1"
    assert b64decode(post.fields["authorization"].removeprefix("Basic ")) == b"AC01:hunter2"
    assert parse_qs(post.body.decode())["MessagingServiceSid"] == ["MG01"]


async def test_vonage_is_spoken_to_as_configured(load: Load, service: Service) -> None:
    service.answer = replies("200 OK", body=b'{"messages": [{"status": "0"}]}')
    account = {"api_key": "abcd1234", "api_secret_file": "password", "from": "Shop"}
    await send(load({"vonage": {**account, "base_url": f"http://127.0.0.1:{service.port}"}}))
    [post] = service.posts
    form = parse_qs(post.body.decode())
    assert (form["api_key"], form["api_secret"], form["from"]) == (["abcd1234"], ["hunter2"], ["Shop"])


async def test_devices_are_reached_as_configured(load: Load, service: Service, tmp_path: Path) -> None:
    (tmp_path / "signing").write_text("0123456789abcdef0123456789abcdef\n")
    webhook = {"webhook": {"url": service.url, "secret_file": "signing"}}
    factors = {"email": {"enabled": False}, "push": {"enabled": True}}
    settings = load(None, factors=factors, senders={"push": webhook})
    senders = senders_of(settings)
    push = CodeMessage(Factor.PUSH, "android:a-token", "gate.token", Purpose.GATE, 120_000, assertion="a.b.c")
    await senders.send(push)
    await senders.close()
    assert service.posts[0].document["push"]["verificationToken"] == "gate.token"
    logging = senders_of(load(None, factors=factors, senders={"push": {"log": {}}}))
    await logging.send(push)
    await logging.close()


async def test_a_dry_run_leaves_every_service_alone(load: Load, service: Service) -> None:
    account = {"api_key": "abcd1234", "api_secret_file": "password", "from": "Shop"}
    await send(load({"vonage": {**account, "base_url": f"http://127.0.0.1:{service.port}"}}, dry_run=True))
    assert service.connections == 0


def test_numbers_are_those_of_the_configured_countries(load: Load) -> None:
    numbers = numbers_of(load({"log": {}}))
    assert numbers.read("+49 170 1234567") == NUMBER
    assert numbers.read("+43 664 1234567") is NumberFlaw.COUNTRY


def test_every_limit_reaches_the_dispatcher(load: Load) -> None:
    names = ("account", "destination", "prefix", "country", "address", "total")
    limits = {
        f"send_per_{name}" if name != "total" else "send_total": [{"requests": number, "period": f"{number}s"}]
        for number, name in enumerate(names, 1)
    }
    terms = dispatch_terms(load({"log": {}}, rate_limits=limits))
    reached = (
        *(terms.per_account, terms.per_destination, terms.per_prefix),
        *(terms.per_country, terms.per_client, terms.total),
    )
    assert reached == tuple((Window(number, number * 1000),) for number in range(1, 7))


async def test_the_alarm_has_the_configured_measure(load: Load) -> None:
    atlas = Atlas()
    asked = {"window": "30m", "least_sent": 7, "least_rate": 0.5, "stop": "2h"}
    alarm = alarm_of(load({"log": {}}, rate_limits={"conversion": asked}), atlas)
    await alarm.expect(ADA, NUMBER, purpose=Purpose.GATE, life_ms=5)
    measure = Conversion(window_ms=1_800_000, least_sent=7, least_rate=0.5, stop_ms=7_200_000)
    assert atlas.asked == [(ADA, Purpose.GATE, "DE", measure, 5)]


async def test_an_alarm_that_is_off_asks_nobody(load: Load) -> None:
    atlas = Atlas()
    alarm = alarm_of(load({"log": {}}, rate_limits={"conversion": {"enabled": False}}), atlas)
    assert await alarm.expect(ADA, NUMBER, purpose=Purpose.GATE, life_ms=5) is None
    assert atlas.asked == []
