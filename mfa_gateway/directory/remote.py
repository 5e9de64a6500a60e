"""The directory that is somebody else's system, asked over HTTP: `directory: {source: http}`.

    GET {url}?realm=shop&subject=ada

    200 {"email": "ada@example.com", "email_verified": true, "phone": "+491701234567", "phone_verified": true,
         "locale": "de", "disabled": false}      each of them may be missing; others are not looked at
    404                                          nobody of this name is on record

An address counts where its `…_verified` is true. Headers and signature are told in `hook`.

Theory. The gate asks here before every protected call, so the answer has to come from memory nearly always:

    person -- asked lately? --> the answer; past half its time a new one is fetched meanwhile
       |
       +-- being asked about? wait for that answer
       +-- ask, within the deadline -- remember it for `max_stale`, from the moment of asking

So somebody who is disabled there is out within `max_stale`, and a person who goes on calling never waits. Nothing
counts for longer, whatever happens: a service that stays away closes the protected routes. There is a most for what is
remembered and for what is asked at a time, and a service that does not answer is left alone for a moment.

What stays out: what the answer means for a call (core.presence), and how the question travels (hook).
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import structlog
from structlog.typing import FilteringBoundLogger

from mfa_gateway.core.account import AccountId, Caller, Person
from mfa_gateway.core.fault import DirectoryUnavailable
from mfa_gateway.core.presence import Presence
from mfa_gateway.directory.addresses import canonical_email, canonical_locale, canonical_phone
from mfa_gateway.directory.hook import Hook, HookAnswer, HookAway, HookFailed, HookTerms, read_object

# People who call within one minute of one worker; each takes about 1 kB.
MAX_REMEMBERED: Final = 50_000
# More than any service answers in one deadline.
MAX_ASKED: Final = 1_000
# Seconds. Somebody who is just being created should not be unknown for a minute.
UNKNOWN_FOR: Final = 5.0
# Seconds without a question after one that nobody answered, and about somebody of whom nothing usable was said.
PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Entry:
    """What was said of somebody; it counts before `until`, and is asked for anew from `renew_at` on."""

    presence: Presence
    person: Person | None = field(repr=False)
    renew_at: float
    until: float


@dataclass(frozen=True, slots=True)
class _Outage:
    """Nothing can be said, and why; nobody is asked again before `until`."""

    why: str
    until: float = -math.inf


class RemoteDirectory:
    """People as another system describes them. Belongs to one event loop.

    Args:
        terms: the system.
        max_stale: seconds that an answer counts, 0 or more.
        hook: asks the system; by default over HTTP as the terms say.
        monotonic: seconds that never jump.
        log: where an outage is noted; never a name or an address.
        size: how many people are remembered.
    """

    def __init__(
        self,
        terms: HookTerms,
        *,
        max_stale: float,
        hook: Hook | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        log: FilteringBoundLogger | None = None,
        size: int = MAX_REMEMBERED,
    ) -> None:
        self._place = terms.place
        self._max_stale = max_stale
        self._hook = hook or Hook(terms)
        self._monotonic = monotonic
        self._log: FilteringBoundLogger = structlog.get_logger() if log is None else log
        self._size = size
        self._entries: OrderedDict[AccountId, _Entry | _Outage] = OrderedDict()
        self._asking: dict[AccountId, asyncio.Task[_Entry | _Outage]] = {}
        self._quiet_until = -math.inf

    async def look_up(self, caller: Caller) -> Person | None:
        """The person behind a caller; None for nobody on record, and for nobody who may be reached.

        Raises:
            DirectoryUnavailable: nothing usable was said in time.
        """
        return (await self._entry(caller.account)).person

    async def presence(self, account: AccountId) -> Presence:
        """Whether somebody is on record, and allowed anything, as of at most `max_stale` ago.

        Raises:
            DirectoryUnavailable: nothing usable was said in time.
        """
        return (await self._entry(account)).presence

    async def close(self) -> None:
        """Give up what is being asked, and close the connections."""
        for task in tuple(self._asking.values()):
            task.cancel()
            await asyncio.wait({task})
        await self._hook.close()

    async def _entry(self, account: AccountId) -> _Entry:
        now = self._monotonic()
        known = self._recall(account, now)
        if known is None:
            known = await self._asked(account)
        elif isinstance(known, _Entry) and now >= known.renew_at:
            self._renew(account)
        if isinstance(known, _Outage):
            raise DirectoryUnavailable(f"directory at {self._place}: {known.why}")
        return known

    def _renew(self, account: AccountId) -> None:
        """Ask anew about somebody whose answer still counts. Nobody waits for it."""
        if account not in self._asking and not self._obstacle():
            self._begin(account)

    def _recall(self, account: AccountId, now: float) -> _Entry | _Outage | None:
        entry = self._entries.get(account)
        if entry is None:
            return None
        if now >= entry.until:
            del self._entries[account]
            return None
        self._entries.move_to_end(account)
        return entry

    async def _asked(self, account: AccountId) -> _Entry | _Outage:
        """The answer to the question that is under way, or to a new one."""
        task = self._asking.get(account)
        if task is None:
            if obstacle := self._obstacle():
                return _Outage(obstacle)
            task = self._begin(account)
        # Not awaited itself: a caller that goes away must not take the answer of all others with it.
        await asyncio.wait({task})
        return _Outage("the gateway is being stopped") if task.cancelled() else task.result()

    def _obstacle(self) -> str:
        """Why nobody else can be asked about now, or nothing."""
        if self._monotonic() < self._quiet_until:
            return "it did not answer a moment ago"
        return f"{MAX_ASKED} people are being asked about already" if len(self._asking) >= MAX_ASKED else ""

    def _begin(self, account: AccountId) -> asyncio.Task[_Entry | _Outage]:
        task = asyncio.get_running_loop().create_task(self._ask(account), name="directory")
        self._asking[account] = task
        task.add_done_callback(lambda _: self._asking.pop(account))
        return task

    async def _ask(self, account: AccountId) -> _Entry | _Outage:
        asked_at = self._monotonic()
        try:
            answer = await self._hook.get({"realm": account.realm, "subject": account.subject})
            entry = self._read(answer, asked_at)
        except HookFailed as failure:
            return self._failed(account, failure)
        self._quiet_until = -math.inf
        self._remember(account, entry)
        return entry

    def _failed(self, account: AccountId, failure: HookFailed) -> _Outage:
        self._log.warning("directory unavailable", place=self._place, why=str(failure))
        outage = _Outage(str(failure), until=self._monotonic() + PAUSE)
        if isinstance(failure, HookAway):
            self._quiet_until = outage.until
        known = self._entries.get(account)
        # What was said before counts for as long as it was to, but nobody is asked at every call meanwhile.
        self._remember(account, replace(known, renew_at=outage.until) if isinstance(known, _Entry) else outage)
        return outage

    def _remember(self, account: AccountId, entry: _Entry | _Outage) -> None:
        self._entries[account] = entry
        self._entries.move_to_end(account)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def _read(self, answer: HookAnswer, asked_at: float) -> _Entry:
        presence, person, counts = Presence.UNKNOWN, None, min(UNKNOWN_FOR, self._max_stale)
        if answer.status == _OK:
            presence, person = read_person(answer.body)
            counts = self._max_stale
        elif answer.status != _NOT_FOUND:
            raise HookFailed(f"the answer has status {answer.status}")
        return _Entry(presence, person, renew_at=asked_at + counts / 2, until=asked_at + counts)


_OK: Final = 200
_NOT_FOUND: Final = 404


def read_person(body: bytes) -> tuple[Presence, Person | None]:
    """What an answer says of somebody on record. Who is disabled is not to be reached either.

    Raises:
        HookFailed: it is no such answer. `disabled` that is neither true nor false could mean anything.
    """
    said = read_object(body)
    disabled = said.get("disabled", False)
    if not isinstance(disabled, bool):
        raise HookFailed("the answer says disabled: neither true nor false")
    if disabled:
        return Presence.DISABLED, None
    return Presence.KNOWN, Person(
        email=canonical_email(said.get("email")) if said.get("email_verified") is True else None,
        phone=canonical_phone(said.get("phone")) if said.get("phone_verified") is True else None,
        locale=canonical_locale(said.get("locale")),
    )
