"""What the form says of itself: every call, and every answer that it writes."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from openapi_spec_validator import validate

from mfa_gateway.core.entrance import Denial, Turned
from mfa_gateway.core.entrance.option_outcomes import CodeNeeded
from mfa_gateway.dialects.adservio import Adservio, ErrorForm
from mfa_gateway.dialects.adservio.endpoints import ENDPOINTS
from mfa_gateway.dialects.wire import Reply
from tests.dialects.adservio.calls import ADSERVIO, BEARER, SITE, accept
from tests.dialects.adservio.goldens import OWN, SENT, answers, requests
from tests.dialects.test_describing import Document, check, document_of

OBJECTS: Final = Adservio(SITE, "/x", ErrorForm.OBJECT)
# Where each good answer of the golden file comes from.
PLACES: Final = {
    "the list, by token": ("get", "/tfa_options"),
    "GET ./auth/totp": ("get", "/totp"),
    "DELETE ./auth/tfa_options": ("delete", "/tfa_options"),
    "POST ./auth/tfa_challenge": ("post", "/tfa_challenge"),
    "POST ./auth/challenge_phone": ("post", "/challenge_phone"),
    "POST ./auth": ("post", ""),
    "POST ./auth, tfaSave=1": ("post", ""),
}
WRONG: Final = {"two modes", "a field twice", "XML", "no name"}


def operation(document: Document, method: str, path: str) -> Document:
    of: Document = document["paths"][f"/api/v2/auth{path}"][method]
    return of


@pytest.mark.parametrize("form", [ADSERVIO, OBJECTS])
def test_every_call_is_described_in_a_valid_document(form: Adservio) -> None:
    document = document_of(form)
    validate(dict(document))
    described = {path: {method.upper() for method in methods} for path, methods in document["paths"].items()}
    assert described == {f"{form.prefix}{path}": {*endpoint.operations} for path, endpoint in ENDPOINTS.items()}


def test_only_what_is_done_by_password_needs_no_token() -> None:
    open_ones = {
        of["operationId"]
        for methods in document_of(ADSERVIO)["paths"].values()
        for of in methods.values()
        if not of["security"]
    }
    assert open_ones == {"adservio_login", "adservio_challenge"}


@pytest.mark.parametrize("name", answers())
def test_every_good_answer_is_described(name: str) -> None:
    document = document_of(ADSERVIO)
    check(document, operation(document, *PLACES.get(name, ("post", "/tfa_options"))), answers()[name])


@pytest.mark.parametrize("name", sorted(WRONG))
def test_what_cannot_be_read_is_described(name: str) -> None:
    document = document_of(ADSERVIO)
    check(document, operation(document, "post", "/tfa_options"), requests()[name])


@pytest.mark.parametrize("denial", Denial)
@pytest.mark.parametrize("call", SENT)
def test_every_denial_is_described(denial: Denial, call: str) -> None:
    document, (path, fields) = document_of(ADSERVIO), SENT[call]
    denied = Turned(denial, "account", 1000 if "limited" in denial.value else 0)
    check(document, operation(document, "post", path), ADSERVIO.answer(denied, accept(path, fields)))


def test_a_missing_code_and_a_missing_token_are_described() -> None:
    document = document_of(ADSERVIO)
    asked = accept("/tfa_options", None, BEARER, verb="GET", query=OWN)
    replies: Mapping[str, Callable[[], Reply]] = {
        "code": lambda: ADSERVIO.answer(CodeNeeded(), asked),
        "token": lambda: ADSERVIO.answer(Turned(Denial.NOBODY, "token"), asked),
    }
    for reply in replies.values():
        check(document, operation(document, "get", "/tfa_options"), reply())


def test_fields_are_the_same_in_a_form_and_in_json() -> None:
    content: Mapping[str, Any] = operation(document_of(ADSERVIO), "post", "")["requestBody"]["content"]
    assert content["application/json"] == content["application/x-www-form-urlencoded"]
