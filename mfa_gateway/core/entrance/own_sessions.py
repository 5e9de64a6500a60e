"""Sessions as their owners use them: signed tokens in their name, and their end; and the ids that devices go by.

A token of a session names it (`sid`), opens the gate, and ends with the session at the latest; one that a server asks
for names nobody's session and opens nothing. What somebody wrote of themselves is said in it under names that no
verifier takes for the issuer's own word: `profile.` and `data.`, and a list of plain names of a person.

What stays out: how sessions begin (steps, logins), and what the gate makes of such a token (identity).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import AccountId, Caller
from mfa_gateway.core.ceremony import CloseWindow
from mfa_gateway.core.entrance.access_words import EndSessions
from mfa_gateway.core.entrance.account_outcomes import DeviceNamed, Minted, PublicKeys
from mfa_gateway.core.entrance.outcomes import Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.profiles import described, meant
from mfa_gateway.core.entrance.steps import ID_TOKEN_MS, Visit, dated_claims
from mfa_gateway.core.entrance.visitors import Owner, Server
from mfa_gateway.core.entrance.words import (
    Asked,
    AskKeys,
    CloseSession,
    Command,
    DrawId,
    Mint,
    OnBehalf,
    Portrait,
    asked,
)
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.session import Session

# What a person is described by (the contract's profile object). No verifier reads any of these as an address, a right
# or a date of the token.
_PLAIN: Final = frozenset(
    {
        *("firstName", "lastName", "nickname", "age", "gender", "birthDay", "birthMonth", "birthYear"),
        *("country", "state", "city", "zip", "languages", "timezone", "bio", "thumbnailURL", "photoURL", "profileURL"),
    }
)
# As a device id can stand in a cookie (RFC 6265 section 4.1.1) without quotes, and nothing else can.
_DEVICE: Final = re.compile(r"[A-Za-z0-9._~-]{16,256}", re.ASCII)
# spec/gigya.md section 1.8: `hasGmid` names this generation of device ids.
_DEVICE_PREFIX: Final = "gmid.ver4."


@dataclass(frozen=True, slots=True)
class SignToken(Command):
    """Sign a token: of the session, or about an account that a server names.

    Attributes:
        fields: what is to be said of the person, as in `data.customer` or `profile.firstName`.
        life_ms: how long it is good for.
        audience: whom it is meant for; "" for nobody in particular.
        subject: the account, as a server names it.
    """

    fields: tuple[str, ...] = ()
    life_ms: int = ID_TOKEN_MS
    audience: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class TellKeys(Command):
    """Tell the keys that verify what is signed here."""


@dataclass(frozen=True, slots=True)
class LogOut(Command):
    """End the session; or, for a server, every session of an account."""

    subject: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmSession(Command):
    """Is the session still open?"""


@dataclass(frozen=True, slots=True)
class NameDevice(Command):
    """Give a device its ids. `device` and `user`: those that its own cookies hold; "" where there are none."""

    device: str = field(default="", repr=False)
    user: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Acknowledge(Command):
    """Nothing is to be done but to see who asks. What is answered the dialect can say by itself."""


# --- Tokens -----------------------------------------------------------------------------------


def sign_token(command: SignToken, visit: Visit) -> Asked[Outcome]:
    """Sign a token."""
    account = yield from meant(command.subject, "", visit)
    if not isinstance(account, AccountId):
        return account
    portrait = yield from described(account, visit)
    if isinstance(portrait, Turned):
        return portrait
    session = visit.visitor.session if isinstance(visit.visitor, Owner) else None
    said, ignored = claims_of(portrait, command.fields)
    claims = {**dated_claims(visit, _life_of(command, session)), "sub": account.subject}
    claims |= {"sid": session.id} if session is not None else {}
    claims |= {"aud": command.audience} if command.audience else {}
    return Minted((yield from asked(Mint({**claims, **said}), str)), ignored)


def _life_of(command: SignToken, session: Session | None) -> int:
    """No token of a session outlives it. The gate hears no word of servers, so that of a brief one is brief as well."""
    if session is None:
        return command.life_ms
    left_ms = command.life_ms if session.left_ms is None else session.left_ms
    most_ms = command.life_ms if session.brief_ms is None else ID_TOKEN_MS
    return min(command.life_ms, left_ms, most_ms)


def claims_of(portrait: Portrait, fields: tuple[str, ...]) -> tuple[Mapping[str, object], tuple[str, ...]]:
    """What is said of a person, under the names that it was asked for by, and the names that say nothing.

    The mailbox is that of the record, and comes with whether it was verified: many readers trust one that does not say.
    """
    said: dict[str, object] = {}
    for name in fields:
        if name in ("email", "profile.email"):
            if portrait.email is not None:
                said |= {name: portrait.email, f"{name}_verified": portrait.email_verified}
        elif (value := _value(portrait.profile, name)) is not None:
            said[name] = value
    return said, tuple(name for name in fields if name not in said)


def _value(profile: Mapping[str, object], name: str) -> object:
    match name.split("."):
        case [plain] if plain in _PLAIN:
            way = [plain]
        case ["profile", *rest] if rest and rest[0] != "data":
            way = rest
        case ["data", *_] as rest if len(rest) > 1:
            way = rest
        case _:
            return None
    value: object = profile
    for step in way:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def tell_keys(command: TellKeys, visit: Visit) -> Asked[Outcome]:
    """Tell the public keys to anybody."""
    del command, visit
    return PublicKeys((yield from asked(AskKeys(), tuple)))


# --- Their end --------------------------------------------------------------------------------


def log_out(command: LogOut, visit: Visit) -> Asked[Outcome]:
    """End the session, and what was proved for the whole account: who logs in next has to prove it again.

    Whoever has no session has none to end: that is done as well. Other sessions and remembered devices stay, unless a
    server ends all of them.
    """
    subject = command.subject
    match visit.visitor:
        case Owner(session=session):
            if subject not in ("", session.account.subject):
                return Turned(Denial.FORBIDDEN, "UID")
            caller = Caller(session.account, session=session.id, token="")
            # The session last: where this fails half way, its owner can come again.
            yield OnBehalf(caller, CloseWindow(Scope.ACCOUNT))
            yield CloseSession(session)
        case Server():
            if not subject:
                return Turned(Denial.VALUE_MISSING, "UID")
            yield EndSessions(AccountId(visit.site.realm, subject))
        case _ if subject:
            return Turned(Denial.FORBIDDEN, "UID")
    return Finished()


def confirm_session(command: ConfirmSession, visit: Visit) -> Asked[Outcome]:
    """Whoever came as an owner has an open session: that was looked up on the way in."""
    del command
    yield from ()
    return Finished() if isinstance(visit.visitor, Owner) else Turned(Denial.NOBODY, "session")


def acknowledge(command: Acknowledge, visit: Visit) -> Asked[Outcome]:
    """Whoever was welcome is told so."""
    del command, visit
    yield from ()
    return Finished()


# --- Devices ----------------------------------------------------------------------------------


def name_device(command: NameDevice, visit: Visit) -> Asked[Outcome]:
    """Draw ids, unless the device brings its own, of a shape that these have.

    Only what its own cookies held is kept: with a parameter, any page could choose the device that somebody else will
    be remembered on.
    """
    del visit
    device, user = command.device, command.user
    if _DEVICE.fullmatch(device) is None:
        device = _DEVICE_PREFIX + (yield from asked(DrawId(), str))
    if _DEVICE.fullmatch(user) is None:
        user = yield from asked(DrawId(), str)
    return DeviceNamed(device, user)
