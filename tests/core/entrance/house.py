"""A house with an entrance, in memory: everything that an errand could need, answered by a dozen lines each."""

from dataclasses import dataclass, field, replace
from typing import Any

from mfa_gateway.core.account import AccountId, Factor, Standing
from mfa_gateway.core.ceremony import Change, Deliver, Delivery, Recall, Redeem, Sent
from mfa_gateway.core.entrance import EntranceTerms, Errand, Outcome, begin, later, words
from mfa_gateway.core.entrance.access_words import WasUsed
from mfa_gateway.core.entrance.second_words import BeginPassage, Passage
from mfa_gateway.core.entrance.words import Address, Claim, Portrait, Registered, Use
from mfa_gateway.core.login import Known, Login, Wrong
from mfa_gateway.core.proof import Receipt, Redeemed, Redemption, Rejected, Rejection
from mfa_gateway.core.quota import Quota
from mfa_gateway.core.session import OpenedSession, Session
from mfa_gateway.core.site import Site
from mfa_gateway.core.tickets import Ticket, TicketKind, read_ticket, ticket_bytes

NOW = 1_763_769_600_000
SITE = Site("3_KEY", "people", issuer="https://issuer.test/3_KEY/")
ADA = AccountId("people", "ada")
GOOD = "123456"


@dataclass
class House:
    """What there is. `trips` are the needs that a store would be asked, by name."""

    accounts: dict[str, Portrait] = field(default_factory=dict)
    owners: dict[str, AccountId] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)
    receipts: dict[str, Receipt] = field(default_factory=lambda: {GOOD: Redeemed(Factor.EMAIL)})
    delivery: Delivery = field(default_factory=lambda: Sent(GOOD))
    claim: Claim = Claim.MADE
    stale_sessions: int = 0
    left_ms: int = 0
    used: set[tuple[str, ...]] = field(default_factory=set)
    spent: list[Quota] = field(default_factory=list)
    redeemed: list[Redemption] = field(default_factory=list)
    delivered: list[tuple[AccountId, Deliver]] = field(default_factory=list)
    postponed: list[words.Command] = field(default_factory=list)
    minted: list[words.Mint] = field(default_factory=list)
    passwords: dict[tuple[str, str], AccountId] = field(default_factory=dict)
    attempts: list[words.Attempt] = field(default_factory=list)
    settled: list[words.Settle] = field(default_factory=list)
    password_ban_ms: int = 0
    trips: list[str] = field(default_factory=list)

    def play(self, errand: Errand, terms: EntranceTerms | None = None) -> Outcome:
        return self._played(begin(errand, terms or EntranceTerms()))

    def play_later(self, errand: Errand) -> Outcome:
        """What the last errand left to be done."""
        return self._played(later(self.postponed.pop(), errand, EntranceTerms()))

    def _played(self, exchange: Any) -> Outcome:
        answer: Any = None
        while True:
            try:
                need = exchange.send(answer)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            answer = self._provide(need)

    def _provide(self, need: words.Need) -> Any:
        answer = getattr(self, f"_{type(need).__name__}")
        self.trips.append(type(need).__name__)
        return answer(need)

    def _OnBehalf(self, need: words.OnBehalf) -> Any:  # noqa: N802 - named like the need
        match need.need:
            case Recall():
                return self.standing
            case Redeem(redemption=redemption):
                self.redeemed.append(redemption)
                return self.receipts.get(redemption.presented, Rejected(Rejection.WRONG))
            case Deliver():
                self.delivered.append((need.caller.account, need.need))
                return self.delivery
        raise NotImplementedError

    def _Attempt(self, need: words.Attempt) -> int:  # noqa: N802
        self.attempts.append(need)
        return self.left_ms

    def _Settle(self, need: words.Settle) -> int:  # noqa: N802
        self.settled.append(need)
        return 0 if need.was_right else self.password_ban_ms

    def _CheckPassword(self, need: words.CheckPassword) -> Login:  # noqa: N802
        account = self.passwords.get((need.login, need.password))
        return Wrong() if account is None else Known(account)

    def _Spend(self, need: words.Spend) -> int:  # noqa: N802
        self.spent.append(need.quota)
        return self.left_ms

    def _ReadAddress(self, need: words.ReadAddress) -> Address | None:  # noqa: N802
        is_good = ("@" in need.written) is (need.factor is Factor.EMAIL)
        return Address(need.factor, need.written.lower()) if is_good else None

    def _FindAccount(self, need: words.FindAccount) -> AccountId | None:  # noqa: N802
        return self.owners.get(need.login)

    def _Describe(self, need: words.Describe) -> Portrait | None:  # noqa: N802
        return self.accounts.get(need.account.subject)

    def _Register(self, need: words.Register) -> Registered:  # noqa: N802
        account = AccountId(need.realm, "new")
        self.owners[need.address.text] = account
        self.accounts["new"] = Portrait(account, email=need.address.text, email_verified=True, profile=need.profile)
        return Registered(account, is_new=True)

    def _ClaimAddress(self, _: words.ClaimAddress) -> Claim:  # noqa: N802
        return self.claim

    def _DropAddress(self, _: words.DropAddress) -> Claim:  # noqa: N802
        return self.claim

    def _SealTicket(self, need: words.SealTicket) -> str:  # noqa: N802
        return f"{need.ticket.kind}|{need.ticket.site}|{ticket_bytes(replace(need.ticket, id='01')).decode()}"

    def _OpenTicket(self, need: words.OpenTicket) -> Ticket | None:  # noqa: N802
        kind, _, rest = need.text.partition("|")
        site, _, written = rest.partition("|")
        return read_ticket(need.kind, site, written.encode()) if (kind, site) == (need.kind, need.site) else None

    def _UseOnce(self, need: words.UseOnce) -> Use:  # noqa: N802
        if need.names in self.used:
            return Use.REPEATED
        self.used.add(need.names)
        return Use.FIRST

    def _WasUsed(self, need: WasUsed) -> Use:  # noqa: N802
        return Use.REPEATED if need.names in self.used else Use.FIRST

    def _FindSession(self, need: words.FindSession) -> Session | None:  # noqa: N802
        return self.sessions.get(need.token)

    def _OpenSession(self, need: words.OpenSession) -> OpenedSession | Change:  # noqa: N802
        if self.stale_sessions:
            self.stale_sessions -= 1
            return Change.STALE
        session = Session("5e5510", need.account, need.site, need.device, 0, need.life_ms, b"s" * 32)
        return OpenedSession(session, "token")

    def _BeginPassage(self, _: BeginPassage) -> Passage | None:  # noqa: N802
        return Passage(self.standing.epoch)

    def _Mint(self, need: words.Mint) -> str:  # noqa: N802
        self.minted.append(need)
        return "minted"

    def _Later(self, need: words.Later) -> None:  # noqa: N802
        self.postponed.append(need.command)

    def known(self, login: str = "ada@x.test", **more: Any) -> AccountId:
        """Somebody who logs in with this."""
        self.owners[login] = ADA
        self.accounts[ADA.subject] = Portrait(ADA, email=login, email_verified=True, **more)
        return ADA


def session(**more: Any) -> Session:
    """An open session of Ada's."""
    said: dict[str, Any] = {"account": ADA, "site": SITE.name, **more}
    return Session(id="51", device="", age_ms=0, left_ms=None, secret=b"k" * 32, **said)


def ticket(kind: TicketKind, **more: Any) -> str:
    """A ticket in writing, as this house seals them."""
    made = Ticket(kind, more.pop("site", SITE.name), "01", more.pop("born_ms", NOW), more.pop("life_ms", 1000), **more)
    return f"{kind}|{made.site}|{ticket_bytes(made).decode()}"
