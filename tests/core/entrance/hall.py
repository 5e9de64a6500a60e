"""A house in which second factors are shown, in memory: statements are signed by writing down who signed them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mfa_gateway.core.account import Enrolment, Factor, FactorState, Inventory, Person, Proof, Standing
from mfa_gateway.core.ceremony import (
    Change,
    Draw,
    Enrol,
    LookUp,
    Pending,
    Print,
    Rename,
    Resume,
    TakeStock,
)
from mfa_gateway.core.entrance import (
    Attested,
    CodeSent,
    Command,
    Denial,
    Outcome,
    Turned,
    words,
)
from mfa_gateway.core.entrance.assertions import Mode
from mfa_gateway.core.entrance.second_codes import (
    SendSecond,
)
from mfa_gateway.core.entrance.second_words import (
    FinishPassage,
    ForgetDevices,
    Passage,
    RememberDevice,
    TellOwner,
    Vouch,
    Withdraw,
)
from mfa_gateway.core.entrance.tfa import BeginSecond
from mfa_gateway.core.entrance.visitors import SessionShown, Vouched
from mfa_gateway.core.site import Site, Tfa
from mfa_gateway.core.tickets import TicketKind
from tests.core.entrance.dwelling import Dwelling, errand
from tests.core.entrance.house import ADA, NOW, SITE, session, ticket

MAIL = Enrolment(Factor.EMAIL, "aa", address="ada@x.test", added_ms=1)
PHONE = Enrolment(Factor.SMS, "bb", address="+491701234567", added_ms=1)
TOTP = Enrolment(Factor.TOTP, "cc", "Telephone", added_ms=1)
EVERY = ("gigyaEmail", "gigyaPhone", "gigyaTotp", "gigyaPush")
OFFERING = Site(SITE.name, SITE.realm, tfa=Tfa(providers=EVERY))
OWNER = SessionShown("her token")
SERVER = Vouched("key")
STALE = Turned(Denial.LOGIN_STALE)


@dataclass
class Hall(Dwelling):
    """What there is, and what was asked for."""

    stock: Inventory = field(default_factory=Inventory)
    person: Person | None = None
    pending: Pending | Change = field(default_factory=lambda: Pending("dd", b"secret", b"sealed"))
    change: Change = Change.MADE
    is_printable: bool = True
    finished: list[FinishPassage] = field(default_factory=list)
    remembered: list[RememberDevice] = field(default_factory=list)
    forgotten: list[ForgetDevices] = field(default_factory=list)
    withdrawn: list[Withdraw] = field(default_factory=list)
    vouched: list[Vouch] = field(default_factory=list)
    told: list[TellOwner] = field(default_factory=list)
    renamed: list[Rename] = field(default_factory=list)

    def _OnBehalf(self, need: words.OnBehalf) -> Any:  # noqa: N802 - named like the need, one answer for each
        match need.need:
            case TakeStock():
                return self.stock
            case Enrol() | Draw() | Resume():
                return self.pending
            case LookUp():
                return self.person
            case Print(count=count):
                return ("CODE",) * count if self.is_printable else Change.STALE
            case Rename():
                self.renamed.append(need.need)
                return Change.MADE
            case _:
                return super()._OnBehalf(need)

    def _Mint(self, need: words.Mint) -> str:  # noqa: N802
        return f"{need.kind}|{need.certificate_url}|{json.dumps(dict(need.claims))}"

    def _ReadToken(self, need: words.ReadToken) -> Mapping[str, object] | None:  # noqa: N802
        kind, _, rest = need.token.partition("|")
        url, _, written = rest.partition("|")
        is_its = (kind, url) == (need.purpose, need.certificate_url)
        said: Mapping[str, object] | None = json.loads(written) if is_its else None
        return said

    def _FinishPassage(self, need: FinishPassage) -> Passage | None:  # noqa: N802
        self.finished.append(need)
        return self.passage

    def _RememberDevice(self, need: RememberDevice) -> None:  # noqa: N802
        self.remembered.append(need)

    def _ForgetDevices(self, need: ForgetDevices) -> None:  # noqa: N802
        self.forgotten.append(need)

    def _Withdraw(self, need: Withdraw) -> Change:  # noqa: N802
        self.withdrawn.append(need)
        return self.change

    def _Vouch(self, need: Vouch) -> Change:  # noqa: N802
        self.vouched.append(need)
        return self.change

    def _TellOwner(self, need: TellOwner) -> None:  # noqa: N802
        self.told.append(need)

    def _AskCertificate(self, _: words.AskCertificate) -> str:  # noqa: N802
        return "PEM"

    def assertion(self, factor: Factor = Factor.EMAIL, mode: Mode = Mode.VERIFY, **more: Any) -> str:
        """An assertion that a login of Ada's gets."""
        return token(self.play(errand(BeginSecond(factor, mode, login_ticket()), **more)))


def hall(*enrolments: Enrolment, proved: Mapping[Factor, int] | None = None, **more: Any) -> Hall:
    """A house in which Ada has these, and has proved some of them so many milliseconds ago."""
    states = {one.factor: FactorState.ACTIVE for one in enrolments}
    proofs = tuple(Proof(factor, age_ms) for factor, age_ms in (proved or {}).items())
    standing = Standing(recorded=True, factors=states, proofs=proofs)
    found = Hall(sessions={"her token": session()}, standing=standing, stock=Inventory(enrolments), **more)
    found.known()
    return found


def login_ticket(**more: Any) -> str:
    """The ticket of a login of Ada's that waits for a second factor."""
    said: dict[str, Any] = {"account": ADA, "life_ms": 3_600_000, "born_ms": NOW - 1000, **more}
    return ticket(TicketKind.REGISTRATION, **said)


def token(outcome: Outcome) -> str:
    """The statement that was given."""
    assert isinstance(outcome, Attested), outcome
    return outcome.token


def play(house: Hall, command: Command, *, site: Site = OFFERING, **more: Any) -> Outcome:
    return house.play(errand(command, more.pop("credential", None), site, **more))


def begin(factor: Factor, mode: Mode = Mode.VERIFY, **more: Any) -> BeginSecond:
    return BeginSecond(factor, mode, more.pop("ticket", login_ticket()), **more)


def denial(outcome: Outcome) -> Denial:
    assert isinstance(outcome, Turned), outcome
    return outcome.denial


def sent(
    house: Hall, assertion: str, factor: Factor = Factor.EMAIL, *, enrolment: str = "", written: str = ""
) -> Outcome:
    return play(house, SendSecond(factor, assertion, enrolment, written, "emailID"))


def phv(house: Hall, assertion: str) -> str:
    outcome = sent(house, assertion, enrolment="aa")
    assert isinstance(outcome, CodeSent)
    return outcome.ticket


def said_in(statement: str) -> dict[str, Any]:
    """The claims of a statement."""
    said: dict[str, Any] = json.loads(statement.split("|", 2)[2])
    return said


def altered(statement: str, **claims: object) -> str:
    """The same statement with other claims."""
    kind, url, _ = statement.split("|", 2)
    return f"{kind}|{url}|{json.dumps({**said_in(statement), **claims})}"
