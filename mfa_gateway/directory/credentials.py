"""Credentials: whether a login id and a password belong together, and to whom.

Local: against the hashes that the gateway keeps itself. Remote: by the login that the operator has already,

    POST {url}   {"realm": "shop", "login": "ada@example.com", "password": "…"}

    200 {"subject": "ada"}      they do; other members are not looked at
    401                         they do not

and everything else is an outage. Headers and signature are told in `hook`. A question is asked once and never again:
whoever counts wrong passwords there must not count one twice.

What stays out: counting wrong passwords here (the first-factor budget of a ceremony), second factors, and what a
disabled account may do (its standing).
"""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.fault import CredentialsUnavailable, Fault
from mfa_gateway.core.login import Known, Login, Renewal, Wrong
from mfa_gateway.core.names import canonical_login, is_subject
from mfa_gateway.directory.hook import Hook, HookAnswer, HookFailed, HookTerms, read_object
from mfa_gateway.directory.passwords import Comparison, Passwords, password_bytes

_OK = 200
_UNAUTHORIZED = 401


class Owner(Protocol):
    """Who owns a login id."""

    @property
    def account(self) -> AccountId:
        """Their account."""
        ...

    @property
    def password(self) -> str | None:
        """The PHC string of their password, where they have one."""
        ...


class Logins(Protocol):
    """Where login ids and hashes are kept."""

    async def owner(self, realm: str, login: str) -> Owner | None:
        """Who owns a login id in its canonical form. Raises a `Fault` when it cannot say."""
        ...

    async def renew_password(self, account: AccountId, *, old: str, new: str) -> None:
        """Replace a hash by another of the same password, unless it was replaced meanwhile."""
        ...

    async def password_of(self, account: AccountId) -> str | None:
        """The PHC string of somebody's password, where they have one."""
        ...

    async def change_password(self, account: AccountId, *, old: str, new: str) -> bool:
        """Replace a hash by that of another password and begin a new epoch, unless it was replaced meanwhile."""
        ...


class LocalCredentials:
    """Login ids and passwords that the gateway keeps itself, made with `mfa-gateway accounts import`."""

    def __init__(self, logins: Logins, passwords: Passwords) -> None:
        self._logins = logins
        self._passwords = passwords

    async def check(self, *, realm: str, login: str, password: str) -> Login:
        """Compare. Who is unknown, or has no password, costs the same as a wrong password.

        Raises:
            Fault: the store cannot be asked, or too many are being compared already.
        """
        name = canonical_login(login)
        owner = await self._logins.owner(realm, name) if name is not None else None
        known = owner.password if owner is not None else None
        comparison = await self._passwords.compare(password, known)
        if owner is None or known is None or comparison is Comparison.WRONG:
            return Wrong()
        if comparison is Comparison.RIGHT_BUT_OLD:
            await self._renew(owner.account, password, known)
        return Known(owner.account)

    async def renew(self, account: AccountId, *, old: str, new: str) -> Renewal:
        """Replace a password by another, if it is still the old one.

        Raises:
            Fault: the store cannot be asked, or too many are being compared already.
        """
        known = await self._logins.password_of(account)
        if await self._passwords.compare(old, known) is Comparison.WRONG or known is None:
            return Renewal.STALE
        if password_bytes(new) is None:
            return Renewal.STALE
        is_made = await self._logins.change_password(account, old=known, new=await self._passwords.hash(new))
        return Renewal.MADE if is_made else Renewal.STALE

    async def _renew(self, account: AccountId, password: str, old: str) -> None:
        # The password was right: nobody is turned away because its hash could not be made anew.
        with suppress(Fault):
            await self._logins.renew_password(account, old=old, new=await self._passwords.hash(password))

    async def close(self) -> None:
        """Give up what waits."""
        self._passwords.close()


@dataclass(frozen=True, slots=True)
class RemoteCredentials:
    """Passwords that another system knows."""

    terms: HookTerms
    hook: Hook = field(repr=False)

    async def check(self, *, realm: str, login: str, password: str) -> Login:
        """Ask the system, once.

        Raises:
            CredentialsUnavailable: it said nothing usable in time.
        """
        if not is_subject(login) or password_bytes(password) is None:
            return Wrong()
        try:
            answer = await self.hook.post({"realm": realm, "login": login, "password": password})
            return _read(answer, realm)
        except HookFailed as failure:
            raise CredentialsUnavailable(f"credentials at {self.terms.place}: {failure}") from None

    async def renew(self, account: AccountId, *, old: str, new: str) -> Renewal:
        """Say that it is not done here."""
        del account, old, new
        return Renewal.ELSEWHERE

    async def close(self) -> None:
        """Close every connection."""
        await self.hook.close()


def _read(answer: HookAnswer, realm: str) -> Login:
    if answer.status == _UNAUTHORIZED:
        return Wrong()
    if answer.status != _OK:
        raise HookFailed(f"the answer has status {answer.status}")
    subject = read_object(answer.body).get("subject")
    if not is_subject(subject):
        raise HookFailed("the answer names no subject of 1 to 255 characters")
    return Known(AccountId(realm, subject))
