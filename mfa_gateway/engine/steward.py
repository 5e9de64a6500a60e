"""The steward: carries out what second factors need at the entrance, for the porter.

Devices that are remembered, passages, factors that change without a code of their own. What stays out: whether any of
it may be done (core.entrance), and telling owners of it, which is the clerk's.
"""

from typing import Protocol, assert_never

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.entrance.second_words import (
    BeginPassage,
    CarryProofs,
    DeviceNeed,
    FinishPassage,
    ForgetDevices,
    KnowsDevice,
    Passage,
    PassageNeed,
    Recognition,
    RememberDevice,
    Vouch,
    Withdraw,
)


class Devices(Protocol):
    """What is kept of devices. It raises `StoreUnavailable`."""

    async def remember_device(self, account: AccountId, *, site: str, device: str, life_ms: int, epoch: int) -> None:
        """Remember one, unless the epoch moved."""
        ...

    async def knows_device(self, account: AccountId, *, site: str, device: str) -> Recognition:
        """Whether one is remembered, in the account's epoch."""
        ...

    async def forget_devices(self, account: AccountId, *, site: str) -> None:
        """Forget all of them at one site."""
        ...


class Passages(Protocol):
    """What is kept of passages, each step atomic. It raises `StoreUnavailable`."""

    async def begin_passage(self, account: AccountId, *, name: str, epoch: int, life_ms: int) -> Passage | None:
        """Begin one, or find the one that began; None where it is over."""
        ...

    async def finish_passage(self, account: AccountId, *, name: str, factor: Factor) -> Passage | None:
        """A second factor was shown in it; None where it is over."""
        ...

    async def carry_proofs(self, account: AccountId, *, source: str, target: str) -> None:
        """What was proved in one session counts in another, and for the account, at its true age."""
        ...


class Changing(Protocol):
    """Who changes factors without a code of theirs, each in one step. It raises `StoreUnavailable`."""

    async def withdraw(
        self, account: AccountId, factor: Factor, enrolment: str = "", *, epoch: int, session: str
    ) -> Change:
        """Take away one enrolment, or the factor, and begin a new epoch in which `session` lives on."""
        ...

    async def attach(self, account: AccountId, factor: Factor, given: str | bytes) -> Change:
        """Make one more enrolment active that somebody vouches for, and begin a new epoch."""
        ...


class Steward:
    """Carries out needs of second factors."""

    def __init__(self, *, devices: Devices, passages: Passages, factors: Changing) -> None:
        self._devices = devices
        self._passages = passages
        self._factors = factors

    async def provide(self, need: DeviceNeed | PassageNeed | Withdraw | Vouch) -> Recognition | Passage | Change | None:
        """Carry out one need."""
        match need:
            case RememberDevice() | KnowsDevice() | ForgetDevices():
                return await self._of_device(need)
            case BeginPassage() | FinishPassage() | CarryProofs():
                return await self._of_passage(need)
            case Withdraw() | Vouch():
                return await self._of_change(need)
            case _ as never:
                assert_never(never)

    async def _of_device(self, need: DeviceNeed) -> Recognition | None:
        """What is remembered of devices."""
        match need:
            case RememberDevice(account=account, site=site, device=device, life_ms=life_ms, epoch=epoch):
                await self._devices.remember_device(account, site=site, device=device, life_ms=life_ms, epoch=epoch)
                return None
            case KnowsDevice(account=account, site=site, device=device):
                return await self._devices.knows_device(account, site=site, device=device)
            case ForgetDevices(account=account, site=site):
                await self._devices.forget_devices(account, site=site)
                return None
            case _ as never:
                assert_never(never)

    async def _of_passage(self, need: PassageNeed) -> Passage | None:
        """Where second factors are shown."""
        passages = self._passages
        match need:
            case BeginPassage(account=account, name=name, epoch=epoch, life_ms=life_ms):
                return await passages.begin_passage(account, name=name, epoch=epoch, life_ms=life_ms)
            case FinishPassage(account=account, name=name, factor=factor):
                return await passages.finish_passage(account, name=name, factor=factor)
            case CarryProofs(account=account, source=source, target=target):
                await passages.carry_proofs(account, source=source, target=target)
                return None
            case _ as never:
                assert_never(never)

    async def _of_change(self, need: Withdraw | Vouch) -> Change:
        """What changes a factor."""
        match need:
            case Withdraw(caller=caller, factor=factor, epoch=epoch, enrolment=enrolment):
                return await self._factors.withdraw(
                    caller.account, factor, enrolment, epoch=epoch, session=caller.session
                )
            case Vouch(account=account, factor=factor, address=address):
                return await self._factors.attach(account, factor, address)
            case _ as never:
                assert_never(never)
