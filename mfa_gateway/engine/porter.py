"""The porter: plays errands at the entrance, carrying out each of their needs.

The same loop as the clerk's, for people of whom nobody knows yet who they are. What a ceremony of callers could need as
well, the clerk provides. What stays out: which needs there are, and in which order (core.entrance), and wire forms.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import assert_never

from mfa_gateway.core import entrance
from mfa_gateway.core.account import AccountId, Anonymous, Identification
from mfa_gateway.core.call import Call
from mfa_gateway.core.entrance import (
    Answer,
    Command,
    Denial,
    EntranceTerms,
    Errand,
    Exchange,
    Need,
    Outcome,
    Turned,
    access_words,
    caller_words,
    second_words,
    words,
)
from mfa_gateway.core.entrance.words import Portrait
from mfa_gateway.core.fault import Fault
from mfa_gateway.core.gate import RETRY_MS
from mfa_gateway.core.presence import Presence
from mfa_gateway.engine.chance import SYSTEM, Chance
from mfa_gateway.engine.dispatch import counted_client
from mfa_gateway.engine.entrance_ports import Accounts, Addresses, Providing, Receiving, Tickets, Uses, Waiting
from mfa_gateway.engine.journal import Journal
from mfa_gateway.engine.ports import Credentials, Endings, Minter, Register, Sessions, Store
from mfa_gateway.engine.steward import Steward

# 128 bits: ids that nobody guesses and that never meet.
_ID_BYTES = 16


async def _nobody(_: Call) -> Identification:
    return Anonymous.NO_CREDENTIAL


@dataclass(frozen=True, slots=True)
class World:
    """What the porter stands on.

    Attributes:
        register: a directory that may say that somebody has left; None: none would.
        identify: tells who calls, where a wire form takes the gate's own kind of credential.
    """

    clerk: Providing
    store: Store
    tickets: Tickets
    uses: Uses
    accounts: Accounts
    addresses: Addresses
    sessions: Sessions
    endings: Endings
    minter: Minter
    credentials: Credentials
    steward: Steward
    register: Register | None = None
    chance: Chance = SYSTEM
    identify: Callable[[Call], Awaitable[Identification]] = _nobody


class Porter:
    """Carries out errands."""

    def __init__(
        self, *, terms: EntranceTerms, world: World, afterwards: Waiting, journal: Journal, meter: Receiving
    ) -> None:
        self._terms = terms
        self._world = world
        self._afterwards = afterwards
        self._journal = journal
        self._meter = meter

    async def carry_out(self, errand: Errand, call: Call) -> Outcome:
        """Play an errand to its outcome. A fault on the way becomes a denial."""
        errand = replace(errand, client=counted_client(call.client))
        return await self._tell(errand, entrance.begin(errand, self._terms), call)

    async def _tell(self, errand: Errand, exchange: Exchange, call: Call, *, is_later: bool = False) -> Outcome:
        try:
            outcome = await self._play(exchange, errand, call)
        except Fault as fault:
            self._journal.faulted(call, fault)
            outcome = Turned(Denial.UNAVAILABLE, retry_after_ms=RETRY_MS)
        self._meter.received(errand.command.action, outcome)
        self._journal.received(call, errand, outcome, is_later=is_later)
        return outcome

    async def _play(self, exchange: Exchange, errand: Errand, call: Call) -> Outcome:
        answer: Answer = None
        while True:
            try:
                need = exchange.send(answer)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            answer = await self._provide(need, errand, call)

    async def _provide(  # noqa: C901, PLR0911 - one answer for each need
        self, need: Need, errand: Errand, call: Call
    ) -> Answer:
        match need:
            case words.OnBehalf() | caller_words.Identify() | caller_words.Perform():
                return await self._of_callers(need, call)
            case words.Later(command=command):
                self._put_off(command, errand, call)
                return None
            case words.Spend(quota=quota):
                return await self._world.store.spend((quota,))
            case words.UseOnce() | access_words.WasUsed():
                return await self._of_uses(need)
            case words.DrawId():
                return self._world.chance.secret(_ID_BYTES).hex()
            case words.SealTicket(ticket=ticket):
                return self._world.tickets.seal_ticket(ticket)
            case words.OpenTicket(kind=kind, site=site, text=text):
                return self._world.tickets.open_ticket(text, kind=kind, site=site)
            case words.CheckPassword() | words.RenewPassword() | words.Attempt() | words.Settle():
                return await self._compare(need)
            case words.OpenSession() | words.FindSession() | words.CloseSession() | access_words.EndSessions():
                return await self._of_session(need)
            case words.Mint() | words.ReadToken() | words.AskCertificate() | words.AskKeys():
                return await self._sign(need)
            case _ if isinstance(need, second_words.SecondNeed):
                return await self._of_second_factors(need, call)
            case _:
                return await self._of_accounts(need)

    async def _of_callers(self, need: words.OnBehalf | caller_words.CallerNeed, call: Call) -> Answer:
        """What is done for somebody who is known, and who that is."""
        match need:
            case words.OnBehalf(caller=caller, need=asked):
                return await self._world.clerk.provide(asked, caller, call)
            case caller_words.Identify():
                return await self._world.identify(call)
            case caller_words.Perform(command=command):
                return await self._world.clerk.carry_out(command, call)
            case _ as never:
                assert_never(never)

    async def _of_second_factors(self, need: second_words.SecondNeed, call: Call) -> Answer:
        """What second factors need."""
        if isinstance(need, second_words.TellOwner):
            await self._world.clerk.announce(need, call)
            return None
        return await self._world.steward.provide(need)

    def _put_off(self, command: Command, errand: Errand, call: Call) -> None:
        put_off = replace(errand, command=command)

        async def job() -> None:
            exchange = entrance.later(command, put_off, self._terms)
            try:
                await self._tell(put_off, exchange, call, is_later=True)
            except Exception as error:  # noqa: BLE001 - nobody else is there to hear of it
                self._journal.broke("afterwards", error)

        if not self._afterwards.put(job):
            self._journal.crowded(call)

    async def _compare(self, need: words.CheckPassword | words.RenewPassword | words.Attempt | words.Settle) -> Answer:
        """What passwords need."""
        store = self._world.store
        match need:
            case words.CheckPassword(realm=realm, login=login, password=password):
                return await self._world.credentials.check(realm=realm, login=login, password=password)
            case words.RenewPassword(account=account, old=old, new=new):
                return await self._world.credentials.renew(account, old=old, new=new)
            case words.Attempt(account=account, budget=budget, regulation=regulation):
                return await store.attempt(account, budget=budget, regulation=regulation)
            case words.Settle(account=account, budget=budget, regulation=regulation, was_right=was_right):
                if was_right:
                    await store.was_right(account, budget=budget)
                    return 0
                return await store.was_wrong(account, budget=budget, regulation=regulation)
            case _ as never:
                assert_never(never)

    async def _of_uses(self, need: words.UseOnce | access_words.WasUsed) -> Answer:
        """What is good once needs."""
        match need:
            case words.UseOnce(names=names, keep_ms=keep_ms):
                return await self._world.uses.use_once(*names, keep_ms=keep_ms)
            case access_words.WasUsed(names=names):
                return await self._world.uses.was_used(*names)
            case _ as never:
                assert_never(never)

    async def _of_session(
        self, need: words.OpenSession | words.FindSession | words.CloseSession | access_words.EndSessions
    ) -> Answer:
        """What sessions need."""
        sessions = self._world.sessions
        match need:
            case words.OpenSession(account=account, site=site, device=device):
                life = {"life_ms": need.life_ms, "brief_ms": need.brief_ms}
                return await sessions.open_session(account, site=site, device=device, epoch=need.epoch, **life)
            case words.FindSession(token=token):
                return await sessions.session(token)
            case words.CloseSession(session=session):
                await sessions.close_session(session)
                return None
            case access_words.EndSessions(account=account):
                await self._world.endings.revoke(account)
                return None
            case _ as never:
                assert_never(never)

    async def _sign(self, need: words.Mint | words.ReadToken | words.AskCertificate | words.AskKeys) -> Answer:
        """What tokens of our own need."""
        minter = self._world.minter
        match need:
            case words.Mint(claims=claims, certificate_url=url) if url:
                return await minter.mint_legacy(claims, certificate_url=url)
            case words.Mint(claims=claims, kind=kind):
                return await minter.mint(claims, header={"typ": kind})
            case words.ReadToken(token=token, purpose=purpose, certificate_url=url):
                return await minter.read(token, purpose=purpose, certificate_url=url or None)
            case words.AskCertificate():
                return await minter.certificate_pem()
            case words.AskKeys():
                return tuple(await minter.jwks())
            case _ as never:
                assert_never(never)

    async def _of_accounts(self, need: words.AccountNeed) -> Answer:  # noqa: PLR0911 - one answer for each need
        """What is kept of people for good."""
        accounts = self._world.accounts
        match need:
            case words.ReadAddress(factor=factor, written=written):
                return self._world.addresses.read(factor, written)
            case words.FindAccount(realm=realm, login=login):
                return await accounts.find(realm, login)
            case words.Describe(account=account):
                return await self._described(account)
            case words.Register(realm=realm, address=address, profile=profile):
                made = AccountId(realm, self._world.chance.secret(_ID_BYTES).hex())
                return await accounts.register(made, address, profile=profile)
            case words.ClaimAddress(account=account, address=address):
                return await accounts.claim_address(account, address)
            case words.DropAddress(account=account, factor=factor):
                return await accounts.drop_address(account, factor)
            case words.SetProfile(portrait=portrait, profile=profile):
                return await accounts.set_profile(portrait, profile)
            case _ as never:
                assert_never(never)

    async def _described(self, account: AccountId) -> Portrait | None:
        """Who somebody is; one whom a directory no longer knows is disabled here as everywhere."""
        portrait = await self._world.accounts.portrait(account)
        if self._world.register is None:
            return portrait
        if await self._world.register.presence(account) is Presence.KNOWN:
            return portrait
        return replace(portrait or Portrait(account), is_disabled=True)
