"""Second factors at a login: which there are, an assertion for one of them, and the end of it.

    TellFactors     what the account can prove with
    BeginSecond     an assertion: what the steps of one factor may do now
    FinishSecond    the assertion and its answer: a second factor was shown in this login, or session
    TellCertificate of the key that signs assertions

Between the two, a factor is shown (second_codes, authenticators, pushes). A factor that is enrolled there is active as
soon as its first code is right, before the end: the code spends itself, and nothing may hang in between. The end is
what counts for the login. It takes each assertion once, tells the passage (passages), and has the device remembered.

What stays out: the session that follows (logins), and taking factors away (second_changes).
"""

from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import Factor, FactorState, Standing
from mfa_gateway.core.entrance.assertions import ASSERTION_MS, NAMES, Mode, assertion_for, held_by, shown_by
from mfa_gateway.core.entrance.outcomes import Attested, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.passages import Holder, holder_of, standing_of, unauthorised
from mfa_gateway.core.entrance.second_outcomes import CertificateTold, FactorsTold
from mfa_gateway.core.entrance.second_words import CarryProofs, FinishPassage, Passage, RememberDevice
from mfa_gateway.core.entrance.steps import Visit
from mfa_gateway.core.entrance.words import AskCertificate, Asked, Command, Use, UseOnce, asked, asked_if_any
from mfa_gateway.core.site import PROVIDERS

# Modes after whose end the device counts as verified (spec/gigya.md section 1.1): with another factor beside the first,
# `add` leaves it as it was.
_REMEMBERS: Final = frozenset({Mode.REGISTER, Mode.VERIFY, Mode.EDIT})
# An assertion of a host whose clock is ahead is good for a little longer.
_SLACK_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class TellFactors(Command):
    """Tell which factors there are: by the ticket of a login, by a session, or as a server asks of a subject."""

    registration: str = field(default="", repr=False)
    subject: str = ""


@dataclass(frozen=True, slots=True)
class BeginSecond(Command):
    """Ask for an assertion."""

    factor: Factor
    mode: Mode
    registration: str = field(default="", repr=False)
    subject: str = ""


@dataclass(frozen=True, slots=True)
class FinishSecond(Command):
    """Bring an assertion back with the answer to it. `remembers`: whether the device may be remembered."""

    assertion: str = field(repr=False)
    answer: str = field(repr=False)
    remembers: bool = True
    registration: str = field(default="", repr=False)
    subject: str = ""


@dataclass(frozen=True, slots=True)
class TellCertificate(Command):
    """Show the certificate of the key that signs."""


def tell_factors(command: TellFactors, visit: Visit) -> Asked[Outcome]:
    """Tell what the account can prove with, and what this site would let it have."""
    holder = yield from holder_of(visit, registration_text=command.registration, subject=command.subject)
    if isinstance(holder, Turned):
        return holder
    standing = yield from standing_of(holder.caller)
    active = tuple(factor for factor in NAMES if _is_usable(factor, standing, visit))
    return FactorsTold(active, tuple(factor for factor in offered(visit) if factor not in active))


def offered(visit: Visit) -> tuple[Factor, ...]:
    """The factors that an account can be given at this site."""
    names = visit.site.tfa.providers
    return tuple(PROVIDERS[name] for name in names if PROVIDERS[name] in visit.terms.gate.factors)


def _is_usable(factor: Factor, standing: Standing, visit: Visit) -> bool:
    return standing.state(factor) is FactorState.ACTIVE and factor in visit.terms.gate.factors


def begin_second(command: BeginSecond, visit: Visit) -> Asked[Outcome]:
    """Give an assertion for one factor, if this holder may do with it what they ask for.

    A factor is verified, or edited, where the account has it, and enrolled where the site offers it. An account that
    has a factor gets no other one by a password alone: one of sufficient level is shown first, in the same login.
    """
    holder = yield from holder_of(visit, registration_text=command.registration, subject=command.subject)
    if isinstance(holder, Turned):
        return holder
    standing = yield from standing_of(holder.caller)
    if (turned := _disallowed(command, holder, standing, visit=visit)) is not None:
        return turned
    return Attested((yield from assertion_for(holder, command.factor, mode=command.mode, visit=visit)))


def _disallowed(command: BeginSecond, holder: Holder, standing: Standing, *, visit: Visit) -> Turned | None:
    is_usable = _is_usable(command.factor, standing, visit)
    is_possible = is_usable or (command.mode in (Mode.REGISTER, Mode.ADD) and command.factor in offered(visit))
    if not is_possible:
        return Turned(Denial.VALUE_WRONG, "provider")
    return None if command.mode is Mode.VERIFY else unauthorised(holder, standing, command.factor)


def finish_second(command: FinishSecond, visit: Visit) -> Asked[Outcome]:
    """End it: once for each assertion, by whoever asked for it, where it was asked for."""
    holder = yield from holder_of(visit, registration_text=command.registration, subject=command.subject)
    if isinstance(holder, Turned):
        return holder
    held = yield from held_by(command.assertion, visit, holder)
    if isinstance(held, Turned):
        return held
    shown = yield from shown_by(command.answer, held, visit)
    if isinstance(shown, Turned):
        return shown
    use = yield from asked(UseOnce(("assertion", visit.site.name, held.jti), ASSERTION_MS + _SLACK_MS), Use)
    if use is Use.REPEATED:
        return Turned(Denial.ASSERTION_BAD, "gigyaAssertion")
    return (yield from _finished(holder, shown, visit, remembers=command.remembers and held.mode in _REMEMBERS))


def _finished(holder: Holder, shown: Factor, visit: Visit, *, remembers: bool) -> Asked[Outcome]:
    account = holder.caller.account
    passage = yield from asked_if_any(FinishPassage(account, holder.name, shown), Passage)
    if passage is None:
        return Turned(Denial.ASSERTION_BAD, "gigyaAssertion")
    # A login has no session yet, to which what was proved could be carried; whoever opens one does (logins).
    if holder.has_session:
        yield CarryProofs(account, holder.name, holder.name)
    if remembers:
        yield RememberDevice(account, visit.site.name, visit.device, visit.site.tfa.remember_ms, passage.epoch)
    return Finished()


def tell_certificate(command: TellCertificate, visit: Visit) -> Asked[Outcome]:
    """Show the certificate."""
    del command, visit
    return CertificateTold((yield from asked(AskCertificate(), str)))
