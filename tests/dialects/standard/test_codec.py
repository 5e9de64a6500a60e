import json
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import Enrolment, Factor, FactorState, Inventory, Proof
from mfa_gateway.core.ceremony import (
    Action,
    Begun,
    Challenged,
    Command,
    Done,
    Failed,
    Listed,
    Outcome,
    Printed,
    Proven,
    Stock,
    Windows,
)
from mfa_gateway.core.foresight import Wish
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.standard.names import TYPES, wire_id
from mfa_gateway.dialects.wire import Asked, Submission

FORM: Final = Standard()
STORED: Final = "0123456789abcdef01234567"
APP: Final = wire_id(Factor.TOTP, STORED)
MAIL: Final = wire_id(Factor.EMAIL, STORED)
ENDPOINTS: Final = {
    "/mfa/factors": "GET, POST",
    "/mfa/factors/{id}": "PATCH, DELETE",
    "/mfa/factors/{id}/confirm": "POST",
    "/mfa/challenges": "POST",
    "/mfa/challenges/verify": "POST",
    "/mfa/grace": "GET, DELETE",
    "/mfa/backup-codes": "POST, DELETE",
    "/mfa/preflight": "POST",
}
AREAS: Final = ("/mfa/factors/**", "/mfa/challenges/**", "/mfa/grace/**", "/mfa/backup-codes/**", "/mfa/preflight/**")

Submit = Callable[..., Submission]


def decode(submit: Submit, method: str, path: str, said: object = None, **more: Any) -> Command | Failed:
    body = b"" if said is None else json.dumps(said).encode()
    return FORM.decode(submit(path, body, method=method, **more))


def command(submit: Submit, method: str, path: str, said: object = None, **more: Any) -> dict[str, object]:
    """What a request asks for, without what is as always."""
    found = decode(submit, method, path, said, **more)
    assert isinstance(found, Command), found
    usual = Command(found.action, found.caller, scope=Scope.SESSION)
    names = ("factor_name", "code", "scope", "languages", "enrolment", "address", "name", "ticket", "wish")
    told = {name: getattr(found, name) for name in names if getattr(found, name) != getattr(usual, name)}
    return {"action": found.action, **told}


def wrong(submit: Submit, method: str, path: str, said: object = None, **more: Any) -> str | None:
    """The place in the body that is wrong."""
    found = decode(submit, method, path, said, **more)
    assert isinstance(found, Failed)
    assert found.reason is Reason.BODY_MALFORMED
    return found.pointer


# --- Endpoints --------------------------------------------------------------------------------


def test_endpoints_and_areas_stand_below_the_prefix() -> None:
    assert dict(FORM.endpoints) == ENDPOINTS | dict.fromkeys(AREAS, "")
    assert {path.replace("/mfa", "/a/b") for path in FORM.endpoints} == {*Standard(prefix="/a/b").endpoints}
    assert "/factors" in Standard(prefix="").endpoints


@pytest.mark.parametrize("prefix", ["mfa", "/mfa/", "/%6Dfa", "/a//b", "/ü", "/../a", "/{id}", "\ud800"])
def test_a_prefix_that_no_request_could_match_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"^dialects\.standard\.prefix: .* is not a canonical path"):
        Standard(prefix=prefix)


def test_a_prefix_is_taken_as_it_is_and_not_as_a_pattern(submit: Submit) -> None:
    form = Standard(prefix="/m.a")
    assert isinstance(form.decode(submit("/m.a/grace", method="GET")), Command)
    assert form.decode(submit("/mfa/grace", method="GET")) == Failed(Reason.NOT_FOUND)


@pytest.mark.parametrize("path", ["/mfa", "/mfa/", "/mfa/factors/", "/mfa/factors/XY", f"/mfa/factors/{'0' * 65}", ""])
def test_another_path_is_not_found(submit: Submit, path: str) -> None:
    assert decode(submit, "GET", path) == Failed(Reason.NOT_FOUND)


@pytest.mark.parametrize(("template", "methods"), ENDPOINTS.items())
def test_another_method_is_refused_with_those_there_are(submit: Submit, template: str, methods: str) -> None:
    path = template.replace("{id}", APP)
    assert decode(submit, "PUT", path) == Failed(Reason.METHOD_NOT_ALLOWED)
    reply = FORM.refuse(Reason.METHOD_NOT_ALLOWED, Asked("PUT", path))
    assert (reply.status, dict(reply.headers)[b"allow"].decode()) == (405, methods)
    assert FORM.encode(Failed(Reason.METHOD_NOT_ALLOWED), Asked("PUT", path)) == reply


@pytest.mark.parametrize("ending", ["", "/confirm"])
def test_an_id_that_cannot_be_one_is_no_factor(submit: Submit, ending: str) -> None:
    method = "POST" if ending else "DELETE"
    found = decode(submit, method, f"/mfa/factors/ff{STORED}{ending}", {"code": "1"} if ending else None)
    assert isinstance(found, Failed)
    assert found.reason is Reason.FACTOR_NOT_FOUND


# --- Requests ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        (("GET", "/mfa/factors"), {"action": Action.INVENTORY}),
        (("POST", "/mfa/factors", {"type": "totp"}), {"action": Action.ADD, "factor_name": "totp"}),
        (
            ("POST", "/mfa/factors", {"type": "email", "name": "Work", "address": "a@b.test"}),
            {"action": Action.ADD, "factor_name": "email", "name": "Work", "address": "a@b.test"},
        ),
        (
            ("POST", f"/mfa/factors/{APP}/confirm", {"code": "123456"}),
            {"action": Action.CONFIRM, "factor_name": "totp", "ticket": STORED, "code": "123456"},
        ),
        (
            ("PATCH", f"/mfa/factors/{MAIL}", {"name": "Work"}),
            {"action": Action.RENAME, "factor_name": "email", "enrolment": STORED, "name": "Work"},
        ),
        (
            ("DELETE", f"/mfa/factors/{MAIL}"),
            {"action": Action.REMOVE, "factor_name": "email", "enrolment": STORED},
        ),
        (("POST", "/mfa/challenges", {}), {"action": Action.CHALLENGE}),
        (("POST", "/mfa/challenges", {"type": "sms"}), {"action": Action.CHALLENGE, "factor_name": "sms"}),
        (
            ("POST", "/mfa/challenges", {"factor": MAIL, "type": "email"}),
            {"action": Action.CHALLENGE, "factor_name": "email", "enrolment": STORED},
        ),
        (("POST", "/mfa/challenges/verify", {"code": "1"}), {"action": Action.ANSWER, "code": "1"}),
        (
            ("POST", "/mfa/challenges/verify", {"code": "1", "scope": "account"}),
            {"action": Action.ANSWER, "code": "1", "scope": Scope.ACCOUNT},
        ),
        (("GET", "/mfa/grace"), {"action": Action.GRACE}),
        (("DELETE", "/mfa/grace"), {"action": Action.CLOSE}),
        (("POST", "/mfa/backup-codes", {}), {"action": Action.BACKUP, "factor_name": "backup"}),
        (("DELETE", "/mfa/backup-codes"), {"action": Action.REMOVE, "factor_name": "backup"}),
        (
            ("POST", "/mfa/preflight", {"method": "PATCH", "path": "/a/b%20c"}),
            {"action": Action.PREFLIGHT, "wish": Wish("PATCH", "/a/b%20c")},
        ),
        (
            ("POST", "/mfa/preflight", {"method": "GET", "path": "/../a", "host": "Shop.Test:8080"}),
            {"action": Action.PREFLIGHT, "wish": Wish("GET", "/../a", "shop.test")},
        ),
    ],
)
def test_a_request_becomes_a_command(submit: Submit, request_: tuple[Any, ...], asked: dict[str, object]) -> None:
    assert command(submit, *request_) == asked


def test_languages_and_the_code_of_the_header_come_along(submit: Submit) -> None:
    asked = command(submit, "POST", "/mfa/factors", {"type": "totp"}, code="123456", languages=("de",))
    assert (asked["code"], asked["languages"]) == ("123456", ("de",))
    assert "code" not in command(submit, "DELETE", f"/mfa/factors/{APP}", code="")


def test_a_code_is_answered_in_the_body_or_in_the_header_and_not_in_both(submit: Submit) -> None:
    assert command(submit, "POST", "/mfa/challenges/verify", {}, code="1")["code"] == "1"
    assert command(submit, "POST", "/mfa/challenges/verify", {"code": "1"}, code="")["code"] == "1"
    assert wrong(submit, "POST", "/mfa/challenges/verify", {"code": "1"}, code="1") == "/code"
    assert wrong(submit, "POST", "/mfa/challenges/verify", {}) == "/code"
    assert wrong(submit, "POST", "/mfa/challenges/verify", {"code": ""}) == "/code"


def test_the_code_that_confirms_is_that_of_the_body(submit: Submit) -> None:
    asked = command(submit, "POST", f"/mfa/factors/{APP}/confirm", {"code": "222222"}, code="111111")
    assert asked["code"] == "222222"


@pytest.mark.parametrize(
    ("method", "path", "said", "place"),
    [
        ("POST", "/mfa/factors", {}, "/type"),
        ("POST", "/mfa/factors", {"type": "backup"}, "/type"),
        ("POST", "/mfa/factors", {"type": "TOTP"}, "/type"),
        ("POST", "/mfa/factors", {"type": "totp", "address": "a@b.test"}, "/address"),
        ("POST", "/mfa/factors", {"type": "email", "address": "b.test"}, "/address"),
        ("POST", "/mfa/factors", {"type": "sms", "address": "030123"}, "/address"),
        ("POST", "/mfa/factors", {"type": "totp", "name": "x" * 65}, "/name"),
        ("POST", "/mfa/factors", {"type": "totp", "name": "a\nb"}, "/name"),
        ("POST", "/mfa/factors", {"type": "totp", "nmae": "x"}, "/nmae"),
        ("PATCH", f"/mfa/factors/{APP}", {}, "/name"),
        ("PATCH", f"/mfa/factors/{APP}", {"name": "a\x00"}, "/name"),
        ("POST", f"/mfa/factors/{APP}/confirm", {}, "/code"),
        ("POST", f"/mfa/factors/{APP}/confirm", {"code": ""}, "/code"),
        ("POST", "/mfa/challenges", {"type": "backup"}, "/type"),
        ("POST", "/mfa/challenges", {"factor": "email"}, "/factor"),
        ("POST", "/mfa/challenges", {"factor": MAIL, "type": "sms"}, "/type"),
        ("POST", "/mfa/challenges", {"factor": MAIL, "type": "pigeon"}, "/type"),
        ("POST", "/mfa/challenges/verify", {"code": "1", "scope": "planet"}, "/scope"),
        ("POST", "/mfa/backup-codes", {"count": "5"}, "/count"),
        ("POST", "/mfa/backup-codes", [], ""),
        ("POST", "/mfa/preflight", {"method": "GET"}, "/path"),
        ("POST", "/mfa/preflight", {"path": "/"}, "/method"),
        ("POST", "/mfa/preflight", {"method": "get", "path": "/"}, "/method"),
        ("POST", "/mfa/preflight", {"method": "GET", "path": "/a?b=c"}, "/path"),
        ("POST", "/mfa/preflight", {"method": "GET", "path": "/a#b"}, "/path"),
        ("POST", "/mfa/preflight", {"method": "GET", "path": "/" + "a" * 8192}, "/path"),
        ("POST", "/mfa/preflight", {"method": "GET", "path": "/", "host": "a b"}, "/host"),
        ("GET", "/mfa/factors", {}, ""),
        ("DELETE", f"/mfa/factors/{APP}", {}, ""),
    ],
)
def test_what_is_wrong_with_a_body_is_pointed_at(
    submit: Submit, method: str, path: str, said: object, place: str
) -> None:
    assert wrong(submit, method, path, said) == place


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/mfa/factors"),
        ("PATCH", f"/mfa/factors/{APP}"),
        ("POST", "/mfa/challenges"),
        ("POST", "/mfa/backup-codes"),
    ],
)
def test_what_a_page_can_post_as_a_form_is_not_read(submit: Submit, method: str, path: str) -> None:
    for content_type in ("", "text/plain"):
        assert decode(submit, method, path, content_type=content_type) == Failed(Reason.BODY_UNSUPPORTED)


def test_the_name_of_a_factor_can_be_taken_away(submit: Submit) -> None:
    assert "name" not in command(submit, "PATCH", f"/mfa/factors/{APP}", {"name": ""})


@settings(deadline=None, max_examples=400)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]) | st.text(),
    path=st.sampled_from([path.replace("{id}", APP) for path in FORM.endpoints]) | st.text(),
    content_type=st.sampled_from(["application/json"]) | st.text(),
    body=st.binary()
    | st.dictionaries(
        st.sampled_from(["type", "name", "address", "code", "factor", "scope"]),
        st.text() | st.sampled_from([*TYPES, MAIL, "session", "a@b.test"]) | st.none(),
    ).map(lambda said: json.dumps(said).encode()),
    code=st.none() | st.text(),
)
def test_every_request_is_decoded_or_refused(
    submit: Submit, method: str, path: str, content_type: str, body: bytes, code: str | None
) -> None:
    found = FORM.decode(submit(path, body, method=method, content_type=content_type, code=code))
    if isinstance(found, Failed):
        assert FORM.encode(found, Asked(method, path)).status in (400, 404, 405, 415)
    else:
        assert found.code is None or found.code


# --- Answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Listed(((Factor.EMAIL, FactorState.ACTIVE),))])
def test_an_outcome_that_no_ceremony_here_can_have_is_our_own_fault(outcome: Outcome) -> None:
    with pytest.raises(NotImplementedError, match="no ceremony"):
        FORM.encode(outcome, Asked("GET", "/mfa/factors"))


def test_an_answer_without_anything_to_tell_is_204() -> None:
    reply = FORM.encode(Done(), Asked("DELETE", "/mfa/grace"))
    assert (reply.status, reply.body, dict(reply.headers)) == (204, b"", {b"cache-control": b"no-store"})


IDS: Final = st.from_regex(re.compile(r"[0-9a-f]{24}", re.ASCII), fullmatch=True)
WITH_ADDRESS: Final = st.sampled_from([Factor.EMAIL, Factor.SMS])
ENROLMENTS: Final = st.builds(
    Enrolment,
    st.sampled_from([*TYPES.values()]),
    IDS,
    st.text(max_size=64),
    st.none() | st.text(),
    st.none() | st.integers(0, 10**14),
    st.none() | st.integers(0, 10**14),
)
PROOFS: Final = st.builds(Proof, st.sampled_from(Factor), st.integers(0, 10**12))
OUTCOMES: Final[st.SearchStrategy[Outcome]] = st.one_of(
    st.builds(Stock, st.builds(Inventory, st.lists(ENROLMENTS).map(tuple), st.none() | st.integers(0, 10))),
    st.builds(Challenged, WITH_ADDRESS, IDS, st.none() | st.text(), st.integers(0, 10**9)),
    st.builds(Proven, PROOFS, st.sampled_from(Scope)),
    st.builds(Windows, st.lists(st.tuples(st.sampled_from(Scope), PROOFS)).map(tuple)),
    st.builds(Printed, st.lists(st.text()).map(tuple)),
    st.builds(Begun, IDS, st.text(), st.text("abcdefgh:/?=&%", max_size=200)),
)


@settings(deadline=None, max_examples=200)
@given(outcome=OUTCOMES, path=st.sampled_from([*ENDPOINTS]))
def test_every_answer_is_a_whole_one_that_nobody_may_store(outcome: Outcome, path: str) -> None:
    reply = FORM.encode(outcome, Asked("POST", path))
    assert reply.status in (200, 201)
    assert dict(reply.headers) == {b"cache-control": b"no-store", b"content-type": b"application/json"}
    assert isinstance(json.loads(reply.body), dict)


@settings(deadline=None)
@given(local=st.text("abcdefghij.", min_size=2, max_size=30))
def test_no_address_is_told_in_full(local: str) -> None:
    address = f"{local}@shop.test"
    stock = Stock(Inventory((Enrolment(Factor.EMAIL, STORED, address=address),)))
    for outcome in (stock, Challenged(Factor.EMAIL, STORED, address, 1)):
        assert address.encode() not in FORM.encode(outcome, Asked("POST", "/mfa/challenges")).body
