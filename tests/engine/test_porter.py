"""The porter: every need is asked of the one who has it, faults are denials, and the log says what happened."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

import pytest

from mfa_gateway.core import entrance
from mfa_gateway.core.account import AccountId, Caller, Factor
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Action, Recall
from mfa_gateway.core.ceremony import Command as Asking
from mfa_gateway.core.entrance import (
    Attested,
    Command,
    Denial,
    EntranceTerms,
    Errand,
    Exchange,
    Finished,
    Turned,
    Visit,
    words,
)
from mfa_gateway.core.entrance.access_words import EndSessions, WasUsed
from mfa_gateway.core.entrance.caller_words import Identify, Perform
from mfa_gateway.core.entrance.option_outcomes import CodeNeeded, SignedIn
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.presence import Presence
from mfa_gateway.core.proof import Budget, Regulation, Scope
from mfa_gateway.core.quota import Quota, QuotaKind
from mfa_gateway.core.session import Session
from mfa_gateway.core.site import Site
from mfa_gateway.core.tickets import Ticket, TicketKind
from mfa_gateway.engine.entrance_ports import Job
from mfa_gateway.engine.porter import Porter, World
from mfa_gateway.engine.tally import Tally
from tests.engine.fakes import Lines, call

ADA = AccountId("people", "ada")
CALLER = Caller(ADA, "", "")
SESSION = Session("5e55", ADA, "3_KEY", "", 0, None, b"")
TICKET = Ticket(TicketKind.CODE, "3_KEY", "", 0, 1)
PORTRAIT = words.Portrait(ADA)
ADDRESS = words.Address(Factor.EMAIL, "ada@x.test")
QUOTA = Quota(QuotaKind.CALLS, ())
TRY = (ADA, Budget.FIRST_FACTOR, Regulation())


async def _ada(_: Call) -> Caller:
    return CALLER


def _identified(_: "Needing", __: Visit) -> Exchange:
    found = yield Identify()
    return Attested(found.account.subject if isinstance(found, Caller) else str(found))


@dataclass(frozen=True, slots=True)
class Needing(Command):
    """Asks for what it is told to."""

    needs: tuple[words.Need, ...]


def _play(command: Needing, _visit: Visit) -> Exchange:
    for need in command.needs:
        _ = yield need
    return Finished()


@dataclass
class Everybody:
    """Whoever is asked, and for what."""

    asked: list[str] = field(default_factory=list)
    down: bool = False
    answers: Mapping[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        if name in ("seal_ticket", "open_ticket", "read"):
            return lambda *_, **__: self._ask(name)

        async def method(*_: Any, **__: Any) -> Any:
            return self._ask(name)

        return method

    def secret(self, size: int) -> bytes:
        return b"\x01" * size

    def _ask(self, name: str) -> Any:
        self.asked.append(name)
        if self.down:
            raise StoreUnavailable("it was told to fail")
        return self.answers.get(name)


@dataclass
class Room:
    """Keeps what is put off."""

    jobs: list[Job] = field(default_factory=list)
    is_full: bool = False

    def put(self, job: Job) -> bool:
        self.jobs.append(job)
        return not self.is_full


class Lodge:
    """A porter and all around him."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(entrance, "_EXCHANGES", {Needing: _play})
        self.everybody, self.room, self.lines, self.tally = Everybody(), Room(), Lines(), Tally()
        one: Any = self.everybody
        needed = [each.name for each in fields(World) if each.default is MISSING]
        self.world = World(**dict.fromkeys(needed, one), chance=one)

    async def do(self, *needs: words.Need) -> entrance.Outcome:
        porter = Porter(
            terms=EntranceTerms(),
            world=self.world,
            afterwards=self.room,
            journal=self.lines.journal,
            meter=self.tally,
        )
        errand = Errand(Needing(needs), Site("3_KEY", "people"), 0)
        return await porter.carry_out(errand, call(client="2001:db8::1"))


@pytest.fixture
def lodge(monkeypatch: pytest.MonkeyPatch) -> Lodge:
    return Lodge(monkeypatch)


@pytest.mark.parametrize(
    ("need", "asked"),
    [
        (words.OnBehalf(CALLER, Recall(Scope.ACCOUNT)), "provide"),
        (Perform(Asking(Action.INVENTORY, CALLER)), "carry_out"),
        (words.Spend(QUOTA), "spend"),
        (words.UseOnce(("nonce",), 1), "use_once"),
        (WasUsed(("nonce",)), "was_used"),
        (EndSessions(ADA), "revoke"),
        (words.SealTicket(TICKET), "seal_ticket"),
        (words.OpenTicket(TicketKind.CODE, "3_KEY", "t"), "open_ticket"),
        (words.CheckPassword("people", "ada", "pw"), "check"),
        (words.RenewPassword(ADA, "old", "new"), "renew"),
        (words.Attempt(*TRY), "attempt"),
        (words.Settle(*TRY, was_right=True), "was_right"),
        (words.Settle(*TRY, was_right=False), "was_wrong"),
        (words.OpenSession(ADA, "3_KEY", "", None, 0), "open_session"),
        (words.FindSession("t"), "session"),
        (words.CloseSession(SESSION), "close_session"),
        (words.Mint({}), "mint"),
        (words.Mint({}, certificate_url="https://x.test"), "mint_legacy"),
        (words.ReadToken("gigya", "t"), "read"),
        (words.AskCertificate(), "certificate_pem"),
        (words.ReadAddress(Factor.EMAIL, "a"), "read"),
        (words.FindAccount("people", "a"), "find"),
        (words.Describe(ADA), "portrait"),
        (words.Register("people", ADDRESS), "register"),
        (words.ClaimAddress(ADA, ADDRESS), "claim_address"),
        (words.DropAddress(ADA, Factor.SMS), "drop_address"),
        (words.SetProfile(PORTRAIT, {}), "set_profile"),
    ],
)
async def test_each_need_is_asked_of_the_one_who_has_it(lodge: Lodge, need: words.Need, asked: str) -> None:
    if isinstance(need, words.ReadToken):
        lodge.world = replace(lodge.world, minter=Asynchronous())  # type: ignore[arg-type]
        asked = ""
    assert await lodge.do(need) == Finished()
    assert lodge.everybody.asked == [name for name in (asked,) if name]


class Asynchronous:
    """A signer whose `read` waits, unlike that of addresses."""

    async def read(self, _token: str, *, purpose: str, **_: object) -> Mapping[str, object]:
        return {"purpose": purpose}


async def test_ids_are_drawn_and_keys_are_told(lodge: Lodge) -> None:
    lodge.everybody.answers = {"jwks": [{"kid": "1"}]}
    assert await lodge.do(words.DrawId(), words.AskKeys()) == Finished()
    assert lodge.everybody.asked == ["jwks"]


async def test_whoever_a_directory_no_longer_knows_is_disabled(lodge: Lodge) -> None:
    register: Any = Everybody(answers={"presence": Presence.UNKNOWN})
    lodge.world = replace(lodge.world, register=register)
    seen: list[object] = []

    def look(command: Needing, _visit: Visit) -> Exchange:
        seen.append((yield command.needs[0]))
        return Finished()

    entrance._EXCHANGES[Needing] = look  # type: ignore[index]
    await lodge.do(words.Describe(ADA))
    register.answers = {"presence": Presence.KNOWN}
    await lodge.do(words.Describe(ADA))
    assert seen == [replace(PORTRAIT, is_disabled=True), None]


async def test_a_store_that_is_away_denies_and_says_so(lodge: Lodge) -> None:
    lodge.everybody.down = True
    assert await lodge.do(words.Spend(QUOTA)) == Turned(Denial.UNAVAILABLE, retry_after_ms=1000)
    assert [line["event"] for line in lodge.lines.all] == ["fault", "entrance"]


async def test_an_errand_is_one_line_and_one_number(lodge: Lodge) -> None:
    await lodge.do()
    line = lodge.lines.only
    assert (line["event"], line["action"], line["site"], line["outcome"]) == ("entrance", "Needing", "3_KEY", "done")
    assert lodge.tally.counts()["entrance", "Needing", "done"] == 1


async def test_what_is_put_off_waits_for_the_answer_and_is_told_as_well(lodge: Lodge) -> None:
    await lodge.do(words.Later(Needing((words.Spend(QUOTA),))))
    assert lodge.everybody.asked == []
    await lodge.room.jobs[0]()
    assert lodge.everybody.asked == ["spend"]
    assert [line["event"] for line in lodge.lines.all] == ["entrance", "later"]


async def test_what_breaks_later_breaks_nothing_else(lodge: Lodge) -> None:
    await lodge.do(words.Later(Needing((words.DrawId(),))))
    object.__setattr__(lodge.world, "chance", None)
    await lodge.room.jobs[0]()
    assert [line["event"] for line in lodge.lines.all] == ["entrance", "broken"]


async def test_what_there_is_no_room_for_is_told_to_the_log_alone(lodge: Lodge) -> None:
    lodge.room.is_full = True
    assert await lodge.do(words.Later(Needing(()))) == Finished()
    assert "not sent: too much is waiting to be sent" in [line["event"] for line in lodge.lines.all]


async def test_who_calls_is_told_by_the_gates_own_rules(lodge: Lodge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "_EXCHANGES", {Needing: _identified})
    assert await lodge.do() == Attested("no credential")
    lodge.world = replace(lodge.world, identify=_ada)
    assert await lodge.do() == Attested("ada")


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (SignedIn(AccountId("people", "ada@x.test"), "token", 0, "device"), ("entered", "a***@x.test")),
        (CodeNeeded(), ("code needed", None)),
    ],
)
async def test_the_log_says_who_came_in_and_nothing_that_lets_anybody_in(
    lodge: Lodge, monkeypatch: pytest.MonkeyPatch, ended: entrance.Outcome, said: tuple[str, str | None]
) -> None:
    def ending(_: Needing, __: Visit) -> Exchange:
        yield from ()
        return ended

    monkeypatch.setattr(entrance, "_EXCHANGES", {Needing: ending})
    assert await lodge.do() == ended
    line = lodge.lines.only
    assert (line["outcome"], line.get("subject")) == said
    assert "token" not in str(line)
    assert "device" not in str(line)
