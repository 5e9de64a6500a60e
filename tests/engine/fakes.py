"""The world as the engine sees it, in memory: ports that answer as they are told and remember what they were asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from structlog.testing import LogCapture

from mfa_gateway.core.account import (
    AccountId,
    Anonymous,
    Caller,
    Factor,
    FactorState,
    Identification,
    Inventory,
    Person,
    Standing,
)
from mfa_gateway.core.call import Call, CanonicalPath, canonical_path
from mfa_gateway.core.ceremony import Change, LoggedIn, Pending
from mfa_gateway.core.fault import Fault, StoreUnavailable
from mfa_gateway.core.foresight import Prospect
from mfa_gateway.core.message import CodeMessage, NoticeMessage
from mfa_gateway.core.otp import TotpProfile
from mfa_gateway.core.pattern import Pattern, read_pattern
from mfa_gateway.core.phone import NumberFlaw, PhoneNumber
from mfa_gateway.core.policy import Access, Policy, Requirement, Rule
from mfa_gateway.core.proof import (
    Budget,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Regulation,
    Rejected,
    Rejection,
    Scope,
)
from mfa_gateway.core.quota import Conversion, Quota, Stop
from mfa_gateway.engine.journal import Journal

ANNA: Final = Caller(AccountId("shop", "anna"), session="session of anna", token="digest of anna's token")
GOOD_CODE: Final = "123456"
ENROLLED: Final = Standing(recorded=True, epoch=3, factors={Factor.EMAIL: FactorState.ACTIVE})


@dataclass
class MemoryStore:
    """A store that knows one standing and one good code."""

    standing: Standing = ENROLLED
    receipts: Mapping[str, Receipt] = field(default_factory=lambda: {GOOD_CODE: Redeemed(Factor.EMAIL)})
    reserved_ms: int = 0
    limited_ms: int = 0
    change: Change = Change.MADE
    repeated: int = 0
    pinned: str | None = "anna@example.com"
    pending: Pending | None = None
    login: LoggedIn = field(default_factory=LoggedIn)
    near: dict[tuple[AccountId, Scope, str], Standing] = field(default_factory=dict)
    down: set[str] = field(default_factory=set)
    trips: list[str] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    on_trip: Callable[[str], None] = lambda _: None

    def _trip(self, name: str, *asked: Any) -> None:
        self.trips.append(name)
        self.asked.append(asked)
        self.on_trip(name)
        if name in self.down:
            raise StoreUnavailable(f"{name} was told to fail")

    def known(self, account: AccountId, *, scope: Scope, session: str) -> tuple[Standing, int] | None:
        standing = self.near.get((account, scope, session))
        return None if standing is None else (standing, 0)

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        self._trip("recall", account, scope, session)
        return self.standing

    async def foresee(self, account: AccountId, *, scope: Scope, session: str) -> Prospect:
        self._trip("foresee", account, scope, session)
        return Prospect(self.standing)

    async def redeem(self, redemption: Redemption, standing: Standing) -> Receipt:
        self._trip("redeem", redemption, standing)
        return self.receipts.get(redemption.presented, Rejected(Rejection.WRONG))

    async def enrol(
        self, account: AccountId, *, factor: Factor, address: str, epoch: int, name: str = ""
    ) -> Pending | Change:
        self._trip("enrol", account, factor, address, epoch, *((name,) if name else ()))
        return Pending("id-of-address") if self.change is Change.MADE else self.change

    async def enrol_secret(
        self, account: AccountId, *, secret: bytes, profile: TotpProfile, epoch: int, name: str = ""
    ) -> Pending | Change:
        self._trip("enrol_secret", account, secret, profile, epoch, name)
        return Pending("id-of-totp", secret) if self.change is Change.MADE else self.change

    async def resume(self, account: AccountId) -> Pending | None:
        self._trip("resume", account)
        return self.pending

    async def print_backup(
        self, account: AccountId, *, codes: Sequence[str], level: int, epoch: int | None = None, session: str = ""
    ) -> Change:
        self._trip("print_backup", account, tuple(codes), level, epoch, session)
        return self.change

    async def rename(
        self, account: AccountId, *, factor: Factor, enrolment: str, name: str, standing: Standing
    ) -> Change:
        self._trip("rename", account, factor, enrolment, name, standing)
        return self.change

    async def inventory(self, account: AccountId) -> Inventory:
        self._trip("inventory", account)
        return Inventory()

    async def remember_login(self, account: AccountId, *, session: str) -> None:
        self._trip("remember_login", account, session)

    async def logged_in(self, account: AccountId, *, session: str) -> LoggedIn:
        self._trip("logged_in", account, session)
        return self.login

    async def reserve(self, account: AccountId, *, factor: Factor, purpose: Purpose, quiet_ms: int) -> int:
        self._trip("reserve", account, factor, purpose, quiet_ms)
        return self.reserved_ms

    async def spend(self, quotas: Sequence[Quota]) -> int:
        self._trip("spend", *quotas)
        return self.limited_ms

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
        self._trip("issue", account, factor, purpose, code, life_ms, epoch, *((enrolment,) if enrolment else ()))
        self.repeated -= 1
        return Change.REPEATED if self.repeated >= 0 else self.change

    async def void(self, account: AccountId, *, factor: Factor, purpose: Purpose) -> None:
        self._trip("void", account, factor, purpose)

    async def attempt(self, account: AccountId, *, budget: Budget, regulation: Regulation) -> int:
        self._trip("attempt", account, budget, regulation)
        return 0

    async def was_right(self, account: AccountId, *, budget: Budget) -> None:
        self._trip("was_right", account, budget)

    async def was_wrong(self, account: AccountId, *, budget: Budget, regulation: Regulation) -> int:
        self._trip("was_wrong", account, budget, regulation)
        return 0

    async def close_window(self, account: AccountId, *, scope: Scope, session: str) -> None:
        self._trip("close_window", account, scope, session)

    async def revoke(self, account: AccountId) -> None:
        self._trip("revoke", account)

    def pinned_address(
        self, account: AccountId, factor: Factor, standing: Standing, *, enrolment: str = ""
    ) -> str | None:
        self.asked.append(("pinned", account, factor, standing, *((enrolment,) if enrolment else ())))
        return self.pinned


@dataclass
class Atlas:
    """Countries that are stopped as they are told, and remember what they were asked."""

    stopped_for_ms: int = 0
    stop: Stop | None = None
    down: bool = False
    events: list[str] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def _ask(self, name: str, *asked: Any) -> None:
        self.events.append(name)
        self.asked.append(asked)
        if self.down:
            raise StoreUnavailable(f"{name} was told to fail")

    async def stopped_ms(self, country: str, conversion: Conversion) -> int:
        self._ask("stopped", country, conversion)
        return self.stopped_for_ms

    async def expect(
        self, account: AccountId, *, purpose: Purpose, country: str, conversion: Conversion, life_ms: int
    ) -> Stop | None:
        self._ask("expect", account, purpose, country, conversion, life_ms)
        return self.stop

    async def was_redeemed(self, account: AccountId, *, purpose: Purpose) -> None:
        self._ask("redeemed", account, purpose)

    async def was_not_sent(self, account: AccountId, *, purpose: Purpose) -> None:
        self._ask("unsent", account, purpose)


class Numbers:
    """A plan that takes every number without its spaces, but for those of Austria."""

    def read(self, written: object) -> PhoneNumber | NumberFlaw:
        number = str(written).replace(" ", "")
        return NumberFlaw.COUNTRY if number.startswith("+43") else PhoneNumber(number, "DE")


@dataclass
class BearerNames:
    """An identity room that takes the bearer token for a caller's name, or breaks as it is told."""

    callers: Mapping[str, Caller] = field(default_factory=lambda: {"A": ANNA})
    fault: Fault | None = None
    asked: int = 0
    remembers: bool = False

    def known(self, call: Call) -> Caller | None:
        token = (call.authorization or "").removeprefix("Bearer ")
        return self.callers.get(token) if self.remembers else None

    async def identify(self, call: Call) -> Identification:
        self.asked += 1
        if self.fault is not None:
            raise self.fault
        if not call.authorization:
            return Anonymous.NO_CREDENTIAL
        return self.callers.get(call.authorization.removeprefix("Bearer "), Anonymous.BAD_CREDENTIAL)


@dataclass
class OneAddress:
    """A directory of one person."""

    person: Person | None = field(default_factory=lambda: Person(email="anna@example.com", locale="de"))
    fault: Fault | None = None
    asked: list[Caller] = field(default_factory=list)

    async def look_up(self, caller: Caller) -> Person | None:
        self.asked.append(caller)
        if self.fault is not None:
            raise self.fault
        return self.person


@dataclass
class Outbox:
    """A sender that keeps what it is given."""

    fault: Fault | None = None
    messages: list[CodeMessage] = field(default_factory=list)
    notices: list[NoticeMessage] = field(default_factory=list)
    on_send: Callable[[], None] = lambda: None

    async def tell(self, notice: NoticeMessage) -> None:
        if self.fault is not None:
            raise self.fault
        self.notices.append(notice)

    async def send(self, message: CodeMessage) -> None:
        self.on_send()
        if self.fault is not None:
            raise self.fault
        self.messages.append(message)


class Lines:
    """What a journal wrote."""

    def __init__(self, level: int = 0) -> None:
        self._capture = LogCapture()
        wrapper = structlog.make_filtering_bound_logger(level)
        self.journal = Journal(structlog.wrap_logger(None, processors=[self._capture], wrapper_class=wrapper))

    @property
    def all(self) -> list[dict[str, Any]]:
        return [dict(entry) for entry in self._capture.entries]

    @property
    def only(self) -> dict[str, Any]:
        (line,) = self.all
        return line


def path(text: str) -> CanonicalPath:
    """A path that is canonical already."""
    reading = canonical_path(text.encode("ascii"))
    if not isinstance(reading, CanonicalPath):
        raise TypeError(f"{text} is not a path: {reading.value}")
    return reading


def pattern(text: str) -> Pattern:
    """A pattern that can be read."""
    reading = read_pattern(text)
    if not isinstance(reading, Pattern):
        raise TypeError(f"{text} is not a pattern: {reading}")
    return reading


def call(target: str = "/protected", *, method: str = "GET", bearer: str | None = "A", **fields: Any) -> Call:
    """A call of Anna's to the protected route."""
    authorization = None if bearer is None else f"Bearer {bearer}"
    return Call(method, path(target), **{"request_id": "id-1", "authorization": authorization, **fields})


def rule(access: Access = Access.MFA, *paths: str, realms: frozenset[str] = frozenset(), **asks: Any) -> Rule:
    """A rule for `/protected` and everything below it."""
    patterns = tuple(map(pattern, paths or ("/protected/**",)))
    return Rule(f"{access.value} route", patterns, Requirement(access, **asks), realms=realms)


def policy(*rules: Rule) -> Policy:
    """These rules; everything else is open."""
    return Policy(rules or (rule(),), default=Requirement(Access.OPEN))
