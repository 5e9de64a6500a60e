"""Dispatch: the right to send first, then every limit, then the code, and the message last."""

from dataclasses import replace

import pytest

from mfa_gateway.core.account import Factor, Standing
from mfa_gateway.core.ceremony import Change, Deliver, Limited, NotSent, Sent
from mfa_gateway.core.fault import DeliveryFailed, StoreUnavailable
from mfa_gateway.core.message import CodeMessage
from mfa_gateway.core.proof import Purpose
from mfa_gateway.core.push import SUMMONS_MS, Summons, purpose_of
from mfa_gateway.core.quota import Asker, Conversion, Quota, QuotaKind, Stop, Window
from mfa_gateway.engine.alarm import Alarm, Watched
from mfa_gateway.engine.dispatch import Dispatcher, DispatchTerms
from mfa_gateway.engine.tally import Tally
from tests.engine.fakes import ANNA, ENROLLED, Atlas, Lines, MemoryStore, Numbers, Outbox, call

HOUR = (Window(5, 3_600_000),)
ALL_LIMITS = DispatchTerms(
    digits=8,
    life_ms=90_000,
    resend_after_ms=30_000,
    per_account=HOUR,
    per_destination=HOUR,
    per_client=HOUR,
    per_prefix=HOUR,
    per_country=HOUR,
    total=HOUR,
)
CONVERSION = Conversion(window_ms=3_600_000, least_sent=50, least_rate=0.2, stop_ms=1_800_000)
TO_ANNA = Deliver(Factor.EMAIL, Purpose.GATE, ENROLLED, None, ("de", "en"))
CALL = call(client="192.0.2.7")


class World:
    """A dispatcher over fakes, with everything that happened in the order it happened."""

    def __init__(self, terms: DispatchTerms = ALL_LIMITS) -> None:
        self.events: list[str] = []
        self.store = MemoryStore(on_trip=self.events.append)
        self.outbox = Outbox(on_send=lambda: self.events.append("send"))
        self.lines = Lines()
        self.tally = Tally()
        self.atlas = Atlas(events=self.events)
        self.dispatcher = Dispatcher(
            terms=terms,
            draw=self._draw,
            store=self.store,
            sender=self.outbox,
            journal=self.lines.journal,
            meter=self.tally,
            numbers=Numbers(),
            alarm=Alarm(Watched(self.atlas, CONVERSION)),
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


async def test_a_code_that_was_sent_not_long_ago_is_drawn_again(world: World) -> None:
    world.store.repeated = 2
    assert await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL) == Sent()
    assert world.events == ["reserve", "spend", *["draw", "issue"] * 3, "send"]


async def test_draws_that_never_give_a_new_code_end_with_none(world: World) -> None:
    world.store.repeated = 1_000_000
    assert await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL) == NotSent()
    assert (world.events[-1], len(world.events)) == ("issue", 42)
    assert world.lines.only["why"] == "no code could be drawn that was not sent lately"


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


# --- Devices that answer by themselves --------------------------------------------------------

SUMMONS = Summons("a.b.c", "jti-of-it")
TO_DEVICE = Deliver(Factor.PUSH, Purpose.GATE, ENROLLED, None, ("de",), "ee", summons=SUMMONS)
TO_DEVICES = replace(TO_DEVICE, summons=replace(SUMMONS, others=("ff", "gone")))


@pytest.fixture
def devices(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which somebody has two devices."""
    pinned = {"ee": "android:telephone", "ff": "ios:tablet"}

    def found(account: object, factor: object, standing: object, *, enrolment: str = "") -> str | None:
        return pinned.get(enrolment)

    monkeypatch.setattr(world.store, "pinned_address", found)
    return world


async def test_a_device_is_sent_a_token_and_what_is_kept_of_it_is_bound_to_the_assertion(devices: World) -> None:
    assert await devices.dispatcher.deliver(ANNA.account, TO_DEVICE, CALL) == Sent()
    assert devices.events == ["reserve", "spend", "issue", "send"]
    (message,) = devices.outbox.messages
    assert (message.factor, message.address, message.assertion) == (Factor.PUSH, "android:telephone", "a.b.c")
    assert purpose_of(message.code) is Purpose.GATE
    kept = SUMMONS.kept(message.code)
    assert (ANNA.account, Factor.PUSH, Purpose.GATE, kept, 90_000, ENROLLED.epoch, "ee") in devices.store.asked


async def test_no_two_tokens_are_alike_and_none_is_written_down(devices: World) -> None:
    for _ in range(2):
        await devices.dispatcher.deliver(ANNA.account, TO_DEVICE, CALL)
    one, other = devices.outbox.messages
    assert one.code != other.code
    assert one.code not in repr(one)
    assert "a.b.c" not in repr(one)


async def test_a_token_lives_for_two_minutes_at_most() -> None:
    world = World(replace(ALL_LIMITS, life_ms=600_000))
    await world.dispatcher.deliver(ANNA.account, replace(TO_DEVICE, address="android:telephone"), CALL)
    assert [message.life_ms for message in world.outbox.messages] == [SUMMONS_MS]


async def test_all_devices_get_the_same_and_count_as_one_message(devices: World) -> None:
    assert await devices.dispatcher.deliver(ANNA.account, TO_DEVICES, CALL) == Sent()
    assert [message.address for message in devices.outbox.messages] == ["android:telephone", "ios:tablet"]
    assert len({message.code for message in devices.outbox.messages}) == 1
    kinds = [quota.kind for quota in devices.quotas()]
    assert kinds.count(QuotaKind.ACCOUNT) == kinds.count(QuotaKind.TOTAL) == 1
    subjects = [quota.subject for quota in devices.quotas() if quota.kind is QuotaKind.DESTINATION]
    assert subjects == [("android:telephone",), ("ios:tablet",)]


async def test_one_device_that_can_be_reached_is_enough(devices: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(message: CodeMessage) -> None:
        if message.address == "android:telephone":
            raise DeliveryFailed("not reached")
        devices.outbox.messages.append(message)

    monkeypatch.setattr(devices.outbox, "send", send)
    assert await devices.dispatcher.deliver(ANNA.account, TO_DEVICES, CALL) == Sent()
    assert (devices.lines.only["why"], devices.events[-1]) == ("not reached", "issue")


async def test_devices_none_of_which_can_be_reached_have_no_token(devices: World) -> None:
    devices.outbox.fault = DeliveryFailed("not reached")
    assert await devices.dispatcher.deliver(ANNA.account, TO_DEVICES, CALL) == NotSent()
    assert devices.events == ["reserve", "spend", "issue", "send", "send", "void"]


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


# --- Short messages ---------------------------------------------------------------------------

BY_SMS = Deliver(Factor.SMS, Purpose.GATE, ENROLLED)


@pytest.fixture
def sms(world: World) -> World:
    world.store.pinned = "+491701234567"
    return world


async def test_the_order_of_a_short_message_has_the_alarm_at_both_ends_of_the_limits(sms: World) -> None:
    assert await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL) == Sent()
    assert sms.events == ["stopped", "reserve", "spend", "expect", "draw", "issue", "send"]
    assert sms.atlas.asked[1] == (ANNA.account, Purpose.GATE, "DE", CONVERSION, 90_000)


async def test_a_short_message_counts_for_its_prefix_and_country_before_the_total(sms: World) -> None:
    await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL)
    assert [(quota.kind, quota.subject) for quota in sms.quotas()] == [
        (QuotaKind.ACCOUNT, ("shop", "anna")),
        (QuotaKind.DESTINATION, ("+491701234567",)),
        (QuotaKind.CLIENT, ("192.0.2.7",)),
        (QuotaKind.PREFIX, ("+49170123",)),
        (QuotaKind.COUNTRY, ("DE",)),
        (QuotaKind.TOTAL, ()),
    ]


async def test_t01_one_number_is_one_destination_and_is_sent_to_in_its_one_form(sms: World) -> None:
    sms.store.pinned = "+49 170 1234567"
    await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL)
    assert sms.quotas()[1].subject == ("+491701234567",)
    assert sms.outbox.messages[0].address == "+491701234567"


async def test_a_number_that_is_not_written_to_costs_nothing_and_is_told_of_without_it(sms: World) -> None:
    sms.store.pinned = "+436641234567"
    assert await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL) == NotSent()
    assert sms.events == []
    assert "its country is not among factors.sms.countries" in sms.lines.only["why"]
    assert "1234567" not in str(sms.lines.only)


async def test_without_a_plan_no_number_is_written_to() -> None:
    store, outbox, lines = MemoryStore(pinned="+491701234567"), Outbox(), Lines()
    dispatcher = Dispatcher(terms=ALL_LIMITS, draw=str, store=store, sender=outbox, journal=lines.journal)
    assert await dispatcher.deliver(ANNA.account, BY_SMS, CALL) == NotSent()
    assert (store.trips, outbox.messages) == ([], [])


async def test_a_country_that_is_stopped_counts_nothing(sms: World) -> None:
    sms.atlas.stopped_for_ms = 90_000
    assert await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL) == Limited(90_000)
    assert sms.events == ["stopped"]


async def test_a_limit_that_refuses_is_not_counted_by_the_alarm(sms: World) -> None:
    sms.store.limited_ms = 600_000
    assert await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL) == Limited(600_000)
    assert sms.events == ["stopped", "reserve", "spend"]


async def test_the_code_that_brings_the_alarm_is_not_sent_and_everybody_hears_of_it(sms: World) -> None:
    sms.atlas.stop = Stop(1_800_000, sent=50, redeemed=3)
    assert await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL) == Limited(1_800_000)
    assert sms.events == ["stopped", "reserve", "spend", "expect"]
    line = sms.lines.only
    assert (line["log_level"], line["audit"], line["country"]) == ("error", True, "DE")
    assert (line["sent"], line["redeemed"], line["left_ms"]) == (50, 3, 1_800_000)
    assert sms.tally.counts()["sending_stops", "DE"] == 1


async def test_a_stop_that_somebody_else_brought_is_told_of_once(sms: World) -> None:
    sms.atlas.stop = Stop(1_700_000)
    assert await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL) == Limited(1_700_000)
    assert sms.lines.all == []
    assert ("sending_stops", "DE") not in sms.tally.counts()


async def test_a_code_that_could_not_be_sent_says_nothing_about_its_country(sms: World) -> None:
    sms.outbox.fault = DeliveryFailed("503")
    assert await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL) == NotSent()
    assert sms.events[-3:] == ["send", "void", "unsent"]


async def test_an_account_that_changed_meanwhile_says_nothing_about_its_country(sms: World) -> None:
    sms.store.change = Change.STALE
    assert await sms.dispatcher.deliver(ANNA.account, BY_SMS, CALL) == NotSent()
    assert sms.events[-2:] == ["issue", "unsent"]


async def test_mails_have_no_country(world: World) -> None:
    await world.dispatcher.deliver(ANNA.account, TO_ANNA, CALL)
    assert world.atlas.events == ["reserve", "spend", "draw", "issue", "send"]


@pytest.mark.parametrize("asker", [Asker.STRANGER, Asker.SERVER])
async def test_what_is_asked_for_without_a_proof_is_counted_apart(world: World, asker: Asker) -> None:
    unproven = replace(TO_ANNA, purpose=Purpose.LOGIN, address="anna@example.com", asker=asker)
    await world.dispatcher.deliver(ANNA.account, unproven, CALL)
    assert [(quota.kind, quota.subject) for quota in world.quotas()] == [
        (QuotaKind.DESTINATION, ("entrance", "anna@example.com")),
        (QuotaKind.TOTAL, ("entrance",)),
    ]


async def test_a_server_that_carries_a_code_gets_it_and_nothing_is_sent_or_counted(world: World) -> None:
    carried = replace(TO_ANNA, purpose=Purpose.LOGIN, address="anna@example.com", asker=Asker.COURIER, digits=4)
    delivery = await world.dispatcher.deliver(ANNA.account, carried, CALL)
    assert isinstance(delivery, Sent)
    assert delivery.code == "7777"
    assert world.events == ["draw", "issue"]


async def test_a_carried_code_that_could_not_be_issued_is_not_sent(world: World) -> None:
    world.store.change = Change.STALE
    carried = replace(TO_ANNA, address="anna@example.com", asker=Asker.COURIER)
    assert await world.dispatcher.deliver(ANNA.account, carried, CALL) == NotSent()


async def test_pumping_at_the_entrance_does_not_stop_what_owners_get(world: World) -> None:
    number = replace(TO_ANNA, factor=Factor.SMS, address="+491701234567", purpose=Purpose.LOGIN)
    await world.dispatcher.deliver(ANNA.account, replace(number, asker=Asker.STRANGER), CALL)
    await world.dispatcher.deliver(ANNA.account, number, CALL)
    countries = [country for country, *_ in world.atlas.asked if isinstance(country, str)]
    assert countries == ["DE entrance", "DE"]
