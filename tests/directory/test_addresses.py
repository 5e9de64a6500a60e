import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.directory.addresses import MAX_EMAIL, canonical_email, canonical_locale, canonical_phone


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("anna@example.test", "anna@example.test"),
        ("  anna@example.test ", "anna@example.test"),
        ("Anna.Meier@Example.TEST", "Anna.Meier@example.test"),
        ("a+shop_1@sub.example-1.test", "a+shop_1@sub.example-1.test"),
        ("o'hara@example.test", "o'hara@example.test"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_a_mailbox_is_trimmed_and_its_domain_in_lower_case(written: str, canonical: str) -> None:
    assert canonical_email(written) == canonical


@pytest.mark.parametrize(
    "written",
    [
        None,
        5,
        ["anna@example.test"],
        "",
        "anna",
        "@example.test",
        "anna@",
        "anna@@example.test",
        "a@b@example.test",
        "Anna <anna@example.test>",
        "<anna@example.test>",
        "anna@example.test (home)",
        "anna@example.test, otto@example.test",
        "anna@example.test;otto@example.test",
        "anna@example.test\nBcc: otto@example.test",
        "anna@example.test\r\n",
        "\tanna@example.test",
        "an na@example.test",
        "anna@exam ple.test",
        '"anna"@example.test',
        "anna@[127.0.0.1]",
        ".anna@example.test",
        "anna.@example.test",
        "an..na@example.test",
        "anna@example..test",
        "anna@example.test.",
        "anna@-example.test",
        "anna@example-.test",
        "j\u00fcrgen@example.test",
        "anna@ex\u00e4mple.test",
        "anna\u00a0@example.test",
        "anna\x00@example.test",
        "a" * 65 + "@example.test",
        "anna@" + "a" * 64 + ".test",
        "anna@" + ".".join(["a" * 60] * 5),
    ],
)
def test_everything_that_is_not_one_plain_mailbox_is_none(written: object) -> None:
    assert canonical_email(written) is None


def test_a_mailbox_has_at_most_254_characters() -> None:
    domain = ".".join(["d" * 48] * 4)
    assert canonical_email("a" * (MAX_EMAIL - len(domain) - 1) + "@" + domain) is not None
    assert canonical_email("a" * (MAX_EMAIL - len(domain)) + "@" + domain) is None


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='ab.@ <>,\n"', max_size=12))
def test_a_canonical_mailbox_is_its_own_canonical_form(text: str) -> None:
    canonical = canonical_email(text)
    assert canonical is None or (
        canonical_email(canonical) == canonical and re.search(r"[\s<>,;:\"]", canonical) is None
    )


@pytest.mark.parametrize("written", ["+491701234567", "+49 170 1234567", "0049 170-1234567"])
def test_a_mobile_number_has_one_form_however_it_is_written(written: str) -> None:
    assert canonical_phone(written) == "+491701234567"


@pytest.mark.parametrize("written", [None, "", "0170 1234567", "+4930123456", "+4990012345678", "+491701234567;ext=1"])
def test_what_no_message_is_sent_to_is_none(written: object) -> None:
    assert canonical_phone(written) is None


@pytest.mark.parametrize(("written", "tag"), [("de", "de"), ("de_AT", "de-AT"), ("zh-Hant-TW", "zh-Hant-TW")])
def test_a_language_tag_has_hyphens(written: str, tag: str) -> None:
    assert canonical_locale(written) == tag


@pytest.mark.parametrize("written", [None, 5, "", "d", "de-", "de--AT", "de\n", "*", "d\u00e9", "de" + "-a" * 20])
def test_what_is_no_language_tag_is_none(written: object) -> None:
    assert canonical_locale(written) is None
