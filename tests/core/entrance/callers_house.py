"""The house in memory, for callers: who they are, what they can prove with, and the ceremonies that they ask for."""

from dataclasses import dataclass, field
from typing import Any

from mfa_gateway.core.account import Caller, Enrolment, Factor, Identification, Inventory
from mfa_gateway.core.ceremony import Command as CallersCommand
from mfa_gateway.core.ceremony import Done, TakeStock
from mfa_gateway.core.ceremony import Outcome as CallersOutcome
from mfa_gateway.core.entrance import words
from mfa_gateway.core.entrance.caller_words import Identify, Perform
from mfa_gateway.core.entrance.second_words import CarryProofs, KnowsDevice, Recognition, RememberDevice
from mfa_gateway.core.login import Renewal
from tests.core.entrance.house import ADA, House

SMS = Enrolment(Factor.SMS, "000000000000100000000000", "", "+40768248202")
TOTP = Enrolment(Factor.TOTP, "000000000000300000000000")
CALLER = Caller(ADA, session="5e55", token="t0")


@dataclass
class CallersHouse(House):
    identification: Identification = CALLER
    inventory: Inventory = field(default_factory=lambda: Inventory((SMS, TOTP)))
    ends: CallersOutcome = field(default_factory=Done)
    performed: list[CallersCommand] = field(default_factory=list)
    devices: set[str] = field(default_factory=set)
    remembered: list[RememberDevice] = field(default_factory=list)
    carried: list[CarryProofs] = field(default_factory=list)
    renewal: Renewal = Renewal.MADE
    renewed: list[words.RenewPassword] = field(default_factory=list)

    def _Identify(self, _: Identify) -> Identification:  # noqa: N802 - named like the need
        return self.identification

    def _Perform(self, need: Perform) -> CallersOutcome:  # noqa: N802
        self.performed.append(need.command)
        return self.ends

    def _OnBehalf(self, need: words.OnBehalf) -> Any:  # noqa: N802
        return self.inventory if isinstance(need.need, TakeStock) else super()._OnBehalf(need)

    def _DrawId(self, _: words.DrawId) -> str:  # noqa: N802
        return "d1"

    def _RenewPassword(self, need: words.RenewPassword) -> Renewal:  # noqa: N802
        self.renewed.append(need)
        return self.renewal

    def _KnowsDevice(self, need: KnowsDevice) -> Recognition:  # noqa: N802
        is_known = (need.account, need.site) == (ADA, "3_KEY") and need.device in self.devices
        return Recognition.KNOWN if is_known else Recognition.UNKNOWN

    def _RememberDevice(self, need: RememberDevice) -> None:  # noqa: N802
        self.remembered.append(need)

    def _CarryProofs(self, need: CarryProofs) -> None:  # noqa: N802
        self.carried.append(need)
