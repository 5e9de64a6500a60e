"""The ledger: all that is kept of accounts for good, as operators bring it in and take it out again.

Beside the record (where somebody can be reached) that is: the login ids that a person types, the hash of a password,
and a profile. Each is sealed for itself, so that a new hash after a login meets no import half way.

Theory. An account is read, whoever reads decides what it should be, and `keep.lua` brings it there in one step unless
it has changed meanwhile: then it is read again. A login id has a key of its own, a keyed digest, which names its owner;
the same step claims it, so no two accounts of a realm ever own one. The step touches several hash slots: a Redis
Cluster would need another way.

What stays out: forms of files, what a line of one means, hashing passwords.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from mfa_gateway.core.account import AccountId, Factor, FactorState
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import TOTP_DEFAULT, TotpProfile
from mfa_gateway.state import scripts
from mfa_gateway.state.enrolments import kept, sealed, value_of
from mfa_gateway.state.foundation import Foundation, Names
from mfa_gateway.state.keys import STANDING, AccountKeys
from mfa_gateway.state.line import Word
from mfa_gateway.state.records import AccountRecord, read_record, sealed_record
from mfa_gateway.state.vault import CannotUnseal

# What each part is called in the account's hash, and sealed for.
_LOGINS: Final = "logins"
_PROFILE: Final = "profile"
_PASSWORD: Final = "password"  # noqa: S105 - the name of a field
_PARTS: Final = ("record", _LOGINS, _PROFILE, _PASSWORD)
_READ: Final = (*_PARTS, "disabled", *(factor.value for factor in Factor))
# What an owner is sealed for, beside the key.
_OWNER: Final = "owner"
# Keys looked at in one step of a walk; a server does nothing else meanwhile.
_STEP: Final = 500
# As many as those subjects have that the gateway draws itself.
_SUBJECT_BYTES: Final = 32
_EVERY_ACCOUNT: Final = f"{STANDING}{{*}}:account"


@dataclass(frozen=True, slots=True)
class Held:
    """What is kept of an account.

    Attributes:
        account: its name.
        is_new: nothing is kept at all.
        has_record: somebody put it on record; else it enrolled by itself, or is new.
        login_ids: in their canonical form.
        password: PHC string.
        brought: the PHC string that an operator brought in last. It stays while the owner's logins and changes replace
            the other, so that the same file brought in again is known for what it is.
        profile: whatever a dialect keeps of a person.
        factors: those that are pending or active.
    """

    account: AccountId
    is_new: bool
    has_record: bool
    record: AccountRecord = field(default_factory=AccountRecord)
    login_ids: tuple[str, ...] = field(default=(), repr=False)
    password: str | None = field(default=None, repr=False)
    brought: str | None = field(default=None, repr=False)
    profile: Mapping[str, object] = field(default_factory=dict, repr=False)
    disabled: bool = False
    factors: Mapping[Factor, FactorState] = field(default_factory=dict)
    _versions: tuple[bytes | None, ...] = field(default=(), repr=False)

    def is_active(self, factor: Factor) -> bool:
        """Whether codes of a factor count."""
        return self.factors.get(factor) is FactorState.ACTIVE

    def expectations(self) -> list[Word]:
        """Every field that was read, as it was."""
        pairs = zip(_READ, self._versions, strict=True)
        return [word for name, version in pairs for word in (name, version or b"")]


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a factor is to be active with: an address, or a secret of bytes and the parameters of its authenticator."""

    given: str | bytes = field(repr=False)
    profile: TotpProfile = TOTP_DEFAULT


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an account should be. `vouched` are factors to make active, `removed` those to take away."""

    record: AccountRecord
    login_ids: tuple[str, ...] = field(default=(), repr=False)
    password: str | None = field(default=None, repr=False)
    profile: Mapping[str, object] = field(default_factory=dict, repr=False)
    disabled: bool = False
    vouched: Mapping[Factor, Vouched] = field(default_factory=dict, repr=False)
    removed: frozenset[Factor] = frozenset()


class Kept(StrEnum):
    """What became of an account."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    STALE = "stale"
    """It was changed by somebody else since it was read; nothing was done."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Nothing was done: these login ids belong to other accounts of the realm."""

    login_ids: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a login id is, and the PHC string of their password."""

    account: AccountId
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Step:
    """One run of keep.lua, put together."""

    own: Sequence[str] = ()
    give_up: Sequence[str] = ()
    owners: Sequence[bytes] = ()
    worthless: Sequence[str] = ()
    expected: Sequence[Word] = ()
    writes: Sequence[Word] = ()
    removals: Sequence[str] = ()
    vouched: Sequence[str] = ()
    removed: Sequence[str] = ()
    begins_epoch: bool = False

    @property
    def changes_anything(self) -> bool:
        """Whether it has to be run."""
        return bool(self.writes or self.removals or self.vouched or self.removed)

    async def run(self, foundation: Foundation, keys: AccountKeys) -> Sequence[Any]:
        script_keys = (keys.account, keys.backup, *self.own, *self.give_up, *self.worthless)
        args: list[Word] = [keys.tag, len(self.own), len(self.give_up), "1" if self.begins_epoch else "", *self.owners]
        args += (len(self.expected) // 2, *self.expected, len(self.writes) // 2, *self.writes)
        args += (len(self.removals), *self.removals)
        args += (len(self.vouched) // 3, *self.vouched, len(self.removed), *self.removed)
        reply: Sequence[Any] = await scripts.KEEP.run(foundation.line, script_keys, args)
        return reply


class Ledger:
    """The durable side of a store. Every method raises `StoreUnavailable`."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        self._line = foundation.line
        self._vault = foundation.vault
        # Unsealed where there is nobody to unseal: strangers ask, and time must not answer.
        self._decoy = self._vault.seal(bytes(_SUBJECT_BYTES), _OWNER)

    async def held(self, account: AccountId) -> Held:
        """What is kept of an account."""
        keys = (await self._foundation.names()).keys.of(account)
        return self._held(account, keys.tag, await self._line.ask("HMGET", keys.account, *_READ, "epoch", "recorded"))

    async def keep(self, held: Held, wanted: Wanted) -> Kept | Taken:
        """Bring an account to what is wanted, all or nothing.

        A changed password, `disabled` and every change of factors begin a new epoch: what was proved is void.
        """
        names = await self._foundation.names()
        keys = names.keys.of(held.account)
        step = self._step(held, wanted, names)
        if not step.changes_anything:
            return Kept.UNCHANGED
        match await step.run(self._foundation, keys):
            case [b"kept"]:
                return Kept.NEW if held.is_new else Kept.CHANGED
            case [b"stale"]:
                return Kept.STALE
            case [b"taken", *positions]:
                return Taken(tuple(wanted.login_ids[position - 1] for position in positions))
            case _:
                raise StoreUnavailable("the store answered with something unknown")

    async def owner(self, realm: str, login: str) -> Owner | None:
        """Whose a login id in its canonical form is. It takes as many trips where it is nobody's."""
        names = await self._foundation.names()
        key = names.keys.login(realm, login)
        found = await self._line.ask("GET", key)
        subject = self._unsealed(_sealed_owner(found), key, _OWNER).decode() if found else ""
        account = AccountId(realm, subject)
        keys = names.keys.of(account)
        sealed = await self._line.ask("HGET", keys.account, _PASSWORD)
        return Owner(account, self._passwords(sealed, keys.tag)[0]) if found else None

    async def account_of(self, realm: str, login: str) -> AccountId | None:
        """Whose a login id in its canonical form is. One trip, and as much work where it is nobody's."""
        key = (await self._foundation.names()).keys.login(realm, login)
        found = await self._line.ask("GET", key)
        if not found:
            self._unsealed(self._decoy, _OWNER)
            return None
        return AccountId(realm, self._unsealed(_sealed_owner(found), key, _OWNER).decode())

    async def renew_password(self, account: AccountId, *, old: str, new: str) -> None:
        """Replace a hash by another of the same password, unless it was replaced meanwhile."""
        keys = (await self._foundation.names()).keys.of(account)
        sealed = await self._line.ask("HGET", keys.account, _PASSWORD)
        now, brought = self._passwords(sealed, keys.tag)
        if sealed is None or now != old:
            return
        anew = self._sealed_passwords(new, brought, keys.tag)
        await _Step(expected=(_PASSWORD, sealed), writes=(_PASSWORD, anew)).run(self._foundation, keys)

    async def password_of(self, account: AccountId) -> str | None:
        """The PHC string of somebody's password, where they have one."""
        return (await self.held(account)).password

    async def change_password(self, account: AccountId, *, old: str, new: str) -> bool:
        """Replace a hash by that of another password and begin a new epoch, unless it was replaced meanwhile.

        What an operator brought in last stays, so that the same file does not bring the old one back.
        """
        keys = (await self._foundation.names()).keys.of(account)
        sealed = await self._line.ask("HGET", keys.account, _PASSWORD)
        now, brought = self._passwords(sealed, keys.tag)
        if sealed is None or now != old:
            return False
        anew = self._sealed_passwords(new, brought, keys.tag)
        step = _Step(expected=(_PASSWORD, sealed), writes=(_PASSWORD, anew), begins_epoch=True)
        return await step.run(self._foundation, keys) == [b"kept"]

    async def walk(self) -> AsyncIterator[Sequence[Held | None]]:
        """Every account, some at a time; None for one that nobody put on record, because nothing tells its name.

        An account that is there all the while comes at least once, and perhaps again (SCAN).
        """
        await self._foundation.names()
        cursor = b"0"
        while True:
            cursor, found = await self._line.ask("SCAN", cursor, "MATCH", _EVERY_ACCOUNT, "COUNT", _STEP)
            yield await asyncio.gather(*(self._found(key.decode("ascii")) for key in found))
            if cursor == b"0":
                return

    async def _found(self, key: str) -> Held | None:
        tag = key.partition("{")[2].partition("}")[0]
        reply = await self._line.ask("HMGET", key, *_READ, "epoch", "recorded")
        if reply[0] is None:
            return None
        account, _ = read_record(self._vault, reply[0], tag)
        return self._held(account, tag, reply) if account is not None else None

    def _held(self, account: AccountId, tag: str, reply: Sequence[Any]) -> Held:
        versions = tuple(reply[: len(_READ)])
        record, logins, profile, passwords, disabled, *states = versions
        password, brought = self._passwords(passwords, tag)
        return Held(
            account=account,
            is_new=all(part is None for part in reply),
            has_record=record is not None,
            record=read_record(self._vault, record, tag)[1] if record else AccountRecord(),
            login_ids=tuple(json.loads(self._unsealed(logins, tag, _LOGINS))) if logins else (),
            password=password,
            brought=brought,
            profile=json.loads(self._unsealed(profile, tag, _PROFILE)) if profile else {},
            disabled=disabled is not None,
            factors={
                factor: FactorState(state.decode())
                for factor, state in zip(Factor, states, strict=True)
                if state is not None
            },
            _versions=versions,
        )

    def _passwords(self, sealed: bytes | None, tag: str) -> tuple[str | None, str | None]:
        """The hash that counts, and the one that was brought in last."""
        if not sealed:
            return None, None
        password, _, brought = self._unsealed(sealed, tag, _PASSWORD).decode().partition("\n")
        return password, brought or None

    def _sealed_passwords(self, password: str, brought: str | None, tag: str) -> bytes:
        return self._vault.seal(f"{password}\n{brought or ''}".encode(), tag, _PASSWORD)

    def _unsealed(self, sealed: bytes, *belongs_to: str) -> bytes:
        try:
            return self._vault.unseal(sealed, *belongs_to)
        except CannotUnseal as error:
            raise StoreUnavailable(f"an account cannot be read: {error}") from error

    # --- From what is held to what is wanted --------------------------------------------------

    def _step(self, held: Held, wanted: Wanted, names: Names) -> _Step:
        realm, keys = held.account.realm, names.keys.of(held.account)
        own = [names.keys.login(realm, login) for login in wanted.login_ids]
        gone = [login for login in held.login_ids if login not in wanted.login_ids]
        removed = [factor for factor in Factor if factor in wanted.removed and factor in held.factors]
        changed = (*wanted.vouched, *removed)
        return _Step(
            own=own,
            owners=[self._vault.seal(held.account.subject.encode(), key, _OWNER) for key in own],
            give_up=[names.keys.login(realm, login) for login in gone],
            worthless=[key for factor in changed for key in keys.codes(factor)],
            expected=held.expectations(),
            writes=self._writes(held, wanted, keys.tag),
            removals=_removals(held, wanted),
            vouched=[word for factor in wanted.vouched for word in self._vouched(factor, wanted, names, tag=keys.tag)],
            removed=[factor.value for factor in removed],
            begins_epoch=bool(changed) or _is_other_access(held, wanted),
        )

    def _vouched(self, factor: Factor, wanted: Wanted, names: Names, *, tag: str) -> tuple[str, str, str]:
        asked = wanted.vouched[factor]
        one = kept(names.digests, tag, factor, value=value_of(factor, asked.given), profile=asked.profile)
        return factor.value, one.id, sealed(self._vault, one, tag=tag, factor=factor)

    def _writes(self, held: Held, wanted: Wanted, tag: str) -> list[Word]:
        writes: list[Word] = []
        if not held.has_record or wanted.record != held.record:
            writes += ("recorded", "1", "record", sealed_record(self._vault, held.account, wanted.record, tag=tag))
        if wanted.login_ids != held.login_ids:
            writes += (_LOGINS, self._vault.seal(json.dumps(wanted.login_ids).encode(), tag, _LOGINS))
        if wanted.profile != held.profile:
            writes += (_PROFILE, self._vault.seal(json.dumps(wanted.profile).encode(), tag, _PROFILE))
        if wanted.password is not None and wanted.password != held.password:
            writes += (_PASSWORD, self._sealed_passwords(wanted.password, wanted.password, tag))
        if wanted.disabled and not held.disabled:
            writes += ("disabled", "1")
        return writes


def _removals(held: Held, wanted: Wanted) -> list[str]:
    removals = []
    if held.password is not None and wanted.password is None:
        removals.append(_PASSWORD)
    if held.disabled and not wanted.disabled:
        removals.append("disabled")
    return removals


def _is_other_access(held: Held, wanted: Wanted) -> bool:
    """Whether who gets in changes: what was proved before must not count after it."""
    is_other_password = held.password is not None and wanted.password != held.password
    return is_other_password or wanted.disabled != held.disabled


def _sealed_owner(value: bytes) -> bytes:
    return value.partition(b":")[2]
