import pytest

from mfa_gateway.core.names import MAX_NAME, canonical_login, is_subject


@pytest.mark.parametrize("value", ["a", "a" * MAX_NAME, "auth0|5f7c8ec7", "Ada Lovelace", "\u00e4\U0001f600"])
def test_a_subject_is_any_short_text(value: str) -> None:
    assert is_subject(value)


@pytest.mark.parametrize("value", ["", "a" * (MAX_NAME + 1), "a\nb", "\x00", "\ud800", "a\u2028b", None, 7, ["a"]])
def test_what_a_log_or_a_key_should_not_meet_is_no_subject(value: object) -> None:
    assert not is_subject(value)


@pytest.mark.parametrize(
    "value", ["Ada@Example.com", " ada@example.com ", "ADA@EXAMPLE.COM", "\uff21da@example.com", "ada@ex\uff21mple.com"]
)
def test_case_width_and_blanks_make_no_difference(value: str) -> None:
    assert canonical_login(value) == "ada@example.com"


def test_the_canonical_form_is_its_own() -> None:
    for written in ("\u00df", "\u017f", "\u0130stanbul", "\u1e9e", "\ufb01x", "\u03a3\u03c2"):
        once = canonical_login(written)
        assert canonical_login(once) == once


@pytest.mark.parametrize("value", ["", "   ", "\t", "a\nb", None, 7, "a" * 256, "\u3000"])
def test_what_names_nobody_is_no_login_id(value: object) -> None:
    assert canonical_login(value) is None


def test_different_names_stay_different() -> None:
    assert canonical_login("ada.l") != canonical_login("adal")
    assert canonical_login("1") != canonical_login("01")
