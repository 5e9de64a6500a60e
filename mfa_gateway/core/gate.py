"""The gate: may this call go on?

Theory. Letting through is one pure function in three steps, because a gateway is judged by what it lets through:

1. `admit` looks at the call alone. Open routes pass here, without a trip to the store.
2. `weigh` looks at the caller and at what the store knows. A proof that satisfies the rule passes; a presented code
   becomes a `Redemption`, which is returned for the engine to carry out, never done here.
3. `conclude` reads the receipt of that redemption.

So a `Pass` on a protected call implies a known account and a proof that satisfies this rule, a code accepted now, or a
rule that says otherwise. A presented code is always redeemed: a wrong one is refused inside an open window too.

What stays out: waiting, wire forms, and who is allowed to change a factor (ceremony).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final, assert_never

from mfa_gateway.core.account import Anonymous, Caller, Factor, Identification, Proof, Standing
from mfa_gateway.core.call import Call, OddPath
from mfa_gateway.core.otp import TOTP_DEFAULT, TotpProfile
from mfa_gateway.core.policy import (
    Access,
    Candidates,
    Enforcement,
    OnStoreError,
    OnSuccess,
    Policy,
    Require,
    Requirement,
    Rule,
)
from mfa_gateway.core.proof import (
    Banned,
    CodeShapes,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Regulation,
    Rejected,
    Ride,
    Rode,
)
from mfa_gateway.core.strictest import strictest_candidates
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict

# Neither is ever a request to an API: TRACE reflects headers, CONNECT asks for a tunnel.
_NEVER: Final = frozenset({"TRACE", "CONNECT"})

# There is a caller, and nobody can say which.
_UNTOLD: Final = frozenset({Reason.IDENTITY_UNAVAILABLE, Reason.TWO_CREDENTIALS})

_EVERY_FACTOR: Final = frozenset(Factor)

# When to come back after something we stand on failed: the store is probed once a second.
RETRY_MS: Final = 1000


class KnownBy(StrEnum):
    """What makes an account known: a verified token alone, or a record that somebody made."""

    TOKEN = "token"  # noqa: S105 - the name of a choice
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Terms:
    """The numbers and choices that hold for every call and ceremony.

    Attributes:
        factors: what this gateway offers.
        known_by: what makes an account known.
        shapes: how codes look.
        regulation: how many attempts there are.
        keep_ms: the longest grace of any rule: how long a proof is worth keeping.
        totp: the parameters of new authenticators; those there are keep their own.
        issuer: the name that authenticator apps show above the code.
        backup_codes: how many there are in a set.
        code_life_ms: how long a code that was sent can be used, for those who wait for it.
    """

    factors: frozenset[Factor] = frozenset(Factor)
    known_by: KnownBy = KnownBy.TOKEN
    shapes: CodeShapes = field(default_factory=CodeShapes)
    regulation: Regulation = field(default_factory=Regulation)
    keep_ms: int = 1_800_000
    totp: TotpProfile = TOTP_DEFAULT
    issuer: str = "Example"
    backup_codes: int = 10
    code_life_ms: int = 600_000


def admit(policy: Policy, call: Call) -> Verdict | Candidates:
    """Judge what the call alone tells. `Candidates` means that the caller has to be identified."""
    if call.method in _NEVER:
        return Refuse(Reason.METHOD_NOT_ALLOWED)
    # Where hosts are named, an unheard-of one must not be a way around their rules (RFC 9110 section 15.5.20).
    if policy.hosts and call.host not in policy.hosts:
        return Refuse(Reason.MISDIRECTED)
    if isinstance(path := call.path, OddPath):
        candidates = strictest_candidates(policy, call.method, path, host=call.host)
    else:
        candidates = policy.rules_for(call.method, path, call.host)
    requirement = candidates.other.requirement
    # An open route asks nothing of its callers, but whose windows its good answers end has to be known.
    if candidates.by_realm or requirement.on_success is not OnSuccess.NONE:
        return candidates
    match requirement.access:
        case Access.OPEN:
            return _passed(candidates.other)
        case Access.DENY:
            return refuse(candidates.other, Reason.DENIED)
        case Access.MFA:
            return candidates
        case _ as never:
            assert_never(never)


# On an open route every call gets the same verdict.
_passed = lru_cache(maxsize=4096)(Pass)


def appoint(candidates: Candidates, identification: Identification) -> tuple[Rule, Caller] | Verdict:
    """Choose the rule for this caller. Callers who cannot be told apart face the strictest rule there is."""
    match identification:
        case Caller() as caller:
            return _appointed(candidates.for_realm(caller.account.realm), caller)
        case Anonymous.NO_CREDENTIAL:
            return _turned_away(candidates.strictest(), Reason.TOKEN_MISSING)
        case Anonymous.BAD_CREDENTIAL:
            return _turned_away(candidates.strictest(), Reason.TOKEN_INVALID)
        case Anonymous.TWO_CREDENTIALS:
            return _turned_away(candidates.strictest(), Reason.TWO_CREDENTIALS)
        case Anonymous.UNDECIDED:
            return _turned_away(candidates.strictest(), Reason.IDENTITY_UNAVAILABLE)
        case _ as never:
            assert_never(never)


def _appointed(rule: Rule, caller: Caller) -> tuple[Rule, Caller] | Verdict:
    match rule.requirement.access:
        case Access.OPEN:
            return Pass(rule, caller)
        case Access.DENY:
            return refuse(rule, Reason.DENIED, caller=caller)
        case Access.MFA:
            return rule, caller
        case _ as never:
            assert_never(never)


def _turned_away(rule: Rule, reason: Reason) -> Verdict:
    # Somebody's windows should end, and it cannot be said whose: such a log-out would only look like one.
    is_needed = reason in _UNTOLD and rule.requirement.on_success is not OnSuccess.NONE
    if rule.requirement.access is Access.OPEN and not is_needed:
        return Pass(rule)
    return refuse(rule, reason, retry_after_ms=RETRY_MS if reason is Reason.IDENTITY_UNAVAILABLE else 0)


def weigh(
    rule: Rule, caller: Caller, standing: Standing, *, code: str | None, terms: Terms, ago_ms: int = 0
) -> Verdict | Redemption:
    """Judge a protected call by what the store knows. `Redemption` means that the presented code has to be redeemed.

    `ago_ms`: how long ago the store said so; every proof is that much older.
    """
    if (obstacle := account_obstacle(standing, terms.known_by)) is not None:
        return refuse(rule, obstacle, caller=caller)
    active = standing.active()
    if not active and rule.requirement.require is Require.IF_ENROLLED:
        return Pass(rule, caller, epoch=standing.epoch)
    allowed = _allowed(rule.requirement, active, terms.factors)
    if not allowed:
        return refuse(rule, Reason.NOT_ENROLLED, caller=caller)
    if code:
        return _redemption(rule.requirement, caller, standing, allowed=allowed, code=code, terms=terms)
    proof = satisfying_proof(rule.requirement, allowed, standing.proofs, ago_ms=ago_ms)
    if proof is None:
        return refuse(rule, Reason.CODE_MISSING, caller=caller)
    return Pass(rule, caller, proof, epoch=standing.epoch)


def account_obstacle(standing: Standing, known_by: KnownBy) -> Reason | None:
    """Why nothing at all can be done for this account, or None."""
    if standing.disabled:
        return Reason.ACCOUNT_DISABLED
    if known_by is KnownBy.RECORD and not standing.recorded:
        return Reason.ACCOUNT_UNKNOWN
    return None


def allowed_factors(requirement: Requirement, standing: Standing, offered: Iterable[Factor]) -> tuple[Factor, ...]:
    """The active factors of the account that this gateway offers and the rule accepts."""
    return _allowed(requirement, standing.active(), offered)


def _allowed(requirement: Requirement, active: tuple[Factor, ...], offered: Iterable[Factor]) -> tuple[Factor, ...]:
    accepted = _accepted_factors(requirement)
    return tuple([factor for factor in active if factor in accepted and factor in offered])


def _accepted_factors(requirement: Requirement) -> frozenset[Factor]:
    return requirement.factors or _EVERY_FACTOR


def satisfying_proof(
    requirement: Requirement, allowed: Iterable[Factor], proofs: Iterable[Proof], *, ago_ms: int = 0
) -> Proof | None:
    """The youngest proof of an allowed factor that is younger than the rule's grace: gone at exactly its length.

    Their ages are those of `ago_ms` ago. A negative one means that the store's clock was set back; such a proof is not
    honoured.
    """
    youngest: Proof | None = None
    for proof in proofs:
        if proof.factor not in allowed or proof.age_ms < 0 or proof.age_ms + ago_ms >= requirement.grace_ms:
            continue
        if youngest is None or proof.age_ms < youngest.age_ms:
            youngest = proof
    return Proof(youngest.factor, youngest.age_ms + ago_ms) if youngest is not None and ago_ms else youngest


def _redemption(
    requirement: Requirement,
    caller: Caller,
    standing: Standing,
    *,
    allowed: tuple[Factor, ...],
    code: str,
    terms: Terms,
) -> Redemption:
    factors = tuple(factor for factor in allowed if terms.shapes.fits(code, factor))
    return Redemption(
        account=caller.account,
        epoch=standing.epoch,
        purpose=Purpose.GATE,
        presented=code,
        factors=factors,
        scope=requirement.scope,
        session=caller.session,
        token=caller.token,
        effect=Effect.OPEN,
        target=None,
        ride=Ride(requirement.grace_ms) if requirement.grace_ms > 0 else None,
        keep_ms=terms.keep_ms,
        regulation=terms.regulation,
        short=terms.shapes.strictness(code, factors),
    )


def conclude(rule: Rule, caller: Caller, receipt: Receipt) -> Verdict:
    """Judge a protected call by what became of its code.

    The store was told which factors and ages would do; a receipt outside of that opens nothing all the same.
    """
    accepted = _accepted_factors(rule.requirement)
    match receipt:
        case Redeemed(factor=factor):
            return _shown(rule, caller, Proof(factor, 0) if factor in accepted else None)
        case Rode(factor=factor, age_ms=age_ms):
            return _shown(rule, caller, satisfying_proof(rule.requirement, accepted, (Proof(factor, age_ms),)))
        case Rejected(why=why, ban_left_ms=left):
            return refuse(rule, Reason.CODE_INVALID, caller=caller, retry_after_ms=left, detail=why.value)
        case Banned(left_ms=left):
            return refuse(rule, Reason.BANNED, caller=caller, retry_after_ms=left)
        case _ as never:
            assert_never(never)


def _shown(rule: Rule, caller: Caller, proof: Proof | None) -> Verdict:
    if proof is None:
        return refuse(rule, Reason.CODE_INVALID, caller=caller, detail="the receipt does not satisfy the rule")
    return Pass(rule, caller, proof)


def without_store(rule: Rule, caller: Caller) -> Verdict:
    """Judge a protected call while the store cannot be asked."""
    match rule.requirement.on_store_error:
        case OnStoreError.DENY:
            return refuse(rule, Reason.STORE_UNAVAILABLE, caller=caller, retry_after_ms=RETRY_MS)
        case OnStoreError.ALLOW:
            return Pass(rule, caller)
        case _ as never:
            assert_never(never)


def refuse(
    rule: Rule, reason: Reason, *, caller: Caller | None = None, retry_after_ms: int = 0, detail: str = ""
) -> Verdict:
    """Refuse under a rule; a rule that is not enforced lets through instead, and remembers what it would have said."""
    refusal = Refuse(reason, rule, retry_after_ms, detail, caller)
    match rule.requirement.enforcement:
        case Enforcement.ENFORCED:
            return refusal
        case Enforcement.SHADOW:
            return Pass(rule, caller, overruled=refusal)
        case _ as never:
            assert_never(never)
