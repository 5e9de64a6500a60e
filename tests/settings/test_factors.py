from collections.abc import Callable
from pathlib import Path

import pytest

from mfa_gateway.settings import Settings
from mfa_gateway.settings.factors import Smtp

Load = Callable[..., Settings]
Complain = Callable[..., list[str]]


def smtp(**keys: object) -> dict[str, object]:
    return {"senders.email": {"smtp": {"host": "127.0.0.1", "from": "no-reply@example.com", **keys}}}


def sender(settings: Settings) -> Smtp:
    email = settings.senders.email
    assert email is not None
    assert email.smtp is not None
    return email.smtp


def test_a_code_of_fewer_than_four_digits_is_refused(complaints: Complain) -> None:
    assert complaints({"codes.length": 3}) == ["codes.length: must be at least 4"]


def test_a_code_of_more_than_ten_digits_is_refused(complaints: Complain) -> None:
    assert complaints({"codes.length": 11}) == ["codes.length: must be at most 10"]


@pytest.mark.parametrize("length", [4, 5, 6, 10])
def test_a_code_has_four_to_ten_digits(load: Load, length: int) -> None:
    assert load({"codes.length": length}).codes.length == length


def test_short_codes_have_three_tries_and_ten_a_day(load: Load) -> None:
    short = load({"codes.length": 4}).codes.short
    assert (short.tries, short.per_day) == (3, 10)


def test_short_codes_can_have_fewer_tries_and_hardly_more(load: Load, complaints: Complain) -> None:
    short = load({"codes.short": {"tries": 1, "per_day": 1}}).codes.short
    assert (short.tries, short.per_day) == (1, 1)
    assert complaints({"codes.short": {"tries": 6, "per_day": 21}}) == [
        "codes.short.tries: must be at most 5",
        "codes.short.per_day: must be at most 20",
    ]
    assert complaints({"codes.short": {"tries": 0, "per_day": 0}}) == [
        "codes.short.tries: must be at least 1",
        "codes.short.per_day: must be at least 1",
    ]


@pytest.mark.parametrize("ttl", ["0s", "3601s"])
def test_a_code_lives_at_most_an_hour(complaints: Complain, ttl: str) -> None:
    assert complaints({"codes.ttl": ttl}) == ["codes.ttl: must be 1ms to 1h"]


def test_a_day_has_a_hundred_attempts(load: Load, complaints: Complain) -> None:
    assert load({}).regulation.per_day == 100
    assert complaints({"regulation": {"per_day": 10_001}}) == ["regulation.per_day: must be at most 10000"]


def test_attempts_are_limited(complaints: Complain) -> None:
    told = complaints({"regulation": {"max_retries": 101, "find_time": "0s", "ban_time": 0}})
    assert told == [
        "regulation.max_retries: must be at most 100",
        "regulation.find_time: must be 1ms to 30d",
        "regulation.ban_time: must be 1ms to 30d",
    ]


def test_a_mail_server_is_spoken_to_with_starttls(load: Load) -> None:
    settings = sender(load(smtp()))
    assert (settings.starttls, settings.tls, settings.port) == (True, False, 587)


def test_tls_takes_the_place_of_starttls(load: Load) -> None:
    settings = sender(load(smtp(tls=True)))
    assert (settings.starttls, settings.port) == (False, 465)


def test_a_mail_server_in_clear_is_asked_for_in_so_many_words(load: Load) -> None:
    settings = sender(load(smtp(starttls=False)))
    assert (settings.tls, settings.port) == (False, 25)


def test_a_mail_has_ten_seconds(load: Load) -> None:
    assert sender(load(smtp())).timeout == 10.0


@pytest.mark.parametrize("address", ["no-reply@example.com", "Example Shop <no-reply@example.com>"])
def test_mails_come_from_an_address(load: Load, address: str) -> None:
    assert sender(load(smtp(**{"from": address}))).sender == address


@pytest.mark.parametrize("address", ["example.com", "a@b@c", "Shop <>", "a@b.example\r\nBcc: x@y.example", "", "a b"])
def test_mails_come_from_nothing_else(complaints: Complain, address: str) -> None:
    (problem,) = complaints(smtp(**{"from": address}))
    assert problem.startswith("senders.email.smtp.from: must be")


def test_the_log_sender_needs_no_keys(load: Load) -> None:
    email = load({"senders.email": {"log": None}}).senders.email
    assert email is not None
    assert email.log is not None


def test_norway_is_a_country(load: Load) -> None:
    assert load({"factors": {"sms": {"countries": ["NO", "DE"]}}}).factors.sms.countries == ("NO", "DE")


def test_a_country_is_two_capitals(complaints: Complain) -> None:
    assert complaints({"factors": {"sms": {"countries": ["de"]}}}) == [
        "factors.sms.countries[0]: 'de' is not a country: write two capital letters (ISO 3166-1), as in DE"
    ]


@pytest.mark.parametrize("country", ["UK", "XX", "EU"])
def test_a_country_is_one_with_telephones(complaints: Complain, country: str) -> None:
    (problem,) = complaints({"factors": {"sms": {"countries": [country]}}})
    assert problem.startswith(f"factors.sms.countries[0]: '{country}' is not a country with telephones")


def test_short_messages_need_a_sender_and_a_country(complaints: Complain) -> None:
    assert complaints({"factors.sms": {"enabled": True}}) == [
        "senders.sms: is needed, because the factor sms is enabled"
    ]
    assert complaints({"factors.sms": {"enabled": True, "countries": []}, "senders.sms": {"log": {}}}) == [
        "factors.sms.countries: names no country, so no number is taken: name some, or set factors.sms.enabled: false"
    ]


def test_countries_are_watched_unless_somebody_says_otherwise(load: Load) -> None:
    conversion = load().rate_limits.conversion
    assert (conversion.enabled, conversion.window, conversion.stop) == (True, 3600.0, 3600.0)
    assert (conversion.least_sent, conversion.least_rate) == (200, 0.2)


def test_a_rate_is_a_part_of_one(complaints: Complain) -> None:
    told = complaints({"rate_limits.conversion": {"least_rate": 20, "least_sent": 0, "stop": "0s", "window": "1s"}})
    assert told == [
        "rate_limits.conversion.window: must be 1m to 30d",
        "rate_limits.conversion.least_sent: must be at least 1",
        "rate_limits.conversion.least_rate: must be at most 1.0",
        "rate_limits.conversion.stop: must be 1s to 30d",
    ]


def webhook(**keys: object) -> dict[str, object]:
    return {"senders.email": {"webhook": {"url": "https://messages.internal/codes?key=1", **keys}}}


def test_a_webhook_signs_with_the_bytes_of_its_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "webhook.secret").write_bytes(b"s" * 31 + b"\xff\n")
    email = load(webhook(secret_file="webhook.secret")).senders.email
    assert email is not None
    assert email.webhook is not None
    assert email.webhook.secret_file.content.get_secret_value() == b"s" * 31 + b"\xff"
    assert email.webhook.timeout == 10.0


def test_a_webhook_is_always_signed(complaints: Complain) -> None:
    (problem,) = complaints(webhook())
    assert problem.startswith("senders.email.webhook.secret_file: must be written: ")


def test_a_short_signing_key_is_refused(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "webhook.secret").write_bytes(b"hunter2")
    (problem,) = complaints(webhook(secret_file="webhook.secret"))
    assert problem.startswith(
        "senders.email.webhook.secret_file: holds 7 bytes, and a key that signs needs at least 32: "
    )
    assert "hunter2" not in problem


def test_a_webhook_is_one_of_three_ways(complaints: Complain, tmp_path: Path) -> None:
    (tmp_path / "webhook.secret").write_bytes(b"s" * 32)
    both = {**webhook(secret_file="webhook.secret"), "senders.email.log": {}}
    assert complaints(both) == ["senders.email: log and webhook are written: keep exactly one of them"]
