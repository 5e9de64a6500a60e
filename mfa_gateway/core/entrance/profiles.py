"""Profiles: what is on record of somebody, shown and amended.

Whoever is meant is told by the session, by a server that names them, or by the ticket of a login. A ticket whose login
still takes a second factor shows nothing and changes nothing: a password alone must not lead to somebody's data. What
stays out: which fields there are, and addresses, which are proved and not written (codes).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.entrance.account_outcomes import Pending, Seen
from mfa_gateway.core.entrance.logins import spoken_for
from mfa_gateway.core.entrance.outcomes import Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.steps import Visit
from mfa_gateway.core.entrance.visitors import Owner, Server
from mfa_gateway.core.entrance.words import Asked, Claim, Command, Describe, Portrait, SetProfile, asked, asked_if_any
from mfa_gateway.core.names import canonical_login

# When a profile was changed last, beside what belongs to the person; milliseconds since 1970.
UPDATED: Final = "lastUpdatedTimestamp"
# A profile with everything that the contract knows of has some 4 KiB; all that is kept of somebody is read at once.
LARGEST_PROFILE: Final = 16 * 1024
# How often a profile is amended anew that somebody else amends at the same time.
_MOST_TRIES: Final = 3

Profile = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Look(Command):
    """Show what is on record: of the account that a server names, that of a ticket, or that of the session."""

    subject: str = ""
    registration: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Amend(Command):
    """Amend a profile: members take the place of those of the same name, objects are amended, null takes one away.

    Attributes:
        profile: what belongs to the person.
        data: what belongs to the site; the member `data` of what is kept.
        subject: the account, as a server names it.
        registration: the same, as the ticket of a login says.
    """

    profile: Profile = field(default_factory=dict, repr=False)
    data: Profile = field(default_factory=dict, repr=False)
    subject: str = ""
    registration: str = field(default="", repr=False)


def meant(subject: str, ticket: str, visit: Visit) -> Asked[AccountId | Turned | Pending]:
    """Whose account a call is about, if the visitor may speak for it."""
    if ticket:
        return (yield from spoken_for(ticket, visit))
    match visit.visitor:
        case Server():
            return AccountId(visit.site.realm, subject) if subject else Turned(Denial.VALUE_MISSING, "UID")
        case Owner(session=session) if subject in ("", session.account.subject):
            return session.account
    return Turned(Denial.FORBIDDEN, "UID") if subject else Turned(Denial.NOBODY, "session")


def look(command: Look, visit: Visit) -> Asked[Outcome]:
    """Show what is on record."""
    account = yield from meant(command.subject, command.registration, visit)
    if not isinstance(account, AccountId):
        return account
    portrait = yield from described(account, visit)
    if isinstance(portrait, Turned):
        return portrait
    return Seen(portrait, visit.now_ms - visit.visitor.session.age_ms if isinstance(visit.visitor, Owner) else None)


def described(account: AccountId, visit: Visit) -> Asked[Portrait | Turned]:
    """What is on record of somebody who may be spoken for; servers see those as well who may do nothing any more."""
    portrait = yield from asked_if_any(Describe(account), Portrait)
    if portrait is None:
        return Turned(Denial.NOBODY, "UID")
    is_closed = portrait.is_disabled and not isinstance(visit.visitor, Server)
    return Turned(Denial.DISABLED) if is_closed else portrait


def amend(command: Amend, visit: Visit) -> Asked[Outcome]:
    """Amend a profile, once, whoever else amends it meanwhile."""
    if isinstance(visit.visitor, Owner) and visit.visitor.is_ambient and not command.registration:
        # A cookie may have come without its owner's knowledge.
        return Turned(Denial.FORBIDDEN, "session")
    account = yield from meant(command.subject, command.registration, visit)
    if not isinstance(account, AccountId):
        return account
    for _ in range(_MOST_TRIES):
        portrait = yield from described(account, visit)
        if isinstance(portrait, Turned):
            return portrait
        outcome = yield from _amend_once(command, portrait, visit)
        if outcome is not None:
            return outcome
    return Turned(Denial.CHANGED)


def _amend_once(command: Amend, portrait: Portrait, visit: Visit) -> Asked[Outcome | None]:
    """None: somebody else was faster."""
    profile = _amended(command, portrait, visit)
    if isinstance(profile, Turned):
        return profile
    match (yield from asked(SetProfile(portrait, profile), Claim)):
        case Claim.MADE:
            return Finished()
        case Claim.NOBODY:
            return Turned(Denial.NOBODY, "UID")
        case _:
            return None


def _amended(command: Amend, portrait: Portrait, visit: Visit) -> Profile | Turned:
    """The profile that is wanted. A mailbox is only named in it: that of the account, or it has to be proved first."""
    wanted = dict(command.profile)
    email = wanted.pop("email", portrait.email)
    if email != portrait.email and canonical_login(email) != canonical_login(portrait.email):
        return Turned(Denial.ADDRESS_UNPROVEN, "profile.email")
    kept = dict(merged(portrait.profile, wanted))
    if command.data:
        known = kept.get("data")
        kept["data"] = merged(known if isinstance(known, Mapping) else {}, command.data)
    kept[UPDATED] = visit.now_ms
    is_large = len(json.dumps(kept)) > LARGEST_PROFILE
    return Turned(Denial.VALUE_WRONG, "profile") if is_large else kept


def merged(old: Profile, new: Profile) -> Profile:
    """An object with another laid over it."""
    result = dict(old)
    for name, value in new.items():
        before = result.get(name)
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(before, Mapping):
            result[name] = merged(before, value)
        else:
            result[name] = value
    return result
