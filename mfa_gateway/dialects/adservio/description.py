"""Description: the Adservio form for its readers, made of the tables that its calls are read and answered with.

What stays out: the document around it (openapi).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mfa_gateway.dialects.adservio.endpoints import ENDPOINTS
from mfa_gateway.dialects.adservio.errors import ErrorForm, Page
from mfa_gateway.dialects.adservio.fields import FORM, JSON, OVERRIDE
from mfa_gateway.dialects.adservio.request import TYPES
from mfa_gateway.dialects.describing import (
    Answer,
    Body,
    Description,
    Operation,
    Schema,
    exactly,
    items,
    nullable,
    number,
    one_of,
    refer,
    text,
)

_ERRORS: Final = "AdservioErrors"
_ENTRY: Final = exactly({"field": text(), "code": number(), "message": text()})
_NUMBER: Final = text(pattern="^[0-9]{1,16}$")
_MOMENT: Final = nullable(text(pattern=r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"))
_DONE: Final = {"result": {"const": True}}
_WHO: Final = ("uaUserName", "uaPassword")


@dataclass(frozen=True, slots=True)
class _Said:
    """What is said of one page: what it does, its fields in a body or query, and the body of its answer."""

    summary: str
    answer: Schema
    fields: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    is_public: bool = False
    takes_code: bool = True


_META: Final = exactly({"countTotal": _NUMBER, "countData": _NUMBER, "countOffset": _NUMBER})
_OPTION: Final = exactly(
    {
        "tfaOptID": _NUMBER,
        "tfaOptType": one_of(sorted(TYPES.values())),
        "tfaOptInsertDate": _MOMENT,
        "tfaOptLastUsed": _MOMENT,
        "tfaOptHint": nullable(text()),
    },
    optional=("tfaOptInsertDate", "tfaOptLastUsed"),
)
_LISTED: Final = exactly({"meta": _META, "data": items(_OPTION)})
_SIGNED_IN: Final = exactly(
    {"access_token": text(), "expires_at": text(), "uaID": text(), "tfaToken": text()}, optional=("tfaToken",)
)
_ADDED: Final = exactly({**_DONE, "tfaOptID": _NUMBER})

# A POST to the factors is any of three calls, by `_method`: what it takes and gives is told together.
_PAGES: Final[Mapping[Page, _Said]] = MappingProxyType(
    {
        Page.LOGIN: _Said(
            "Log in: an access token, or error 107 where a second factor is active",
            _SIGNED_IN,
            (*_WHO, "intent", "tfaOptID", "tfaResponse", "tfaToken", "tfaSave", "uaNewPassword", "uaNewPassword2"),
            is_public=True,
        ),
        Page.LIST: _Said("The factors of the caller", _LISTED, query=("uaID", OVERRIDE), takes_code=False),
        Page.ADD: _Said(
            "Make a factor active by its first code; with _method=GET the list, by password or token; with "
            "_method=DELETE take a factor away",
            {"anyOf": [_ADDED, _LISTED, exactly(_DONE)]},
            (
                *(OVERRIDE, "uaID", "tfaOptType", "chID", "chSecret", "chResponse", *_WHO),
                *("tfaOptID", "tfaResponse"),
            ),
        ),
        Page.REMOVE: _Said(
            "Take a factor away, by password and code",
            exactly(_DONE),
            ("uaID", "tfaOptID", "uaPassword", "tfaResponse"),
        ),
        Page.CHALLENGE: _Said(
            "Send a code of a factor", exactly(_DONE), (*_WHO, "tfaOptID"), is_public=True, takes_code=False
        ),
        Page.PHONE: _Said(
            "Send a code to a number that is to become a factor",
            exactly({"chID": _NUMBER}),
            ("chUaID", "chIntent", "chPhone", "tfaResponse"),
        ),
        Page.TOTP: _Said(
            "Draw the secret of an authenticator",
            exactly({"totpSecret": text(), "totpUri": text()}),
            query=("uaID",),
        ),
    }
)


def description(prefix: str, form: ErrorForm) -> Description:
    """Every call below a prefix."""
    entries = items(_ENTRY)
    errors = entries if form is ErrorForm.LIST else exactly({"errors": entries})
    return Description(
        "adservio", "Two-factor calls in the form of Adservio", tuple(_operations(prefix)), {_ERRORS: errors}
    )


def _operations(prefix: str) -> Iterator[Operation]:
    for path, endpoint in ENDPOINTS.items():
        for method, operation in endpoint.operations.items():
            said = _PAGES[operation.page]
            fields: Schema = {"type": "object", "properties": {name: _field(name) for name in said.fields}}
            yield Operation(
                path=f"{prefix}{path}",
                method=method,
                name=operation.page.name.lower(),
                summary=said.summary,
                answers={200: Answer("It is done.", {JSON: said.answer}), **_errors(said)},
                body=Body({FORM: fields, JSON: fields}) if said.fields else None,
                takes_code=said.takes_code,
                takes_bearer=not said.is_public,
                parameters=tuple(_parameter(name) for name in said.query),
            )


def _field(name: str) -> Schema:
    match name:
        case "intent":
            return one_of(("auth", "link"))
        case "chIntent":
            return one_of(("register", "rapsms", "edit"))
        case "tfaSave":
            return one_of(("1",))
        case "tfaOptType":
            return one_of(("1", "3"))
        case "_method":
            return one_of(("GET", "DELETE"))
        case _:
            return text()


def _parameter(name: str) -> Mapping[str, object]:
    schema = one_of(("GET",)) if name == OVERRIDE else text()
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _errors(said: _Said) -> Mapping[int, Answer]:
    told = {
        400: "A field is missing or wrong, or the request can be read in more than one way.",
        403: "Wrong password or code, a code is needed (107), or not this caller's.",
        409: "The account has changed meanwhile.",
        413: "The request is too large.",
        429: "Too many attempts, calls or messages.",
        503: "Not now.",
    }
    told |= {} if said.is_public else {401: "No access token, or a bad one."}
    told |= {415: "Neither a form nor JSON."} if said.fields else {}
    return {status: _error(status, summary) for status, summary in sorted(told.items())}


def _error(status: int, summary: str) -> Answer:
    fields = {401: {"WWW-Authenticate"}, 403: {"Retry-After"}, 429: {"Retry-After"}, 503: {"Retry-After"}}
    return Answer(summary, {JSON: refer(_ERRORS)}, frozenset({"X-MFA-Error-Code", *fields.get(status, set())}))
