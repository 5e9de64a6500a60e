import pytest

from mfa_gateway.senders.gsm import is_gsm, segments


@pytest.mark.parametrize(
    "text", ["", "Ihr Code für Müßig & Söhne: 048213", "@£$¥\n#%&'()*+,-./:;<=>?", "[5 €] {a|b} ~\\^"]
)
def test_the_alphabet_holds_what_a_german_shop_writes(text: str) -> None:
    assert is_gsm(text)


@pytest.mark.parametrize("char", ["\u2019", "\u201e", "\u2013", "\u2026", "ç", "á", "\t", "`", "😀", "Ж"])
def test_one_character_beyond_it_is_enough(char: str) -> None:
    assert not is_gsm(f"048213{char}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 158 + "€", 1),
        ("a" * 159 + "€", 2),
        ("Ж" * 70, 1),
        ("Ж" * 71, 2),
        ("Ж" * 134, 2),
        ("Ж" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
    ],
)
def test_segments_are_what_is_paid_for(text: str, expected: int) -> None:
    assert segments(text) == expected
