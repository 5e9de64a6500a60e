"""Preflights on their way through the engine: one trip, nothing counted, and the same answer as the judge gives."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Factor, Proof, Standing
from mfa_gateway.core.ceremony import Action, Command, Failed, Foretold, Outcome
from mfa_gateway.core.credential import OtherCredentials
from mfa_gateway.core.fault import DirectoryUnavailable
from mfa_gateway.core.foresight import Asks, Chart, Clear, Closed, Ease, Foresight, Wish
from mfa_gateway.core.gate import RETRY_MS, Terms
from mfa_gateway.core.policy import Access, Enforcement, OnSuccess, Require
from mfa_gateway.core.presence import Presence
from mfa_gateway.core.proof import Scope
from mfa_gateway.core.verdict import Pass, Reason, Refuse, Verdict
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from mfa_gateway.engine.judge import Judge
from tests.engine.fakes import ANNA, ENROLLED, BearerNames, Lines, MemoryStore, OneAddress, Outbox, call, policy, rule

ASKING = call("/mfa/preflight", method="POST")


@dataclass
class OnePresence:
    """A register that says the same of everybody."""

    said: Presence = Presence.KNOWN
    is_down: bool = False

    async def presence(self, _account: AccountId) -> Presence:
        if self.is_down:
            raise DirectoryUnavailable("the directory is away")
        return self.said


@dataclass
class Both:
    """The judge and the clerk over one store, under one rule for `/protected`."""

    judge: Judge
    clerk: Clerk

    async def says(self, path: str = "/protected") -> Outcome:
        command = Command(Action.PREFLIGHT, ANNA, scope=Scope.SESSION, wish=Wish("GET", path))
        return await self.clerk.carry_out(command, ASKING)

    async def does(self, path: str = "/protected") -> Verdict:
        return await self.judge.judge(call(path))


Under = Callable[..., Both]


@pytest.fixture
def register() -> OnePresence:
    return OnePresence()


@pytest.fixture
def under(store: MemoryStore, lines: Lines, register: OnePresence) -> Under:
    def both(access: Access = Access.MFA, **asks: Any) -> Both:
        rules, terms, journal = policy(rule(access, **asks)), Terms(), lines.journal
        draw: Callable[[int], str] = lambda _: "424242"  # noqa: E731 - a fake's whole behaviour
        dispatcher = Dispatcher(terms=DispatchTerms(), draw=draw, store=store, sender=Outbox(), journal=journal)
        judge = Judge(
            policy=rules,
            terms=terms,
            others=OtherCredentials(),
            identity=BearerNames(),
            store=store,
            journal=journal,
            register=register,
        )
        clerk = Clerk(
            terms=terms,
            store=store,
            directory=OneAddress(),
            dispatcher=dispatcher,
            journal=journal,
            register=register,
            chart=Chart(rules),
        )
        return Both(judge, clerk)

    return both


def agree(said: Foresight, done: Verdict) -> bool:
    match said, done:
        case Clear(), Pass():
            return said.proof == done.shown
        case Asks(), Refuse():
            return done.reason is Reason.CODE_MISSING
        case Closed(), Refuse():
            return said.reason is done.reason
        case _:
            return False


async def test_it_takes_one_trip_that_redeems_and_counts_nothing(under: Under, store: MemoryStore) -> None:
    assert isinstance(await under().says(), Foretold)
    assert store.trips == ["foresee"]
    store.trips.clear()
    assert await under().says("/open") == Foretold(Clear(Ease.OPEN))
    assert store.trips == []


@pytest.mark.parametrize("presence", Presence)
@pytest.mark.parametrize(
    "known",
    [
        replace(known, proofs=proofs)
        for known in (ENROLLED, Standing(), replace(ENROLLED, disabled=True))
        for proofs in ((), (Proof(Factor.EMAIL, 5),), (Proof(Factor.EMAIL, 10**9),))
    ],
)
@pytest.mark.parametrize(
    "asks",
    [
        {},
        {"grace_ms": 0},
        {"require": Require.IF_ENROLLED},
        {"factors": frozenset({Factor.TOTP})},
        {"enforcement": Enforcement.SHADOW},
        {"access": Access.DENY},
        {"access": Access.OPEN, "on_success": OnSuccess.REVOKE},
    ],
)
async def test_it_says_what_the_judge_does(
    under: Under,
    store: MemoryStore,
    register: OnePresence,
    presence: Presence,
    known: Standing,
    asks: dict[str, object],
) -> None:
    store.standing, register.said = known, presence
    both = under(**asks)
    said = await both.says()
    assert isinstance(said, Foretold)
    assert agree(said.foresight, await both.does())


async def test_a_store_that_is_away_foresees_nothing(under: Under, store: MemoryStore) -> None:
    store.down = {"foresee"}
    assert await under().says() == Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)


async def test_a_register_that_is_away_is_asked_only_where_the_judge_asks_it(
    under: Under, register: OnePresence
) -> None:
    register.is_down = True
    assert await under().says() == Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)
    assert await under().says("/open") == Foretold(Clear(Ease.OPEN))


async def test_a_preflight_is_one_line_and_no_decision(under: Under, lines: Lines) -> None:
    await under().says()
    assert (lines.only["event"], lines.only["action"]) == ("ceremony", "preflight")
