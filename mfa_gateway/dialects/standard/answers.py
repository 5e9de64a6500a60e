"""Answers: what became of a ceremony, as JSON.

Times are UTC (RFC 3339) by the store's clock, spans are whole seconds, addresses are masked. What stays out: refusals
(problems).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mfa_gateway.core.account import Awaited, Enrolment, Factor, FactorState, Inventory, Proof, masked
from mfa_gateway.core.ceremony import PENDING_TOTP_MS, Begun, Challenged, Printed, Proven, Windows
from mfa_gateway.core.proof import Scope
from mfa_gateway.dialects import qr
from mfa_gateway.dialects.describing import Schema, exactly, items, nullable, number, one_of, refer, text
from mfa_gateway.dialects.standard.names import ID, LISTED, TYPES, wire_id
from mfa_gateway.dialects.wire import NO_STORE, Headers, Reply

_CONTENT_TYPE: Final[Headers] = ((b"content-type", b"application/json"),)

SECONDS: Final[Schema] = number(description="whole seconds")
MOMENT: Final[Schema] = text(format="date-time")
_TYPE: Final = one_of(TYPES)
_ANY_TYPE: Final = one_of(factor.value for factor in Factor)
_SCOPE: Final = one_of(scope.value for scope in Scope)
_PENDING: Final[Schema] = {"const": FactorState.PENDING.value}

FACTORS: Final = exactly(
    {
        "factors": items(
            exactly(
                {
                    "id": ID,
                    "type": one_of(LISTED),
                    "name": text(),
                    "address": nullable(text(description="masked")),
                    "state": one_of((FactorState.ACTIVE.value, FactorState.PENDING.value)),
                    "added_at": nullable(MOMENT),
                    "last_used_at": nullable(MOMENT),
                    "expires_in": nullable(SECONDS),
                }
            )
        ),
        "backup_codes": nullable(exactly({"remaining": number()})),
    }
)


def factors(inventory: Inventory) -> Reply:
    """What there is, and what waits for its first code."""
    left = inventory.backup_left
    return document(
        200,
        {
            "factors": [*map(_factor, inventory.enrolments), *map(_awaited, inventory.awaited)],
            "backup_codes": None if left is None else {"remaining": left},
        },
    )


def _factor(one: Enrolment) -> Mapping[str, object]:
    return {
        "id": wire_id(one.factor, one.id),
        "type": one.factor.value,
        "name": one.name,
        "address": None if one.address is None else masked(one.address),
        "state": FactorState.ACTIVE.value,
        "added_at": moment(one.added_ms),
        "last_used_at": moment(one.used_ms),
        "expires_in": None,
    }


def _awaited(one: Awaited) -> Mapping[str, object]:
    waits = {"state": FactorState.PENDING.value, "expires_in": one.left_ms // 1000}
    return {**_factor(one.enrolment), **waits}


_SENT: Final[Mapping[str, Schema]] = {"to": nullable(text(description="masked")), "expires_in": nullable(SECONDS)}
BEGUN: Final[Schema] = {
    "anyOf": [
        exactly({"id": ID, "type": _TYPE, "state": _PENDING, "to": text(description="masked"), "expires_in": SECONDS}),
        exactly(
            {
                "id": ID,
                "type": {"const": Factor.TOTP.value},
                "state": _PENDING,
                "expires_in": SECONDS,
                "secret": text(description="base32"),
                "otpauth_uri": text(format="uri"),
                "qr_svg": text(),
                "qr_png": text(description="a data: URI"),
            }
        ),
    ]
}


def begun(outcome: Begun) -> Reply:
    """An authenticator to be set up. The secret is shown this once, in four forms."""
    return document(
        201,
        {
            **_pending(Factor.TOTP, outcome.ticket),
            "expires_in": PENDING_TOTP_MS // 1000,
            "secret": outcome.secret,
            "otpauth_uri": outcome.uri,
            "qr_svg": qr.svg(outcome.uri),
            "qr_png": qr.png_data_uri(outcome.uri),
        },
    )


def address_begun(outcome: Challenged) -> Reply:
    """An address that becomes active with the code that is on its way there."""
    return document(201, {**_pending(outcome.factor, outcome.enrolment), **_sent(outcome)})


CHALLENGE: Final = exactly({"factor": ID, "type": _TYPE, **_SENT})


def challenged(outcome: Challenged) -> Reply:
    """A code that is on its way. Nothing goes to an authenticator, whose code does not expire but changes."""
    named = {"factor": wire_id(outcome.factor, outcome.enrolment), "type": outcome.factor.value}
    return document(200, {**named, **_sent(outcome)})


BACKUP_CODES: Final = exactly({"codes": items(text()), "remaining": number()})


def printed(outcome: Printed) -> Reply:
    """A set of backup codes, shown this once."""
    return document(201, {"codes": list(outcome.codes), "remaining": len(outcome.codes)})


PROOF: Final = exactly({"type": _ANY_TYPE, "scope": _SCOPE, "age": SECONDS})
PROOFS: Final = exactly({"proofs": items(refer("Proof"))})


def proven(outcome: Proven) -> Reply:
    """What a code has proved."""
    return document(200, _proof(outcome.scope, outcome.proof))


def windows(outcome: Windows) -> Reply:
    """What counts. A rule is satisfied by a proof of its scope whose age is less than its own grace."""
    return document(200, {"proofs": [_proof(scope, proof) for scope, proof in outcome.proofs]})


def _pending(factor: Factor, ticket: str) -> Mapping[str, object]:
    return {"id": wire_id(factor, ticket), "type": factor.value, "state": FactorState.PENDING.value}


def _sent(outcome: Challenged) -> Mapping[str, object]:
    if outcome.address is None:
        return {"to": None, "expires_in": None}
    return {"to": masked(outcome.address), "expires_in": outcome.life_ms // 1000}


def _proof(scope: Scope, proof: Proof) -> Mapping[str, object]:
    return {"type": proof.factor.value, "scope": scope.value, "age": proof.age_ms // 1000}


def moment(ms: int | None) -> str | None:
    """A moment in UTC (RFC 3339), of milliseconds since 1970."""
    return None if ms is None else datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(status: int, members: Mapping[str, object]) -> Reply:
    """An answer of these members."""
    return Reply(status, NO_STORE + _CONTENT_TYPE, json.dumps(members, separators=(",", ":")).encode("ascii"))
