"""Pumping (T01): messages to a range whose owner is paid for each, over many accounts and two workers.

The whole way from a command to a sender that counts, on a real server. What is counted is exact: a budget that is
overdrawn by parallel requests is none.
"""

import asyncio
import hmac
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from mfa_gateway.core.account import AccountId, Caller, Factor
from mfa_gateway.core.ceremony import Action, Command, Done, Failed, Outcome
from mfa_gateway.core.credential import OtherCredentials
from mfa_gateway.core.gate import Terms
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.quota import Conversion, Window
from mfa_gateway.core.verdict import Pass, Reason
from mfa_gateway.directory.numbers import NumberPlan
from mfa_gateway.engine.alarm import Alarm, Watched
from mfa_gateway.engine.clerk import Clerk
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from mfa_gateway.engine.judge import Judge
from mfa_gateway.engine.tally import Tally
from mfa_gateway.state import Store
from tests.engine.fakes import BearerNames, Lines, OneAddress, call, policy
from tests.state.world import Guest, ServerWorld

pytestmark = pytest.mark.processes

ACCOUNTS, SENDS = 500, 5_000
BUDGET = 120
LEAST = 60
HOUR_MS = 3_600_000
SECRET = b"12345678901234567890"
CONVERSION = Conversion(window_ms=HOUR_MS, least_sent=LEAST, least_rate=0.2, stop_ms=HOUR_MS)
AT_ONCE = 250


def windows(requests: int) -> tuple[Window, ...]:
    return (Window(requests, HOUR_MS),)


@dataclass
class Carrier:
    """A sender that gives other requests their turn in between, and counts."""

    messages: list[CodeMessage] = field(default_factory=list)

    async def send(self, message: CodeMessage) -> None:
        await asyncio.sleep(0)
        self.messages.append(message)


class Worker:
    """A clerk and a judge with a store of their own."""

    def __init__(self, store: Store, carrier: Carrier, terms: DispatchTerms, alarm: Alarm) -> None:
        self.store = store
        self.lines = Lines()
        self.tally = Tally()
        self.people = BearerNames(callers={})
        journal = self.lines.journal
        dispatcher = Dispatcher(
            terms=terms,
            draw=lambda digits: "7" * digits,
            store=store,
            sender=carrier,
            journal=journal,
            meter=self.tally,
            numbers=NumberPlan(["DE"]),
            alarm=alarm,
        )
        self.clerk = Clerk(
            terms=Terms(), store=store, directory=OneAddress(), dispatcher=dispatcher, journal=journal, alarm=alarm
        )
        self.judge = Judge(
            policy=policy(),
            terms=Terms(),
            others=OtherCredentials(),
            identity=self.people,
            store=store,
            journal=journal,
            alarm=alarm,
        )

    async def trigger(self, name: str, factor: Factor, *, client: str = "192.0.2.7") -> Outcome:
        command = Command(Action.TRIGGER, caller(name), factor_name=factor.value)
        return await self.clerk.carry_out(command, call("/trigger", method="POST", client=client))

    async def passes(self, name: str, code: str) -> bool:
        """Whether a code opens the gate."""
        self.people.callers = {name: caller(name)}
        return isinstance(await self.judge.judge(call(bearer=name, code=code)), Pass)


def caller(name: str) -> Caller:
    return Caller(AccountId("shop", name), session=f"session of {name}", token=f"token of {name}")


def pumped(number: int) -> str:
    """The accounts of the attack: their numbers lie side by side."""
    return f"pumped-{number}"


async def enrol(store: Store, name: str, factor: Factor, value: str | bytes) -> None:
    await Guest(store, AccountId("shop", name)).enrol(factor, value)


async def enrol_range(store: Store) -> None:
    for first in range(0, ACCOUNTS, 50):
        numbers = range(first, first + 50)
        await asyncio.gather(
            *(enrol(store, pumped(number), Factor.SMS, f"+49170123{number:04d}") for number in numbers)
        )


async def pair(
    world: ServerWorld, carrier: Carrier, terms: DispatchTerms, conversion: Conversion | None = None
) -> tuple[Worker, Worker]:
    """Two workers on one store. Nobody waits before a second code: only the limits hold."""
    stores = [await world.store(), await world.store()]
    alarms = [Alarm(Watched(store, conversion)) if conversion is not None else Alarm() for store in stores]
    one, other = (Worker(store, carrier, terms, alarm) for store, alarm in zip(stores, alarms, strict=True))
    return one, other


def waves() -> Iterator[range]:
    return (range(first, first + AT_ONCE) for first in range(0, SENDS, AT_ONCE))


def authenticator_code(now_ms: int) -> str:
    """RFC 6238 and RFC 4226 section 5.3, written out: what somebody's telephone computes."""
    digest = hmac.digest(SECRET, struct.pack(">Q", now_ms // 30_000), "sha1")
    (number,) = struct.unpack(">I", digest[digest[-1] & 15 :][:4])
    return f"{(number & 0x7FFF_FFFF) % 1_000_000:06d}"


async def store_clock_ms(world: ServerWorld) -> int:
    seconds, micros = await world.ask("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def kinds(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(outcome.reason.value if isinstance(outcome, Failed) else "done" for outcome in outcomes)


async def test_5000_sends_over_500_accounts_and_one_prefix_stop_at_exactly_the_budget(
    valkey_world: ServerWorld,
) -> None:
    carrier = Carrier()
    terms = DispatchTerms(
        resend_after_ms=0, per_account=windows(10), per_prefix=windows(BUDGET), total=windows(BUDGET + 5)
    )
    workers = await pair(valkey_world, carrier, terms)
    await enrol_range(workers[0].store)
    await enrol(workers[0].store, "tim", Factor.TOTP, SECRET)
    await enrol(workers[0].store, "anna", Factor.EMAIL, "anna@example.test")
    await enrol(workers[0].store, "otto", Factor.SMS, "+491711234567")

    outcomes: list[Outcome] = []
    noticed: list[bool] = []
    for wave in waves():
        flood = asyncio.gather(
            *(workers[at % 2].trigger(pumped(at % ACCOUNTS), Factor.SMS, client=f"192.0.2.{at % 250}") for at in wave)
        )
        noticed.append(await workers[wave.start // AT_ONCE % 2].trigger("tim", Factor.TOTP) != Done())
        outcomes += await flood

    assert kinds(outcomes) == {"done": BUDGET, Reason.SEND_LIMITED.value: SENDS - BUDGET}
    assert len(carrier.messages) == BUDGET
    # Accounts with TOTP notice nothing, nor does anybody whose codes go elsewhere: the flood has spent its own limit.
    assert not any(noticed)
    assert await workers[1].passes("tim", authenticator_code(await store_clock_ms(valkey_world)))
    assert await workers[0].trigger("anna", Factor.EMAIL) == Done()
    assert await workers[1].trigger("otto", Factor.SMS) == Done()
    assert len(carrier.messages) == BUDGET + 2


async def test_of_400_at_a_time_over_two_workers_each_limit_lets_exactly_its_number_through(
    valkey_world: ServerWorld,
) -> None:
    carrier = Carrier()
    workers = await pair(valkey_world, carrier, DispatchTerms(resend_after_ms=0, per_country=windows(37)))
    await enrol_range(workers[0].store)
    outcomes = await asyncio.gather(*(workers[at % 2].trigger(pumped(at), Factor.SMS) for at in range(400)))
    assert kinds(list(outcomes)) == {"done": 37, Reason.SEND_LIMITED.value: 363}
    assert len(carrier.messages) == 37


async def test_without_any_limit_the_alarm_stops_the_country_at_exactly_its_number_and_says_so_once(
    valkey_world: ServerWorld,
) -> None:
    carrier = Carrier()
    workers = await pair(valkey_world, carrier, DispatchTerms(resend_after_ms=0), CONVERSION)
    await enrol_range(workers[0].store)
    await enrol(workers[0].store, "tim", Factor.TOTP, SECRET)
    await enrol(workers[0].store, "anna", Factor.EMAIL, "anna@example.test")

    outcomes: list[Outcome] = []
    for wave in waves():
        outcomes += await asyncio.gather(*(workers[at % 2].trigger(pumped(at % ACCOUNTS), Factor.SMS) for at in wave))

    assert kinds(outcomes) == {"done": LEAST, Reason.SEND_LIMITED.value: SENDS - LEAST}
    assert len(carrier.messages) == LEAST
    loud = [line for worker in workers for line in worker.lines.all if line["log_level"] == "error"]
    assert [(line["country"], line["sent"], line["redeemed"], line["audit"]) for line in loud] == [
        ("DE", LEAST, 0, True)
    ]
    assert sum(worker.tally.counts().get(("sending_stops", "DE"), 0) for worker in workers) == 1
    assert await workers[0].trigger("anna", Factor.EMAIL) == Done()
    assert await workers[1].passes("tim", authenticator_code(await store_clock_ms(valkey_world)))


async def test_a_country_whose_people_type_their_codes_in_is_never_stopped(valkey_world: ServerWorld) -> None:
    carrier = Carrier()
    workers = await pair(valkey_world, carrier, DispatchTerms(resend_after_ms=0), CONVERSION)
    await enrol_range(workers[0].store)
    for number in range(2 * LEAST):
        name, worker = pumped(number), workers[number % 2]
        assert await worker.trigger(name, Factor.SMS) == Done()
        if number % 3 == 0:
            assert await worker.passes(name, "777777")
    assert len(carrier.messages) == 2 * LEAST
    assert {message.purpose for message in carrier.messages} == {Purpose.GATE}
