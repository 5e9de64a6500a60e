import json
from typing import Any

import pytest

from mfa_gateway.cli.people.lines import MAX_LINE, MAX_LOGIN_IDS, MAX_PROFILE, AccountLine, line_of, read_line
from mfa_gateway.core.account import AccountId, Factor, FactorState
from mfa_gateway.core.otp import Algorithm, TotpProfile
from mfa_gateway.state import AccountRecord
from mfa_gateway.state.ledger import Held, Vouched
from tests.cli.people.conftest import line

PHC = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def read(**keys: object) -> AccountLine | tuple[str, ...]:
    return read_line(json.dumps(line(**keys)).encode(), realms={"shop", "desk"})  # type: ignore[arg-type]


def good(**keys: object) -> AccountLine:
    found = read(**keys)
    assert isinstance(found, AccountLine), found
    return found


def problems(**keys: object) -> tuple[str, ...]:
    found = read(**keys)
    assert isinstance(found, tuple), found
    return found


def raw_problems(raw: bytes) -> tuple[str, ...]:
    found = read_line(raw, realms={"shop"})
    assert isinstance(found, tuple)
    return found


# --- A whole line -----------------------------------------------------------------------------


def test_everything_that_can_be_said_is_read() -> None:
    found = good(
        login_ids=["Ada@Example.test", "ADA"],
        password_hash=PHC,
        email="Ada@Example.Test",
        email_verified=True,
        phone="+49 170 1234567",
        phone_verified=True,
        locale="de_AT",
        disabled=True,
        factors=[
            {"type": "email"},
            {"type": "totp", "state": "active", "secret": SECRET},
            {"type": "sms", "state": "off"},
        ],
        profile={"name": "Ada"},
    )
    assert found.account == AccountId("shop", "ada")
    assert found.login_ids == ("ada@example.test", "ada")
    assert (found.password, found.password_hash) == (None, PHC)
    assert (found.email, found.email_verified) == ("Ada@example.test", True)
    assert (found.phone, found.phone_verified) == ("+491701234567", True)
    assert (found.locale, found.disabled, found.profile) == ("de-AT", True, {"name": "Ada"})
    assert set(found.vouched) == {Factor.EMAIL, Factor.TOTP}
    assert found.removed == {Factor.SMS}


def test_realm_and_subject_are_enough() -> None:
    assert good() == AccountLine(AccountId("shop", "ada"), frozenset({"realm", "subject"}))


def test_what_is_not_there_differs_from_null() -> None:
    assert "email" not in good().named
    assert "email" in good(email=None).named
    assert good(email=None).email is None


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"{", "is not JSON"),
        (b"not json", "is not JSON"),
        (b'{"realm": NaN}', "is not JSON"),
        (b'{"realm": "shop", "profile": {"a": 1e999}}', "is not JSON"),
        (b'{"realm": "shop", "profile": {"a": ' + b"1" * 5000 + b"}}", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff", "is not UTF-8"),
        (b"[]", "is not a JSON object"),
        (b'"ada"', "is not a JSON object"),
        (b'{"realm": "shop", "realm": "desk"}', "names a key twice"),
        (b'{"realm": "shop", "profile": {"a": 1, "a": 2}}', "names a key twice"),
    ],
)
def test_what_is_no_object_is_no_account(raw: bytes, problem: str) -> None:
    assert raw_problems(raw) == (problem,)


def test_every_problem_of_a_line_is_told() -> None:
    told = problems(realm="fair", subject="", email="nope", phone="1", locale="?", disabled="no", colour="red")
    assert len(told) == 7
    assert '"colour": there is no such key' in told
    assert "realm: must be one of those that identity and dialects name: desk, shop" in told


def test_a_problem_never_repeats_a_value() -> None:
    told = problems(
        subject="hunter2\n", password="hunter2" * 500, email="hunter2", phone="hunter2", locale="hunter2!",
        factors=[{"type": "totp", "secret": "hunter2!"}], login_ids=["hunter2\n"], profile="hunter2",
    )  # fmt: skip
    assert len(told) == 8
    assert "hunter2" not in str(told)


def test_a_key_of_somebody_elses_making_cannot_steer_a_terminal() -> None:
    told = problems(**{"\x1b[2J\n" + "x" * 100: 1})
    assert told[0].isprintable()
    assert len(told[0]) < 100


def test_nothing_secret_is_in_a_repr() -> None:
    shown = repr(
        good(password="hunter2", login_ids=["ada.lovelace"], email="ada@lovelace.test", profile={"name": "Lovelace"})
    )
    assert "hunter2" not in shown
    assert "ovelace" not in shown


# --- One key at a time ------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [None, 7, "", "a\nb", "x" * 256])
def test_an_account_needs_a_subject(subject: object) -> None:
    assert problems(subject=subject) == ("subject: must be a text of 1 to 255 characters without control characters",)


@pytest.mark.parametrize("value", ["ada", {"a": 1}, ["x"] * (MAX_LOGIN_IDS + 1), 7])
def test_login_ids_are_a_short_list(value: object) -> None:
    assert problems(login_ids=value) == (f"login_ids: must be a list of at most {MAX_LOGIN_IDS} texts",)


def test_each_login_id_is_told_by_its_place() -> None:
    assert problems(login_ids=["ada", 7, "ADA "]) == (
        "login_ids[1]: must be a text of 1 to 255 characters without control characters",
        "login_ids[2]: is there twice",
    )


@pytest.mark.parametrize("value", ["", 7, "x" * 1025, ["x"], True])
def test_a_password_is_a_text_that_can_be_typed(value: object) -> None:
    assert problems(password=value) == ("password: must be a text of 1 to 1024 bytes in UTF-8",)


def test_a_hash_is_looked_into_before_it_is_believed() -> None:
    assert problems(password_hash="$2b$12$xyz")[0].startswith("password_hash: is no Argon2id hash")
    assert problems(password_hash=PHC.replace("m=8", "m=999999"))[0].startswith("password_hash: costs more")


def test_a_password_comes_in_one_form() -> None:
    assert problems(password="x", password_hash=PHC) == ("password and password_hash: write one of them",)
    assert good(password="x", password_hash=None).password == "x"


@pytest.mark.parametrize("key", ["email_verified", "phone_verified", "disabled"])
@pytest.mark.parametrize("value", [None, "true", 1, 0])
def test_a_switch_is_true_or_false(key: str, value: object) -> None:
    assert problems(**{key: value}) == (f"{key}: must be true or false",)


@pytest.mark.parametrize("value", ["x", [], 7, True])
def test_a_profile_is_an_object(value: object) -> None:
    assert problems(profile=value) == ("profile: must be an object",)


@pytest.mark.parametrize("value", [{"a": "x" * MAX_PROFILE}, {"a": "\u00e4" * 6000}, {"a": [[[[[[]]]]]]}])
def test_a_profile_has_a_size_and_a_depth(value: dict[str, Any]) -> None:
    deep = value
    for _ in range(15):
        deep = {"a": deep}
    assert problems(profile=deep)[0].startswith(f"profile: must have at most {MAX_PROFILE} bytes")


def test_the_longest_line_that_is_taken_out_can_be_brought_in() -> None:
    names = tuple(chr(0x20000 + number) * 255 for number in range(MAX_LOGIN_IDS))
    profile = {"a": "\u20ac" * ((MAX_PROFILE - 40) // 6), "b": "\ud800"}
    held = Held(AccountId("shop", "\u20ac" * 255), is_new=False, has_record=True, login_ids=names, profile=profile)
    assert len(line_of(held)) <= MAX_LINE
    found = read_line(line_of(held), realms={"shop"})
    assert isinstance(found, AccountLine)
    assert (found.login_ids, found.profile) == (names, profile)


def test_a_byte_order_mark_is_read_over() -> None:
    assert isinstance(read_line(b"\xef\xbb\xbf" + json.dumps(line()).encode(), realms={"shop"}), AccountLine)


# --- Factors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factors", "problem"),
    [
        ({"type": "email"}, ": must be a list of objects"),
        (["email"], "[0]: must be an object"),
        ([{"type": "fax"}], "[0].type: must be one of email, sms, totp"),
        ([{"type": "backup"}], "[0].type: must be one of email, sms, totp"),
        ([{}], "[0].type: must be one of email, sms, totp"),
        ([{"type": ["email"]}], "[0].type: must be one of email, sms, totp"),
        ([{"type": "email", "state": "pending"}], "[0].state: must be active or off"),
        ([{"type": "email", "state": []}], "[0].state: must be active or off"),
        ([{"type": "email", "secret": SECRET}], '[0]: there is no such key here: "secret"'),
        ([{"type": "totp", "state": "off", "secret": SECRET}], '[0]: there is no such key here: "secret"'),
        ([{"type": "email"}, {"type": "email", "state": "off"}], "[1]: email is there twice"),
        ([{"type": "totp", "secret": "0189"}], "[0].secret: is not base32"),
        ([{"type": "totp", "secret": 7}], "[0].secret: must be a text"),
        ([{"type": "totp", "secret": "JBSWY3DPEHPK3PXP"}], "[0].secret: has 10 bytes"),
        ([{"type": "totp", "secret": SECRET, "digits": 9}], "[0].digits: must be 6, 7 or 8"),
        ([{"type": "totp", "secret": SECRET, "digits": 6.0}], "[0].digits: must be 6, 7 or 8"),
        ([{"type": "totp", "secret": SECRET, "period": True}], "[0].period: must be 30 or 60"),
        (
            [{"type": "totp", "secret": SECRET, "algorithm": "md5"}],
            "[0].algorithm: must be one of sha1, sha256, sha512",
        ),
        ([{"type": "totp", "secret": SECRET, "algorithm": {}}], "[0].algorithm: must be one of sha1, sha256, sha512"),
    ],
)
def test_a_factor_is_told_by_its_place(factors: object, problem: str) -> None:
    [told] = problems(factors=factors)
    assert told.startswith(f"factors{problem}")


def test_a_secret_is_read_as_apps_write_it() -> None:
    found = good(factors=[{"type": "totp", "secret": "jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp"}])
    assert found.vouched == {Factor.TOTP: Vouched(b"Hello!\xde\xad\xbe\xefHello!\xde\xad\xbe\xef", TotpProfile())}


def test_an_authenticator_keeps_the_parameters_it_was_set_up_with() -> None:
    asked = {"type": "totp", "secret": SECRET, "algorithm": "sha512", "digits": 8, "period": 60}
    given = good(factors=[asked]).vouched[Factor.TOTP]
    assert given is not None
    assert given.profile == TotpProfile(Algorithm.SHA512, 8, 60)


# --- The way back -----------------------------------------------------------------------------


HELD = Held(
    AccountId("shop", "ada"),
    is_new=False,
    has_record=True,
    record=AccountRecord("ada@example.test", email_verified=True, phone=None, locale="de"),
    login_ids=("ada",),
    password=PHC,
    brought=PHC,
    profile={"name": "\u00c4da", "odd": "\ud800"},
    factors={Factor.TOTP: FactorState.ACTIVE, Factor.SMS: FactorState.PENDING, Factor.BACKUP: FactorState.ACTIVE},
)


def test_an_account_is_written_as_it_is_read() -> None:
    found = read_line(line_of(HELD), realms={"shop"})
    assert isinstance(found, AccountLine)
    assert (found.account, found.login_ids, found.profile) == (HELD.account, HELD.login_ids, HELD.profile)
    assert (found.email, found.email_verified, found.locale) == ("ada@example.test", True, "de")
    assert found.vouched == {Factor.TOTP: None}


def test_nothing_secret_is_written() -> None:
    written: dict[str, Any] = json.loads(line_of(HELD))
    assert not written.keys() & {"password", "password_hash"}
    assert written["factors"] == [{"type": "totp", "state": "active"}]
    assert PHC not in line_of(HELD).decode()


def test_an_account_is_one_line() -> None:
    assert line_of(HELD).count(b"\n") == 1
    assert line_of(HELD).endswith(b"\n")
