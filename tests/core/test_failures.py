"""Failures: no ceremony ends in another way than it says it can, whatever it is told on the way."""

from collections.abc import Sequence
from itertools import product
from typing import Final

import pytest

from mfa_gateway.core.account import AccountId, Caller, Enrolment, Factor, FactorState, Inventory, Person, Standing
from mfa_gateway.core.ceremony import (
    FAILURES,
    Action,
    Answer,
    AskLogin,
    CloseWindow,
    Command,
    Deliver,
    Draw,
    Enrol,
    Failed,
    Limited,
    LoggedIn,
    LookUp,
    Need,
    NotSent,
    Pending,
    Print,
    Recall,
    Redeem,
    Rename,
    Resume,
    Sent,
    TakeStock,
)
from mfa_gateway.core.ceremony import Change as Made
from mfa_gateway.core.gate import KnownBy, Terms
from mfa_gateway.core.proof import Banned, Redeemed, Rejected, Rejection, Rode
from mfa_gateway.core.verdict import Reason
from tests.core.conftest import PlayAll

ADA: Final = Caller(AccountId("shop", "ada"), session="s1", token="t1")
STANDINGS: Final = [
    Standing(),
    Standing(recorded=True, disabled=True),
    *(
        Standing(recorded=True, epoch=1, factors={Factor.EMAIL: mail, Factor.TOTP: app})
        for mail, app in product(FactorState, repeat=2)
    ),
]
KNOWN: Final = (Enrolment(Factor.EMAIL, "e1", address="ada@shop.test"), Enrolment(Factor.TOTP, "t1"))
OFFERS: Final[dict[type[Need], Sequence[Answer]]] = {
    Recall: STANDINGS,
    LookUp: [None, Person(), Person(email="ada@shop.test")],
    Redeem: [Redeemed(Factor.EMAIL), Rode(Factor.EMAIL, 5), Banned(1), *map(Rejected, Rejection)],
    Enrol: [Pending("e1"), Made.STALE, Made.KNOWN, Made.FULL],
    Draw: [Pending("t1", bytes(20)), Made.STALE, Made.KNOWN, Made.FULL],
    Resume: [None, Pending("t1"), Pending("t2")],
    Print: [("ABCDEFGHIJ",), Made.STALE],
    Rename: [Made.MADE, Made.STALE],
    TakeStock: [Inventory(), Inventory(KNOWN)],
    CloseWindow: [None],
    AskLogin: [LoggedIn(), LoggedIn(1)],
    Deliver: [Sent(), NotSent(), Limited(5)],
}
# What a caller's words can be: the factor, the code, and which one of it.
WORDS: Final = list(product((None, "email", "totp", "pigeon"), (None, "123456"), ("", "t1"), (None, "ada@shop.test")))
BY_HAND: Final = frozenset({Reason.STORE_UNAVAILABLE})


@pytest.mark.parametrize("action", [action for action in Action if action is not Action.PREFLIGHT])
def test_a_ceremony_ends_as_it_says_it_can(play_all: PlayAll, action: Action) -> None:
    seen: set[Reason] = set()
    for (factor, code, ticket, address), known_by in product(WORDS, KnownBy):
        for name in ("Home", "x" * 65):
            asked = Command(action, ADA, factor, code, ticket=ticket, enrolment=ticket, address=address, name=name)
            for played in play_all(asked, lambda need: OFFERS[type(need)], terms=Terms(known_by=known_by)):
                if isinstance(played.outcome, Failed):
                    seen.add(played.outcome.reason)
    assert seen <= FAILURES[action]
    # Nothing is promised that does not happen; the clerk adds the store that is away.
    assert FAILURES[action] - seen == BY_HAND
