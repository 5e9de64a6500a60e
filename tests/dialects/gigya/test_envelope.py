"""The envelope, letter by letter; and callbacks, of which few are names."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfa_gateway.dialects.gigya.bag import Bag
from mfa_gateway.dialects.gigya.envelope import Body, Form, read_form, timestamp, written
from mfa_gateway.dialects.gigya.errors import MESSAGES, GigyaError
from tests.dialects.gigya.calls import CALL_ID, NOW, received

FORM = Form(CALL_ID, NOW)


def form_of(*, allows_jsonp: bool = True, **values: str) -> Form | GigyaError:
    return read_form(Bag((), values), received("m"), allows_jsonp=allows_jsonp)


def test_a_good_answer_is_laid_out_as_on_the_wire() -> None:
    assert written(Body({"vToken": "abc", "code": None}), FORM).body.decode() == (
        "{\n"
        f'  "callId": "{CALL_ID}",\n'
        '  "errorCode": 0,\n'
        '  "apiVersion": 2,\n'
        '  "statusCode": 200,\n'
        '  "statusReason": "OK",\n'
        '  "time": "2026-11-21T19:23:13.017Z",\n'
        '  "vToken": "abc"\n'
        "}"
    )


def test_an_error_is_laid_out_as_on_the_wire() -> None:
    assert written(Body(error=GigyaError(400006, "Invalid jwt")), FORM).body.decode() == (
        "{\n"
        f'  "callId": "{CALL_ID}",\n'
        '  "errorCode": 400006,\n'
        '  "errorDetails": "Invalid jwt",\n'
        '  "errorMessage": "Invalid parameter value",\n'
        '  "apiVersion": 2,\n'
        '  "statusCode": 400,\n'
        '  "statusReason": "Bad Request",\n'
        '  "time": "2026-11-21T19:23:13.017Z"\n'
        "}"
    )


def test_clients_that_search_the_text_find_what_they_search() -> None:
    text = written(Body(error=GigyaError(403005)), FORM).body.decode()
    assert re.search(r'"statusCode": 403,\s*"statusReason": "Forbidden"', text)


def test_the_context_comes_back_as_it_was_sent() -> None:
    for context in ("R2162263861", '{"a":1}', ""):
        form = form_of(context=context)
        assert isinstance(form, Form)
        assert json.loads(written(Body(), form).body)["context"] == context
    assert "context" not in json.loads(written(Body(), FORM).body)


@pytest.mark.parametrize("code", sorted(MESSAGES))
def test_an_error_has_its_own_status_only_where_the_client_asks_for_it(code: int) -> None:
    body = Body(error=GigyaError(code))
    assert written(body, FORM).status == 200
    real = written(body, Form(CALL_ID, NOW, has_real_status=True))
    assert real.status == code // 1000 == json.loads(real.body)["statusCode"]


def test_a_good_answer_has_status_200_either_way() -> None:
    assert written(Body(), Form(CALL_ID, NOW, has_real_status=True)).status == 200


def test_who_has_to_wait_is_told_how_long() -> None:
    assert (b"retry-after", b"2") in written(Body(error=GigyaError(403048, retry_after_ms=1001)), FORM).headers


@pytest.mark.parametrize("form", [FORM, Form(CALL_ID, NOW, callback="a.b")])
def test_no_answer_is_stored_or_sniffed(form: Form) -> None:
    headers = dict(written(Body(), form).headers)
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"


# --- JSONP ------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [Body({"a": "</script>\u2028é"}), Body(error=GigyaError(400002))])
def test_a_script_calls_its_function_with_the_whole_envelope(body: Body) -> None:
    form = form_of(format="jsonp", callback="gigya.callback")
    assert isinstance(form, Form)
    reply = written(body, form)
    text = reply.body.decode("ascii")
    assert text.startswith("/**/gigya.callback({\n  ")
    assert text.endswith("\n});")
    assert "</" not in text
    assert json.loads(text[len("/**/gigya.callback(") : -2]) == json.loads(written(body, FORM).body)
    assert dict(reply.headers)[b"content-type"] == b"text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    "callback",
    ["<script>", "alert(1)//", "a\r\nb", "a b", "1a", "a" * 65, "a-b", "é", "a[0]", "a;b", ".a", "a\n"],
)
def test_a_callback_that_is_no_plain_name_is_refused(callback: str) -> None:
    assert form_of(format="jsonp", callback=callback) == GigyaError(400006, "Invalid parameter value : callback")


@given(st.text(max_size=80))
def test_whatever_callback_is_taken_is_a_plain_name(callback: str) -> None:
    form = form_of(format="jsonp", callback=callback)
    if isinstance(form, Form):
        assert re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$.]{0,63}", form.callback)


def test_a_script_needs_a_callback() -> None:
    assert form_of(format="jsonp") == GigyaError(400002, "Missing required parameter : callback")


def test_scripts_are_off_unless_a_site_wants_them() -> None:
    refused = form_of(format="jsonp", callback="a", allows_jsonp=False)
    assert isinstance(refused, GigyaError)
    assert refused.code == 400096


@pytest.mark.parametrize(
    ("name", "value"), [("format", "xml"), ("httpstatuscodes", "perhaps"), ("context", "x" * 2049)]
)
def test_a_form_that_is_none_is_refused(name: str, value: str) -> None:
    refused = read_form(Bag((), {name: value}), received("m"), allows_jsonp=True)
    assert isinstance(refused, GigyaError)
    assert refused.code == 400006


def test_times_have_milliseconds() -> None:
    assert timestamp(1_780_312_977_017) == "2026-06-01T11:22:57.017Z"
