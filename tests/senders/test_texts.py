"""Golden files (golden/<language>.<purpose>.txt) hold the subject, an empty line and the body; those of short messages
(<language>.sms.<purpose>.txt) hold the body alone.

After a deliberate change of the words, write them anew and read the difference before keeping it:

    UPDATE_GOLDEN=1 pytest tests/senders
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.message import CodeMessage, Happening, NoticeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.senders.gsm import is_gsm, segments
from mfa_gateway.senders.texts import DEFAULT_LANGUAGE, Texts, choose_language

GOLDEN = Path(__file__).parent / "golden"
TEXTS = Texts("Example Shop")
ALL = [(language, purpose) for language in TEXTS.languages for purpose in Purpose]
# No device logs anybody in as a first factor.
PUSHES = [(language, purpose) for language, purpose in ALL if purpose is not Purpose.LOGIN]


def message(
    *, purpose: Purpose = Purpose.GATE, life_ms: int = 600_000, languages: tuple[str, ...] = (), code: str = "048213"
) -> CodeMessage:
    return CodeMessage(Factor.EMAIL, "anna@example.test", code, purpose, life_ms, languages)


def test_english_and_german_are_there() -> None:
    assert TEXTS.languages == ("de", "en")


@pytest.mark.parametrize(("language", "purpose"), ALL)
def test_every_text_reads_as_it_was_written(language: str, purpose: Purpose) -> None:
    text = TEXTS.render(message(purpose=purpose, languages=(language,)))
    whole = f"{text.subject}\n\n{text.body}"
    path = GOLDEN / f"{language}.{purpose.value}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(whole, encoding="utf-8")
    assert whole == path.read_text(encoding="utf-8")


def short(**changes: Any) -> CodeMessage:
    return replace(message(**changes), factor=Factor.SMS, address="+491701234567")


@pytest.mark.parametrize(("language", "purpose"), ALL)
def test_every_short_message_reads_as_it_was_written(language: str, purpose: Purpose) -> None:
    text = TEXTS.render(short(purpose=purpose, languages=(language,)))
    path = GOLDEN / f"{language}.sms.{purpose.value}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text.body, encoding="utf-8")
    assert (text.subject, text.body) == ("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("language", "purpose"), PUSHES)
def test_every_push_reads_as_it_was_written_and_holds_no_code(language: str, purpose: Purpose) -> None:
    push = replace(message(purpose=purpose, languages=(language,)), factor=Factor.PUSH, address="android:token")
    text = TEXTS.render(push)
    whole = f"{text.subject}\n\n{text.body}\n"
    path = GOLDEN / f"{language}.push.{purpose.value}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(whole, encoding="utf-8")
    assert whole == path.read_text(encoding="utf-8")
    assert push.code not in whole


def test_no_golden_file_is_left_over() -> None:
    pushes = {f"{language}.push.{purpose.value}.txt" for language, purpose in PUSHES}
    expected = {f"{language}.{kind}{purpose.value}.txt" for language, purpose in ALL for kind in ("", "sms.")}
    notices = {f"{language}.notice.{what.value}.txt" for language in TEXTS.languages for what in Happening}
    assert {path.name for path in GOLDEN.iterdir()} == expected | notices | pushes


@pytest.mark.parametrize(("language", "purpose"), ALL)
@pytest.mark.parametrize("typed_at", [None, "shop.example.test"])
def test_a_short_message_is_one_segment_and_begins_with_its_code(
    language: str, purpose: Purpose, typed_at: str | None
) -> None:
    texts = Texts("Example Shop", typed_at=typed_at)
    body = texts.render(short(purpose=purpose, languages=(language,), life_ms=5_400_000, code="0482131234")).body
    assert is_gsm(body)
    assert segments(body) == 1
    assert body.startswith("0482131234 ")


def test_the_last_line_binds_a_code_to_the_page_where_it_is_typed_in() -> None:
    body = Texts("Example Shop", typed_at="shop.example.test").render(short()).body
    assert body.splitlines()[-2:] == ["", "@shop.example.test #048213"]


def test_a_mail_is_bound_to_no_page() -> None:
    assert "@shop.example.test" not in Texts("Example Shop", typed_at="shop.example.test").render(message()).body


@pytest.mark.parametrize(("language", "purpose"), ALL)
def test_the_code_stands_in_the_body_alone_on_its_line_and_never_in_the_subject(
    language: str, purpose: Purpose
) -> None:
    text = TEXTS.render(message(purpose=purpose, languages=(language,)))
    assert [line.strip() for line in text.body.splitlines()].count("048213") == 1
    assert "048213" not in text.subject


@pytest.mark.parametrize(("language", "purpose"), ALL)
def test_a_text_is_plain_and_fits_a_mail(language: str, purpose: Purpose) -> None:
    text = TEXTS.render(message(purpose=purpose, languages=(language,)))
    assert text.language == language
    assert "\n" not in text.subject
    assert len(text.subject) < 78
    assert max(len(line) for line in text.body.splitlines()) < 78
    assert text.body.endswith("\n")
    assert not text.body.startswith("\n")
    assert not set("<>{}") & set(text.body)


@pytest.mark.parametrize(
    ("life_ms", "english", "german"),
    [
        (0, "1 second", "1 Sekunde"),
        (999, "1 second", "1 Sekunde"),
        (1_000, "1 second", "1 Sekunde"),
        (45_000, "45 seconds", "45 Sekunden"),
        (60_000, "1 minute", "1 Minute"),
        (90_000, "90 seconds", "90 Sekunden"),
        (119_999, "119 seconds", "119 Sekunden"),
        (120_000, "2 minutes", "2 Minuten"),
        (179_999, "2 minutes", "2 Minuten"),
        (600_000, "10 minutes", "10 Minuten"),
        (3_600_000, "1 hour", "1 Stunde"),
        (5_400_000, "90 minutes", "90 Minuten"),
        (7_200_000, "2 hours", "2 Stunden"),
    ],
)
def test_the_life_of_a_code_is_told_as_people_do_and_never_too_long(life_ms: int, english: str, german: str) -> None:
    assert f"It is good for {english}." in TEXTS.render(message(life_ms=life_ms)).body
    assert f"Er gilt {german}." in TEXTS.render(message(life_ms=life_ms, languages=("de",))).body


@pytest.mark.parametrize(
    ("preferred", "language"),
    [
        ((), "en"),
        (("de",), "de"),
        (("DE",), "de"),
        (("de-AT",), "de"),
        (("de-Latn-CH-1996",), "de"),
        (("fr", "de-AT", "en"), "de"),
        (("fr",), "en"),
        (("den",), "en"),
        (("d",), "en"),
        (("*",), "en"),
        (("", "-", "de"), "de"),
        (("../../etc/passwd",), "en"),
    ],
)
def test_the_language_is_the_first_preferred_one_that_there_is(preferred: tuple[str, ...], language: str) -> None:
    assert choose_language(preferred, TEXTS.languages) == language


def test_a_language_with_a_region_is_found_before_the_one_without() -> None:
    assert choose_language(("pt-BR",), ("pt", "pt-br")) == "pt-br"


def test_the_default_language_is_there() -> None:
    assert DEFAULT_LANGUAGE in TEXTS.languages


def test_a_service_is_named_as_it_is_written() -> None:
    text = Texts("  {code} & S\u00f6hne ").render(message())
    assert text.subject == "Your code for {code} & S\u00f6hne"


@pytest.mark.parametrize("service", ["", "  ", "Shop\nBcc: all@example.test", "Shop\r", "Shop\x00", "Shop\u2028"])
def test_a_service_is_one_line_of_text(service: str) -> None:
    with pytest.raises(ValueError, match="name of the service"):
        Texts(service)


def test_the_code_does_not_show_in_the_repr() -> None:
    assert "048213" not in repr(TEXTS.render(message()))


@pytest.mark.parametrize(("language", "happening"), [(one, what) for one in TEXTS.languages for what in Happening])
def test_every_notice_reads_as_it_was_written(language: str, happening: Happening) -> None:
    text = TEXTS.notice(NoticeMessage("anna@example.test", happening, Factor.TOTP, (language,)))
    whole = f"{text.subject}\n\n{text.body}"
    path = GOLDEN / f"{language}.notice.{happening.value}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(whole, encoding="utf-8")
    assert (text.language, whole) == (language, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", TEXTS.languages)
def test_a_notice_names_the_factor_in_words_and_no_address(language: str) -> None:
    named = {
        TEXTS.notice(NoticeMessage("anna@example.test", Happening.ADDED, factor, (language,))) for factor in Factor
    }
    assert len(named) == len(Factor)
    assert not any("anna" in text.body or "{" in text.body for text in named)
