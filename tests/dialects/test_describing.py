"""Descriptions: whatever a dialect writes is what it says that it writes, and the document is a valid OpenAPI 3.1."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from mfa_gateway.core.account import Awaited, Enrolment, Factor, FactorState, Inventory, Proof
from mfa_gateway.core.ceremony import (
    Begun,
    Challenged,
    Done,
    Failed,
    Foretold,
    Listed,
    Outcome,
    Printed,
    Proven,
    Stock,
    Windows,
)
from mfa_gateway.core.foresight import Asks, Clear, Closed, Ease, Foresight, Way
from mfa_gateway.core.policy import Access, Requirement
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import Described, Description, Operation
from mfa_gateway.dialects.glue import Audience, Glue, StatusFormat
from mfa_gateway.dialects.openapi import openapi
from mfa_gateway.dialects.standard import Standard
from mfa_gateway.dialects.wire import Asked, Dialect, Reply, may_wait

STORED: Final = "0123456789abcdef01234567"
GLUE: Final = Glue(base_url="https://shop.example")
NUMBERS: Final = Glue(prefix="/old", status_format=StatusFormat.INTEGER, audience=Audience.USER)
STANDARD: Final = Standard()
FORMS: Final = (GLUE, NUMBERS, STANDARD)

Document = Mapping[str, Any]


def document_of(*forms: Described) -> Document:
    """The document as its reader has it."""
    written = json.dumps(openapi([form.describe() for form in forms], version="1", server="https://shop.example"))
    document: Document = json.loads(written)
    return document


def check(document: Document, operation: Document, reply: Reply) -> None:
    """That an answer is one of those of its operation."""
    answer = operation["responses"][str(reply.status)]
    fields = {name.decode(): value.decode() for name, value in reply.headers}
    said = {name.lower() for name in answer["headers"]} | {"content-type"}
    assert {*fields} <= said
    if not reply.body:
        assert "content" not in answer
        return
    schema = answer["content"][fields["content-type"]]["schema"]
    Draft202012Validator({**schema, "components": document["components"]}).validate(json.loads(reply.body))


@pytest.mark.parametrize("forms", [*((form,) for form in FORMS), (GLUE, STANDARD)])
def test_the_document_is_a_valid_openapi(forms: tuple[Described, ...]) -> None:
    document = document_of(*forms)
    validate(dict(document))
    assert document["openapi"].startswith("3.1.")
    assert {tag["name"] for tag in document["tags"]} == {form.describe().name for form in forms}


@pytest.mark.parametrize("form", FORMS)
def test_every_endpoint_is_described_with_its_methods_and_nothing_else(form: Glue | Standard) -> None:
    described = {path: ", ".join(m.upper() for m in methods) for path, methods in document_of(form)["paths"].items()}
    assert described == {path: methods for path, methods in form.endpoints.items() if methods}


@pytest.mark.parametrize("form", FORMS)
def test_operations_have_names_of_their_own_and_bearers(form: Glue | Standard) -> None:
    operations = [of for methods in document_of(form)["paths"].values() for of in methods.values()]
    assert len({of["operationId"] for of in operations}) == len(operations)
    assert all(of["security"] == [{"bearer": []}] for of in operations)


@pytest.mark.parametrize("form", FORMS)
def test_every_failure_is_an_answer_that_is_described(form: Dialect) -> None:
    assert isinstance(form, Described)
    document = document_of(form)
    checked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            asked = Asked(method.upper(), path.replace("{id}", f"01{STORED}"), request_id="a-name")
            for reason in Reason:
                reply = form.encode(Failed(reason, 5000 if may_wait([reason]) else 0), asked)
                if _is_described(operation, reason, reply):
                    check(document, operation, reply)
                    checked += 1
    assert checked > len(document["paths"])


def _is_described(operation: Document, reason: Reason, reply: Reply) -> bool:
    """Whether a description tells of this very failure: problems by their code, errors by their text."""
    answer = operation["responses"].get(str(reply.status))
    if answer is None:
        return False
    errors = json.loads(reply.body).get("errors")
    return errors[0]["detail"] in answer["description"] if errors else f'"{reason.value}"' in json.dumps(answer)


FORESIGHTS: Final[list[Foresight]] = [
    Clear(Ease.OPEN),
    Clear(Ease.PROOF, Scope.ACCOUNT, Proof(Factor.SMS, 61_000), 1_739_000, 1_763_769_600_000),
    Clear(Ease.NOT_ENFORCED, Scope.SESSION, overruled=Reason.NOT_ENROLLED),
    Asks((Way(Factor.TOTP, Enrolment(Factor.TOTP, STORED), 7), Way(Factor.BACKUP)), Requirement(Access.MFA)),
    *(Closed(reason, 5000, (Factor.EMAIL,)) for reason in Reason),
]
STOCK: Final = Inventory(
    (Enrolment(Factor.EMAIL, STORED, "Home", "ada@shop.example", 1_763_769_600_000, 1_763_769_600_000),),
    3,
    (Awaited(Enrolment(Factor.TOTP, STORED), 600_000),),
)
ANSWERS: Final[list[tuple[str, str, Outcome]]] = [
    ("get", "/mfa/factors", Stock(STOCK)),
    ("get", "/mfa/factors", Stock(Inventory())),
    ("post", "/mfa/factors", Challenged(Factor.EMAIL, STORED, "ada@shop.example", 600_000)),
    ("post", "/mfa/factors", Begun(STORED, "JBSWY3DPEHPK3PXP", "otpauth://totp/Shop:ada?secret=JBSWY3DPEHPK3PXP")),
    ("post", "/mfa/factors/{id}/confirm", Done()),
    ("patch", "/mfa/factors/{id}", Done()),
    ("delete", "/mfa/factors/{id}", Done()),
    ("post", "/mfa/challenges", Challenged(Factor.SMS, STORED, "+491701234567", 600_000)),
    ("post", "/mfa/challenges", Challenged(Factor.TOTP, STORED)),
    *(("post", "/mfa/challenges/verify", Proven(Proof(factor, 0), scope)) for factor in Factor for scope in Scope),
    ("get", "/mfa/grace", Windows(((Scope.SESSION, Proof(Factor.BACKUP, 1_000)),))),
    ("delete", "/mfa/grace", Done()),
    ("post", "/mfa/backup-codes", Printed(("ABCDEFGHIJ",))),
    ("delete", "/mfa/backup-codes", Done()),
    *(("post", "/mfa/preflight", Foretold(foresight)) for foresight in FORESIGHTS),
]


@pytest.mark.parametrize(("method", "path", "outcome"), ANSWERS)
def test_a_standard_answer_is_what_is_described(method: str, path: str, outcome: Outcome) -> None:
    document = document_of(STANDARD)
    check(document, document["paths"][path][method], STANDARD.encode(outcome, Asked(method.upper(), path)))


def test_there_is_an_answer_of_every_standard_operation_among_those() -> None:
    paths = document_of(STANDARD)["paths"]
    assert {(method, path) for method, path, _ in ANSWERS} == {
        (method, path) for path in paths for method in paths[path]
    }


@pytest.mark.parametrize("form", [GLUE, NUMBERS])
@pytest.mark.parametrize("accept", ["application/json", "application/vnd.api+json"])
def test_a_glue_answer_is_what_is_described(form: Glue, accept: str) -> None:
    document = document_of(form)
    listed = Listed(tuple(zip((Factor.EMAIL, Factor.SMS, Factor.TOTP), FactorState, strict=True)))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            outcome = listed if method == "get" else Done()
            check(document, operation, form.encode(outcome, Asked(method.upper(), path, accept)))


def test_bodies_are_described_as_they_are_read() -> None:
    paths = document_of(STANDARD)["paths"]
    adding = paths["/mfa/factors"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (adding["required"], adding["additionalProperties"]) == (["type"], False)
    assert {*adding["properties"]} == {"type", "name", "address"}
    assert "requestBody" not in paths["/mfa/grace"]["delete"]


@pytest.mark.parametrize(
    ("method", "path", "takes"),
    [
        ("post", "/mfa/factors", True),
        ("post", "/mfa/factors/{id}/confirm", False),
        ("post", "/mfa/challenges/verify", True),
        ("get", "/mfa/grace", False),
        ("post", "/mfa/preflight", False),
    ],
)
def test_the_code_is_a_parameter_where_it_means_something(method: str, path: str, *, takes: bool) -> None:
    written = json.dumps(document_of(STANDARD)["paths"][path][method].get("parameters", []))
    assert ("#/components/parameters/Code" in written) == takes


def test_of_two_operations_at_one_place_the_first_is_shown() -> None:
    first, second = (
        Description(name, "", (Operation("/a", "GET", "get", f"of {name}", {}),)) for name in ("one", "two")
    )
    shown: Any = openapi([first, second], version="1", server="/")
    assert shown["paths"]["/a"]["get"]["summary"] == "of one"


def test_one_name_for_two_schemas_is_our_own_fault() -> None:
    one, two = (Description(name, "", (), {"Error": {"type": kind}}) for name, kind in (("a", "string"), ("b", "null")))
    with pytest.raises(ValueError, match="the b dialect describes another Error"):
        openapi([one, two], version="1", server="/")
