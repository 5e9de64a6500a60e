"""Redemption: what `redeem.lua` is told about a presented code, and what it answers.

The presented code itself goes no further than this module: the script sees digests. What stays out: the order in which
a code is judged (redeem.lua) and the unsealing of secrets (store).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, assert_never

from mfa_gateway.core.account import Factor
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.proof import (
    Banned,
    Effect,
    Purpose,
    Receipt,
    Redeemed,
    Redemption,
    Rejected,
    Rejection,
    Rode,
    canonical_code,
)
from mfa_gateway.state.digests import Digests
from mfa_gateway.state.keys import AccountKeys
from mfa_gateway.state.line import Word

# Clients repeat themselves within minutes; the last few codes of a day cover people who pick an old message.
RECENT: Final = 8
RECENT_MS: Final = 24 * 3600 * 1000

# design, section 4: a session that proved in the last 30 days keeps attempts of its own. Bans are remembered as long.
KNOWN_MS: Final = 30 * 24 * 3600 * 1000
BANS_MS: Final = 30 * 24 * 3600 * 1000

# A day of attempts, of short codes and of all: any 24 hours.
DAY_MS: Final = 24 * 3600 * 1000

_NO_RIDE: Final = -1
_FACTOR: Final[Mapping[bytes, Factor]] = {factor.value.encode(): factor for factor in Factor}


@dataclass(frozen=True, slots=True)
class Presented:
    """A presented code on its way to the script. `totp` are what a TOTP code may match now: step, code, enrolment."""

    redemption: Redemption = field(repr=False)
    account: AccountKeys
    digests: Digests
    totp: Sequence[tuple[int, str, str]] = field(default=(), repr=False)

    def keys(self) -> list[str]:
        """KEYS of redeem.lua."""
        ask, account = self.redemption, self.account
        keys = [account.account, account.proofs(ask.scope, ask.session)]
        keys += account.of_session(ask.budget, ask.session)
        keys += (account.attempts(ask.budget), account.bans(ask.budget), account.backup)
        keys += (account.short(ask.budget), account.opened(ask.session))
        keys += (account.daily(ask.budget, ask.session), account.daily(ask.budget))
        for factor in ask.factors:
            keys.append(account.recent(factor))
            keys += (account.code(purpose, factor) for purpose in self._purposes())
        if ask.target is not None:
            keys += self._keys_of_target(ask.target)
        return keys

    def _keys_of_target(self, target: Factor) -> tuple[str, ...]:
        match self.redemption.effect:
            case Effect.ACTIVATE:
                return (self.account.pending(target),)
            case Effect.DEACTIVATE:
                return self.account.codes(target)
            case Effect.OPEN | Effect.ENTER:
                return ()
            case _ as never:
                assert_never(never)

    def args(self) -> list[Word]:
        """ARGV of redeem.lua."""
        ask, rules = self.redemption, self.redemption.regulation
        token = self.digests.token(self.account.tag, ask.token)
        args: list[Word] = [ask.epoch, ask.effect.value, ask.target.value if ask.target else ""]
        args += (ask.ride.younger_than_ms if ask.ride else _NO_RIDE, token if ask.ride and ask.ride.same_token else "")
        args += (token, ask.keep_ms, rules.max_retries, rules.find_time_ms, rules.ban_time_ms, rules.ban_max_ms)
        args += ("1" if ask.session else "", KNOWN_MS, BANS_MS, RECENT, RECENT_MS)
        args += (len(Purpose), len(ask.factors), ask.enrolment)
        args += (ask.short.tries, ask.short.per_day) if ask.short else (0, 0)
        args += (DAY_MS, rules.per_day)
        for factor in ask.factors:
            args += self._factor_args(factor)
        return args

    def _factor_args(self, factor: Factor) -> Iterator[Word]:
        presented = canonical_code(self.redemption.presented, factor)
        candidates = self.totp if factor is Factor.TOTP else ()
        yield factor.value
        yield self.digests.fingerprint(self.account.tag, factor, presented)
        yield self._digest(factor, presented)
        yield len(candidates)
        for step, code, enrolment in candidates:
            yield step
            yield self._digest(factor, code)
            yield enrolment

    def _digest(self, factor: Factor, code: str) -> str:
        if factor is Factor.BACKUP:
            return self.digests.backup(self.account.tag, code)
        return self.digests.code(self.account.tag, factor, purpose=self.redemption.purpose, code=code)

    def _purposes(self) -> list[Purpose]:
        """Every purpose, that of the redemption first."""
        own = self.redemption.purpose
        return [own, *(purpose for purpose in Purpose if purpose is not own)]


def receipt(reply: Sequence[Any]) -> Receipt:
    """What redeem.lua gave.

    Raises:
        StoreUnavailable: it is nothing that this version knows.
    """
    match reply:
        case [b"redeemed", bytes(name)] if name in _FACTOR:
            return Redeemed(_FACTOR[name])
        case [b"rode", bytes(name), int(age_ms)] if name in _FACTOR:
            return Rode(_FACTOR[name], age_ms)
        case [b"wrong", int(ban_left_ms)]:
            return Rejected(Rejection.WRONG, ban_left_ms)
        case [b"spent"]:
            return Rejected(Rejection.SPENT)
        case [b"stale"]:
            return Rejected(Rejection.STALE)
        case [b"banned", int(left_ms)]:
            return Banned(left_ms)
        case _:
            raise StoreUnavailable("the store answered a redemption with something unknown")
