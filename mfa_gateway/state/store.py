"""The store: what the engine asks of shared state, each in one script and one trip.

It fits `engine.ports.Store` by shape. Decoding is kept short: `recall` runs before every protected call. What stays
out: what operators and the directory ask (records), the scripts themselves (lua), how commands travel (line).
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

from mfa_gateway.core.account import AccountId, Factor, FactorState, Proof, Standing
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.foresight import Prospect
from mfa_gateway.core.proof import SENT, Budget, Purpose, Receipt, Redemption, Scope, is_short
from mfa_gateway.core.quota import Quota
from mfa_gateway.state import scripts
from mfa_gateway.state.accounts import LedgerAccounts
from mfa_gateway.state.attempts import Attempts
from mfa_gateway.state.authenticator import totp_candidates
from mfa_gateway.state.conversions import Conversions
from mfa_gateway.state.devices import Devices
from mfa_gateway.state.endings import Endings
from mfa_gateway.state.enrolments import listed
from mfa_gateway.state.factors import Factors
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.keeping import Keeper
from mfa_gateway.state.keys import AccountKeys
from mfa_gateway.state.ledger import Ledger
from mfa_gateway.state.line import Traffic, Word
from mfa_gateway.state.near import Name
from mfa_gateway.state.passages import Passages
from mfa_gateway.state.records import Records
from mfa_gateway.state.redemption import RECENT, RECENT_MS, Presented, receipt
from mfa_gateway.state.sessions import OpenSessions
from mfa_gateway.state.signing import SigningKeys
from mfa_gateway.state.tickets import SealedTickets
from mfa_gateway.state.uses import Uses

_FACTORS: Final = tuple(Factor)
_FACTOR: Final = {factor.value.encode(): factor for factor in Factor}
_STATE: Final = {state.value.encode(): state for state in FactorState}
_ISSUED: Final = {1: Change.MADE, 0: Change.STALE, -3: Change.REPEATED}
_RECALLED: Final = (
    "epoch", "disabled", "recorded", "backup:level",
    *(name for factor in Factor for name in (factor.value, f"{factor.value}:sealed")),
)  # fmt: skip


class Store(Records, Conversions, Factors, Attempts, Endings, OpenSessions, SigningKeys):
    """Shared state in Redis or Valkey, for the engine, and for operators and the directory (`Records`).

    Made with `prepare_store` or `open_store`; `close` it.
    """

    def __init__(self, foundation: Foundation) -> None:
        super().__init__(foundation)
        self.ledger = Ledger(foundation)
        self.accounts = LedgerAccounts(self.ledger)
        self.tickets = SealedTickets(foundation.vault)
        self.uses = Uses(foundation)
        self._keeper = Keeper(foundation.line)
        self.devices = Devices(foundation)
        self.passages = Passages(foundation)

    async def open(self) -> None:
        """Check that the store is fit for use. Whatever is asked first does the same.

        Raises:
            StoreUnfit: it must not be used; the text says why and what to do.
            StoreUnavailable: it cannot be asked now.
        """
        await self._foundation.open()

    @property
    def traffic(self) -> Traffic:
        """What went to and fro so far."""
        return self._line.traffic

    @property
    def near_hits(self) -> int:
        """How often what was asked for was known here."""
        return self._line.near.hits

    async def check(self) -> None:
        """See whether it answers now.

        Raises:
            StoreUnavailable: it does not, or it must not be used; the text says why.
        """
        await self._foundation.names()
        await self._line.ask("PING")

    async def close(self) -> None:
        """Close every connection."""
        await self._keeper.close()
        await self._line.close()

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        """What is known of an account now; proofs are those of the scope's value."""
        keys = (await self._foundation.names()).keys.of(account)
        near = self._line.near
        question = near.ask(keys.account)
        try:
            reply = await scripts.RECALL.run(self._line, (keys.account, keys.proofs(scope, session)), _RECALLED)
            standing = _standing(reply)
            near.learn(question, _name(account, scope, session), standing)
            return standing
        finally:
            near.give_up(question)

    def known(self, account: AccountId, *, scope: Scope, session: str) -> tuple[Standing, int] | None:
        """What was known of an account so many milliseconds ago, as far as that takes no trip; None: it does.

        Proofs may have been added since.
        """
        return self._line.near.known(_name(account, scope, session))

    def keep_near(self) -> None:
        """Begin to remember standings here, as far as the settings allow."""
        self._keeper.begin()

    async def foresee(self, account: AccountId, *, scope: Scope, session: str) -> Prospect:
        """The same, and what a code that steps up would meet. Changes nothing and counts nothing.

        Raises:
            StoreUnavailable: an enrolment is sealed with a key that is not configured.
        """
        keys = (await self._foundation.names()).keys.of(account)
        known, _, own_bans = keys.of_session(Budget.STEP_UP, session)
        script_keys = (keys.account, keys.proofs(scope, session), known, own_bans, keys.bans(Budget.STEP_UP))
        reply, ban_left_ms, short_left_ms = await scripts.FORESEE.run(self._line, script_keys, _RECALLED)
        standing = _standing(reply)
        return Prospect(standing, self._active_enrolments(keys.tag, standing), ban_left_ms, short_left_ms)

    async def revocations(self) -> AsyncGenerator[str | None]:
        """The names of accounts that begin a new epoch, after one `None`, from which on none is missed."""
        await self._foundation.names()
        async with aclosing(self._line.listen()) as heard:
            async for name in heard:
                yield name

    async def revocation_name(self, account: AccountId) -> str:
        """The name under which `revocations` tells of an account."""
        return (await self._foundation.names()).keys.of(account).account

    async def redeem(self, redemption: Redemption, standing: Standing) -> Receipt:
        """Redeem a presented code at most once: ride, spent, ban, count, compare, consume, effect."""
        names = await self._foundation.names()
        keys = names.keys.of(redemption.account)
        presented = Presented(redemption, keys, names.digests, self._totp_candidates(keys, redemption, standing))
        return receipt(await scripts.REDEEM.run(self._line, presented.keys(), presented.args()))

    async def reserve(self, account: AccountId, *, factor: Factor, purpose: Purpose, quiet_ms: int) -> int:
        """Take the right to send one code. 0: taken; else the milliseconds until it is free again."""
        keys = (await self._foundation.names()).keys.of(account)
        left_ms: int = await scripts.RESERVE.run(self._line, (keys.quiet(purpose, factor),), (quiet_ms,))
        return left_ms

    async def spend(self, quotas: Sequence[Quota]) -> int:
        """Count one message against each quota in turn, one trip each, until one refuses.

        0: all agreed; else the milliseconds until the refusing one would agree. What was counted before stays counted.
        """
        keys = (await self._foundation.names()).keys
        for quota in quotas:
            windows = [number for window in quota.windows for number in (window.requests, window.period_ms)]
            if windows:
                left_ms: int = await scripts.THROTTLE.run(self._line, (keys.quota(quota),), windows)
                if left_ms > 0:
                    return left_ms
        return 0

    async def issue(
        self,
        account: AccountId,
        *,
        factor: Factor,
        purpose: Purpose,
        code: str,
        life_ms: int,
        epoch: int,
        enrolment: str = "",
    ) -> Change:
        """Make `code` the only live one of this factor and purpose, superseding the old one, unless the epoch moved.

        `enrolment` is the one it goes to, where that is not the first. A short code is `REPEATED` where it is one of
        those that were sent last, by whichever factor: draw another one.
        """
        names = await self._foundation.names()
        keys, digests = names.keys.of(account), names.digests
        digest = digests.code(keys.tag, factor, purpose=purpose, code=code)
        fingerprint = digests.fingerprint(keys.tag, factor, code)
        others = tuple(other for other in SENT if other is not factor) if is_short(code) else ()
        script_keys = (keys.account, keys.code(purpose, factor), keys.recent(factor), *map(keys.recent, others))
        args: list[Word] = [epoch, digest, fingerprint, life_ms, RECENT, RECENT_MS, enrolment]
        if others:
            args += (fingerprint, *(digests.fingerprint(keys.tag, other, code) for other in others))
        return _ISSUED[await scripts.ISSUE.run(self._line, script_keys, args)]

    async def void(self, account: AccountId, *, factor: Factor, purpose: Purpose) -> None:
        """Make the live code of this factor and purpose worthless."""
        keys = (await self._foundation.names()).keys.of(account)
        await scripts.VOID.run(self._line, (keys.code(purpose, factor),), ())

    def pinned_address(
        self, account: AccountId, factor: Factor, standing: Standing, *, enrolment: str = ""
    ) -> str | None:
        """An address that an active factor was activated with; the first where none is named. No trip: it travels,
        sealed, in the standing.

        Raises:
            StoreUnavailable: it is sealed with a key that is not configured.
        """
        text = standing.sealed.get(factor)
        if text is None or factor is Factor.TOTP or standing.state(factor) is not FactorState.ACTIVE:
            return None
        known = listed(self._vault, text, tag=self._foundation.names_now().keys.of(account).tag, factor=factor)
        return next((one.value.decode() for one in known if enrolment in ("", one.id)), None)

    def _totp_candidates(
        self, keys: AccountKeys, redemption: Redemption, standing: Standing
    ) -> Sequence[tuple[int, str, str]]:
        """What any authenticator of the account could show now."""
        text = standing.sealed.get(Factor.TOTP) if Factor.TOTP in redemption.factors else None
        return [
            (step, code, one.id)
            for one in listed(self._vault, text or b"", tag=keys.tag, factor=Factor.TOTP)
            for step, code in totp_candidates(one.value, standing.now_ms, one.profile)
        ]


def _name(account: AccountId, scope: Scope, session: str) -> Name:
    """What a standing is remembered under: what counts for the account is the same in each of its sessions."""
    return (account, scope, session if scope is Scope.SESSION else "")


def _standing(reply: Any) -> Standing:
    """What recall.lua gave.

    Raises:
        StoreUnavailable: it is nothing that this version knows.
    """
    try:
        return _read_standing(reply)
    except (TypeError, ValueError, KeyError) as error:
        raise StoreUnavailable("the store answered with something that is no standing") from error


def _read_standing(reply: Sequence[Any]) -> Standing:
    now_ms, (epoch, disabled, recorded, level, *rest), proofs = reply
    factors, sealed = {}, {}
    for factor, state, data in zip(_FACTORS, rest[::2], rest[1::2], strict=True):
        if state is not None:
            factors[factor] = _STATE[state]
        if data is not None:
            sealed[factor] = data
    return Standing(
        recorded=recorded is not None,
        disabled=disabled is not None,
        epoch=int(epoch or 0),
        factors=factors,
        proofs=tuple(Proof(_FACTOR[name], age_ms) for name, age_ms in zip(proofs[::2], proofs[1::2], strict=True)),
        now_ms=now_ms,
        sealed=sealed,
        backup_level=int(level or 0),
    )
