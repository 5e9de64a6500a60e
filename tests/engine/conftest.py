"""A judge, a clerk and a dispatcher in a world of fakes."""

from collections.abc import Callable

import pytest

from mfa_gateway.core.credential import OtherCredentials
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.policy import Policy
from mfa_gateway.engine.alarm import NO_ALARM, Alarm
from mfa_gateway.engine.judge import Judge
from mfa_gateway.engine.ports import Register
from tests.engine.fakes import BearerNames, Lines, MemoryStore, policy

MakeJudge = Callable[..., Judge]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def identity() -> BearerNames:
    return BearerNames()


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def make_judge(store: MemoryStore, identity: BearerNames, lines: Lines) -> MakeJudge:
    """A judge over the fakes, under a policy."""

    def make(
        policy_: Policy | None = None,
        *,
        others: OtherCredentials | None = None,
        terms: Terms | None = None,
        alarm: Alarm = NO_ALARM,
        register: Register | None = None,
    ) -> Judge:
        return Judge(
            policy=policy_ or policy(),
            terms=terms or Terms(),
            others=others or OtherCredentials(),
            identity=identity,
            store=store,
            journal=lines.journal,
            alarm=alarm,
            register=register,
        )

    return make
