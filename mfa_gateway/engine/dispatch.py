"""Dispatch: issuing a code and sending it, within every limit.

The order is the point: the right to send is taken first (parallel requests make one message), then every limit is
counted, then the code is made and stored, and only then does a message leave. A code that could not be sent is void,
and stays counted. What stays out: who may ask for a code (ceremony) and how it travels (senders).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Change, Deliver, Delivery, Limited, NotSent, Sent
from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.quota import Quota, QuotaKind, Window
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Meter, Sender, Store
from mfa_gateway.engine.tally import UNCOUNTED

# What one customer of a provider is given (RFC 6177 section 2): everybody in it can be the same somebody.
_CUSTOMER_PREFIX: Final = 64


@dataclass(frozen=True, slots=True)
class DispatchTerms:
    """The measures of sending codes: digits, life, the pause before a second one, and the windows of each limit."""

    digits: int = 6
    life_ms: int = 600_000
    resend_after_ms: int = 30_000
    per_account: tuple[Window, ...] = ()
    per_destination: tuple[Window, ...] = ()
    per_client: tuple[Window, ...] = ()
    total: tuple[Window, ...] = ()


class Dispatcher:
    """Issues and sends codes. `draw` gives a random code of so many digits, each of the 10^n equally likely."""

    def __init__(
        self,
        *,
        terms: DispatchTerms,
        draw: Callable[[int], str],
        store: Store,
        sender: Sender,
        journal: Journal,
        meter: Meter = UNCOUNTED,
    ) -> None:
        self._terms = terms
        self._draw = draw
        self._store = store
        self._sender = sender
        self._journal = journal
        self._meter = meter

    async def deliver(self, account: AccountId, need: Deliver, call: Call) -> Delivery:
        """Issue one code and send it, unless it is too soon, too many, or nobody takes it."""
        delivery = await self._deliver(account, need, call)
        self._meter.dispatched(need.factor, delivery)
        return delivery

    async def _deliver(self, account: AccountId, need: Deliver, call: Call) -> Delivery:
        address = need.address or self._store.pinned_address(account, need.factor, need.standing)
        if address is None:
            return NotSent()
        left_ms = await self._permission(account, need, address=address, client=call.client)
        if left_ms > 0:
            return Limited(left_ms)
        return await self._send(account, need, address=address, call=call)

    async def _permission(self, account: AccountId, need: Deliver, *, address: str, client: str) -> int:
        left_ms = await self._store.reserve(
            account, factor=need.factor, purpose=need.purpose, quiet_ms=self._terms.resend_after_ms
        )
        return left_ms or await self._store.spend(tuple(self._quotas(account, address=address, client=client)))

    def _quotas(self, account: AccountId, *, address: str, client: str) -> Iterator[Quota]:
        """The limits that one message counts against, the narrowest first, so that a flood exhausts its own."""
        for kind, windows, subject in (
            (QuotaKind.ACCOUNT, self._terms.per_account, (account.realm, account.subject)),
            (QuotaKind.DESTINATION, self._terms.per_destination, (address.lower(),)),
            (QuotaKind.CLIENT, self._terms.per_client, (_counted_client(client),)),
            (QuotaKind.TOTAL, self._terms.total, ()),
        ):
            if windows:
                yield Quota(kind, windows, subject)

    async def _send(self, account: AccountId, need: Deliver, *, address: str, call: Call) -> Delivery:
        code = self._draw(self._terms.digits)
        life_ms = self._terms.life_ms
        change = await self._store.issue(
            account, factor=need.factor, purpose=need.purpose, code=code, life_ms=life_ms, epoch=need.standing.epoch
        )
        if change is Change.STALE:
            return NotSent()
        try:
            await self._sender.send(
                CodeMessage(need.factor, address, code, need.purpose, life_ms=life_ms, languages=need.languages)
            )
        except DeliveryFailed as fault:
            self._journal.faulted(call, fault)
            await self._store.void(account, factor=need.factor, purpose=need.purpose)
            return NotSent()
        return Sent()


def _counted_client(client: str) -> str:
    """What a client's messages are counted by: its address, or its IPv6 network, in which it has any number of them."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _CUSTOMER_PREFIX), strict=False))
    return str(address)
