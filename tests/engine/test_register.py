"""A directory that knows who has left: obeyed before the store is asked, by calls and ceremonies alike, and closed when
it says nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from mfa_gateway.core.account import AccountId, Factor, Proof
from mfa_gateway.core.ceremony import Action, Command, Failed
from mfa_gateway.core.credential import OtherCredentials
from mfa_gateway.core.fault import DirectoryUnavailable
from mfa_gateway.core.gate import RETRY_MS, Terms
from mfa_gateway.core.policy import Access, Enforcement, OnStoreError, Policy
from mfa_gateway.core.presence import Presence
from mfa_gateway.core.verdict import Pass, Reason, Refuse
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from mfa_gateway.engine.judge import Judge
from tests.engine.fakes import (
    ANNA,
    ENROLLED,
    GOOD_CODE,
    BearerNames,
    Lines,
    MemoryStore,
    OneAddress,
    Outbox,
    call,
    policy,
    rule,
)

IN_GRACE = replace(ENROLLED, proofs=(Proof(Factor.EMAIL, age_ms=1_000),))
ABSENT = [(Presence.UNKNOWN, Reason.ACCOUNT_UNKNOWN), (Presence.DISABLED, Reason.ACCOUNT_DISABLED)]


@dataclass
class OnePresence:
    """A register that says the same of everybody."""

    said: Presence = Presence.KNOWN
    fault: DirectoryUnavailable | None = None
    asked: list[AccountId] = field(default_factory=list)

    async def presence(self, account: AccountId) -> Presence:
        self.asked.append(account)
        if self.fault is not None:
            raise self.fault
        return self.said


@pytest.fixture
def register() -> OnePresence:
    return OnePresence()


@pytest.fixture
def judged(store: MemoryStore, register: OnePresence, lines: Lines) -> Callable[..., Judge]:
    def make(asked: Policy | None = None) -> Judge:
        return Judge(
            policy=asked or policy(),
            terms=Terms(),
            others=OtherCredentials(),
            identity=BearerNames(),
            store=store,
            journal=lines.journal,
            register=register,
        )

    return make


@pytest.fixture
def clerk(store: MemoryStore, register: OnePresence, lines: Lines) -> Clerk:
    dispatcher = Dispatcher(
        terms=DispatchTerms(), draw=lambda _: "424242", store=store, sender=Outbox(), journal=lines.journal
    )
    return Clerk(
        terms=Terms(),
        store=store,
        directory=OneAddress(),
        dispatcher=dispatcher,
        journal=lines.journal,
        register=register,
    )


# --- Calls ------------------------------------------------------------------------------------


async def test_who_is_there_is_asked_about_once_and_goes_on(
    judged: Callable[..., Judge], store: MemoryStore, register: OnePresence
) -> None:
    store.standing = IN_GRACE
    assert isinstance(await judged().judge(call()), Pass)
    assert register.asked == [ANNA.account]
    assert store.trips == ["recall"]


@pytest.mark.parametrize(("said", "reason"), ABSENT)
async def test_who_has_left_is_refused_in_the_midst_of_grace(
    judged: Callable[..., Judge], store: MemoryStore, register: OnePresence, said: Presence, reason: Reason
) -> None:
    store.standing, register.said = IN_GRACE, said
    verdict = await judged().judge(call(code=GOOD_CODE))
    assert isinstance(verdict, Refuse)
    assert verdict.reason is reason
    assert store.trips == []


async def test_nobody_is_asked_about_on_an_open_route_or_without_a_token(
    judged: Callable[..., Judge], register: OnePresence
) -> None:
    await judged().judge(call("/public"))
    await judged().judge(call(bearer=None))
    await judged(policy(rule(Access.DENY))).judge(call())
    assert register.asked == []


async def test_a_directory_that_says_nothing_closes_protected_routes(
    judged: Callable[..., Judge], store: MemoryStore, register: OnePresence, lines: Lines
) -> None:
    store.standing, register.fault = IN_GRACE, DirectoryUnavailable("it did not answer in time")
    verdict = await judged().judge(call())
    assert isinstance(verdict, Refuse)
    assert (verdict.reason, verdict.retry_after_ms) == (Reason.DIRECTORY_UNAVAILABLE, RETRY_MS)
    assert "it did not answer in time" in str(lines.all)


@pytest.mark.parametrize("fault", [DirectoryUnavailable("away"), None])
async def test_what_a_rule_allows_without_the_store_is_for_those_who_are_there(
    judged: Callable[..., Judge], store: MemoryStore, register: OnePresence, fault: DirectoryUnavailable | None
) -> None:
    store.down = {"recall"}
    asked = judged(policy(rule(on_store_error=OnStoreError.ALLOW)))
    assert isinstance(await asked.judge(call()), Pass)
    register.fault, register.said = fault, Presence.DISABLED
    assert isinstance(await asked.judge(call()), Refuse)


async def test_a_shadow_rule_lets_through_who_has_left_and_says_so(
    judged: Callable[..., Judge], register: OnePresence
) -> None:
    register.said = Presence.DISABLED
    verdict = await judged(policy(rule(enforcement=Enforcement.SHADOW))).judge(call())
    assert isinstance(verdict, Pass)
    assert verdict.overruled is not None
    assert verdict.overruled.reason is Reason.ACCOUNT_DISABLED


# --- Ceremonies -------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.LIST, Action.TRIGGER, Action.ACTIVATE, Action.VERIFY, Action.DEACTIVATE])
@pytest.mark.parametrize(("said", "reason"), ABSENT)
async def test_who_has_left_begins_no_ceremony(
    clerk: Clerk, store: MemoryStore, register: OnePresence, *, action: Action, said: Presence, reason: Reason
) -> None:
    register.said = said
    command = Command(action, ANNA, factor_name="email", code=GOOD_CODE)
    assert await clerk.carry_out(command, call()) == Failed(reason)
    assert store.trips == []


async def test_a_directory_that_says_nothing_is_a_refusal_of_a_ceremony(
    clerk: Clerk, store: MemoryStore, register: OnePresence
) -> None:
    register.fault = DirectoryUnavailable("away")
    outcome = await clerk.carry_out(Command(Action.TRIGGER, ANNA, factor_name="email"), call())
    assert outcome == Failed(Reason.STORE_UNAVAILABLE, RETRY_MS)
    assert store.trips == []


async def test_who_is_there_performs_ceremonies(clerk: Clerk, register: OnePresence) -> None:
    outcome = await clerk.carry_out(Command(Action.LIST, ANNA), call())
    assert not isinstance(outcome, Failed)
    assert register.asked == [ANNA.account]
