"""Dispatch: issuing a code and sending it, within every limit.

The order is the point:

    stopped   a country under alarm is not written to, and nothing is counted for it
    reserve   the right to send: parallel requests make one message
    spend     every limit, the narrowest first: account, destination, client, prefix, country, total. The one that
              refuses ends it, so a flood exhausts its own limit and not those of everybody
    expect    the alarm counts the code, or stops its country
    issue     the code is made and stored; a short one that was sent not long ago is drawn again
    send      only now does a message leave

A code that could not be sent is void, and stays counted, but for the alarm. A push goes to every device of the account
at a time, is one message, and was sent if one of them could be. What stays out: who may ask for a code (ceremony) and
how it travels (senders).
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from mfa_gateway.core.account import AccountId, Factor
from mfa_gateway.core.call import Call
from mfa_gateway.core.ceremony import Change, Deliver, Delivery, Limited, NotSent, Sent
from mfa_gateway.core.fault import DeliveryFailed
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.phone import NumberFlaw, PhoneNumber
from mfa_gateway.core.push import SUMMONS_MS, TOKEN_BYTES, new_token
from mfa_gateway.core.quota import Asker, Quota, QuotaKind, Window
from mfa_gateway.engine.alarm import NO_ALARM, Alarm
from mfa_gateway.engine.chance import SYSTEM, Chance
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Meter, Numbers, Sender, Store
from mfa_gateway.engine.tally import UNCOUNTED

# What one customer of a provider is given (RFC 6177 section 2): everybody in it can be the same somebody.
_CUSTOMER_PREFIX: Final = 64

# Of ten thousand codes the last few of two factors are taken. A second draw is rare, and a twentieth never comes.
_MOST_DRAWS: Final = 20


@dataclass(frozen=True, slots=True)
class DispatchTerms:
    """The measures of sending codes: digits, life, the pause before a second one, and the windows of each limit."""

    digits: int = 6
    life_ms: int = 600_000
    resend_after_ms: int = 30_000
    per_account: tuple[Window, ...] = ()
    per_destination: tuple[Window, ...] = ()
    per_client: tuple[Window, ...] = ()
    per_prefix: tuple[Window, ...] = ()
    per_country: tuple[Window, ...] = ()
    total: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where a message goes, in the one form that is counted and sent to; `number` where that is a phone.

    `others`: further places that it goes to.
    """

    address: str = field(repr=False)
    number: PhoneNumber | None = None
    others: tuple[str, ...] = field(default=(), repr=False)

    @property
    def every(self) -> tuple[str, ...]:
        """All of them."""
        return (self.address, *self.others)


class Dispatcher:
    """Issues and sends codes.

    Args:
        terms: the measures.
        draw: gives a random code of so many digits, each of the 10^n equally likely.
        store: where limits are counted and codes are kept.
        sender: how they travel.
        journal: what is told of it.
        meter: what is counted of it.
        numbers: which phones are written to; None for none at all.
        alarm: watches the countries of phones.
        chance: what the tokens of pushes are drawn from.
    """

    def __init__(
        self,
        *,
        terms: DispatchTerms,
        draw: Callable[[int], str],
        store: Store,
        sender: Sender,
        journal: Journal,
        meter: Meter = UNCOUNTED,
        numbers: Numbers | None = None,
        alarm: Alarm = NO_ALARM,
        chance: Chance = SYSTEM,
    ) -> None:
        self._terms = terms
        self._draw = draw
        self._store = store
        self._sender = sender
        self._journal = journal
        self._meter = meter
        self._numbers = numbers
        self._alarm = alarm
        self._chance = chance

    async def deliver(self, account: AccountId, need: Deliver, call: Call) -> Delivery:
        """Issue one code and send it, unless it is too soon, too many, or nobody takes it."""
        delivery = await self._deliver(account, need, call)
        self._meter.dispatched(need.factor, delivery)
        return delivery

    async def _deliver(self, account: AccountId, need: Deliver, call: Call) -> Delivery:
        destination = self._destination(account, need, call)
        if destination is None:
            return NotSent()
        if need.asker is Asker.COURIER:
            code = await self._issue(account, need, call)
            return NotSent() if code is None else Sent(code)
        left_ms = await self._permission(account, need, call=call, destination=destination)
        if left_ms > 0:
            return Limited(left_ms)
        delivery = await self._send(account, need, destination=destination, call=call)
        if destination.number is not None and not isinstance(delivery, Sent):
            await self._alarm.was_not_sent(account, need.purpose)
        return delivery

    def _destination(self, account: AccountId, need: Deliver, call: Call) -> _Destination | None:
        """Where the message goes. A number is read again each time: countries that are taken off are off at once."""
        address = need.address or self._pinned(account, need, need.enrolment)
        if address is None or need.factor is not Factor.SMS:
            return None if address is None else _Destination(address, others=self._others(account, need))
        number = self._numbers.read(address) if self._numbers is not None else NumberFlaw.COUNTRY
        if isinstance(number, NumberFlaw):
            self._journal.faulted(call, DeliveryFailed(f"nothing is sent to this number: {number.value}"))
            return None
        return _Destination(number.e164, number if need.asker is Asker.OWNER else _watched_apart(number))

    def _pinned(self, account: AccountId, need: Deliver, enrolment: str) -> str | None:
        return self._store.pinned_address(account, need.factor, need.standing, enrolment=enrolment)

    def _others(self, account: AccountId, need: Deliver) -> tuple[str, ...]:
        names = () if need.summons is None else need.summons.others
        found = (self._pinned(account, need, name) for name in names)
        return tuple(address for address in found if address is not None)

    async def _permission(self, account: AccountId, need: Deliver, *, call: Call, destination: _Destination) -> int:
        """The milliseconds until this may be asked for again; 0: now, and it is counted everywhere."""
        number = destination.number
        if number is not None and (left_ms := await self._alarm.stopped_ms(number)) > 0:
            return left_ms
        left_ms = await self._store.reserve(
            account, factor=need.factor, purpose=need.purpose, quiet_ms=self._terms.resend_after_ms
        )
        quotas = self._quotas(account, destination=destination, client=call.client)
        left_ms = left_ms or await self._store.spend(_counted_for(need.asker, quotas))
        if number is None or left_ms > 0:
            return left_ms
        return await self._expect(account, need, call=call, number=number)

    def _quotas(self, account: AccountId, *, destination: _Destination, client: str) -> Iterator[Quota]:
        """The limits that one message counts against, the narrowest first, so that a flood exhausts its own."""
        number, terms = destination.number, self._terms
        limits = [
            (QuotaKind.ACCOUNT, terms.per_account, (account.realm, account.subject)),
            *((QuotaKind.DESTINATION, terms.per_destination, (one.lower(),)) for one in destination.every),
            (QuotaKind.CLIENT, terms.per_client, (counted_client(client),)),
        ]
        if number is not None:
            limits.append((QuotaKind.PREFIX, terms.per_prefix, (number.block,)))
            limits.append((QuotaKind.COUNTRY, terms.per_country, (number.country,)))
        yield from (Quota(kind, windows, subject) for kind, windows, subject in limits if windows)
        if terms.total:
            yield Quota(QuotaKind.TOTAL, terms.total)

    async def _expect(self, account: AccountId, need: Deliver, *, call: Call, number: PhoneNumber) -> int:
        """Have the alarm count a code; the milliseconds of the stop where it is not to be sent."""
        stop = await self._alarm.expect(account, number, purpose=need.purpose, life_ms=self._terms.life_ms)
        if stop is None:
            return 0
        if stop.has_begun:
            self._journal.stopped(call, number.country, stop)
            self._meter.stopped(number.country)
        return stop.left_ms

    async def _send(self, account: AccountId, need: Deliver, *, destination: _Destination, call: Call) -> Delivery:
        code = await self._issue(account, need, call)
        if code is None:
            return NotSent()
        message = CodeMessage(
            *(need.factor, destination.address, code, need.purpose),
            life_ms=self._life_ms(need),
            languages=need.languages,
            assertion="" if need.summons is None else need.summons.assertion,
        )
        messages = [replace(message, address=address) for address in destination.every]
        if any(await asyncio.gather(*(self._taken(one, call) for one in messages))):
            return Sent(code)
        await self._store.void(account, factor=need.factor, purpose=need.purpose)
        return NotSent()

    async def _taken(self, message: CodeMessage, call: Call) -> bool:
        """Whether a message was taken for delivery."""
        try:
            await self._sender.send(message)
        except DeliveryFailed as fault:
            self._journal.faulted(call, fault)
            return False
        return True

    async def _issue(self, account: AccountId, need: Deliver, call: Call) -> str | None:
        """A new code, stored; None where the account has changed, or chance is broken."""
        for _ in range(_MOST_DRAWS):
            told, kept = self._drawn(need)
            change = await self._store.issue(
                account,
                factor=need.factor,
                purpose=need.purpose,
                code=kept,
                life_ms=self._life_ms(need),
                epoch=need.standing.epoch,
                enrolment=need.enrolment,
            )
            if change is not Change.REPEATED:
                return told if change is Change.MADE else None
        self._journal.faulted(call, DeliveryFailed("no code could be drawn that was not sent lately"))
        return None

    def _drawn(self, need: Deliver) -> tuple[str, str]:
        """A code as it is sent, and as it is kept."""
        if need.summons is None:
            code = self._draw(need.digits or self._terms.digits)
            return code, code
        token = new_token(need.purpose, self._chance.secret(TOKEN_BYTES))
        return token, need.summons.kept(token)

    def _life_ms(self, need: Deliver) -> int:
        return self._terms.life_ms if need.summons is None else min(self._terms.life_ms, SUMMONS_MS)


def _watched_apart(number: PhoneNumber) -> PhoneNumber:
    """A number whose country is counted and watched by itself.

    Whoever asks for codes that nobody types in stops those that are asked for without a proof, not everybody's.
    """
    return replace(number, country=f"{number.country} entrance")


def _counted_for(asker: Asker, quotas: Iterable[Quota]) -> tuple[Quota, ...]:
    """The limits on whose word a message goes out.

    What was asked for without a proof is counted apart: who merely knows an address must not use up what its owner
    gets with one. Nothing is counted by account then, which would tell of it, and the client was counted before.
    """
    if asker is Asker.OWNER:
        return tuple(quotas)
    apart = (quota for quota in quotas if quota.kind not in (QuotaKind.ACCOUNT, QuotaKind.CLIENT))
    return tuple(replace(quota, subject=("entrance", *quota.subject)) for quota in apart)


def counted_client(client: str) -> str:
    """What a client is counted by: its address, or its IPv6 network, in which it has any number of them."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), _CUSTOMER_PREFIX), strict=False))
    return str(address)
