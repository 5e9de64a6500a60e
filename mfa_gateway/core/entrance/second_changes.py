"""Changes of second factors beside a login: taking factors away, bringing phones in, forgetting devices.

    DropFactor     by the owner, who has just shown a factor of sufficient level; or as a server asks
    ResetFactors   by a server, for somebody who lost them
    BringPhones    by a server, which answers for the numbers
    ForgetDevices  by the owner or a server

Every one of them but the last begins a new epoch, and the owner is told by mail. What stays out: editing a factor in a
login (second_codes, authenticators).
"""

from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import AccountId, Factor, FactorState, Standing
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.entrance import second_words
from mfa_gateway.core.entrance.outcomes import Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.passages import Holder, caller_in, holder_of, standing_of, unauthorised
from mfa_gateway.core.entrance.steps import Visit
from mfa_gateway.core.entrance.words import Address, Asked, Command, Describe, Portrait, ReadAddress, asked_if_any
from mfa_gateway.core.message import Happening

# The mailbox of a login is no provider of its own in the contract (spec/gigya.md section 1.1), so a reset leaves it.
RESETTABLE: Final = (Factor.SMS, Factor.TOTP, Factor.PUSH)


@dataclass(frozen=True, slots=True)
class DropFactor(Command):
    """Take a factor away with all that it has."""

    factor: Factor
    subject: str = ""


@dataclass(frozen=True, slots=True)
class ResetFactors(Command):
    """Take factors away from somebody. `factor` None: all that can be."""

    subject: str
    factor: Factor | None = None


@dataclass(frozen=True, slots=True)
class BringPhones(Command):
    """Make numbers phones of somebody."""

    subject: str
    written: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForgetDevices(Command):
    """Forget the devices of somebody at this site."""

    subject: str = ""


def drop_factor(command: DropFactor, visit: Visit) -> Asked[Outcome]:
    """Take a factor away."""
    holder = yield from _meant(command.subject, visit)
    if isinstance(holder, Turned):
        return holder
    standing = yield from standing_of(holder.caller)
    if standing.state(command.factor) is not FactorState.ACTIVE:
        return Turned(Denial.NO_PROVIDER)
    turned = unauthorised(holder, standing, command.factor)
    return turned or (yield from _dropped(holder, command.factor, standing, visit=visit))


def _meant(subject: str, visit: Visit) -> Asked[Holder | Turned]:
    """Who asks. A cookie alone does not do: any page can have a browser send it."""
    holder = yield from holder_of(visit, subject=subject)
    if isinstance(holder, Turned):
        return holder
    return Turned(Denial.FORBIDDEN, "session") if holder.is_ambient else holder


def _dropped(holder: Holder, factor: Factor, standing: Standing, *, visit: Visit) -> Asked[Outcome]:
    change = yield second_words.Withdraw(holder.caller, factor, standing.epoch)
    if change is not Change.MADE:
        return Turned(Denial.CHANGED)
    yield second_words.TellOwner(holder.caller, Happening.REMOVED, factor, standing, visit.languages)
    return Finished()


def reset_factors(command: ResetFactors, visit: Visit) -> Asked[Outcome]:
    """Take factors away from somebody who lost them. A server of the site answers for that."""
    holder = yield from _meant(command.subject, visit)
    if isinstance(holder, Turned):
        return holder
    wanted = RESETTABLE if command.factor is None else (command.factor,)
    outcome: Outcome = Turned(Denial.NO_PROVIDER)
    for factor in wanted:
        standing = yield from standing_of(holder.caller)
        if factor in RESETTABLE and standing.state(factor) is FactorState.ACTIVE:
            outcome = yield from _dropped(holder, factor, standing, visit=visit)
            if isinstance(outcome, Turned):
                return outcome
    return outcome


def bring_phones(command: BringPhones, visit: Visit) -> Asked[Outcome]:
    """Make numbers phones of somebody: all of them, or none where one is no number."""
    account = AccountId(visit.site.realm, command.subject)
    addresses = []
    for written in command.written:
        address = yield from asked_if_any(ReadAddress(Factor.SMS, written), Address)
        if address is None:
            return Turned(Denial.VALUE_WRONG, "phones")
        addresses.append(address.text)
    if (yield from asked_if_any(Describe(account), Portrait)) is None:
        return Turned(Denial.NOBODY, "UID")
    return (yield from _brought(account, addresses, visit))


def _brought(account: AccountId, addresses: list[str], visit: Visit) -> Asked[Outcome]:
    caller = caller_in(account, "")
    before = yield from standing_of(caller)
    for address in addresses:
        change = yield second_words.Vouch(account, Factor.SMS, address)
        if change not in (Change.MADE, Change.KNOWN):
            return Turned(Denial.VALUE_WRONG, "phones")
    yield second_words.TellOwner(caller, Happening.ADDED, Factor.SMS, before, visit.languages)
    return Finished()


def forget_devices(command: ForgetDevices, visit: Visit) -> Asked[Outcome]:
    """Forget all of them. Which device has a session is not kept, and one forgotten too many only asks once more."""
    holder = yield from _meant(command.subject, visit)
    if isinstance(holder, Turned):
        return holder
    yield second_words.ForgetDevices(holder.caller.account, visit.site.name)
    return Finished()
