"""`X-Forwarded-*`: four words, each once."""

import pytest

from mfa_gateway.doors.forward_auth.forwarded import read_forwarded
from mfa_gateway.doors.forward_auth.question import Original, Question, places_of

WORDS = (
    (b"x-forwarded-method", b"PATCH"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"shop.test:8443"),
    (b"x-forwarded-uri", b"/a%20b?c=d"),
)


def read(*fields: tuple[bytes, bytes]) -> Original | str:
    return read_forwarded(
        Question("GET", b"/ignored", b"ignored", fields, places_of(tuple(name for name, _ in fields)))
    )


def test_the_four_words_are_the_original() -> None:
    assert read(*WORDS) == Original("PATCH", "https", b"shop.test:8443", b"/a%20b", b"c=d")


@pytest.mark.parametrize("word", WORDS)
def test_each_of_them_has_to_be_there_once(word: tuple[bytes, bytes]) -> None:
    assert isinstance(read(*(other for other in WORDS if other != word)), str)
    assert isinstance(read(*WORDS, word), str)
    assert isinstance(read(*WORDS, (word[0], b"")), str)


@pytest.mark.parametrize("alias", [b"x_forwarded_uri", b"x.forwarded.uri", b"x-original-url", b"x-rewrite-url"])
def test_no_other_word_stands_in_for_one(alias: bytes) -> None:
    assert isinstance(read(*WORDS[:3], (alias, b"/a")), str)
