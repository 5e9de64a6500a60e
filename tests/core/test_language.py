from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.language import MAX_HEADER, MAX_PREFERENCES, preferred_languages


def test_a_single_tag_is_the_preference() -> None:
    assert preferred_languages("de-AT") == ("de-AT",)


def test_no_value_is_no_preference() -> None:
    assert preferred_languages("") == ()


def test_weights_decide_the_order() -> None:
    assert preferred_languages("en;q=0.7, de ; q=0.9,fr;Q=1.0") == ("fr", "de", "en")


def test_equal_weights_keep_the_order_as_written() -> None:
    assert preferred_languages("it, de;q=1, en;q=1.000") == ("it", "de", "en")


def test_weight_zero_means_not_this_language() -> None:
    assert preferred_languages("de;q=0, en;q=0.000, fr;q=0.001") == ("fr",)


def test_a_language_named_twice_is_listed_once_at_its_best_place() -> None:
    assert preferred_languages("de;q=0.1, en;q=0.5, de") == ("de", "en")


def test_the_wildcard_says_nothing() -> None:
    assert preferred_languages("*, de;q=0.5") == ("de",)


def test_garbage_is_left_out_and_the_rest_is_read() -> None:
    header = "de;q=2, 12, en;level=1, fr;q=0.1234, <script>, d\u00e9, toolongtag, ;q=1, en-\r\nX: y, nl"
    assert preferred_languages(header) == ("nl",)


def test_at_most_ten_languages_are_listed() -> None:
    header = ",".join(f"a{letter}" for letter in "abcdefghijklmnop")
    assert preferred_languages(header) == tuple(f"a{letter}" for letter in "abcdefghij")
    assert MAX_PREFERENCES == 10


def test_only_the_beginning_of_a_long_value_is_read() -> None:
    assert preferred_languages("fr," + " " * MAX_HEADER + "de") == ("fr",)


def test_a_tag_that_is_cut_by_the_limit_is_not_read_as_another_one() -> None:
    header = "fr," + " " * (MAX_HEADER - 5) + "dexyz"
    assert header[:MAX_HEADER].endswith("de")
    assert preferred_languages(header) == ("fr",)


def test_a_value_of_exactly_the_limit_is_read_whole() -> None:
    header = "fr," + " " * (MAX_HEADER - 5) + "de"
    assert preferred_languages(header) == ("fr", "de")


@given(st.text(max_size=400))
def test_any_text_gives_few_plain_tags(header: str) -> None:
    languages = preferred_languages(header)
    assert len(languages) <= MAX_PREFERENCES
    assert all(tag.isascii() and tag.replace("-", "").isalnum() for tag in languages)


def test_only_the_last_tag_of_a_value_that_is_too_long_is_lost() -> None:
    header = "fr,de,it," + "x" * MAX_HEADER
    assert preferred_languages(header) == ("fr", "de", "it")


def test_no_weight_is_a_weight_of_one() -> None:
    assert preferred_languages("fr;q=1,de,it;q=1") == ("fr", "de", "it")
