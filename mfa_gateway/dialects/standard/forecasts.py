"""Forecasts: what a call would meet, as JSON with a `decision`: pass, code or refuse.

    pass     `because` says why; of a proof also its type, and until when it satisfies the rule
    code     which codes would do, and how old a proof may be (`max_age`) to do without one
    refuse   `reason` is the `code` of the problem that the call would get; what helps stands in `detail` and `types`

Nothing is told here but what the caller could find out by calling. What stays out: how it is found out (foresight).
"""

from collections.abc import Mapping
from typing import Final, assert_never

from mfa_gateway.core.account import Factor, masked
from mfa_gateway.core.foresight import Asks, Clear, Closed, Ease, Foresight, Way
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Reason
from mfa_gateway.dialects.describing import Schema, exactly, items, nullable, one_of, text
from mfa_gateway.dialects.standard.answers import MOMENT, SECONDS, document, moment
from mfa_gateway.dialects.standard.names import ID, TYPES, wire_id
from mfa_gateway.dialects.standard.problems import detail_of
from mfa_gateway.dialects.wire import Reply

_TYPE: Final = one_of(factor.value for factor in Factor)
_SCOPE: Final = one_of(scope.value for scope in Scope)
_REASON: Final = one_of(reason.value for reason in Reason)

_PROOF: Final = exactly({"type": _TYPE, "scope": _SCOPE, "age": SECONDS, "expires_in": SECONDS, "expires_at": MOMENT})
_PASS: Final = exactly(
    {
        "decision": {"const": "pass"},
        "because": one_of(ease.value for ease in Ease),
        "proof": nullable(_PROOF),
        "would_refuse": nullable(_REASON),
    }
)
_WAY: Final = exactly(
    {
        "id": nullable(ID),
        "type": _TYPE,
        "name": text(),
        "to": nullable(text(description="masked")),
        "retry_after": nullable(SECONDS),
    }
)
_CODE: Final = exactly({"decision": {"const": "code"}, "scope": _SCOPE, "max_age": SECONDS, "factors": items(_WAY)})
_REFUSE: Final = exactly(
    {
        "decision": {"const": "refuse"},
        "reason": _REASON,
        "detail": text(),
        "retry_after": nullable(SECONDS),
        "types": items(one_of(TYPES)),
    }
)
FORECAST: Final[Schema] = {"oneOf": [_PASS, _CODE, _REFUSE]}


def foretold(foresight: Foresight) -> Reply:
    """What a call would meet."""
    return document(200, _forecast(foresight))


def _forecast(foresight: Foresight) -> Mapping[str, object]:
    match foresight:
        case Clear():
            would = None if foresight.overruled is None else foresight.overruled.value
            because, proof = foresight.ease.value, _proof(foresight)
            return {"decision": "pass", "because": because, "proof": proof, "would_refuse": would}
        case Asks(ways=ways, requirement=asked):
            max_age = asked.grace_ms // 1000
            return {"decision": "code", "scope": asked.scope.value, "max_age": max_age, "factors": [*map(_way, ways)]}
        case Closed(reason=reason, retry_after_ms=left_ms, helpful=helpful):
            return {
                "decision": "refuse",
                "reason": reason.value,
                "detail": detail_of(reason),
                "retry_after": _wait(left_ms),
                "types": [factor.value for factor in helpful],
            }
        case _ as never:
            assert_never(never)


def _proof(clear: Clear) -> Mapping[str, object] | None:
    if clear.proof is None or clear.scope is None:
        return None
    return {
        "type": clear.proof.factor.value,
        "scope": clear.scope.value,
        "age": clear.proof.age_ms // 1000,
        "expires_in": clear.left_ms // 1000,
        "expires_at": moment(clear.until_ms),
    }


def _way(way: Way) -> Mapping[str, object]:
    one = way.enrolment
    return {
        "id": None if one is None else wire_id(one.factor, one.id),
        "type": way.factor.value,
        "name": "" if one is None else one.name,
        "to": None if one is None or one.address is None else masked(one.address),
        "retry_after": _wait(way.wait_ms),
    }


def _wait(left_ms: int) -> int | None:
    """Whole seconds, rounded up like `Retry-After`; null where there is nothing to wait for."""
    return -(-left_ms // 1000) or None
