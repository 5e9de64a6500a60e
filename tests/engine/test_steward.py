"""The steward: every need of second factors reaches the one who keeps that, with all that it says."""

from typing import Any

import pytest

from mfa_gateway.core.account import AccountId, Caller, Factor
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.entrance.second_words import (
    BeginPassage,
    CarryProofs,
    FinishPassage,
    ForgetDevices,
    KnowsDevice,
    Passage,
    Recognition,
    RememberDevice,
    Vouch,
    Withdraw,
)
from mfa_gateway.engine.steward import Steward

ADA = AccountId("people", "ada")
CALLER = Caller(ADA, session="51", token="51")
PASSAGE = Passage(3, Factor.TOTP, 7)


class Keeper:
    """Keeps everything, and says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers: dict[str, Any] = {
            "knows_device": Recognition.KNOWN,
            "begin_passage": PASSAGE,
            "finish_passage": PASSAGE,
            "withdraw": Change.STALE,
            "attach": Change.KNOWN,
        }

    def __getattr__(self, name: str) -> Any:
        async def method(*args: Any, **named: Any) -> Any:
            self.asked.append((name, args, named))
            return self.answers.get(name)

        return method


@pytest.mark.parametrize(
    ("need", "asked", "answer"),
    [
        (
            RememberDevice(ADA, "3_KEY", "gmid", 5, 3),
            ("remember_device", (ADA,), {"site": "3_KEY", "device": "gmid", "life_ms": 5, "epoch": 3}),
            None,
        ),
        (
            KnowsDevice(ADA, "3_KEY", "gmid"),
            ("knows_device", (ADA,), {"site": "3_KEY", "device": "gmid"}),
            Recognition.KNOWN,
        ),
        (ForgetDevices(ADA, "3_KEY"), ("forget_devices", (ADA,), {"site": "3_KEY"}), None),
        (
            BeginPassage(ADA, "01", 3, 5),
            ("begin_passage", (ADA,), {"name": "01", "epoch": 3, "life_ms": 5}),
            PASSAGE,
        ),
        (
            FinishPassage(ADA, "01", Factor.TOTP),
            ("finish_passage", (ADA,), {"name": "01", "factor": Factor.TOTP}),
            PASSAGE,
        ),
        (CarryProofs(ADA, "01", "51"), ("carry_proofs", (ADA,), {"source": "01", "target": "51"}), None),
        (
            Withdraw(CALLER, Factor.SMS, 3, "bb"),
            ("withdraw", (ADA, Factor.SMS, "bb"), {"epoch": 3, "session": "51"}),
            Change.STALE,
        ),
        (Vouch(ADA, Factor.SMS, "+49"), ("attach", (ADA, Factor.SMS, "+49"), {}), Change.KNOWN),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_every_need_reaches_its_keeper(need: Any, asked: Any, answer: Any) -> None:
    keeper = Keeper()
    steward = Steward(devices=keeper, passages=keeper, factors=keeper)
    assert await steward.provide(need) is answer
    assert keeper.asked == [asked]
