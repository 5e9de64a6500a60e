"""The store: what the engine asks of shared state, each in one script and one trip.

It fits `engine.ports.Store` by shape. Decoding is kept short: `recall` runs before every protected call. What stays
out: what operators and the directory ask (records), the scripts themselves (lua), how commands travel (line).
"""

from collections.abc import Sequence
from typing import Any, Final

from mfa_gateway.core.account import AccountId, Factor, FactorState, Proof, Standing
from mfa_gateway.core.ceremony import Change
from mfa_gateway.core.fault import StoreUnavailable
from mfa_gateway.core.otp import TOTP_DEFAULT, TotpProfile, totp_candidates
from mfa_gateway.core.proof import Purpose, Receipt, Redemption, Scope
from mfa_gateway.core.quota import Quota
from mfa_gateway.state import scripts
from mfa_gateway.state.foundation import Foundation
from mfa_gateway.state.keys import AccountKeys
from mfa_gateway.state.line import Traffic
from mfa_gateway.state.records import Records
from mfa_gateway.state.redemption import RECENT, RECENT_MS, Presented, receipt
from mfa_gateway.state.vault import CannotUnseal

_FACTORS: Final = tuple(Factor)
_FACTOR: Final = {factor.value.encode(): factor for factor in Factor}
_STATE: Final = {state.value.encode(): state for state in FactorState}
_RECALLED: Final = (
    "epoch", "disabled", "recorded", *(name for factor in Factor for name in (factor.value, f"{factor.value}:sealed"))
)  # fmt: skip


class Store(Records):
    """Shared state in Redis or Valkey, for the engine, and for operators and the directory (`Records`).

    Made with `prepare_store` or `open_store`; `close` it.
    """

    def __init__(self, foundation: Foundation, totp: TotpProfile = TOTP_DEFAULT) -> None:
        super().__init__(foundation)
        self._totp = totp

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

    async def check(self) -> None:
        """See whether it answers now.

        Raises:
            StoreUnavailable: it does not, or it must not be used; the text says why.
        """
        await self._foundation.names()
        await self._line.ask("PING")

    async def close(self) -> None:
        """Close every connection."""
        await self._line.close()

    async def recall(self, account: AccountId, *, scope: Scope, session: str) -> Standing:
        """What is known of an account now; proofs are those of the scope's value."""
        keys = (await self._foundation.names()).keys.of(account)
        return _standing(await scripts.RECALL.run(self._line, (keys.account, keys.proofs(scope, session)), _RECALLED))

    async def redeem(self, redemption: Redemption, standing: Standing) -> Receipt:
        """Redeem a presented code at most once: ride, spent, ban, count, compare, consume, effect."""
        names = await self._foundation.names()
        keys = names.keys.of(redemption.account)
        presented = Presented(redemption, keys, names.digests, self._totp_candidates(keys, redemption, standing))
        return receipt(await scripts.REDEEM.run(self._line, presented.keys(), presented.args()))

    async def enrol(self, account: AccountId, *, factor: Factor, address: str, epoch: int) -> Change:
        """Make a factor pending with the address to pin, unless it is active or the epoch moved."""
        names = await self._foundation.names()
        keys, value = names.keys.of(account), address.encode()
        sealed = self._vault.seal(value, keys.tag, factor.value)
        mark = names.digests.mark(keys.tag, factor, value)
        script_keys = (keys.account, keys.code(Purpose.ACTIVATE, factor))
        return _change(await scripts.ENROL.run(self._line, script_keys, (epoch, factor.value, sealed, mark)))

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
        self, account: AccountId, *, factor: Factor, purpose: Purpose, code: str, life_ms: int, epoch: int
    ) -> Change:
        """Make `code` the only live one of this factor and purpose, superseding the old one, unless the epoch moved."""
        names = await self._foundation.names()
        keys, digests = names.keys.of(account), names.digests
        digest = digests.code(keys.tag, factor, purpose=purpose, code=code)
        fingerprint = digests.fingerprint(keys.tag, factor, code)
        script_keys = (keys.account, keys.code(purpose, factor), keys.recent(factor))
        args = (epoch, digest, fingerprint, life_ms, RECENT, RECENT_MS)
        return _change(await scripts.ISSUE.run(self._line, script_keys, args))

    async def void(self, account: AccountId, *, factor: Factor, purpose: Purpose) -> None:
        """Make the live code of this factor and purpose worthless."""
        keys = (await self._foundation.names()).keys.of(account)
        await scripts.VOID.run(self._line, (keys.code(purpose, factor),), ())

    def pinned_address(self, account: AccountId, factor: Factor, standing: Standing) -> str | None:
        """The address that an active factor was activated with. No trip: it travels, sealed, in the standing.

        Raises:
            StoreUnavailable: it is sealed with a key that is not configured.
        """
        sealed = standing.sealed.get(factor)
        if sealed is None or factor is Factor.TOTP or standing.state(factor) is not FactorState.ACTIVE:
            return None
        return self._unsealed(sealed, self._foundation.names_now().keys.of(account), factor).decode()

    def _totp_candidates(
        self, keys: AccountKeys, redemption: Redemption, standing: Standing
    ) -> Sequence[tuple[int, str]]:
        sealed = standing.sealed.get(Factor.TOTP) if Factor.TOTP in redemption.factors else None
        if sealed is None:
            return ()
        return totp_candidates(self._unsealed(sealed, keys, Factor.TOTP), standing.now_ms, self._totp)

    def _unsealed(self, sealed: bytes, keys: AccountKeys, factor: Factor) -> bytes:
        try:
            return self._vault.unseal(sealed, keys.tag, factor.value)
        except CannotUnseal as error:
            raise StoreUnavailable(f"the {factor.value} factor cannot be read: {error}") from error


def _standing(reply: Sequence[Any]) -> Standing:
    now_ms, (epoch, disabled, recorded, *rest), proofs = reply
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
    )


def _change(reply: int) -> Change:
    return Change.MADE if reply == 1 else Change.STALE
