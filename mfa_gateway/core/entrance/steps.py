"""Steps: what more than one errand at the entrance does on its way.

    opened            a ticket that is still good here and now
    asked_if_limited  one more call, or message, from an address that may have too many
    enter             the end of every login: required fields, a session, an id token

What stays out: the errands (codes, and those beside it), and how a first factor is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mfa_gateway.core.account import AccountId, Caller, Standing
from mfa_gateway.core.ceremony import Change, Recall
from mfa_gateway.core.entrance.outcomes import Denial, Entered, Incomplete, Turned
from mfa_gateway.core.entrance.visitors import Server, Visitor
from mfa_gateway.core.entrance.words import (
    Asked,
    Describe,
    Mint,
    OnBehalf,
    OpenSession,
    OpenTicket,
    Portrait,
    SealTicket,
    Spend,
    asked,
    asked_if_any,
)
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.quota import Quota, QuotaKind, Window
from mfa_gateway.core.session import OpenedSession
from mfa_gateway.core.site import Site
from mfa_gateway.core.tickets import Ticket, TicketKind

# spec/gigya.md section 6: a regToken is good for an hour, a JWT of getJWT for 300 s.
REGISTRATION_MS: Final = 3_600_000
ID_TOKEN_MS: Final = 300_000

# The fact of a registration ticket whose owner has passed every factor that the login takes.
SETTLED: Final = "settled"
# The fact of one whose account was made in the same login.
NEW: Final = "new"

# What codes and attempts of an address are kept under. No configured realm has a space in it.
_ADDRESSES: Final = "addresses of "

# How often a session is tried to be opened for an account that changes all the while.
_MOST_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class EntranceTerms:
    """The numbers that hold for everybody who comes in.

    Attributes:
        gate: those that hold for every code.
        calls: how many calls without a server's credential one address may make.
        sends: how many messages one address may ask for before it has proved anything.
    """

    gate: Terms = field(default_factory=Terms)
    calls: tuple[Window, ...] = ()
    sends: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is here, where, and when.

    Attributes:
        site: in whose name.
        visitor: who, as far as that is known.
        now_ms: milliseconds since 1970 by the host's clock.
        client: the address of the client, as it is counted.
        device: the id of the device as it says; "" where it says none.
        languages: what the visitor prefers to read, best first.
        terms: the numbers that hold.
    """

    site: Site
    visitor: Visitor
    now_ms: int
    client: str = ""
    device: str = field(default="", repr=False)
    languages: tuple[str, ...] = ()
    terms: EntranceTerms = field(default_factory=EntranceTerms)


@dataclass(frozen=True, slots=True)
class Stay:
    """How somebody wants to stay.

    Attributes:
        life_ms: how long, in milliseconds; None: until the session is closed.
        wants_id_token: whether a token comes along that opens the gate.
        brief_ms: as in `Session`.
    """

    life_ms: int | None
    wants_id_token: bool = False
    brief_ms: int | None = None


def stand_in(realm: str, address: str) -> AccountId:
    """What codes and attempts of an address are kept under, whoever has it; never a real account."""
    return AccountId(f"{_ADDRESSES}{realm}", address)


def nobody_yet(account: AccountId) -> Caller:
    """A caller without a credential, to ask for what is kept of an account."""
    return Caller(account, session="", token="")


def recalled(account: AccountId) -> Asked[Standing]:
    """What is known of an account now."""
    return (yield from asked(OnBehalf(nobody_yet(account), Recall(Scope.ACCOUNT)), Standing))


def opened(text: str, kind: TicketKind, visit: Visit, *, about: str) -> Asked[Ticket | Turned]:
    """A ticket that is still good, at this site, at this time and for this account's epoch.

    `about`: what the dialect calls it.
    """
    ticket = yield from asked_if_any(OpenTicket(kind, visit.site.name, text), Ticket)
    if ticket is None or not ticket.is_alive(visit.now_ms):
        return Turned(Denial.TICKET_BAD, about)
    if flaw := device_flaw(ticket, visit, about=about):
        return flaw
    if ticket.account is None:
        return ticket
    standing = yield from recalled(ticket.account)
    is_void = standing.epoch != ticket.epoch or standing.disabled
    return Turned(Denial.TICKET_BAD, about) if is_void else ticket


def device_flaw(ticket: Ticket, visit: Visit, *, about: str) -> Turned | None:
    """What is wrong with showing this ticket on this device; one that does not say who it is hears that."""
    if not ticket.device or ticket.device == visit.device:
        return None
    return Turned(Denial.TICKET_BAD, about) if visit.device else Turned(Denial.DEVICE_MISSING)


def limited(kind: QuotaKind, windows: tuple[Window, ...], visit: Visit) -> Asked[int]:
    """Count one of something that this address asks for. 0, or the milliseconds until it may ask again.

    Servers, which have shown who they are, ask for everybody: their address says nothing.
    """
    if isinstance(visit.visitor, Server) or not windows:
        return 0
    return (yield from asked(Spend(Quota(kind, windows, ("entrance", visit.client))), int))


def missing_fields(site: Site, portrait: Portrait) -> tuple[str, ...]:
    """The required fields of a site that nobody has filled in: `email`, `phoneNumber`, or a path into the profile."""
    return tuple(name for name in site.required_fields if not _is_known(name, portrait))


def unverified_addresses(site: Site, portrait: Portrait) -> tuple[str, ...]:
    """The mailbox that a site requires and nobody has shown to be theirs, where one is known."""
    is_required = not {"email", "profile.email"}.isdisjoint(site.required_fields)
    return (portrait.email,) if is_required and portrait.email is not None and not portrait.email_verified else ()


def _is_known(name: str, portrait: Portrait) -> bool:
    match name:
        case "email" | "profile.email":
            return portrait.email is not None
        case "phoneNumber":
            return portrait.phone is not None
        case _:
            return _at(portrait.profile, name.removeprefix("profile.").split(".")) not in (None, "")


def _at(value: object, way: list[str]) -> object:
    for step in way:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def enter(
    account: AccountId, visit: Visit, stay: Stay, *, epoch: int, is_new: bool = False
) -> Asked[Entered | Incomplete | Turned]:
    """Let somebody in whose first factor was good, and whom no second one keeps.

    `epoch`: that of the account when this was decided.
    """
    portrait = yield from asked_if_any(Describe(account), Portrait)
    portrait = portrait or Portrait(account)
    if portrait.is_disabled:
        return Turned(Denial.DISABLED)
    missing, unverified = missing_fields(visit.site, portrait), unverified_addresses(visit.site, portrait)
    if missing or unverified:
        facts = {SETTLED: "1", NEW: "1"} if is_new else {SETTLED: "1"}
        ticket = yield from registration_ticket(account, visit, facts=facts)
        return Incomplete(ticket, portrait, missing, is_new, unverified)
    for _ in range(_MOST_TRIES):
        standing = yield from recalled(account)
        if standing.disabled:
            return Turned(Denial.DISABLED)
        if standing.epoch != epoch:
            break
        session = yield OpenSession(
            *(account, visit.site.name, visit.device, stay.life_ms, standing.epoch, stay.brief_ms)
        )
        if isinstance(session, OpenedSession):
            id_token = (yield from id_token_of(session, visit)) if stay.wants_id_token else None
            return Entered(portrait, session, is_new, id_token)
        if session is not Change.STALE:
            raise TypeError(f"OpenSession was answered with a {type(session).__name__}")
    return Turned(Denial.CHANGED)


def registration_ticket(account: AccountId, visit: Visit, *, facts: Mapping[str, str]) -> Asked[str]:
    """A ticket for somebody who has shown a first factor and has no session yet."""
    standing = yield from recalled(account)
    ticket = Ticket(
        *(TicketKind.REGISTRATION, visit.site.name, "", visit.now_ms, REGISTRATION_MS),
        account=account,
        epoch=standing.epoch,
        device=visit.device,
        facts=facts,
    )
    return (yield from asked(SealTicket(ticket), str))


def id_token_of(session: OpenedSession, visit: Visit) -> Asked[str]:
    """A token of a session, with which its owner can call what the gate protects."""
    claims = {
        **dated_claims(visit, ID_TOKEN_MS),
        "sub": session.session.account.subject,
        "sid": session.session.id,
    }
    return (yield from asked(Mint(claims), str))


def dated_claims(visit: Visit, life_ms: int) -> dict[str, object]:
    """What every token in the name of a site says (spec/gigya.md section 1.8)."""
    now = visit.now_ms // 1000
    return {"iss": visit.site.issuer, "apiKey": visit.site.name, "iat": now, "exp": now + life_ms // 1000}
