"""The journal: one line for each decision, and nothing in it that a thief or a terminal could use."""

import logging
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.core.account import AccountId, Caller, Factor, Proof
from mfa_gateway.core.call import Call, CanonicalPath, canonical_path
from mfa_gateway.core.ceremony import Action, Command, Done, Failed, Listed
from mfa_gateway.core.fault import DeliveryFailed, StoreUnavailable
from mfa_gateway.core.policy import Access
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.engine.journal import Journal, masked_subject, written
from tests.engine.fakes import ANNA, Lines, call, rule

RULE = rule()
REFUSED = Refuse(Reason.CODE_INVALID, RULE, detail="wrong", caller=ANNA)
VERDICTS: tuple[Verdict, ...] = (
    Pass(rule(Access.OPEN)),
    Pass(RULE, ANNA, Proof(Factor.EMAIL, 1234)),
    Pass(RULE, ANNA, overruled=REFUSED),
    REFUSED,
    Refuse(Reason.METHOD_NOT_ALLOWED),
)


@pytest.fixture
def journal_lines() -> Lines:
    return Lines()


# --- One line ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", VERDICTS, ids=["open", "proved", "shadow", "refused", "no rule"])
def test_a_decision_is_one_line_with_the_request_it_is_about(journal_lines: Lines, verdict: Verdict) -> None:
    journal_lines.journal.decided(call(host="gw.test"), verdict)
    line = journal_lines.only
    assert (line["request_id"], line["method"], line["path"], line["host"]) == ("id-1", "GET", "/protected", "gw.test")


class Taking:
    """A log that takes the fields of a line as they are."""

    def __init__(self) -> None:
        self.taken: list[dict[str, object]] = []

    def bind(self) -> "Taking":
        return self

    def take(self, event: str, fields: dict[str, object]) -> None:
        self.taken.append({"event": event, "log_level": "info", **fields})


@pytest.mark.parametrize("verdict", VERDICTS[:2], ids=["open", "proved"])
def test_a_log_that_takes_fields_as_they_are_is_given_the_same_ones(journal_lines: Lines, verdict: Verdict) -> None:
    taking = Taking()
    Journal(cast(Any, taking)).decided(call(), verdict)
    journal_lines.journal.decided(call(), verdict)
    assert taking.taken == journal_lines.all


def test_a_pass_names_rule_caller_factor_and_age(journal_lines: Lines) -> None:
    journal_lines.journal.decided(call(), VERDICTS[1])
    line = journal_lines.only
    assert (line["event"], line["rule"], line["realm"], line["subject"]) == ("passed", "mfa route", "shop", "anna")
    assert (line["factor"], line["age_ms"]) == ("email", 1234)


def test_a_refusal_names_its_reason(journal_lines: Lines) -> None:
    journal_lines.journal.decided(call(), replace(REFUSED, reason=Reason.BANNED, retry_after_ms=900))
    line = journal_lines.only
    assert (line["event"], line["reason"], line["detail"], line["retry_after_ms"]) == (
        "refused",
        "banned",
        "wrong",
        900,
    )
    assert "audit" not in line


def test_what_a_shadow_rule_would_refuse_is_a_warning(journal_lines: Lines) -> None:
    journal_lines.journal.decided(call(), VERDICTS[2])
    assert (journal_lines.only["event"], journal_lines.only["log_level"]) == ("would refuse", "warning")


def test_the_code_that_brings_a_ban_is_an_audit_event(journal_lines: Lines) -> None:
    journal_lines.journal.decided(call(), replace(REFUSED, retry_after_ms=900_000))
    assert journal_lines.only["audit"] is True


def test_nothing_is_written_that_nobody_reads() -> None:
    lines = Lines(level=logging.WARNING)
    for verdict in VERDICTS:
        lines.journal.decided(call(), verdict)
    assert [line["event"] for line in lines.all] == ["would refuse"]


# --- Ceremonies -------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.ACTIVATE, Action.VERIFY, Action.DEACTIVATE, Action.CLOSE])
def test_a_change_of_factors_is_an_audit_event(journal_lines: Lines, action: Action) -> None:
    journal_lines.journal.concluded(call(), Command(action, ANNA, "email"), Done())
    assert journal_lines.only["audit"] is True


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (Action.VERIFY, Failed(Reason.CODE_INVALID)),
        (Action.TRIGGER, Done()),
        (Action.LIST, Listed(())),
    ],
)
def test_what_changes_no_factor_is_no_audit_event(
    journal_lines: Lines, action: Action, outcome: Done | Failed | Listed
) -> None:
    journal_lines.journal.concluded(call(), Command(action, ANNA, "email"), outcome)
    assert journal_lines.only["audit"] is False


def test_a_ban_in_a_ceremony_is_an_audit_event(journal_lines: Lines) -> None:
    outcome = Failed(Reason.CODE_INVALID, retry_after_ms=900_000)
    journal_lines.journal.concluded(call(), Command(Action.VERIFY, ANNA, "email"), outcome)
    assert journal_lines.only["audit"] is True


@pytest.mark.parametrize(
    ("named", "written_down"), [("email", {"email"}), ("123456 or so", {"other"}), (None, set()), ("", set())]
)
def test_a_factor_is_named_only_in_our_own_words(
    journal_lines: Lines, named: str | None, written_down: set[str]
) -> None:
    journal_lines.journal.concluded(call(), Command(Action.TRIGGER, ANNA, named), Done())
    assert {journal_lines.only["factor"]} if "factor" in journal_lines.only else set() == written_down


# --- What is never written --------------------------------------------------------------------

_CODE = "918273"
_TOKEN = "eyJhbGciOiJub25lIn0.secret.sig"
_ADDRESS = "anna.miller@example.com"
_TEXT = st.text(max_size=40)


@st.composite
def calls(draw: st.DrawFn) -> Call:
    """Calls with a code, a token and an address everywhere a client can put them, and with any text beside."""
    target = draw(st.sampled_from(["/a", f"/users/{_ADDRESS}", "/users/anna.miller%40example.com/x", "/%E2%80%AEx"]))
    reading = canonical_path(target.encode())
    if not isinstance(reading, CanonicalPath):
        raise TypeError(target)
    return Call(
        "POST",
        reading,
        host=draw(st.sampled_from(["gw.test", ""])),
        query=f"code={_CODE}&mail={_ADDRESS}".encode(),
        client="192.0.2.7",
        authorization=f"Bearer {_TOKEN}",
        code=_CODE,
        headers=((b"authorization", _TOKEN.encode()), (b"x-mfa-code", _CODE.encode()), (b"x", draw(_TEXT).encode())),
        request_id="id-1",
    )


@st.composite
def callers(draw: st.DrawFn) -> Caller:
    """Callers whose subject is any text, with an address in it."""
    subject = draw(st.sampled_from([_ADDRESS, f"auth0|{_ADDRESS}", f"mailto:{_ADDRESS}", ""])) + draw(_TEXT)
    return Caller(AccountId("shop", subject), session=_TOKEN, token=_TOKEN, claims={"email": _ADDRESS})


def _texts(lines: Lines) -> list[str]:
    (line,) = lines.all
    return [str(value) for value in line.values()]


def _assert_harmless(texts: list[str]) -> None:
    for text in texts:
        assert text.isprintable()
        assert _CODE not in text
        assert _TOKEN not in text
        assert _ADDRESS not in text
        assert "anna.miller%40" not in text
        assert len(text) <= 513


@given(call_=calls(), caller=callers(), detail=_TEXT)
def test_no_decision_gives_away_a_secret_or_starts_a_line(call_: Call, caller: Caller, detail: str) -> None:
    refusal = Refuse(Reason.CODE_INVALID, RULE, detail=f"{detail} {_ADDRESS}", caller=caller)
    for verdict in (Pass(RULE, caller, Proof(Factor.TOTP, 5)), Pass(RULE, caller, overruled=refusal), refusal):
        lines = Lines()
        lines.journal.decided(call_, verdict)
        _assert_harmless(_texts(lines))


@given(call_=calls(), caller=callers(), named=_TEXT, detail=_TEXT)
def test_no_ceremony_gives_away_a_secret_or_starts_a_line(call_: Call, caller: Caller, named: str, detail: str) -> None:
    command = Command(Action.VERIFY, caller, factor_name=named + _ADDRESS, code=_CODE)
    for outcome in (Done(), Failed(Reason.CODE_INVALID, detail=detail)):
        lines = Lines()
        lines.journal.concluded(call_, command, outcome)
        _assert_harmless(_texts(lines))


@given(call_=calls(), why=_TEXT)
def test_no_fault_gives_away_a_secret_or_starts_a_line(call_: Call, why: str) -> None:
    for fault in (DeliveryFailed(f"{why} <{_ADDRESS}>: refused"), StoreUnavailable(why)):
        lines = Lines()
        lines.journal.faulted(call_, fault)
        _assert_harmless(_texts(lines))


# --- How texts are written --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("anna@example.com", "a***@example.com"),
        ("auth0|anna@example.com", "auth0|a***@example.com"),
        ("<anna@example.com>: no", "<a***@example.com>: no"),
        ("/users/anna%40example.com/x", "/users/a***%40example.com/x"),
        ("a@b@c", "a***@b***@c"),
        ("@example.com", "@example.com"),
        ("+4915112345678", "+49***78"),
        ("/u/%2B4915112345678/x", "/u/%2B49***78/x"),
        ("1+1", "1+1"),
        ("8c2b-4f", "8c2b-4f"),
        ("a\nb\r\x1b[31m\x00", "a\\nb\\r\\x1b[31m\\x00"),
        ("a\u2028b\u202ec\x85", "a\\u2028b\\u202ec\\x85"),
        ("\ud800", "\\ud800"),
        ("ümläut", "ümläut"),
    ],
)
def test_l03_a_text_is_masked_and_escaped(text: str, expected: str) -> None:
    assert written(text) == expected


def test_a_long_text_is_cut() -> None:
    assert written("x" * 10_000) == "x" * 512 + "…"


@pytest.mark.parametrize("text", ["@" + "a" * 100_000, "a" * 100_000 + "@", "+" * 100_000, "+1" * 50_000])
def test_masking_does_not_take_longer_than_the_text_is_long(text: str) -> None:
    assert len(written(text)) <= 513


def test_a_subject_is_masked_like_any_text() -> None:
    assert masked_subject(AccountId("shop", "anna@example.com")) == "a***@example.com"
    assert masked_subject(AccountId("shop", "1234567890")) == "1234567890"


def test_the_fields_of_a_line_are_plain_values(journal_lines: Lines) -> None:
    journal_lines.journal.decided(call(), VERDICTS[1])
    plain: tuple[type[Any], ...] = (str, int, type(None))
    assert all(type(value) in plain for value in journal_lines.only.values())
