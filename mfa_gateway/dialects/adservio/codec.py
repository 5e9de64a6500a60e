"""The codec: requests to an endpoint become errands, outcomes become answers.

What a request means is settled here, once: the path, and the method, which a POST may name in its body where the page
of the endpoint says so. What stays out: whether a password or a code is right (core.entrance), and reading requests off
the wire (doors).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mfa_gateway.core.entrance import Errand, Outcome, Turned
from mfa_gateway.core.entrance.option_outcomes import CodeNeeded
from mfa_gateway.core.site import Site
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.adservio.description import description
from mfa_gateway.dialects.adservio.endpoints import ENDPOINTS, Endpoint, Operation
from mfa_gateway.dialects.adservio.errors import (
    JSON_ANSWER,
    AdservioError,
    ErrorForm,
    code_needed,
    error_of,
    refusal_error,
    written,
)
from mfa_gateway.dialects.adservio.fields import Fields, read_fields
from mfa_gateway.dialects.adservio.request import Request, Unreadable
from mfa_gateway.dialects.describing import Description
from mfa_gateway.dialects.wire import Accepted, Asked, Received, Reply, allow, come_back

_AREA = "/auth/**"


@dataclass(frozen=True, slots=True)
class Adservio:
    """The Adservio form.

    Attributes:
        site: whose accounts log in here, and for how long.
        prefix: what the contract writes as a dot: "" or a canonical path without a final slash, such as "/api/v2".
        errors: how errors are written.
    """

    site: Site
    prefix: str = ""
    errors: ErrorForm = ErrorForm.LIST

    @property
    def endpoints(self) -> Mapping[str, str]:
        """The whole area, and its root."""
        return MappingProxyType({f"{self.prefix}{_AREA}": ""})

    def describe(self) -> Description:
        """Every call of this form."""
        return description(self.prefix, self.errors)

    def receive(self, received: Received) -> Accepted | Reply:
        """Read a call: what is to be done, or the answer where that is clear already."""
        endpoint = self._endpoint(received.asked.path)
        if endpoint is None:
            return self.turn_away(Reason.NOT_FOUND, received)
        if received.asked.method not in endpoint.operations:
            return self.turn_away(Reason.METHOD_NOT_ALLOWED, received)
        fields = read_fields(received)
        if isinstance(fields, Reason):
            return self.turn_away(fields, received)
        operation = _meant(endpoint, received.asked.method, fields)
        if operation is None:
            return self.turn_away(Reason.AMBIGUOUS_REQUEST, received)
        return self._accepted(operation, fields, received)

    def _endpoint(self, path: str) -> Endpoint | None:
        return ENDPOINTS.get(path.removeprefix(self.prefix)) if path.startswith(f"{self.prefix}/") else None

    def _accepted(self, operation: Operation, fields: Fields, received: Received) -> Accepted | Reply:
        request = Request(
            operation.page,
            fields,
            code=received.header(b"x-mfa-code"),
            has_token=bool(received.header(b"authorization")),
        )
        try:
            command = operation.read(request)
        except Unreadable as unreadable:
            return written(unreadable.error, self.errors)
        return Accepted(Errand(command, self.site, received.now_ms, languages=received.languages), operation)

    def answer(self, outcome: Outcome, accepted: Accepted) -> Reply:
        """Write what became of a call.

        Raises:
            TypeError: it was accepted by somebody else.
        """
        operation = accepted.form
        if not isinstance(operation, Operation):
            raise TypeError("this call was not accepted here")
        match outcome:
            case Turned():
                return self._error(error_of(outcome, operation.page))
            case CodeNeeded():
                return self._error(code_needed())
            case _:
                body = json.dumps(operation.write(outcome), separators=(",", ":"), ensure_ascii=False)
                return Reply(200, JSON_ANSWER, body.encode())

    def _error(self, error: AdservioError) -> Reply:
        return written(error, self.errors)

    def turn_away(self, reason: Reason, received: Received) -> Reply:
        """Write why a request was not read."""
        return self.refuse(reason, received.asked)

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        """Write a refusal. It always has a status of 400 or more."""
        headers = come_back(reason, retry_after_ms)
        if reason is Reason.METHOD_NOT_ALLOWED:
            endpoint = self._endpoint(asked.path)
            headers += allow(None if endpoint is None else ", ".join(endpoint.operations))
        return written(refusal_error(reason), self.errors, headers=headers)


def _meant(endpoint: Endpoint, method: str, fields: Fields) -> Operation | None:
    """What a call is for; None where it says two things."""
    if fields.override is None:
        return endpoint.operations[method]
    named = endpoint.overrides if method == "POST" else {method}
    return endpoint.operations[fields.override] if fields.override in named else None
