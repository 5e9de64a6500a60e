"""Dispatch: the right to send first, then every limit, then the code, and the message last."""

import pytest

from mfa_gateway.core.account import Factor, Standing
from mfa_gateway.core.ceremony import Change, Deliver, Limited, NotSent, Sent
from mfa_gateway.core.fault import DeliveryFailed, StoreUnavailable
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.quota import Quota, QuotaKind, Window
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from tests.engine.fakes import ANNA, ENROLLED, Lines, MemoryStore, Outbox, call

HOUR = (Window(5, 3_600_000),)
ALL_LIMITS = DispatchTerms(
    digits=8,
    life_ms=90_000,
    resend_after_ms=30_000,
    per_account=HOUR,
    per_destination=HOUR,
    per_client=HOUR,
    total=HOUR,
)
TO_ANNA = Deliver(Factor.EMAIL, Purpose.GATE, ENROLLED, None, ("de", "en"))
CALL = call(client="192.0.2.7")


class World:
    """A dispatcher over fakes, with everything that happened in the order it happened."""

    def __init__(self, terms: DispatchTerms = ALL_LIMITS) -> None:
        self.events: list[str] = []
        self.store = MemoryStore(on_trip=self.events.append)
        self.outbox = Outbox(on_send=lambda: self.events.append("send"))
        self.lines = Lines()
        self.dispatcher = Dispatcher(
            terms=terms, draw=self._draw, store=self.store, sender=self.outbox, journal=self.lines.journal
        )

    def _draw(self, digits: int) -> str:
        self.events.append("draw")
        return "7" * digits

    def quotas(self) -> tuple[Quota, ...]:
        return next(asked for asked in self.store.asked if asked and isinstance(asked[0], Quota))


@pytest.fixture
def world() -> World:
    return World()


async def test_the_order_is_reserve_count_draw_issue_send(world: World) -> None:
    assert await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL) == Sent()
    assert world.events == ["reserve", "spend", "draw", "issue", "send"]


async def test_what_is_sent_is_what_was_issued(world: World) -> None:
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    (message,) = world.outbox.messages
    assert (ANNA.account, Factor.EMAIL, Purpose.GATE, message.code, 90_000, ENROLLED.epoch) in world.store.asked
    assert (message.code, message.address, message.factor) == ("77777777", "anna@example.com", Factor.EMAIL)
    assert (message.life_ms, message.languages) == (90_000, ("de", "en"))


async def test_too_soon_counts_nothing_and_makes_no_code(world: World) -> None:
    world.store.reserved_ms = 12_000
    assert await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL) == Limited(12_000)
    assert world.events == ["reserve"]


async def test_too_many_makes_no_code(world: World) -> None:
    world.store.limited_ms = 600_000
    assert await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL) == Limited(600_000)
    assert world.events == ["reserve", "spend"]


async def test_an_account_that_changed_meanwhile_gets_no_message(world: World) -> None:
    world.store.change = Change.STALE
    assert await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL) == NotSent()
    assert world.events == ["reserve", "spend", "draw", "issue"]


async def test_a_code_that_could_not_be_sent_is_void(world: World) -> None:
    world.outbox.fault = DeliveryFailed("550 <anna@example.com>: no such user")
    assert await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL) == NotSent()
    assert world.events == ["reserve", "spend", "draw", "issue", "send", "void"]
    assert world.store.asked[-1] == (ANNA.account, Factor.EMAIL, Purpose.GATE)


async def test_a_failed_delivery_is_written_down_without_code_and_address(world: World) -> None:
    world.outbox.fault = DeliveryFailed("550 <anna@example.com>: no such user")
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    line = world.lines.only
    assert (line["event"], line["fault"]) == ("fault", "DeliveryFailed")
    assert "550" in line["why"]
    assert "anna@" not in str(line)
    assert "77777777" not in str(line)


async def test_a_store_that_fails_on_the_way_sends_nothing(world: World) -> None:
    world.store.down = {"issue"}
    with pytest.raises(StoreUnavailable):
        await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    assert "send" not in world.events


async def test_nobody_is_written_to_without_an_address(world: World) -> None:
    world.store.pinned = None
    assert await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL) == NotSent()
    assert world.events == []


async def test_the_address_of_an_activation_is_the_one_to_pin(world: World) -> None:
    need = Deliver(Factor.EMAIL, Purpose.ACTIVATE, Standing(), "new@example.com")
    await world.dispatcher.deliver(ANNA.account, need, CALL)
    assert world.outbox.messages[0].address == "new@example.com"
    assert not any(asked and asked[0] == "pinned" for asked in world.store.asked)


# --- Limits -----------------------------------------------------------------------------------


async def test_the_narrowest_limit_is_asked_first(world: World) -> None:
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    assert [quota.kind for quota in world.quotas()] == [
        QuotaKind.ACCOUNT,
        QuotaKind.DESTINATION,
        QuotaKind.CLIENT,
        QuotaKind.TOTAL,
    ]


async def test_each_limit_is_counted_for_its_own_subject(world: World) -> None:
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    assert [quota.subject for quota in world.quotas()] == [
        ("shop", "anna"),
        ("anna@example.com",),
        ("192.0.2.7",),
        (),
    ]


async def test_limits_that_are_not_set_are_not_counted() -> None:
    world = World(DispatchTerms(total=HOUR))
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    assert world.quotas() == (Quota(QuotaKind.TOTAL, HOUR, ()),)


async def test_t01_one_mailbox_is_one_destination_however_it_is_written(world: World) -> None:
    world.store.pinned = "Anna@Example.COM"
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    assert world.quotas()[1].subject == ("anna@example.com",)
    assert world.outbox.messages[0].address == "Anna@Example.COM"


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("", ""),
        ("garbage", "garbage"),
    ],
)
async def test_r04_a_client_is_counted_by_what_a_provider_gives_to_one_customer(
    world: World, client: str, counted: str
) -> None:
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, call(client=client))
    assert world.quotas()[2].subject == (counted,)


async def test_the_pause_before_a_second_code_is_that_of_the_terms(world: World) -> None:
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    assert (ANNA.account, Factor.EMAIL, Purpose.GATE, 30_000) in world.store.asked
