"""The codec: standard requests to commands, outcomes and refusals to standard answers.

What stays out: whether a code is needed, is right, or is limited (ceremony); reading the body off the wire (doors).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import assert_never

from mfa_gateway.core.call import CanonicalPath, canonical_path
from mfa_gateway.core.ceremony import (
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
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import Description
from mfa_gateway.dialects.standard import answers
from mfa_gateway.dialects.standard.description import described_below
from mfa_gateway.dialects.standard.forecasts import foretold
from mfa_gateway.dialects.standard.problems import problem
from mfa_gateway.dialects.standard.steps import AREAS, FACTORS, STEPS
from mfa_gateway.dialects.wire import NO_STORE, Asked, Reply, Submission, path_pattern


@dataclass(frozen=True, slots=True)
class Standard:
    """The standard form.

    Attributes:
        prefix: where the endpoints are: "" or a canonical path without a final slash, such as "/mfa".
        endpoints: path or template, prefix included, to the methods it takes.

    Raises:
        ValueError: the prefix is not of that form, so that no request could ever match it.
    """

    prefix: str = "/mfa"
    endpoints: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _routes: tuple[tuple[re.Pattern[str], str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _is_canonical(f"{self.prefix}{FACTORS}"):
            raise ValueError(
                f"dialects.standard.prefix: {self.prefix!r} is not a canonical path. "
                'Write "" or something like "/mfa": a leading slash, no final one, nothing that needs decoding.'
            )
        endpoints = {f"{self.prefix}{path}": ", ".join(steps) for path, steps in STEPS.items()}
        endpoints |= {f"{self.prefix}{path}/**": "" for path in AREAS}
        routes = tuple((path_pattern(f"{self.prefix}{path}"), path) for path in STEPS)
        object.__setattr__(self, "endpoints", MappingProxyType(endpoints))
        object.__setattr__(self, "_routes", routes)

    def decode(self, submission: Submission) -> Command | Failed:
        """Read a request to one of the endpoints. An empty X-MFA-Code counts as missing."""
        path, name = self._found(submission.asked.path)
        if path is None:
            return Failed(Reason.NOT_FOUND)
        step = STEPS[path].get(submission.asked.method)
        if step is None:
            return Failed(Reason.METHOD_NOT_ALLOWED)
        return step.command(submission, name)

    def encode(self, outcome: Outcome, asked: Asked) -> Reply:  # noqa: C901, PLR0911 - one answer for each outcome
        """Write what became of a ceremony.

        Raises:
            NotImplementedError: it is the outcome of a ceremony that `decode` never begins.
        """
        match outcome:
            case Stock(inventory=inventory):
                return answers.factors(inventory)
            case Begun():
                return answers.begun(outcome)
            case Challenged():
                is_new = self._found(asked.path)[0] == FACTORS
                return answers.address_begun(outcome) if is_new else answers.challenged(outcome)
            case Proven():
                return answers.proven(outcome)
            case Windows():
                return answers.windows(outcome)
            case Printed():
                return answers.printed(outcome)
            case Foretold(foresight=foresight):
                return foretold(foresight)
            case Done():
                return Reply(204, NO_STORE)
            case Failed():
                return problem(outcome, asked, methods=self._methods(asked.path))
            case Listed():
                raise NotImplementedError("the standard dialect has no ceremony that ends in this")
            case _ as never:
                assert_never(never)

    def refuse(self, reason: Reason, asked: Asked, *, retry_after_ms: int = 0) -> Reply:
        """Write a refusal of any call. The body names the request where it has a name."""
        return problem(Failed(reason, retry_after_ms), asked, methods=self._methods(asked.path))

    def describe(self) -> Description:
        """Every operation of every endpoint."""
        return described_below(self.prefix)

    def _found(self, path: str) -> tuple[str | None, str]:
        """The endpoint of a path, as it stands in the table, and the id in it."""
        for pattern, endpoint in self._routes:
            if (found := pattern.fullmatch(path)) is not None:
                return endpoint, found.groupdict().get("id", "")
        return None, ""

    def _methods(self, path: str) -> str | None:
        endpoint, _ = self._found(path)
        return None if endpoint is None else self.endpoints[f"{self.prefix}{endpoint}"]


def _is_canonical(path: str) -> bool:
    read = canonical_path(path.encode("utf-8", "surrogatepass"))
    return isinstance(read, CanonicalPath) and str(read) == path
