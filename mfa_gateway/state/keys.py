"""Keys: the grammar of everything that is kept in the store.

    mfa:schema                              version of this grammar
    mfa:index_key                           the sealed key that all digests below are made with
    mfa:signing_key                         the sealed key that the gateway signs its own tokens with
    mfa:standing:{TAG}:account              hash: epoch, disabled, recorded, record, logins, profile, password, and per
                                            factor its state and data
    mfa:standing:{TAG}:proofs:account       hash: the last proof of each factor, for the whole account
    mfa:standing:{TAG}:proofs:session:DIGEST  the same for one session
    mfa:{TAG}:code:PURPOSE:FACTOR           the one live code
    mfa:{TAG}:pending:FACTOR                hash: the enrolment that waits for its first code
    mfa:{TAG}:backup                        set: digests of the unused backup codes
    mfa:{TAG}:session:DIGEST                when a session logged in, and in which epoch
    mfa:{TAG}:opened:DIGEST                 hash: a session of the gateway's own: its epoch, when it was opened, the
                                            digest of its token, and sealed what belongs to it
    mfa:{TAG}:opened:DIGEST                 hash: a passage: its epoch, and which second factor was shown in it when
    mfa:{TAG}:devices:DIGEST                hash: the devices that are remembered at one site
    mfa:{TAG}:quiet:PURPOSE:FACTOR          exists while no further code may be sent
    mfa:{TAG}:recent:FACTOR                 list: fingerprints of the last codes
    mfa:{TAG}:attempts:BUDGET[:DIGEST]      list: when attempts were counted, for the account or for one session
    mfa:{TAG}:bans:BUDGET[:DIGEST]          hash: until when, how many without a success in between, and until
                                            when no short code is compared
    mfa:{TAG}:daily:BUDGET[:DIGEST]         list: the same over a day, whatever bans came in between, newest first
    mfa:{TAG}:short:BUDGET                  list: when wrong short codes were counted, over a day
    mfa:{TAG}:known:DIGEST                  the epoch in which a session proved a factor
    mfa:{TAG}:farewell:DIGEST               exists while a logout token of the issuer could come again
    mfa:{TAG}:quota                         list: when messages were counted
    mfa:{TAG}:use                           exists while something that was used once could be shown again
    mfa:{TAG}:login                         whose a login id is: the tag of the account, and its sealed subject
    mfa:{conversion}:countries              hash: codes sent and redeemed by country and time, and its stop
    mfa:{conversion}:open:TAG:PURPOSE       the country that a code was sent to, until it is redeemed or worthless

TAG is a keyed digest of the names behind it, and a Redis Cluster hash tag, so that all keys of an account lie in one
slot. Text of users (realm, subject, session, address) never reaches a key; the words in capitals are enumerations of
`core`. What stays out: what the values look like (the scripts) and which digests go into values (digests).
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.otp import code_digest
from mfa_gateway.core.proof import Budget, Purpose, Scope
from mfa_gateway.core.quota import Quota

SCHEMA: Final = "mfa:schema"
INDEX_KEY: Final = "mfa:index_key"
SIGNING_KEY: Final = "mfa:signing_key"
# What every key of a standing begins with, and no other: changes of these are told to those who remember standings.
STANDING: Final = "mfa:standing:"
# The channel, no key, on which the account key of every account is told that begins a new epoch, or closes a session.
REVOCATIONS: Final = "mfa:revocations"
COUNTRIES: Final = "mfa:{conversion}:countries"

# 160 of the 256 bits of HMAC-SHA-256: half of them already exceed what any birthday search can do.
DIGEST_CHARACTERS: Final = 40

# Accounts whose keys are remembered: some MiB at most, and a digest saved on every call of an active one.
_MOST_ACCOUNTS: Final = 4096


@dataclass(frozen=True, slots=True)
class AccountKeys:
    """The keys of one account. `tag` names the account to the rest of this room without telling who it is."""

    tag: str
    _secret: bytes = field(repr=False)

    @property
    def account(self) -> str:
        """Epoch, disabled, recorded, record, login ids, profile, password, factors."""
        return f"{STANDING}{{{self.tag}}}:account"

    def proofs(self, scope: Scope, session: str) -> str:
        """The proofs that count in a scope."""
        if scope is Scope.ACCOUNT:
            return f"{STANDING}{{{self.tag}}}:proofs:account"
        return f"{STANDING}{{{self.tag}}}:proofs:session:{self._session(session)}"

    def code(self, purpose: Purpose, factor: Factor) -> str:
        """The live code."""
        return f"mfa:{{{self.tag}}}:code:{purpose.value}:{factor.value}"

    def pending(self, factor: Factor) -> str:
        """The enrolment that waits for its first code."""
        return f"mfa:{{{self.tag}}}:pending:{factor.value}"

    @property
    def backup(self) -> str:
        """The set of backup codes."""
        return f"mfa:{{{self.tag}}}:backup"

    def session(self, session: str) -> str:
        """The login of a session."""
        return f"mfa:{{{self.tag}}}:session:{self._session(session)}"

    def opened(self, sid: str) -> str:
        """A session of the gateway's own, or a passage, whose name no session ever has."""
        return f"mfa:{{{self.tag}}}:opened:{_digest(self._secret, 'opened', self.tag, sid)}"

    def devices(self, site: str) -> str:
        """The devices that are remembered at one site."""
        return f"mfa:{{{self.tag}}}:devices:{_digest(self._secret, 'devices', self.tag, site)}"

    def codes(self, factor: Factor) -> tuple[str, ...]:
        """What becomes worthless with a factor: its live codes, what is pending of it, the set on paper."""
        live = (self.code(purpose, factor) for purpose in Purpose)
        return (*live, self.pending(factor), *((self.backup,) if factor is Factor.BACKUP else ()))

    def quiet(self, purpose: Purpose, factor: Factor) -> str:
        """The pause between two codes."""
        return f"mfa:{{{self.tag}}}:quiet:{purpose.value}:{factor.value}"

    def recent(self, factor: Factor) -> str:
        """Fingerprints of the last codes, whatever they were for."""
        return f"mfa:{{{self.tag}}}:recent:{factor.value}"

    def attempts(self, budget: Budget) -> str:
        """What the account has used up of a budget."""
        return f"mfa:{{{self.tag}}}:attempts:{budget.value}"

    def bans(self, budget: Budget) -> str:
        """The account's bans in a budget."""
        return f"mfa:{{{self.tag}}}:bans:{budget.value}"

    def short(self, budget: Budget) -> str:
        """The wrong short codes of a day, whoever of the account tried them."""
        return f"mfa:{{{self.tag}}}:short:{budget.value}"

    def daily(self, budget: Budget, session: str | None = None) -> str:
        """What the account, or one session of it, has used up of a budget over a day."""
        key = f"mfa:{{{self.tag}}}:daily:{budget.value}"
        return key if session is None else f"{key}:{self._session(session)}"

    def of_session(self, budget: Budget, session: str) -> tuple[str, str, str]:
        """A session's own standing in a budget: whether it is known, its attempts, its bans."""
        digest = self._session(session)
        return (
            f"mfa:{{{self.tag}}}:known:{digest}",
            f"{self.attempts(budget)}:{digest}",
            f"{self.bans(budget)}:{digest}",
        )

    def farewell(self, issuer: str, token_id: str) -> str:
        """A logout token of an issuer."""
        return f"mfa:{{{self.tag}}}:farewell:{_digest(self._secret, 'farewell', self.tag, issuer, token_id)}"

    def _session(self, session: str) -> str:
        return _digest(self._secret, "session", self.tag, session)


class Keys:
    """Makes keys out of names. `secret` is a sub-key of the index key, the same for every worker and for ever."""

    __slots__ = ("_known", "_secret")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._known = lru_cache(_MOST_ACCOUNTS)(self._of)

    def __repr__(self) -> str:
        return "<Keys>"

    def of(self, account: AccountId) -> AccountKeys:
        """The keys of an account."""
        return self._known(account)

    def tagged(self, tag: str) -> AccountKeys:
        """The keys of whichever account has this tag, of `DIGEST_CHARACTERS` in lower-case hexadecimal."""
        return AccountKeys(tag, self._secret)

    def _of(self, account: AccountId) -> AccountKeys:
        return AccountKeys(_digest(self._secret, "account", account.realm, account.subject), self._secret)

    def login(self, realm: str, login: str) -> str:
        """The key of a login id in its canonical form, with a tag of its own: it is looked up before the account is."""
        return f"mfa:{{{_digest(self._secret, 'login', realm, login)}}}:login"

    def use(self, *names: str) -> str:
        """The key of something that is used once, with a tag of its own."""
        return f"mfa:{{{_digest(self._secret, 'use', *names)}}}:use"

    def quota(self, quota: Quota) -> str:
        """The key of a quota, with a tag of its own: it is counted across accounts."""
        return f"mfa:{{{_digest(self._secret, 'quota', quota.kind.value, *quota.subject)}}}:quota"


def account_key_of(key: str) -> str:
    """The key of the account that a key of a standing belongs to."""
    return f"{key.partition('}')[0]}}}:account"


def code_on_its_way(account: AccountKeys, purpose: Purpose) -> str:
    """The key of a code that was sent to some country, in the slot of all countries."""
    return f"mfa:{{conversion}}:open:{account.tag}:{purpose.value}"


def _digest(secret: bytes, *names: str) -> str:
    return code_digest(secret, *names).hex()[:DIGEST_CHARACTERS]
