"""The codec: Glue requests to commands, outcomes and refusals to Glue answers.

Order of checks. The contract's order begins with a known account and knows no place for errors of the body itself. Here
they come after identity and before the ceremony:

- after identity, because a stranger is told nothing but that a token is wanted: a `Submission` has a caller;
- before the ceremony, because a body of the wrong shape is no request of that ceremony yet: which code it lacks or
  which factor it means cannot be said of it. Refusing it costs no trip to the store, and the answer depends on the body
  alone, so it tells nothing about any account. A factor that is merely not *named* is the ceremony's own check (5902).

What stays out: whether a code is needed, is right, or is limited (ceremony); reading the body off the wire (doors).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, assert_never

from mfa_gateway.core.account import FactorState
from mfa_gateway.core.call import CanonicalPath, canonical_path
from mfa_gateway.core.ceremony import (
    Action,
    Begun,
    Challenged,
    Command,
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
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import Description
from mfa_gateway.dialects.glue.body import named_factor
from mfa_gateway.dialects.glue.description import SCHEMAS, described
from mfa_gateway.dialects.glue.errors import Audience, Place, Wording, wording
from mfa_gateway.dialects.glue.media import answer_type
from mfa_gateway.dialects.wire import (
    NO_STORE,
    Asked,
    Headers,
    Reply,
    Submission,
    allow,
    bearer_challenge,
    come_back,
    error_code,
)


class StatusFormat(StrEnum):
    """How the state of a factor is written: in words, or in the numbers that older clients know."""

    TEXT = "text"
    INTEGER = "integer"


_STATUS_TEXT: Final[Mapping[FactorState, str]] = MappingProxyType(
    {
        FactorState.OFF: "deactivated",
        FactorState.PENDING: "activation is pending",
        FactorState.ACTIVE: "activated",
    }
)
_STATUS_NUMBER: Final[Mapping[FactorState, int]] = MappingProxyType(
    {FactorState.OFF: 0, FactorState.PENDING: 1, FactorState.ACTIVE: 2}
)


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """`resource` is the last path segment and the `data.type` of its bodies; `codes`: X-MFA-Code means something."""

    resource: str
    method: str
    action: Action
    codes: bool = True


_LIST: Final = _Endpoint("multi-factor-auth-types", "GET", Action.LIST, codes=False)
_ENDPOINTS: Final = (
    _LIST,
    _Endpoint("multi-factor-auth-trigger", "POST", Action.TRIGGER, codes=False),
    _Endpoint("multi-factor-auth-type-activate", "POST", Action.ACTIVATE),
    _Endpoint("multi-factor-auth-type-verify", "POST", Action.VERIFY),
    _Endpoint("multi-factor-auth-type-deactivate", "POST", Action.DEACTIVATE),
)


@dataclass(frozen=True, slots=True)
class Glue:
    """The Glue form.

    Attributes:
        prefix: where the endpoints are: "" or a canonical path without a final slash, such as "/mfa".
        base_url: scheme and authority of the links in answers, such as "https://shop.example"; never taken from Host.
        audience: of whom the errors speak.
        status_format: how the state of a factor is written.
        endpoints: canonical path, prefix included, to the only method it takes.

    Raises:
        ValueError: the prefix is not of that form, so that no request could ever match it.
    """

    prefix: str = ""
    base_url: str = ""
    audience: Audience = Audience.CUSTOMER
    status_format: StatusFormat = StatusFormat.TEXT
    endpoints: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _routes: Mapping[str, _Endpoint] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        routes = {f"{self.prefix}/{endpoint.resource}": endpoint for endpoint in _ENDPOINTS}
        if any(_canonical(path) != path for path in routes):
            raise ValueError(
                f"dialects.glue.prefix: {self.prefix!r} is not a canonical path. "
                'Write "" or something like "/mfa": a leading slash, no final one, nothing that needs decoding.'
            )
        methods = {path: endpoint.method for path, endpoint in routes.items()}
        object.__setattr__(self, "_routes", MappingProxyType(routes))
        object.__setattr__(self, "endpoints", MappingProxyType(methods))

    def decode(self, submission: Submission) -> Command | Failed:
        """Read a request to one of the endpoints. An empty X-MFA-Code counts as missing.

        Proofs count for the whole account: the published behaviour is that one code opens the protected routes to the
        authenticated account, whichever of its tokens comes next.
        """
        endpoint = self._routes.get(submission.asked.path)
        if endpoint is None:
            return Failed(Reason.NOT_FOUND)
        if submission.asked.method != endpoint.method:
            return Failed(Reason.METHOD_NOT_ALLOWED)
        if endpoint is _LIST:
            return _command(endpoint, submission, None)
        named = named_factor(submission.content_type, submission.body, endpoint.resource)
        return named if isinstance(named, Failed) else _command(endpoint, submission, named)

    def encode(self, outcome: Outcome, asked: Asked) -> Reply:
        """Write what became of a ceremony.

        Raises:
            NotImplementedError: it is the outcome of a ceremony that `decode` never begins.
        """
        match outcome:
            case Listed():
                return _document(200, self._listing(outcome), asked)
            case Done():
                return Reply(204, NO_STORE)
            case Stock() | Begun() | Challenged() | Proven() | Windows() | Printed() | Foretold():
                raise NotImplementedError("this interface has no ceremony that ends in this")
            case Failed(reason=reason, retry_after_ms=left_ms):
                return self._error(reason, asked, place=Place.CEREMONY, left_ms=left_ms)
            case _ as never:
                assert_never(never)

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        """Write a refusal, of a protected route or, where the path is one of the endpoints, of a ceremony."""
        place = Place.CEREMONY if asked.path in self.endpoints else Place.GATE
        return self._error(reason, asked, place=place, left_ms=retry_after_ms)

    def describe(self) -> Description:
        """Every operation of every endpoint."""
        numbers = self.status_format is StatusFormat.INTEGER
        status = {"enum": [*(_STATUS_NUMBER if numbers else _STATUS_TEXT).values()]}
        operations = (
            described(path, endpoint.method, action=endpoint.action, audience=self.audience, status=status)
            for path, endpoint in self._routes.items()
        )
        return Description("glue", "Second factors as JSON:API, errors 5900 to 5910.", tuple(operations), SCHEMAS)

    def _listing(self, listed: Listed) -> Mapping[str, object]:
        links = {"self": f"{self.base_url.rstrip('/')}{self.prefix}/{_LIST.resource}"}
        data = [
            {
                "type": _LIST.resource,
                "id": None,
                "attributes": {"type": factor.value, "status": self._status(state)},
                "links": links,
            }
            for factor, state in listed.factors
        ]
        return {"data": data, "links": links}

    def _status(self, state: FactorState) -> str | int:
        match self.status_format:
            case StatusFormat.TEXT:
                return _STATUS_TEXT[state]
            case StatusFormat.INTEGER:
                return _STATUS_NUMBER[state]
            case _ as never:
                assert_never(never)

    def _error(self, reason: Reason, asked: Asked, *, place: Place, left_ms: int) -> Reply:
        worded = wording(reason, self.audience, place)
        headers = error_code(worded.code or reason.value) + come_back(reason, left_ms)
        return _document(worded.status, _errors(worded), asked, headers=headers + self._hints(reason, asked))

    def _hints(self, reason: Reason, asked: Asked) -> Headers:
        """Headers that HTTP wants beside some errors."""
        match reason:
            case Reason.TOKEN_MISSING:
                # A 403 here, but RFC 9110 section 11.6.1 lets any answer say that credentials would help.
                return bearer_challenge()
            case Reason.TOKEN_INVALID:
                return bearer_challenge("invalid_token")
            case Reason.METHOD_NOT_ALLOWED:
                return allow(self.endpoints.get(asked.path))
            case _:
                return ()


def _canonical(path: str) -> str | None:
    read = canonical_path(path.encode("utf-8", "surrogatepass"))
    return str(read) if isinstance(read, CanonicalPath) else None


def _command(endpoint: _Endpoint, submission: Submission, named: str | None) -> Command:
    return Command(
        action=endpoint.action,
        caller=submission.caller,
        factor_name=named,
        code=(submission.code or None) if endpoint.codes else None,
        scope=Scope.ACCOUNT,
        languages=submission.languages,
    )


def _errors(worded: Wording) -> Mapping[str, object]:
    """`status` is a number and `code` a string; `message` repeats the text for clients that read that instead."""
    code = {} if worded.code is None else {"code": worded.code}
    return {"errors": [{"status": worded.status, **code, "detail": worded.detail, "message": worded.detail}]}


def _document(status: int, document: Mapping[str, object], asked: Asked, *, headers: Headers = ()) -> Reply:
    content_type: Headers = ((b"content-type", answer_type(asked.accept).encode("ascii")),)
    body = json.dumps(document, separators=(",", ":")).encode("ascii")
    return Reply(status, NO_STORE + content_type + headers, body)
