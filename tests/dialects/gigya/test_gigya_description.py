"""What the form says of itself: every method, all that it reads, and every answer that it writes."""

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from mfa_gateway.dialects.gigya import Gigya
from mfa_gateway.dialects.gigya.bag import Bag
from mfa_gateway.dialects.gigya.envelope import Form
from mfa_gateway.dialects.gigya.method import Method, Request
from mfa_gateway.dialects.gigya.methods import EVERY
from mfa_gateway.dialects.wire import Reply
from tests.dialects.gigya.account_goldens import FILES as ACCOUNTS
from tests.dialects.gigya.account_goldens import METHODS as ACCOUNT_METHODS
from tests.dialects.gigya.calls import CALL_ID, NOW, SITE
from tests.dialects.gigya.goldens import FILES as CODES
from tests.dialects.gigya.goldens import METHODS as CODE_METHODS
from tests.dialects.gigya.tfa_goldens import FILES as TFA
from tests.dialects.gigya.tfa_goldens import METHODS as TFA_METHODS
from tests.dialects.test_describing import Document, document_of

PLAIN: Final = Gigya({"3_KEY": SITE}, "/gigya")
SCRIPTED: Final = Gigya({"3_KEY": SITE}, allows_jsonp=True)
# Good values of every method that takes some.
SENT: Final[Mapping[str, Mapping[str, str]]] = {
    **CODE_METHODS,
    **ACCOUNT_METHODS,
    **{f"accounts.tfa.{name}": values for name, values in TFA_METHODS.items()},
}
# What is not supported is read so that it can be said, and is no part of the description.
UNKEPT: Final = frozenset(
    {
        *("password", "newpassword", "passwordhash", "loginids", "username", "addloginemails", "removeloginemails"),
        *("subscriptions", "preferences", "isactive", "isverified", "rba", "internal"),
    }
)
FIXED: Final = {"cache-control", "content-type", "x-content-type-options", "set-cookie"}


def replies() -> dict[str, Reply]:
    """Every answer of the golden files that belongs to a method by its name."""
    names = {method.name for method in EVERY}
    files: Mapping[str, Callable[[], Mapping[str, Reply]]] = {**CODES, **ACCOUNTS, **TFA}
    every = {name: reply for file in files.values() for name, reply in file().items()}
    return {name: reply for name, reply in every.items() if name.partition(",")[0] in names}


class Watched(dict[str, str]):
    """Parameters that remember which of them were looked at."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in values.items()})
        self.seen: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.seen.add(name)
        return super().get(name, default)


def looked_at(method: Method, values: Mapping[str, str]) -> set[str]:
    """Which parameters a method looks at before it knows what it is asked."""
    watched = Watched(values)
    method.read(Request(Bag(values=MappingProxyType(watched)), Form(CALL_ID, NOW), SITE))
    return watched.seen


def fewer(values: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The values, and all of them but one."""
    yield values
    for left_out in values:
        yield {name: value for name, value in values.items() if name != left_out}


def operation(document: Document, name: str, verb: str = "post") -> Document:
    of: Document = document["paths"][f"/{name}"][verb]
    return of


def form_of(name: str) -> Document:
    body = operation(document_of(SCRIPTED), name)["requestBody"]["content"]
    form: Document = body["application/x-www-form-urlencoded"]["schema"]
    return form


@pytest.mark.parametrize("form", [PLAIN, SCRIPTED])
def test_every_method_is_described_as_get_and_as_post_in_a_valid_document(form: Gigya) -> None:
    document = document_of(form)
    validate(dict(document))
    described = {path: {*verbs} for path, verbs in document["paths"].items()}
    assert described == {f"{form.prefix}/{method.name}": {"get", "post"} for method in EVERY}


@pytest.mark.parametrize("method", EVERY, ids=[method.name for method in EVERY])
def test_whatever_a_method_reads_is_described(method: Method) -> None:
    described = {name.lower() for name in form_of(method.name)["properties"]}
    for values in fewer(SENT[method.name]):
        assert looked_at(method, values) - described <= (UNKEPT if method.name == "accounts.setAccountInfo" else set())


@pytest.mark.parametrize("method", EVERY, ids=[method.name for method in EVERY])
def test_a_method_says_of_what_it_needs_that_it_is_missing(method: Method) -> None:
    for needed in form_of(method.name).get("required", ()):
        values = {name: value for name, value in SENT[method.name].items() if name != needed}
        assert needed.lower() in looked_at(method, values)


def test_a_get_takes_in_its_query_what_a_post_takes_in_its_form() -> None:
    document = document_of(SCRIPTED)
    for method in EVERY:
        parameters = operation(document, method.name, "get")["parameters"]
        form = form_of(method.name)
        assert {one["name"]: one["schema"] for one in parameters} == form["properties"]
        assert {one["name"] for one in parameters if one["required"]} == {*form.get("required", ())}


@pytest.mark.parametrize("name", replies())
def test_every_answer_is_described(name: str) -> None:
    document, reply = document_of(SCRIPTED), replies()[name]
    said = operation(document, name.partition(",")[0])["responses"][str(reply.status)]
    fields = {key.decode().lower(): value.decode() for key, value in reply.headers}
    assert {*fields} - FIXED <= {one.lower() for one in said["headers"]}
    schema = said["content"][fields["content-type"].partition(";")[0]]["schema"]
    body = json.loads(reply.body)
    Draft202012Validator({**schema, "components": document["components"]}).validate(body)
    if reply.status == 200:
        envelope, own = (document["components"]["schemas"]["GigyaEnvelope"], schema["allOf"][1])
        assert {*body} - {*envelope["properties"]} - {*own["properties"]} <= UNTOLD


# What clients know from the contract, and nobody has to be told here: times twice, and who the provider of a login is.
UNTOLD: Final = frozenset(
    {
        *("createdTimestamp", "lastLoginTimestamp", "lastUpdated", "lastUpdatedTimestamp", "registeredTimestamp"),
        *("loginProvider", "socialProviders", "regSource", "unverifiedEmails"),
        *("kty", "alg", "use", "kid", "n", "e"),
    }
)


def test_scripts_are_described_where_they_are_allowed() -> None:
    for form, is_there in ((PLAIN, False), (SCRIPTED, True)):
        (content, *_) = (of["content"] for of in _answers(document_of(form)))
        assert ("text/javascript" in content) == is_there
    assert "callback" in form_of("accounts.login")["properties"]


def _answers(document: Document) -> list[Any]:
    return [verbs["get"]["responses"]["200"] for verbs in document["paths"].values()]
