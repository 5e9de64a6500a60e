"""Answers: what became of a ceremony, as JSON.

Times are UTC (RFC 3339) by the store's clock, spans are whole seconds, addresses are masked. What stays out: refusals
(problems).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from mfa_gateway.core.account import Enrolment, Factor, FactorState, Inventory, Proof, masked
from mfa_gateway.core.ceremony import PENDING_TOTP_MS, Begun, Challenged, Printed, Proven, Windows
from mfa_gateway.core.proof import Scope
from mfa_gateway.dialects import qr
from mfa_gateway.dialects.standard.names import wire_id
from mfa_gateway.dialects.wire import NO_STORE, Headers, Reply

_CONTENT_TYPE: Final[Headers] = ((b"content-type", b"application/json"),)


def factors(inventory: Inventory) -> Reply:
    """What there is. Only what is active is listed: whatever is pending is known to whoever began it."""
    left = inventory.backup_left
    return _document(
        200,
        {
            "factors": [_factor(one) for one in inventory.enrolments],
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
        "added_at": _moment(one.added_ms),
        "last_used_at": _moment(one.used_ms),
    }


def begun(outcome: Begun) -> Reply:
    """An authenticator to be set up. The secret is shown this once, in four forms."""
    return _document(
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
    return _document(201, {**_pending(outcome.factor, outcome.enrolment), **_sent(outcome)})


def challenged(outcome: Challenged) -> Reply:
    """A code that is on its way. Nothing goes to an authenticator, whose code does not expire but changes."""
    named = {"factor": wire_id(outcome.factor, outcome.enrolment), "type": outcome.factor.value}
    return _document(200, {**named, **_sent(outcome)})


def printed(outcome: Printed) -> Reply:
    """A set of backup codes, shown this once."""
    return _document(201, {"codes": list(outcome.codes), "remaining": len(outcome.codes)})


def proven(outcome: Proven) -> Reply:
    """What a code has proved."""
    return _document(200, _proof(outcome.scope, outcome.proof))


def windows(outcome: Windows) -> Reply:
    """What counts. A rule is satisfied by a proof of its scope whose age is less than its own grace."""
    return _document(200, {"proofs": [_proof(scope, proof) for scope, proof in outcome.proofs]})


def _pending(factor: Factor, ticket: str) -> Mapping[str, object]:
    return {"id": wire_id(factor, ticket), "type": factor.value, "state": FactorState.PENDING.value}


def _sent(outcome: Challenged) -> Mapping[str, object]:
    if outcome.address is None:
        return {"to": None, "expires_in": None}
    return {"to": masked(outcome.address), "expires_in": outcome.life_ms // 1000}


def _proof(scope: Scope, proof: Proof) -> Mapping[str, object]:
    return {"type": proof.factor.value, "scope": scope.value, "age": proof.age_ms // 1000}


def _moment(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _document(status: int, document: Mapping[str, object]) -> Reply:
    return Reply(status, NO_STORE + _CONTENT_TYPE, json.dumps(document, separators=(",", ":")).encode("ascii"))
