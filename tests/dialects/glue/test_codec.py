import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfa_gateway.core.account import Factor, FactorState, Inventory
from mfa_gateway.core.ceremony import (
    Action,
    Begun,
    Challenged,
    Command,
    Done,
    Failed,
    Listed,
    Outcome,
    Stock,
    Windows,
)
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.glue import Audience, Glue, StatusFormat
from mfa_gateway.dialects.wire import Asked, Reply, Submission

Submit = Callable[..., Submission]

GLUE = Glue(base_url="https://shop.example")
TYPES = "/multi-factor-auth-types"
TRIGGER = "/multi-factor-auth-trigger"
ACTIVATE = "/multi-factor-auth-type-activate"
VERIFY = "/multi-factor-auth-type-verify"
DEACTIVATE = "/multi-factor-auth-type-deactivate"
POSTS = {
    TRIGGER: Action.TRIGGER,
    ACTIVATE: Action.ACTIVATE,
    VERIFY: Action.VERIFY,
    DEACTIVATE: Action.DEACTIVATE,
}


def body_for(path: str, factor: object = "email") -> bytes:
    resource = path.rpartition("/")[2]
    return json.dumps({"data": {"type": resource, "attributes": {"type": factor}}}).encode()


def commanded(decoded: Command | Failed) -> Command:
    assert isinstance(decoded, Command)
    return decoded


# --- Endpoints --------------------------------------------------------------------------------


def test_there_are_five_endpoints() -> None:
    assert dict(GLUE.endpoints) == {TYPES: "GET"} | dict.fromkeys(POSTS, "POST")


def test_a_prefix_moves_all_of_them() -> None:
    assert set(Glue(prefix="/shop/mfa").endpoints) == {f"/shop/mfa{path}" for path in GLUE.endpoints}


@pytest.mark.parametrize(
    "prefix", ["/", "mfa", "/mfa/", "//mfa", "/m%66a", "/a/../b", "/mfa;v=1", "/caf\u00e9", "/\ud800"]
)
def test_a_prefix_that_no_request_could_match_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match=r"dialects\.glue\.prefix"):
        Glue(prefix=prefix)


def test_forms_compare_by_their_settings() -> None:
    assert Glue(prefix="/a") == Glue(prefix="/a") != Glue(prefix="/b")
    assert len({Glue(), Glue()}) == 1


# --- Decoding ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "action"), POSTS.items())
def test_each_endpoint_asks_for_its_own_action(path: str, action: Action, submit: Submit) -> None:
    command = commanded(GLUE.decode(submit(path, body_for(path))))
    assert (command.action, command.factor_name) == (action, "email")


def test_a_list_needs_no_body_and_no_content_type(submit: Submit) -> None:
    assert commanded(GLUE.decode(submit(TYPES, method="GET", content_type=""))).action is Action.LIST


def test_the_body_of_a_list_is_not_read(submit: Submit) -> None:
    assert commanded(GLUE.decode(submit(TYPES, b"{", method="GET"))).factor_name is None


def test_an_endpoint_is_found_under_its_prefix_only(submit: Submit) -> None:
    prefixed = Glue(prefix="/mfa")
    assert prefixed.decode(submit(TRIGGER, body_for(TRIGGER))) == Failed(Reason.NOT_FOUND)
    assert commanded(prefixed.decode(submit(f"/mfa{TRIGGER}", body_for(TRIGGER)))).action is Action.TRIGGER


@pytest.mark.parametrize("path", ["/carts", f"{TRIGGER}/", "/Multi-Factor-Auth-Trigger", ""])
def test_any_other_path_is_not_found(path: str, submit: Submit) -> None:
    assert GLUE.decode(submit(path, body_for(TRIGGER))) == Failed(Reason.NOT_FOUND)


@pytest.mark.parametrize(("method", "path"), [("GET", TRIGGER), ("POST", TYPES), ("post", TRIGGER), ("HEAD", TYPES)])
def test_any_other_method_is_not_allowed(method: str, path: str, submit: Submit) -> None:
    assert GLUE.decode(submit(path, body_for(path), method=method)) == Failed(Reason.METHOD_NOT_ALLOWED)


@pytest.mark.parametrize("path", POSTS)
def test_the_body_of_one_endpoint_is_wrong_at_another(path: str, submit: Submit) -> None:
    other = next(other for other in POSTS if other != path)
    assert GLUE.decode(submit(path, body_for(other))) == Failed(Reason.BODY_TYPE_INVALID)


def test_a_body_under_a_foreign_media_type_is_refused(submit: Submit) -> None:
    assert GLUE.decode(submit(VERIFY, body_for(VERIFY), content_type="text/plain")) == Failed(Reason.BODY_UNSUPPORTED)


@pytest.mark.parametrize("path", POSTS)
def test_a_factor_that_is_not_named_is_left_to_the_ceremony(path: str, submit: Submit) -> None:
    assert commanded(GLUE.decode(submit(path, body_for(path, None)))).factor_name is None


@pytest.mark.parametrize("path", [ACTIVATE, VERIFY, DEACTIVATE])
def test_a_code_is_handed_on_as_presented(path: str, submit: Submit) -> None:
    assert commanded(GLUE.decode(submit(path, body_for(path), code=" 123456"))).code == " 123456"


@pytest.mark.parametrize("code", [None, ""])
def test_an_empty_code_counts_as_missing(code: str | None, submit: Submit) -> None:
    assert commanded(GLUE.decode(submit(VERIFY, body_for(VERIFY), code=code))).code is None


@pytest.mark.parametrize(("path", "method"), [(TYPES, "GET"), (TRIGGER, "POST")])
def test_a_code_means_nothing_where_none_is_asked_for(path: str, method: str, submit: Submit) -> None:
    assert commanded(GLUE.decode(submit(path, body_for(path), method=method, code="123456"))).code is None


def test_proofs_count_for_the_whole_account(submit: Submit) -> None:
    assert commanded(GLUE.decode(submit(VERIFY, body_for(VERIFY)))).scope is Scope.ACCOUNT


def test_the_caller_and_their_languages_are_handed_on(submit: Submit) -> None:
    submission = submit(TRIGGER, body_for(TRIGGER), languages=("de", "en"))
    command = commanded(GLUE.decode(submission))
    assert (command.caller, command.languages) == (submission.caller, ("de", "en"))


def test_a_code_does_not_show_in_the_repr_of_what_was_decoded(submit: Submit) -> None:
    submission = submit(VERIFY, body_for(VERIFY), code="918273")
    assert "918273" not in repr(submission) + repr(GLUE.decode(submission))


@settings(deadline=None)
@given(
    path=st.sampled_from([*GLUE.endpoints]) | st.text(),
    method=st.sampled_from(["GET", "POST"]) | st.text(),
    content_type=st.sampled_from(["application/json", "application/vnd.api+json"]) | st.text(),
    body=st.sampled_from([body_for(path) for path in GLUE.endpoints]) | st.binary(),
    code=st.none() | st.text(),
)
def test_any_submission_gives_a_command_or_a_failure(
    *, path: str, method: str, content_type: str, body: bytes, code: str | None, submit: Submit
) -> None:
    submission = submit(path, body, method=method, content_type=content_type, code=code)
    decoded = GLUE.decode(submission)
    assert isinstance(decoded, Command | Failed)


# --- Encoding ---------------------------------------------------------------------------------


def test_done_is_an_empty_204() -> None:
    reply = GLUE.encode(Done(), Asked("POST", VERIFY))
    assert (reply.status, reply.body, header(reply, b"content-type")) == (204, b"", None)


@pytest.mark.parametrize(
    ("state", "text", "number"),
    [
        (FactorState.OFF, "deactivated", 0),
        (FactorState.PENDING, "activation is pending", 1),
        (FactorState.ACTIVE, "activated", 2),
    ],
)
def test_a_state_is_written_as_word_or_number(state: FactorState, text: str, number: int) -> None:
    listed = Listed(((Factor.EMAIL, state),))
    assert first_status(GLUE, listed) == text
    assert first_status(Glue(status_format=StatusFormat.INTEGER), listed) == number


def first_status(form: Glue, listed: Listed) -> object:
    document = json.loads(form.encode(listed, Asked("GET", TYPES)).body)
    return document["data"][0]["attributes"]["status"]


def test_a_list_keeps_the_order_of_the_ceremony() -> None:
    factors = ((Factor.TOTP, FactorState.ACTIVE), (Factor.EMAIL, FactorState.PENDING), (Factor.SMS, FactorState.OFF))
    document = json.loads(GLUE.encode(Listed(factors), Asked("GET", TYPES)).body)
    assert [item["attributes"]["type"] for item in document["data"]] == ["totp", "email", "sms"]


def test_links_are_made_from_the_configuration() -> None:
    form = Glue(prefix="/mfa", base_url="https://shop.example/")
    document = json.loads(form.encode(Listed(()), Asked("GET", "/mfa/multi-factor-auth-types")).body)
    assert document["links"] == {"self": "https://shop.example/mfa/multi-factor-auth-types"}


# --- Refusing ---------------------------------------------------------------------------------


def header(reply: Reply, name: bytes) -> bytes | None:
    found = [value for key, value in reply.headers if key == name]
    assert len(found) <= 1
    return found[0] if found else None


def error(reply: Reply) -> dict[str, object]:
    document = json.loads(reply.body)
    assert list(document) == ["errors"]
    (only,) = document["errors"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("outcome", [Stock(Inventory()), Begun("t", "s", "u"), Challenged(Factor.SMS, "i"), Windows()])
def test_an_outcome_that_no_ceremony_here_can_have_is_our_own_fault(outcome: Outcome) -> None:
    with pytest.raises(NotImplementedError, match="no ceremony"):
        GLUE.encode(outcome, Asked("GET", TYPES))


def test_the_same_path_is_an_endpoint_under_its_own_prefix_only() -> None:
    asked = Asked("POST", VERIFY)
    assert GLUE.refuse(Reason.FACTOR_NOT_FOUND, asked).status == 400
    assert Glue(prefix="/mfa").refuse(Reason.FACTOR_NOT_FOUND, asked).status == 403


@pytest.mark.parametrize("reason", [Reason.STORE_UNAVAILABLE, Reason.IDENTITY_UNAVAILABLE])
def test_what_is_away_asks_to_come_back_without_a_code_of_the_interface(reason: Reason) -> None:
    reply = GLUE.refuse(reason, Asked("GET", "/carts"))
    assert (reply.status, header(reply, b"retry-after"), "code" in error(reply)) == (503, b"1", False)


asked_values = st.builds(
    Asked,
    method=st.sampled_from(["GET", "POST", "TRACE"]) | st.text(),
    path=st.sampled_from([*GLUE.endpoints, "/carts"]) | st.text(),
    accept=st.sampled_from(["", "*/*", "application/vnd.api+json", "application/json;q=0.2"]) | st.text(),
    request_id=st.text(),
)
forms = st.builds(
    Glue,
    prefix=st.sampled_from(["", "/mfa"]),
    base_url=st.text(),
    audience=st.sampled_from(Audience),
    status_format=st.sampled_from(StatusFormat),
)


@settings(deadline=None)
@given(form=forms, reason=st.sampled_from(Reason), asked=asked_values, left_ms=st.integers(-1, 10**12))
def test_every_refusal_is_a_whole_error(form: Glue, reason: Reason, asked: Asked, left_ms: int) -> None:
    reply = form.refuse(reason, asked, retry_after_ms=left_ms)
    only = error(reply)
    assert reply.status >= 400
    assert only["status"] == reply.status
    assert only["detail"] == only["message"]
    assert isinstance(only.get("code", ""), str)
    assert header(reply, b"x-mfa-error-code") == str(only.get("code", reason.value)).encode()
    assert (reply.status == 405) == (header(reply, b"allow") is not None)
    assert reply.status != 401 or header(reply, b"www-authenticate") is not None


outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.just(Done()),
    st.builds(Failed, st.sampled_from(Reason), st.integers(0, 10**12), st.text()),
    st.builds(
        Listed,
        st.lists(st.tuples(st.sampled_from(Factor), st.sampled_from(FactorState))).map(
            tuple[tuple[Factor, FactorState], ...]
        ),
    ),
)


@settings(deadline=None)
@given(form=forms, outcome=outcomes, asked=asked_values)
def test_every_answer_is_json_or_empty_and_never_stored(form: Glue, outcome: Outcome, asked: Asked) -> None:
    reply = form.encode(outcome, asked)
    assert header(reply, b"cache-control") == b"no-store"
    if reply.body:
        assert isinstance(json.loads(reply.body), dict)
        assert header(reply, b"content-type") in {b"application/json", b"application/vnd.api+json"}
    else:
        assert reply.status == 204


@settings(deadline=None)
@given(form=forms, outcome=outcomes, asked=asked_values)
def test_headers_are_single_lines_and_leave_the_length_to_the_door(form: Glue, outcome: Outcome, asked: Asked) -> None:
    headers = form.encode(outcome, asked).headers
    assert all(name == name.lower() and value.isascii() and value.decode().isprintable() for name, value in headers)
    assert not {b"content-length", b"x-request-id"} & {name for name, _ in headers}


@pytest.mark.parametrize("reason", Reason)
def test_a_detail_for_the_log_never_reaches_the_client(reason: Reason) -> None:
    asked = Asked("POST", VERIFY)
    assert GLUE.encode(Failed(reason, detail="spent"), asked) == GLUE.encode(Failed(reason), asked)
