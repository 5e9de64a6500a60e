"""Sign-ins: logins that take one request, with a password and, where a factor is active, with a code beside it.

    name and password                        no active factor: in; else `CodeNeeded`
    name, password, option and code          in, and the code counts as shown in the session that begins
    name, password, and a secret of before   in, where that secret is still remembered
    and a new password, with any code        the old one is replaced first, and all that was opened with it ends

The code is one of the second factor: it counts in the step-up budget, after the password was right, and what it proves
is a proof. The secret is handed out for a code alone, is of a kind that is never compared with a code, is remembered as
a device of the account, and forgotten with its epoch. It proves nothing to the gate.

What stays out: wire forms, and comparing passwords (passwords).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from mfa_gateway.core.account import AccountId, Caller, Factor, Standing
from mfa_gateway.core.ceremony import Action, Change
from mfa_gateway.core.ceremony import Command as CallersCommand
from mfa_gateway.core.ceremony.steps import redeem, redemption_of
from mfa_gateway.core.entrance.option_outcomes import CodeNeeded, SignedIn
from mfa_gateway.core.entrance.options import option_of
from mfa_gateway.core.entrance.outcomes import Denial, Outcome, Turned
from mfa_gateway.core.entrance.passwords import check_password
from mfa_gateway.core.entrance.second_words import CarryProofs, KnowsDevice, Recognition, RememberDevice
from mfa_gateway.core.entrance.steps import Visit, recalled
from mfa_gateway.core.entrance.words import (
    Asked,
    Command,
    DrawId,
    Mint,
    OpenSession,
    RenewPassword,
    asked,
    on_behalf,
)
from mfa_gateway.core.login import Renewal
from mfa_gateway.core.proof import Banned, Redeemed, Rejected, Rejection, Rode, Scope
from mfa_gateway.core.session import OpenedSession

# Attempts of these are counted like those of any session, and none of them is ever one.
_NOT_YET: Final = "sign-in "


@dataclass(frozen=True, slots=True)
class SignIn(Command):
    """Log in.

    Attributes:
        login: the name.
        password: the password.
        option: the number of the option that the code is of; None where there is no code.
        code: a code; "" where there is none.
        device: the secret that an earlier login handed out; "" where there is none.
        remembers: whether one is to be handed out.
        new_password: the one to put in the place of the other; "" where it stays. It takes a code where a factor is
            active, whatever is remembered.
    """

    login: str = field(repr=False)
    password: str = field(repr=False)
    option: int | None = None
    code: str = field(default="", repr=False)
    device: str = field(default="", repr=False)
    remembers: bool = False
    new_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What was shown beside the password: the session that it was proved in, "" where nothing had to be."""

    session: str = ""


def sign_in(command: SignIn, visit: Visit) -> Asked[Outcome]:
    """Let somebody in."""
    portrait = yield from check_password(visit, command.login, command.password)
    if isinstance(portrait, Turned):
        return portrait
    account = portrait.account
    standing = yield from recalled(account)
    shown = yield from _second(command, account, standing, visit=visit)
    if not isinstance(shown, _Shown):
        return shown
    if command.new_password:
        renewed = yield from _renewed(account, command)
        if isinstance(renewed, Turned):
            return renewed
        standing = renewed
    # In the epoch that all of it was looked at in: whatever was changed meanwhile turns this login away.
    opening = OpenSession(account, visit.site.name, "", visit.site.session_ms, standing.epoch)
    session = yield opening
    if session is Change.STALE:
        return Turned(Denial.CHANGED)
    if not isinstance(session, OpenedSession):
        raise TypeError(f"OpenSession was answered with a {type(session).__name__}")
    device = yield from _take_along(shown, session, command, standing=standing, visit=visit)
    return (yield from _signed(session, device, visit))


def _second(command: SignIn, account: AccountId, standing: Standing, *, visit: Visit) -> Asked[_Shown | Outcome]:
    """The second factor, where the account has one that is active, whatever this gateway offers now."""
    if not standing.active():
        return _Shown()
    if command.device and not command.new_password:
        known = yield from asked(KnowsDevice(account, visit.site.name, command.device), Recognition)
        if known is Recognition.KNOWN:
            return _Shown()
    if not command.code:
        return CodeNeeded()
    option = None if command.option is None else (yield from option_of(account, command.option))
    if option is None:
        return Turned(Denial.VALUE_WRONG, "option")
    return (yield from _redeemed(command.code, account, standing, factor=option.factor, visit=visit))


def _redeemed(
    code: str, account: AccountId, standing: Standing, *, factor: Factor, visit: Visit
) -> Asked[_Shown | Turned]:
    """Spend a code of an option, or one on paper, which stands in for any."""
    session = _NOT_YET + (yield from asked(DrawId(), str))
    caller = Caller(account, session, token="")
    answer = CallersCommand(Action.ANSWER, caller, code=code, scope=Scope.SESSION)
    factors = _accepted(factor, standing.active())
    redemption = redemption_of(answer, standing, visit.terms.gate, factors=factors)
    match (yield from on_behalf(caller, redeem(redemption, standing))):
        case Redeemed() | Rode():
            return _Shown(session)
        case Rejected(why=Rejection.STALE):
            return Turned(Denial.CHANGED)
        case Rejected(ban_left_ms=left_ms):
            return Turned(Denial.CODE_WRONG, "code", left_ms, begins_ban=left_ms > 0)
        case Banned(left_ms=left_ms):
            return Turned(Denial.CODES_LIMITED, "code", left_ms)
        case _ as never:
            assert_never(never)


def _renewed(account: AccountId, command: SignIn) -> Asked[Standing | Turned]:
    """Replace the password. What is known of the account then: everything from before is over."""
    renewal = yield from asked(RenewPassword(account, command.password, command.new_password), Renewal)
    match renewal:
        case Renewal.MADE:
            return (yield from recalled(account))
        case Renewal.STALE:
            return Turned(Denial.CHANGED)
        case Renewal.ELSEWHERE:
            return Turned(Denial.SWITCHED_OFF, "new password")
        case _ as never:
            assert_never(never)


def _accepted(factor: Factor, active: Sequence[Factor]) -> tuple[Factor, ...]:
    return tuple(one for one in active if one in (factor, Factor.BACKUP))


def _take_along(
    shown: _Shown, session: OpenedSession, command: SignIn, *, standing: Standing, visit: Visit
) -> Asked[str]:
    """Count what was shown in the session that has begun, and hand out a secret for the next login if one is wanted."""
    if not shown.session:
        return ""
    account = session.session.account
    yield CarryProofs(account, source=shown.session, target=session.session.id)
    if not command.remembers or not visit.site.tfa.remember_ms:
        return ""
    device = yield from asked(DrawId(), str)
    yield RememberDevice(account, visit.site.name, device, visit.site.tfa.remember_ms, standing.epoch)
    return device


def _signed(session: OpenedSession, device: str, visit: Visit) -> Asked[SignedIn]:
    account, now = session.session.account, visit.now_ms // 1000
    until = now + visit.site.session_ms // 1000
    claims = {"iss": visit.site.issuer, "sub": account.subject, "sid": session.session.id, "iat": now, "exp": until}
    return SignedIn(account, (yield from asked(Mint(claims), str)), until * 1000, device)
