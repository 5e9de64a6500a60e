"""Codes as a first factor: a code goes to an address, and whoever brings it back is in, or has shown that it is theirs.

Theory. Before the right code nobody may learn whether an address has an account. So asking for a code looks at nothing:
the ticket that is given says where the code goes and no more, and the rest happens afterwards (`DeliverCode`), when the
answer is on its way. Codes are kept and attempts are counted under the address itself (`stand_in`), whoever has it: an
account's own count would tell that there is one, and which addresses are of one person, by the ban that one of them
brings upon another. Whose the address is matters to nobody before its code was right.

    SendCode       a ticket, and a code to the address
    EnterByCode    code and ticket: a session; for an address that nobody has, an account where the site wants that
    ProveAddress   code and ticket, by somebody known: the address becomes theirs
    AttestAddress  code and ticket: a signed statement that the address was read, and no login
    ForgetAddress  a server takes the phone number of an account away

Codes are of the purpose LOGIN and attempts of the first-factor budget: neither is ever good for, or locks, what the
gate asks for. What stays out: passwords and second factors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, assert_never

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.ceremony import Deliver, Limited, NotSent, Redeem, Sent
from mfa_gateway.core.entrance.account_outcomes import Pending
from mfa_gateway.core.entrance.logins import spoken_for
from mfa_gateway.core.entrance.outcomes import Attested, CodeSent, Denial, Finished, Outcome, Turned
from mfa_gateway.core.entrance.steps import (
    Stay,
    Visit,
    dated_claims,
    enter,
    limited,
    nobody_yet,
    opened,
    recalled,
    stand_in,
)
from mfa_gateway.core.entrance.visitors import Owner, Server
from mfa_gateway.core.entrance.words import (
    Address,
    Asked,
    Claim,
    ClaimAddress,
    Command,
    DropAddress,
    FindAccount,
    Later,
    Mint,
    OnBehalf,
    ReadAddress,
    Register,
    Registered,
    SealTicket,
    asked,
    asked_if_any,
)
from mfa_gateway.core.proof import (
    Banned,
    Budget,
    CodeShapes,
    Effect,
    Purpose,
    Redeemed,
    Redemption,
    Rejected,
    Scope,
)
from mfa_gateway.core.quota import Asker, QuotaKind
from mfa_gateway.core.site import Newcomers, Site
from mfa_gateway.core.tickets import Ticket, TicketKind

# spec/gigya.md section 1.8: as long as the other tokens. The type is one that no bearer token has.
ATTESTATION_MS: Final = 300_000
ATTESTATION: Final = "address+jwt"


@dataclass(frozen=True, slots=True)
class SendCode(Command):
    """Send a code to an address.

    Attributes:
        factor: how it travels.
        written: the address as it was written.
        life_ms: how long the ticket is good for.
        sends: whether a message goes out; else only the ticket is wanted.
        about: what the dialect calls the address, for a denial.
        subject: the account that it is to be bound to, as a server says.
        registration: the same, as a ticket of somebody without a session says.
    """

    factor: Factor
    written: str = field(repr=False)
    life_ms: int
    sends: bool = True
    about: str = ""
    subject: str = ""
    registration: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DeliverCode(Command):
    """Issue a code for an address and send it; played after the answer."""

    address: Address
    newcomers: Newcomers
    digits: int
    asker: Asker


@dataclass(frozen=True, slots=True)
class EnterByCode(Command):
    """Log in with a code. `factor` None: whichever the ticket says."""

    ticket: str = field(repr=False)
    code: str = field(repr=False)
    stay: Stay
    factor: Factor | None = None
    source: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ProveAddress(Command):
    """Make an address that of an account: the one that a server or a ticket names, or that of the session."""

    ticket: str = field(repr=False)
    code: str = field(repr=False)
    subject: str = ""
    registration: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class AttestAddress(Command):
    """Say, signed, that somebody could read what was sent to an address."""

    ticket: str = field(repr=False)
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForgetAddress(Command):
    """Take the address of a kind from an account. For servers."""

    subject: str
    factor: Factor = Factor.SMS


# --- Sending ----------------------------------------------------------------------------------


def send_code(command: SendCode, visit: Visit) -> Asked[Outcome]:
    """Give a ticket, and have a code sent."""
    address = yield from asked_if_any(ReadAddress(command.factor, command.written), Address)
    if address is None:
        return Turned(Denial.VALUE_WRONG, command.about)
    account = yield from _meant(command, visit)
    if isinstance(account, Turned | Pending):
        return account
    if command.sends and (left_ms := (yield from limited(QuotaKind.CLIENT, visit.terms.sends, visit))):
        return Turned(Denial.CALLS_LIMITED, retry_after_ms=left_ms)
    text = yield from _code_ticket(command, address, account, visit=visit)
    if isinstance(visit.visitor, Server) and visit.site.returns_code:
        return (yield from _told(command, address, text, visit=visit))
    if command.sends:
        asker = Asker.SERVER if isinstance(visit.visitor, Server) else Asker.STRANGER
        yield Later(DeliverCode(address, visit.site.newcomers, visit.site.code_digits, asker))
    return CodeSent(text)


def _meant(command: SendCode, visit: Visit) -> Asked[AccountId | Turned | Pending | None]:
    """The account that a code is asked for. A cookie alone names none: its owner may log in as somebody else."""
    is_named = bool(command.subject or command.registration)
    if isinstance(visit.visitor, Owner) and visit.visitor.is_ambient and not is_named:
        return None
    return (yield from _bound_to(command.subject, command.registration, visit))


def _bound_to(subject: str, registration: str, visit: Visit) -> Asked[AccountId | Turned | Pending | None]:
    """The account that the visitor may speak for, where one is named or the visitor has a session."""
    match visit.visitor:
        case Server() if subject:
            return AccountId(visit.site.realm, subject)
        case Owner(session=session) if not registration:
            if subject not in ("", session.account.subject):
                return Turned(Denial.FORBIDDEN, "UID")
            return session.account
    if subject:
        return Turned(Denial.FORBIDDEN, "UID")
    return (yield from spoken_for(registration, visit)) if registration else None


def _code_ticket(command: SendCode, address: Address, account: AccountId | None, *, visit: Visit) -> Asked[str]:
    epoch = 0 if account is None else (yield from recalled(account)).epoch
    ticket = Ticket(
        *(TicketKind.CODE, visit.site.name, "", visit.now_ms, command.life_ms),
        account=account,
        epoch=epoch,
        device=visit.device,
        factor=address.factor,
        address=address.text,
    )
    return (yield from asked(SealTicket(ticket), str))


def _told(command: SendCode, address: Address, ticket: str, *, visit: Visit) -> Asked[Outcome]:
    """Send now, and tell the code: a server has shown who it is, so it may know what became of it."""
    digits, how = visit.site.code_digits, Asker.SERVER if command.sends else Asker.COURIER
    match (yield from _delivered(address, visit, digits=digits, asker=how)):
        case Sent(code=code):
            return CodeSent(ticket, code)
        case Limited(left_ms=left_ms):
            return Turned(Denial.SENDS_LIMITED, retry_after_ms=left_ms)
        case NotSent():
            return Turned(Denial.SEND_FAILED)
        case _ as never:
            assert_never(never)


def deliver_code(command: DeliverCode, visit: Visit) -> Asked[Outcome]:
    """Issue a code and send it, unless nobody is to get one. Whoever asked has had the answer long since."""
    if command.newcomers is Newcomers.UNHEARD and (yield from _owner(command.address, visit.site)) is None:
        return Turned(Denial.NOBODY)
    match (yield from _delivered(command.address, visit, digits=command.digits, asker=command.asker)):
        case Sent():
            return Finished()
        case Limited(left_ms=left_ms):
            return Turned(Denial.SENDS_LIMITED, retry_after_ms=left_ms)
        case NotSent():
            return Turned(Denial.SEND_FAILED)
        case _ as never:
            assert_never(never)


def _delivered(address: Address, visit: Visit, *, digits: int, asker: Asker) -> Asked[Sent | Limited | NotSent]:
    holder = stand_in(visit.site.realm, address.text)
    standing = yield from recalled(holder)
    need = Deliver(address.factor, Purpose.LOGIN, standing, address.text, visit.languages, digits=digits, asker=asker)
    answer = yield OnBehalf(nobody_yet(holder), need)
    if not isinstance(answer, Sent | Limited | NotSent):
        raise TypeError(f"Deliver was answered with a {type(answer).__name__}")
    return answer


def _owner(address: Address, site: Site) -> Asked[AccountId | None]:
    """Whose an address is."""
    return (yield from asked_if_any(FindAccount(site.realm, address.text), AccountId))


# --- Bringing it back -------------------------------------------------------------------------


def _claimed(text: str, visit: Visit) -> Asked[tuple[Ticket, Address] | Turned]:
    """A ticket and the address that it is about; the code is looked at later."""
    ticket = yield from opened(text, TicketKind.CODE, visit, about="vToken")
    if isinstance(ticket, Turned):
        return ticket
    if ticket.factor is None:
        return Turned(Denial.TICKET_BAD, "vToken")
    return ticket, Address(ticket.factor, ticket.address)


def _spent(code: str, address: Address, visit: Visit) -> Asked[Turned | None]:
    """Spend the code of an address. None: it was good."""
    holder = stand_in(visit.site.realm, address.text)
    standing = yield from recalled(holder)
    redemption = login_redemption(code, holder, address.factor, epoch=standing.epoch, visit=visit)
    receipt = yield OnBehalf(nobody_yet(holder), Redeem(redemption, standing))
    match receipt:
        case Redeemed():
            return None
        case Rejected(ban_left_ms=left_ms):
            return Turned(Denial.CODE_WRONG, "code", left_ms, begins_ban=left_ms > 0)
        case Banned(left_ms=left_ms):
            return Turned(Denial.CODES_LIMITED, "code", left_ms)
        case _:
            raise TypeError(f"Redeem was answered with a {type(receipt).__name__}")


def login_redemption(code: str, holder: AccountId, factor: Factor, *, epoch: int, visit: Visit) -> Redemption:
    """What the store is asked about a code that logs in."""
    terms = visit.terms.gate
    shapes = CodeShapes(visit.site.code_digits, terms.shapes.short)
    fitting = (factor,) if shapes.fits(code, factor) else ()
    return Redemption(
        account=holder,
        epoch=epoch,
        purpose=Purpose.LOGIN,
        presented=code,
        factors=fitting,
        scope=Scope.ACCOUNT,
        session="",
        token="",
        effect=Effect.ENTER,
        target=None,
        ride=None,
        keep_ms=terms.keep_ms,
        regulation=terms.regulation,
        budget=Budget.FIRST_FACTOR,
        short=shapes.strictness(code, fitting),
    )


def enter_by_code(command: EnterByCode, visit: Visit) -> Asked[Outcome]:
    """Log in. A ticket that was made for somebody logs nobody in: it is for `ProveAddress`."""
    claimed = yield from _claimed(command.ticket, visit)
    if isinstance(claimed, Turned):
        return claimed
    ticket, address = claimed
    if ticket.account is not None or command.factor not in (None, address.factor):
        return Turned(Denial.TICKET_BAD, "vToken")
    denied = yield from _spent(command.code, address, visit)
    if denied is not None:
        return denied
    owner = yield from _owner(address, visit.site)
    if owner is not None:
        return (yield from _let_in(owner, command, visit))
    return (yield from _welcome(address, command, visit))


def _let_in(account: AccountId, command: EnterByCode, visit: Visit, *, is_new: bool = False) -> Asked[Outcome]:
    """Open a session, unless all of them end meanwhile: others are asked who this is, and may take their time."""
    standing = yield from recalled(account)
    return (yield from enter(account, visit, command.stay, is_new=is_new, epoch=standing.epoch))


def _welcome(address: Address, command: EnterByCode, visit: Visit) -> Asked[Outcome]:
    """Let somebody in whose address nobody had."""
    if visit.site.newcomers is Newcomers.UNHEARD:
        return Turned(Denial.CODE_WRONG, "code")
    made = yield from asked(Register(visit.site.realm, address, _first_profile(command, visit)), Registered)
    return (yield from _let_in(made.account, command, visit, is_new=made.is_new))


def _first_profile(command: EnterByCode, visit: Visit) -> Mapping[str, object]:
    """What is kept of a registration: when it was, and where it came from (spec/gigya.md section 4.5)."""
    source = {"regSource": command.source} if command.source else {}
    return {"createdTimestamp": visit.now_ms, **source}


def prove_address(command: ProveAddress, visit: Visit) -> Asked[Outcome]:
    """Make an address that of an account, which somebody known has to speak for."""
    account = yield from _bound_to(command.subject, command.registration, visit)
    if isinstance(account, Turned | Pending):
        return account
    if account is None or (isinstance(visit.visitor, Owner) and visit.visitor.is_ambient):
        # A cookie may have come without its owner's knowledge: it lets nobody else's address in.
        return Turned(Denial.FORBIDDEN)
    claimed = yield from _claimed(command.ticket, visit)
    if isinstance(claimed, Turned):
        return claimed
    ticket, address = claimed
    if ticket.account not in (None, account):
        return Turned(Denial.TICKET_BAD, "vToken")
    denied = yield from _spent(command.code, address, visit)
    return denied or _CLAIMS[(yield from asked(ClaimAddress(account, address), Claim))]


_CLAIMS: Final[Mapping[Claim, Outcome]] = {
    Claim.MADE: Finished(),
    Claim.TAKEN: Turned(Denial.TAKEN),
    Claim.NOBODY: Turned(Denial.NOBODY, "UID"),
    Claim.STALE: Turned(Denial.CHANGED),
}


def attest_address(command: AttestAddress, visit: Visit) -> Asked[Outcome]:
    """Sign that an address was read. There is no `sid` in it: nothing at the gate opens for it."""
    claimed = yield from _claimed(command.ticket, visit)
    if isinstance(claimed, Turned):
        return claimed
    _, address = claimed
    denied = yield from _spent(command.code, address, visit)
    if denied is not None:
        return denied
    name = "email" if address.factor is Factor.EMAIL else "phoneNumber"
    claims = {**dated_claims(visit, ATTESTATION_MS), name: address.text}
    return Attested((yield from asked(Mint(claims, ATTESTATION), str)))


def forget_address(command: ForgetAddress, visit: Visit) -> Asked[Outcome]:
    """Take an address away from an account that is on record."""
    account = AccountId(visit.site.realm, command.subject)
    return _CLAIMS[(yield from asked(DropAddress(account, command.factor), Claim))]
