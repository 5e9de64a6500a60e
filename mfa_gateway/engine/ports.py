"""Ports: what the engine needs of the world, written by the one who needs it.

The rooms behind these protocols (state, identity, directory, senders) do not import them; they fit by shape, and mypy
proves the fit where `app.py` puts the parts together. What stays out: anything with a body.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from mfa_gateway.core.account import AccountId, Caller, Factor, Identification, Inventory, Person, Standing
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Action, Change, Delivery, LoggedIn, Outcome, Pending
from mfa_gateway.core.foresight import Prospect
from mfa_gateway.core.login import Login, Renewal
from mfa_gateway.core.logout import Farewell, Heard, Hearsay
from mfa_gateway.core.message import CodeMessage, NoticeMessage
from mfa_gateway.core.otp import TotpProfile
from mfa_gateway.core.phone import NumberFlaw, PhoneNumber
from mfa_gateway.core.presence import Presence
from mfa_gateway.core.proof import Budget, Purpose, Receipt, Redemption, Regulation, Scope
from mfa_gateway.core.quota import Conversion, Quota, Stop
from mfa_gateway.core.session import OpenedSession, Session
from mfa_gateway.core.verdict import Verdict


class Store(Protocol):
    """Shared state. Each method is one atomic step in one trip; it raises `StoreUnavailable` when it cannot be sure."""

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        """What is known of an account now; proofs are those of the scope's value."""
        ...

    async def foresee(self, account: AccountId, *, scope: Scope, session: str) -> Prospect:
        """The same, and what a code that steps up would meet. Changes nothing and counts nothing."""
        ...

    async def redeem(self, redemption: Redemption, standing: Standing) -> Receipt:
        """Redeem a presented code at most once: ride, spent, ban, count, compare, consume, effect."""
        ...

    async def enrol(
        self, account: AccountId, *, factor: Factor, address: str, epoch: int, name: str = ""
    ) -> Pending | Change:
        """Make an address pending, to be pinned, unless the factor has it or is full, or the epoch moved."""
        ...

    async def enrol_secret(
        self, account: AccountId, *, secret: bytes, profile: TotpProfile, epoch: int, name: str = ""
    ) -> Pending | Change:
        """Make an authenticator pending, for ten minutes, in the place of the one that was."""
        ...

    async def resume(self, account: AccountId) -> Pending | None:
        """The authenticator that is pending, in this epoch and for no longer than it may."""
        ...

    async def print_backup(
        self, account: AccountId, *, codes: Sequence[str], level: int, epoch: int | None = None, session: str = ""
    ) -> Change:
        """Put a set of backup codes in the place of the old one, unless the epoch moved or nothing else is active.

        `epoch` None: an operator asks. `session`: who asks; of those that the gateway opened, this one lives on.
        """
        ...

    async def rename(
        self, account: AccountId, *, factor: Factor, enrolment: str, name: str, standing: Standing
    ) -> Change:
        """Call one enrolment something else, unless it is gone or the epoch moved."""
        ...

    async def inventory(self, account: AccountId) -> Inventory:
        """What an account can prove with, one by one, addresses in clear."""
        ...

    async def close_window(self, account: AccountId, *, scope: Scope, session: str) -> None:
        """Forget what was proved in a scope's value."""
        ...

    async def remember_login(self, account: AccountId, *, session: str) -> None:
        """A session has just logged in: for five minutes it may add a first factor."""
        ...

    async def logged_in(self, account: AccountId, *, session: str) -> LoggedIn:
        """How long ago a session logged in, in the current epoch."""
        ...

    async def reserve(self, account: AccountId, *, factor: Factor, purpose: Purpose, quiet_ms: int) -> int:
        """Take the right to send one code. 0: taken; else the milliseconds until it is free again."""
        ...

    async def spend(self, quotas: Sequence[Quota]) -> int:
        """Count one message against each quota in turn, one trip each, until one refuses.

        0: all agreed; else the milliseconds until the refusing one would agree. What was counted before stays counted.
        """
        ...

    async def issue(
        self,
        account: AccountId,
        *,
        factor: Factor,
        purpose: Purpose,
        code: str,
        life_ms: int,
        epoch: int,
        enrolment: str = "",
    ) -> Change:
        """Make `code` the only live one of this factor and purpose, superseding the old one, unless the epoch moved.

        `enrolment` is the one it goes to, where that is not the first. A short code is `REPEATED` where it is one of
        those that were sent last, by whichever factor: draw another one.
        """
        ...

    async def void(self, account: AccountId, *, factor: Factor, purpose: Purpose) -> None:
        """Make the live code of this factor and purpose worthless."""
        ...

    async def attempt(self, account: AccountId, *, budget: Budget, regulation: Regulation) -> int:
        """Count one attempt at something that is compared elsewhere, such as a password.

        0: it may be compared, and has to be settled; else the milliseconds until one may be made.
        """
        ...

    async def was_right(self, account: AccountId, *, budget: Budget) -> None:
        """An attempt that was counted was right: it takes back its own count, and ends the doubling of bans."""
        ...

    async def was_wrong(self, account: AccountId, *, budget: Budget, regulation: Regulation) -> int:
        """An attempt that was counted was wrong. The milliseconds of the ban that it brought, or 0."""
        ...

    def pinned_address(
        self, account: AccountId, factor: Factor, standing: Standing, *, enrolment: str = ""
    ) -> str | None:
        """An address that an active factor was activated with; the first where none is named. No trip: it travels,
        sealed, in the standing.
        """
        ...


class Standings(Protocol):
    """What of the store a verdict needs. It raises `StoreUnavailable` when it cannot be sure."""

    def known(self, account: AccountId, *, scope: Scope, session: str) -> tuple[Standing, int] | None:
        """What was known of an account so many milliseconds ago, as far as that takes no waiting; None: it does.

        Nothing that was revoked counts any more here. What was proved a moment ago may not be here yet.
        """
        ...

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        """What is known of an account now."""
        ...

    async def redeem(self, redemption: Redemption, standing: Standing) -> Receipt:
        """Redeem a presented code at most once."""
        ...


class Countries(Protocol):
    """What is kept of countries: codes sent there, codes redeemed. Each method is one atomic step in one trip."""

    async def stopped_ms(self, country: str, conversion: Conversion) -> int:
        """How long a country is not written to, in milliseconds; 0: it is."""
        ...

    async def expect(
        self, account: AccountId, *, purpose: Purpose, country: str, conversion: Conversion, life_ms: int
    ) -> Stop | None:
        """Count a code on its way to a country, unless nothing is sent there, which this may bring about."""
        ...

    async def was_redeemed(self, account: AccountId, *, purpose: Purpose) -> None:
        """The code that was on its way to an account was redeemed."""
        ...

    async def was_not_sent(self, account: AccountId, *, purpose: Purpose) -> None:
        """The code that was on its way to an account never left: it says nothing about its country."""
        ...


class Numbers(Protocol):
    """Which phone numbers there are, and what it means to write to them."""

    def read(self, written: object) -> PhoneNumber | NumberFlaw:
        """The number that was meant, or why nothing is sent there."""
        ...


class Revocations(Protocol):
    """What is told of accounts that begin a new epoch. Raises `StoreUnavailable` when it cannot be sure."""

    def revocations(self) -> AsyncGenerator[str | None]:
        """The names of accounts that begin a new epoch, after one `None`, from which on none is missed."""
        ...

    async def revocation_name(self, account: AccountId) -> str:
        """The name under which `revocations` tells of an account."""
        ...

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        """What is known of an account now."""
        ...


class Endings(Protocol):
    """What ends before its time. Each method is one atomic step in one trip; it raises `StoreUnavailable`."""

    async def close_window(self, account: AccountId, *, scope: Scope, session: str) -> None:
        """Forget what was proved in a scope's value."""
        ...

    async def revoke(self, account: AccountId) -> None:
        """Void all proofs, codes and tickets of an account, at every worker."""
        ...


class Farewells(Protocol):
    """What is kept of log-outs that issuers tell of. It raises `StoreUnavailable` when it cannot be sure."""

    async def bid_farewell(self, farewell: Farewell) -> Heard:
        """Void everything that an account has proved; once for each time that its issuer says so. One atomic step."""
        ...


class Issuers(Protocol):
    """Who may tell of log-outs."""

    async def hear_farewell(self, token: str, *, request_id: str = "") -> Farewell | Hearsay:
        """Verify a logout token. Raises `IdentityUnavailable` when nothing can be said now."""
        ...


class Sessions(Protocol):
    """The sessions that the gateway opens itself. Each method is one atomic step in one trip.

    It raises `StoreUnavailable` when it cannot be sure. A session ends with the epoch that it was opened in.
    """

    async def open_session(
        self,
        account: AccountId,
        *,
        site: str,
        device: str,
        life_ms: int | None,
        epoch: int,
        brief_ms: int | None = None,
    ) -> OpenedSession | Change:
        """Open one, and remember it as a recent login; `Change.STALE` where the epoch moved.

        `life_ms` None: until it is closed. `brief_ms`: as in `Session`; it is kept, and not looked at.
        """
        ...

    async def session(self, token: str) -> Session | None:
        """The session of a token; None where it is unknown, closed, over or of an old epoch."""
        ...

    async def session_by_id(self, sid: str) -> Session | None:
        """The session of a `sid`; None for the same reasons."""
        ...

    async def close_session(self, session: Session) -> None:
        """End one session and what was proved in it, at every worker. A second time changes nothing."""
        ...


class Minter(Protocol):
    """Who signs the gateway's own JWTs, with one key for all replicas.

    Everything here raises `StoreUnavailable` where the key has to be loaded and cannot be.
    """

    async def mint(self, claims: Mapping[str, object], *, header: Mapping[str, str] = ...) -> str:
        """Sign claims as they are, in their order. `iat`, `exp` and `jti` are the caller's.

        The header's `typ` says what the token is for, "JWT" where none is given: a bearer token. Raises `ValueError`
        where the header has anything else.
        """
        ...

    async def mint_legacy(self, claims: Mapping[str, object], *, certificate_url: str) -> str:
        """The same in the old form: RSA-SHA1 under the name of its URI, and `x5u` instead of `kid`."""
        ...

    async def read(
        self, token: str, *, purpose: str, certificate_url: str | None = None
    ) -> Mapping[str, object] | None:
        """The claims of a token that was minted here for this purpose, which is its `typ`, else None.

        With a `certificate_url`, the old form with just this `x5u` is read as well. Neither is followed, and dates are
        not looked at.
        """
        ...

    async def certificate_pem(self) -> str:
        """An X.509 certificate of the key, PEM."""
        ...

    async def jwks(self) -> Sequence[Mapping[str, str]]:
        """The public key as JWKs (RFC 7517)."""
        ...


class Identity(Protocol):
    """Who is calling."""

    def known(self, call: Call) -> Caller | None:
        """Who the call's credential was found to name before, as far as that takes no waiting; None: ask `identify`."""
        ...

    async def identify(self, call: Call) -> Identification:
        """Verify the call's credential. Raises `IdentityUnavailable` when nothing can be said now."""
        ...


class Directory(Protocol):
    """Who people are and where to reach them."""

    async def look_up(self, caller: Caller) -> Person | None:
        """The person behind a caller, or None for nobody on record. Raises a `Fault` when it cannot say."""
        ...


class Register(Protocol):
    """Whether people are still who a directory says they are. Asked before every protected call and ceremony."""

    async def presence(self, account: AccountId) -> Presence:
        """What the directory says, from memory where it was asked lately. Raises `DirectoryUnavailable`."""
        ...


class Credentials(Protocol):
    """Whether a login id and a password belong together."""

    async def check(self, *, realm: str, login: str, password: str) -> Login:
        """Compare, at the same cost whoever is asked about. Raises a `Fault` when nothing can be said.

        Nothing is counted here: whoever asks spends an attempt of the first-factor budget before.
        """
        ...

    async def renew(self, account: AccountId, *, old: str, new: str) -> Renewal:
        """Replace the password of an account, if the old one is still its own. Raises a `Fault`."""
        ...

    async def close(self) -> None:
        """Give up what is under way, and close what is open."""
        ...


class Sender(Protocol):
    """How a code travels."""

    async def send(self, message: CodeMessage) -> None:
        """Hand a message over within the sender's own deadline. Raises `DeliveryFailed`."""
        ...


class Teller(Protocol):
    """How the owner of an account is told what was done to it."""

    async def tell(self, notice: NoticeMessage) -> None:
        """Hand a notice over within the sender's own deadline. Raises `DeliveryFailed`."""
        ...


class Meter(Protocol):
    """What is counted. Nothing here waits, raises, or keeps what belongs to one caller or one path."""

    def judged(self, verdict: Verdict, seconds: float) -> None:
        """One call was judged, in so many seconds. On every call: it has to cost next to nothing."""
        ...

    def performed(self, action: Action, outcome: Outcome) -> None:
        """One ceremony came to its outcome."""
        ...

    def dispatched(self, factor: Factor, delivery: Delivery) -> None:
        """One code was sent, or not."""
        ...

    def stopped(self, country: str) -> None:
        """A country is written to no more, for a while."""
        ...
