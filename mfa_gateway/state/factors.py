"""Factors: what callers and operators do to single addresses and authenticators, and to backup codes.

What stays out: redeeming their codes (store), and who may do any of this (ceremony).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from mfa_gateway.core.account import (
    MOST_ENROLMENTS,
    AccountId,
    Awaited,
    Enrolment,
    Factor,
    FactorState,
    Inventory,
    Standing,
)
from mfa_gateway.core.ceremony import FRESH_LOGIN_MS, PENDING_TOTP_MS, Change, LoggedIn, Pending
from mfa_gateway.core.otp import TOTP_DEFAULT, TotpProfile
from mfa_gateway.core.proof import Purpose
from mfa_gateway.state import scripts
from mfa_gateway.state.enrolments import Kept, kept, listed, sealed, value_of
from mfa_gateway.state.foundation import Foundation

# Longer than any code lives, so that a code sent again finds what it is for.
_PENDING_ADDRESS_MS: Final = 24 * 3600 * 1000

# What has addresses or authenticators; a set of backup codes is one thing.
_ENROLLED: Final = (Factor.EMAIL, Factor.SMS, Factor.TOTP, Factor.PUSH)
# What is kept of these nobody is shown: a secret, and how a device is reached.
_HIDDEN: Final = frozenset({Factor.TOTP, Factor.PUSH})
_CHANGES: Final = {1: Change.MADE, 0: Change.STALE, -1: Change.KNOWN, -2: Change.FULL}
# What operators hand out is theirs to answer for.
_VOUCHED_LEVEL: Final = 30


class Factors:
    """The enrolments' side of a store. Every method is one step in one trip, and raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line
        self._vault = foundation.vault

    async def enrol(
        self, account: AccountId, *, factor: Factor, address: str, epoch: int, name: str = ""
    ) -> Pending | Change:
        """Make an address pending, to be pinned, unless the factor has it or is full, or the epoch moved."""
        one = await self._kept(account, factor, value=address.encode(), name=name)
        change = await self._pend(account, factor, one, epoch=epoch, life_ms=_PENDING_ADDRESS_MS)
        return Pending(one.id) if change is Change.MADE else change

    async def enrol_secret(
        self, account: AccountId, *, secret: bytes, profile: TotpProfile, epoch: int, name: str = ""
    ) -> Pending | Change:
        """Make an authenticator pending, for ten minutes, in the place of the one that was."""
        one = await self._kept(account, Factor.TOTP, value=secret, name=name, profile=profile)
        change = await self._pend(account, Factor.TOTP, one, epoch=epoch, life_ms=PENDING_TOTP_MS)
        return Pending(one.id, secret) if change is Change.MADE else change

    async def resume(self, account: AccountId) -> Pending | None:
        """The authenticator that is pending, in this epoch and for no longer than it may."""
        keys = (await self._foundation.names()).keys.of(account)
        reply = await scripts.RESUME.run(self._line, (keys.account, keys.pending(Factor.TOTP)), ())
        return Pending(reply[0].decode(), sealed=b":".join(reply)) if reply else None

    async def print_backup(
        self, account: AccountId, *, codes: Sequence[str], level: int, epoch: int | None = None, session: str = ""
    ) -> Change:
        """Put a set of backup codes in the place of the old one, unless the epoch moved or nothing else is active.

        `epoch` None: an operator asks. `session`: who asks; of those that the gateway opened, this one lives on.
        """
        names = await self._foundation.names()
        keys = names.keys.of(account)
        digests = [names.digests.backup(keys.tag, code) for code in codes]
        args = ("" if epoch is None else epoch, level, *digests)
        script_keys = (keys.account, keys.backup, keys.opened(session))
        return _CHANGES[await scripts.BACKUP.run(self._line, script_keys, args)]

    async def rename(
        self, account: AccountId, *, factor: Factor, enrolment: str, name: str, standing: Standing
    ) -> Change:
        """Call one enrolment something else, unless it is gone or the epoch moved."""
        keys = (await self._foundation.names()).keys.of(account)
        known = listed(self._vault, standing.sealed.get(factor, b""), tag=keys.tag, factor=factor)
        one = next((one for one in known if one.id == enrolment), None)
        if one is None:
            return Change.STALE
        anew = sealed(self._vault, Kept(one.id, one.value, name, one.profile), tag=keys.tag, factor=factor)
        args = (standing.epoch, factor.value, one.id, anew)
        return _CHANGES[await scripts.AMEND.run(self._line, (keys.account,), args)]

    async def inventory(self, account: AccountId) -> Inventory:
        """What an account can prove with, one by one, addresses in clear."""
        keys = (await self._foundation.names()).keys.of(account)
        factors = [factor.value for factor in _ENROLLED]
        script_keys = (keys.account, keys.backup, *map(keys.pending, _ENROLLED))
        left, *found = await scripts.INVENTORY.run(self._line, script_keys, factors)
        of_factors = list(zip(_ENROLLED, found, strict=True))
        enrolments = [
            one
            for factor, (text, times, _, _) in of_factors
            for one in self._enrolments(keys.tag, factor, text=text, times=times)
        ]
        awaited = [
            Awaited(_enrolment(factor, one), left_ms)
            for factor, (_, _, text, left_ms) in of_factors
            for one in listed(self._vault, text, tag=keys.tag, factor=factor)
        ]
        return Inventory(tuple(enrolments), None if left < 0 else left, tuple(awaited))

    async def remember_login(self, account: AccountId, *, session: str) -> None:
        """A session has just logged in: for five minutes it may add a first factor."""
        keys = (await self._foundation.names()).keys.of(account)
        await scripts.LOGIN.run(self._line, (keys.account, keys.session(session)), (FRESH_LOGIN_MS,))

    async def logged_in(self, account: AccountId, *, session: str) -> LoggedIn:
        """How long ago a session logged in, in the current epoch."""
        keys = (await self._foundation.names()).keys.of(account)
        age_ms: int = await scripts.LOGGED_IN.run(self._line, (keys.account, keys.session(session)), ())
        return LoggedIn(None if age_ms < 0 else age_ms)

    async def attach(
        self,
        account: AccountId,
        factor: Factor,
        given: str | bytes,
        *,
        name: str = "",
        profile: TotpProfile = TOTP_DEFAULT,
    ) -> Change:
        """Make one more enrolment active that an operator vouches for. It begins a new epoch.

        Raises:
            TypeError: the factor takes something else.
            ValueError: a secret is too short to be one.
        """
        one = await self._kept(account, factor, value=value_of(factor, given), name=name, profile=profile)
        keys = (await self._foundation.names()).keys.of(account)
        args = (factor.value, one.id, sealed(self._vault, one, tag=keys.tag, factor=factor), MOST_ENROLMENTS)
        return _CHANGES[await scripts.ATTACH.run(self._line, (keys.account,), args)]

    async def detach(self, account: AccountId, factor: Factor, enrolment: str = "") -> bool:
        """Take away one enrolment, or with none named the factor, as an operator wants it. It begins a new epoch.

        Whether there was such a thing.
        """
        keys = (await self._foundation.names()).keys.of(account)
        script_keys = (keys.account, keys.backup, *keys.codes(factor))
        return bool(await scripts.DETACH.run(self._line, script_keys, (factor.value, enrolment)))

    async def withdraw(
        self, account: AccountId, factor: Factor, enrolment: str = "", *, epoch: int, session: str
    ) -> Change:
        """Take away one enrolment, or with none named the factor, and begin a new epoch in which `session` lives on.

        STALE where the epoch moved, KNOWN where there is no such thing.
        """
        keys = (await self._foundation.names()).keys.of(account)
        script_keys = (keys.account, keys.backup, keys.opened(session), *keys.codes(factor))
        return _CHANGES[await scripts.WITHDRAW.run(self._line, script_keys, (factor.value, enrolment, epoch))]

    async def hand_out_backup(self, account: AccountId, codes: Sequence[str]) -> Change:
        """Put a set that an operator hands out in the place of the old one. It is worth as much as any factor."""
        return await self.print_backup(account, codes=codes, level=_VOUCHED_LEVEL)

    async def _kept(
        self,
        account: AccountId,
        factor: Factor,
        *,
        value: bytes,
        name: str = "",
        profile: TotpProfile = TOTP_DEFAULT,
    ) -> Kept:
        names = await self._foundation.names()
        return kept(names.digests, names.keys.of(account).tag, factor, value=value, name=name, profile=profile)

    async def _pend(self, account: AccountId, factor: Factor, one: Kept, *, epoch: int, life_ms: int) -> Change:
        keys = (await self._foundation.names()).keys.of(account)
        shows = "" if factor is Factor.TOTP else "1"
        data = sealed(self._vault, one, tag=keys.tag, factor=factor)
        script_keys = (keys.account, keys.code(Purpose.ACTIVATE, factor), keys.pending(factor))
        args = (epoch, factor.value, one.id, data, life_ms, MOST_ENROLMENTS, shows)
        return _CHANGES[await scripts.ENROL.run(self._line, script_keys, args)]

    def _active_enrolments(self, tag: str, standing: Standing) -> tuple[Enrolment, ...]:
        """What a standing holds of addresses and authenticators; nothing of when they were added or used."""
        return tuple(
            _enrolment(factor, one)
            for factor in _ENROLLED
            if standing.state(factor) is FactorState.ACTIVE
            for one in listed(self._vault, standing.sealed.get(factor, b""), tag=tag, factor=factor)
        )

    def _enrolments(self, tag: str, factor: Factor, *, text: bytes, times: Sequence[Any]) -> list[Enrolment]:
        known = {times[at].decode(): times[at + 1 : at + 3] for at in range(0, len(times), 3)}
        return [
            replace(_enrolment(factor, one), added_ms=_moment(known[one.id][0]), used_ms=_moment(known[one.id][1]))
            for one in listed(self._vault, text, tag=tag, factor=factor)
        ]


def _enrolment(factor: Factor, one: Kept) -> Enrolment:
    return Enrolment(factor, one.id, one.name, None if factor in _HIDDEN else one.value.decode())


def _moment(text: bytes) -> int | None:
    return int(text) if text else None
