"""Phone numbers: one form however they are written, and none at all where a message would be paid for in vain."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.phone import NumberFlaw, PhoneNumber
from mfa_gateway.directory.numbers import NumberPlan, read_number

ONE = PhoneNumber("+447400123456", "GB")


def e164(read: PhoneNumber | NumberFlaw) -> str:
    assert isinstance(read, PhoneNumber), read
    return read.e164


@pytest.mark.parametrize(
    "written",
    [
        "+447400123456",
        "00447400123456",
        "+44 7400 123456",
        " +44 7400 123456  ",
        "0044-7400-123456",
        "+44 (0)7400 123456",
        "+44.7400/123 456",
    ],
)
def test_t01_one_number_has_one_form_however_it_is_written(written: str) -> None:
    assert read_number(written) == ONE
    assert e164(read_number(written)) == "+447400123456"


@pytest.mark.parametrize(
    "written",
    [
        None,
        447400123456,
        b"+447400123456",
        "",
        "+",
        "07400 123456",
        "447400123456",
        "++447400123456",
        "+ 447400123456",
        "000447400123456",
        "+447400123456 ext. 5",
        "+447400123456;ext=5",
        "+447400123456, +447400123457",
        "tel:+447400123456",
        "+44 7400 CODES1",
        "+447400123456\n",
        "+44740012345\u0666",
        "\uff0b447400123456",
        "+44740012345\u00b2",
        "+44\u00a07400 123456",
        "+" + "4" * 60,
    ],
)
def test_what_is_not_one_number_in_international_form_is_unreadable(written: object) -> None:
    assert read_number(written) is NumberFlaw.UNREADABLE


@pytest.mark.parametrize(
    "written",
    ["+49170123", "+4917012345678901", "+447700900123", "+12223334444", "+5215512345678"],
)
def test_a_number_that_no_country_has_is_invalid(written: str) -> None:
    assert read_number(written) is NumberFlaw.INVALID


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("premium rate", "+499001234567"),
        ("premium rate", "+43900123456"),
        ("shared cost", "+491805123456"),
        ("toll-free", "+498001234567"),
        ("toll-free", "+18002345678"),
        ("universal access", "+445551234567"),
        ("personal number", "+447012345678"),
        ("pager", "+447640123456"),
        ("voice over IP", "+445612345678"),
        ("fixed line", "+4930123456"),
        ("fixed line", "+4315123456"),
        ("satellite", "+881612345678"),
        ("international network", "+882161234567"),
        ("international premium rate", "+979123456789"),
        ("international freephone", "+80012345678"),
    ],
)
def test_what_is_dear_or_reaches_nobody_is_not_written_to(kind: str, written: str) -> None:
    assert read_number(written) is NumberFlaw.KIND, kind


@pytest.mark.parametrize(
    ("written", "country"),
    [
        ("+491701234567", "DE"),
        ("+436641234567", "AT"),
        ("+41791234567", "CH"),
        ("+447624123456", "IM"),
        ("+447781123456", "GG"),
        ("+12025550123", "US"),
        ("+14165550123", "CA"),
        ("+18765550123", "JM"),
        ("+77011234567", "KZ"),
        ("+79161234567", "RU"),
    ],
)
def test_countries_that_share_a_code_are_told_apart(written: str, country: str) -> None:
    read = read_number(written)
    assert isinstance(read, PhoneNumber)
    assert read.country == country


def test_a_plan_takes_its_own_countries_alone() -> None:
    plan = NumberPlan(["DE", "AT"])
    assert e164(plan.read("+49 170 1234567")) == "+491701234567"
    assert e164(plan.read("+43 664 1234567")) == "+436641234567"
    assert plan.read("+41 79 123 45 67") is NumberFlaw.COUNTRY


def test_a_plan_refuses_a_country_that_only_shares_the_code() -> None:
    assert NumberPlan(["GB"]).read("+447624123456") is NumberFlaw.COUNTRY
    assert NumberPlan(["US"]).read("+18765550123") is NumberFlaw.COUNTRY


def test_a_plan_of_no_country_takes_nothing() -> None:
    assert NumberPlan([]).read("+491701234567") is NumberFlaw.COUNTRY


def test_a_premium_number_of_an_allowed_country_is_refused_for_what_it_is() -> None:
    assert NumberPlan(["DE"]).read("+499001234567") is NumberFlaw.KIND


@settings(deadline=None)
@given(st.text(alphabet="+0123456789 ()-./", max_size=20) | st.from_regex(r"\+(49|43|1|44)[0-9]{6,11}", fullmatch=True))
def test_a_canonical_number_is_its_own_canonical_form(text: str) -> None:
    read = read_number(text)
    if isinstance(read, PhoneNumber):
        assert read_number(read.e164) == read
        assert read.e164[0] == "+"
        assert 7 <= len(read.e164[1:]) <= 15
        assert read.e164[1:].isdigit()
