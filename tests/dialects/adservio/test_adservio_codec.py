"""The Adservio form: what its calls mean, what of them is refused, and that its answers are those of the seed."""

import json
from pathlib import Path
from typing import Any

import pytest

from mfa_gateway.core.account import Factor
from mfa_gateway.core.entrance import Attested, Command, Denial, Finished, Turned
from mfa_gateway.core.entrance.option_outcomes import CodeNeeded
from mfa_gateway.core.entrance.options import (
    AddAddress,
    AddAuthenticator,
    ByPassword,
    ByToken,
    ChallengeOption,
    ConfirmOption,
    ListOptions,
    RemoveOption,
)
from mfa_gateway.core.entrance.sign_ins import SignIn
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.wire import Accepted, Asked, Reply
from tests.dialects.adservio.calls import ADSERVIO, BEARER, JSON, NOW, SITE, WHO, accept, error, turn
from tests.dialects.adservio.goldens import OWN, SENT, SMS, TOTP, listed

SEED = Path(__file__).parents[1] / "golden" / "adservio"
HEADER = (b"x-mfa-code", b"123456")


def command(path: str, fields: dict[str, Any] | None = None, *headers: tuple[bytes, bytes], **more: Any) -> Command:
    return accept(path, fields, *headers, **more).errand.command


def normal(text: bytes) -> str:
    return json.dumps(json.loads(text), sort_keys=True, indent=0, ensure_ascii=False)


# --- The seed ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["seed-by-password", "seed-by-token"])
def test_every_example_body_of_the_seed_is_written_as_it_stands_there(name: str) -> None:
    seed = (SEED / f"{name}.json").read_bytes()
    assert normal(listed((TOTP, SMS), is_whole=name == "seed-by-token").body) == normal(seed)


# --- What is asked for ------------------------------------------------------------------------


def test_a_login_is_a_name_and_a_password() -> None:
    errand = accept("", WHO).errand
    assert errand.command == SignIn("ada", "right")
    assert (errand.site, errand.now_ms, errand.languages) == (SITE, NOW, ("ro",))


@pytest.mark.parametrize("intent", ["auth", "link"])
def test_both_intents_log_in(intent: str) -> None:
    assert command("", {**WHO, "intent": intent}) == SignIn("ada", "right")


def test_a_code_comes_with_its_option() -> None:
    sent = {**WHO, "tfaOptID": 3, "tfaResponse": "012345", "tfaSave": 1}
    assert command("", sent, kind=JSON) == SignIn("ada", "right", 3, "012345", remembers=True)
    assert command("", {**WHO, "tfaOptID": "3"}, HEADER) == SignIn("ada", "right", 3, "123456")


@pytest.mark.parametrize("name", ["tfaResponse", "tfaToken"])
def test_a_token_of_before_is_never_a_code(name: str) -> None:
    assert command("", {**WHO, name: "tfa_00ff"}) == SignIn("ada", "right", device="00ff")


def test_a_token_and_a_code_may_come_together() -> None:
    sent = {**WHO, "tfaOptID": "1", "tfaResponse": "123456", "tfaToken": "tfa_00ff"}
    assert command("", sent) == SignIn("ada", "right", 1, "123456", "00ff")


def test_a_list_by_password_is_a_post() -> None:
    assert command("/tfa_options", {**WHO, "_method": "GET"}) == ListOptions(ByPassword("ada", "right"))


def test_a_list_by_token_is_either() -> None:
    wanted = ListOptions(ByToken("42"))
    assert command("/tfa_options", None, BEARER, verb="GET", query=OWN) == wanted
    assert command("/tfa_options", None, BEARER, verb="GET", query={**OWN, "_method": "GET"}) == wanted
    assert command("/tfa_options", {"uaID": 42, "_method": "GET"}, BEARER, kind=JSON) == wanted


def test_a_challenge_names_its_option() -> None:
    assert command("/tfa_challenge", {**WHO, "tfaOptID": "7"}) == ChallengeOption(ByPassword("ada", "right"), 7)


@pytest.mark.parametrize("intent", ["register", "rapsms", "edit"])
def test_a_number_is_written_to_that_is_to_become_a_factor(intent: str) -> None:
    sent = {"chUaID": "42", "chIntent": intent, "chPhone": "+40768248202"}
    assert command("/challenge_phone", sent, BEARER, HEADER) == AddAddress(
        ByToken("42"), Factor.SMS, "+40768248202", "123456"
    )


def test_a_secret_is_drawn_for_the_owner_of_the_token() -> None:
    assert command("/totp", None, BEARER, verb="GET") == AddAuthenticator(ByToken(""))
    asked = command("/totp", None, BEARER, HEADER, verb="GET", query=OWN)
    assert asked == AddAuthenticator(ByToken("42"), "123456")


def test_a_secret_that_the_client_brings_is_not_looked_at() -> None:
    sent = {**OWN, "tfaOptType": "3", "chSecret": "JBSWY3DPEHPK3PXP", "chResponse": "012345"}
    assert command("/tfa_options", sent, BEARER) == ConfirmOption(ByToken("42"), Factor.TOTP, None, "012345")


def test_a_number_is_confirmed_by_its_challenge() -> None:
    sent = {"uaID": 42, "tfaOptType": 1, "chID": 8000, "chResponse": 123456}
    assert command("/tfa_options", sent, BEARER, kind=JSON) == ConfirmOption(ByToken("42"), Factor.SMS, 8000, "123456")


def test_a_removal_is_a_delete_or_a_post_that_says_so() -> None:
    wanted = RemoveOption(ByToken("42"), 1, "right", "123456")
    sent = {"uaPassword": "right", "tfaResponse": "123456"}
    query = {**OWN, "tfaOptID": "1"}
    assert command("/tfa_options", sent, BEARER, verb="DELETE", query=query) == wanted
    assert command("/tfa_options", {**sent, **query, "_method": "DELETE"}, BEARER) == wanted


def test_a_member_that_is_null_is_not_there() -> None:
    assert command("", {**WHO, "tfaResponse": None}, kind=b"application/json; charset=utf-8") == SignIn("ada", "right")


def test_a_new_password_is_sent_twice() -> None:
    assert command("", {**WHO, **_ANEW}) == SignIn("ada", "right", new_password="secret7")


# --- What is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("uaUserName", "uaPassword", "uaNewPassword", "tfaResponse", "tfaToken", "chPhone", "chSecret", "chResponse"),
        *("access_token", "code"),
    ],
)
def test_no_secret_is_taken_from_a_query(name: str) -> None:
    assert error(turn("/tfa_options", None, BEARER, verb="GET", query={**OWN, name: "x"})) == (400, "", 400)


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": b"uaUserName=a&uaUserName=b"},
        {"body": b"uaUserName=%ff"},
        {"body": b'{"a": "x", "a": "y"}', "kind": JSON},
        {"body": b'["a"]', "kind": JSON},
        {"fields": {"uaUserName": True}, "kind": JSON},
        {"fields": {"uaUserName": 1.5}, "kind": JSON},
        {"fields": {"uaUserName": ["a"]}, "kind": JSON},
        {"fields": {"uaUserName": "\ud800"}, "kind": JSON},
        {"fields": {"uaUserName": "x" * 5000}},
        {"fields": {**WHO, "intent": "auth"}, "query": {"intent": "auth"}},
        {"query": "%zz=\xff"},
        {"query": "_method=GET"},
        {"query": {"_method": "POST"}},
    ],
)
def test_what_can_be_read_two_ways_or_not_at_all_is_refused(wrong: dict[str, Any]) -> None:
    assert error(turn("", **wrong)) == (400, "", 400)


def test_a_body_of_another_kind_is_refused() -> None:
    assert error(turn("", kind=b"multipart/form-data", body=b"x")) == (415, "", 415)


def test_a_get_has_no_body() -> None:
    assert error(turn("/tfa_options", OWN, BEARER, verb="GET")) == (400, "", 400)


@pytest.mark.parametrize(
    ("path", "override"),
    [
        *(("/tfa_options", word) for word in ("get", "POST", "PATCH", "<script>", "")),
        *((path, word) for path in ("", "/tfa_challenge", "/challenge_phone") for word in ("GET", "DELETE", "POST")),
    ],
)
def test_a_body_changes_the_method_to_nothing_that_no_page_names(path: str, override: str) -> None:
    assert error(turn(path, {**WHO, "_method": override})) == (400, "", 400)


@pytest.mark.parametrize("word", ["GET", "DELETE"])
def test_a_query_changes_no_method(word: str) -> None:
    assert error(turn("/tfa_options", WHO, query={"_method": word})) == (400, "", 400)


def test_a_delete_stays_one() -> None:
    assert error(turn("/tfa_options", {**OWN, "_method": "GET"}, BEARER, verb="DELETE")) == (400, "", 400)


@pytest.mark.parametrize(
    ("path", "verb", "allowed"),
    [("", "GET", b"POST"), ("/tfa_options", "PUT", b"GET, POST, DELETE"), ("/totp", "POST", b"GET")],
)
def test_another_method_is_told_which_there_are(path: str, verb: str, allowed: bytes) -> None:
    reply = turn(path, None, verb=verb)
    assert (reply.status, dict(reply.headers)[b"allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/", "/tfa_options/", "/tfa_options/1", "/nothing"])
def test_whatever_else_is_in_the_area_is_nothing(path: str) -> None:
    assert error(turn(path, WHO)) == (404, "", 404)


@pytest.mark.parametrize("more", [{"uaID": "42"}, {}])
def test_the_two_modes_are_not_mixed(more: dict[str, str]) -> None:
    reply = turn("/tfa_options", {**WHO, **more, "_method": "GET"}, *(() if more else (BEARER,)))
    assert error(reply) == (400, "", 400)


_ANEW = {"uaNewPassword": "secret7", "uaNewPassword2": "secret7"}
_PHONE = {"chUaID": "42", "chIntent": "edit", "chPhone": "+40768248202"}
_ADD = {**OWN, "tfaOptType": "1", "chID": "8", "chResponse": "123456"}


@pytest.mark.parametrize(
    ("path", "fields", "wrong"),
    [
        ("", {"uaPassword": "x"}, ("uaUserName", 101)),
        ("", {"uaUserName": "x"}, ("uaPassword", 102)),
        ("", {**WHO, "tfaOptID": "01"}, ("tfaOptID", 103)),
        ("", {**WHO, "tfaOptID": "-1"}, ("tfaOptID", 103)),
        ("", {**WHO, "intent": "other"}, ("intent", 104)),
        ("", {**WHO, "tfaSave": "2"}, ("tfaSave", 105)),
        ("", {**WHO, "tfaToken": "123456"}, ("tfaResponse", 106)),
        ("", {**WHO, "tfaToken": "tfa_1", "tfaResponse": "tfa_1"}, ("tfaResponse", 106)),
        ("", {**WHO, "uaNewPassword": "secret7"}, ("uaNewPassword", 108)),
        ("", {**WHO, "uaNewPassword2": "secret7"}, ("uaNewPassword", 108)),
        ("", {**WHO, "uaNewPassword": "short", "uaNewPassword2": "short"}, ("uaNewPassword", 108)),
        ("", {**WHO, **_ANEW, "intent": "link"}, ("uaNewPassword", 108)),
        ("/tfa_options", {"_method": "GET"}, ("uaID", 101)),
        ("/tfa_options", {"_method": "GET", "uaPassword": "x"}, ("uaUserName", 102)),
        ("/tfa_options", {"_method": "GET", "uaUserName": "x"}, ("uaPassword", 103)),
        ("/tfa_challenge", {"uaUserName": "x"}, ("uaPassword", 102)),
        ("/tfa_challenge", {**WHO, "tfaOptID": "\u0661"}, ("tfaOptID", 103)),
        ("/challenge_phone", {**_PHONE, "chUaID": ""}, ("chUaID", 101)),
        ("/challenge_phone", {**_PHONE, "chIntent": "spam"}, ("chIntent", 102)),
        ("/challenge_phone", {**_PHONE, "chPhone": ""}, ("chPhone", 103)),
        ("/tfa_options", {**_ADD, "tfaOptType": "2"}, ("tfaOptType", 101)),
        ("/tfa_options", {**_ADD, "tfaOptType": "4"}, ("tfaOptType", 101)),
        ("/tfa_options", {**_ADD, "chID": "x"}, ("chID", 102)),
        ("/tfa_options", {**_ADD, "chResponse": ""}, ("chResponse", 106)),
        ("/tfa_options", {**OWN, "_method": "DELETE"}, ("tfaOptID", 101)),
        ("/tfa_options", {**OWN, "_method": "DELETE", "tfaOptID": "1"}, ("uaPassword", 103)),
    ],
)
def test_a_field_that_cannot_be_has_the_number_of_its_page(
    path: str, fields: dict[str, str], wrong: tuple[str, int]
) -> None:
    assert error(turn(path, fields)) == (400, *wrong)


def test_a_code_is_in_the_body_or_in_the_header() -> None:
    assert error(turn("", {**WHO, "tfaOptID": "1", "tfaResponse": "1"}, HEADER)) == (400, "tfaResponse", 106)


# --- What is answered -------------------------------------------------------------------------


def test_a_code_that_is_needed_is_error_107_on_tfa_id() -> None:
    assert error(ADSERVIO.answer(CodeNeeded(), accept("", WHO))) == (403, "tfaID", 107)


@pytest.mark.parametrize("denial", Denial)
@pytest.mark.parametrize("call", SENT)
@pytest.mark.parametrize("about", ["account", "token", "option"])
def test_no_denial_reads_like_a_success(denial: Denial, call: str, about: str) -> None:
    reply = ADSERVIO.answer(Turned(denial, about), accept(*SENT[call]))
    assert reply.status >= 400
    error(reply)


@pytest.mark.parametrize("reason", Reason)
def test_no_refusal_of_the_gate_reads_like_a_success(reason: Reason) -> None:
    assert ADSERVIO.refuse(reason, Asked("GET", "/orders/1")).status >= 400


def test_an_outcome_of_another_call_is_a_mistake_of_ours() -> None:
    for path, fields in SENT.values():
        with pytest.raises(TypeError, match="no body"):
            ADSERVIO.answer(Attested("x"), accept(path, fields))
    with pytest.raises(TypeError, match="no body"):
        ADSERVIO.answer(Finished(), accept("/totp", None, verb="GET"))
    with pytest.raises(TypeError, match="not accepted here"):
        ADSERVIO.answer(Finished(), Accepted(accept("", WHO).errand, "another form"))


def test_a_path_outside_of_the_area_has_no_methods_of_it() -> None:
    reply: Reply = ADSERVIO.refuse(Reason.METHOD_NOT_ALLOWED, Asked("TRACE", "/auth"))
    assert b"PATCH" in dict(reply.headers)[b"allow"]


def test_everything_at_and_below_auth_is_its_own() -> None:
    assert dict(ADSERVIO.endpoints) == {"/api/v2/auth/**": ""}
