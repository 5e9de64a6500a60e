"""Devices: remembered for a while, for one account and site, in one epoch, and not too many of them."""

from collections.abc import Callable

from mfa_gateway.core.account import AccountId
from mfa_gateway.core.entrance.second_words import Recognition
from mfa_gateway.engine import steward
from mfa_gateway.state import Store
from mfa_gateway.state.devices import MOST_DEVICES, Devices
from tests.state.world import ADA, BOB, MINUTE_MS, Guest, World

# What mypy checks: a parameter of the one type that accepts the other.
as_port: Callable[[Devices], steward.Devices] = lambda devices: devices  # noqa: E731 - the annotation is the point


async def remember(store: Store, device: str = "gmid-1", *, life_ms: int = MINUTE_MS, site: str = "3_KEY") -> None:
    epoch = (await Guest(store).standing()).epoch
    await as_port(store.devices).remember_device(ADA, site=site, device=device, life_ms=life_ms, epoch=epoch)


async def knows(store: Store, device: str = "gmid-1", *, account: AccountId = ADA, site: str = "3_KEY") -> bool:
    found = await as_port(store.devices).knows_device(account, site=site, device=device)
    return found is Recognition.KNOWN


async def test_a_device_is_known_where_it_was_remembered_and_nowhere_else(store: Store) -> None:
    assert not await knows(store)
    await remember(store)
    assert await knows(store)
    assert not await knows(store, "gmid-2")
    assert not await knows(store, account=BOB)
    assert not await knows(store, site="3_OTHER")


async def test_a_device_is_forgotten_at_exactly_its_time(store: Store, world: World) -> None:
    await remember(store)
    await world.pass_time(MINUTE_MS - 1000)
    assert await knows(store)
    await world.pass_time(1000)
    assert not await knows(store)


async def test_a_device_is_unknown_when_the_clock_was_set_back(store: Store, world: World) -> None:
    await remember(store)
    await world.pass_time(-10_000)
    assert not await knows(store)


async def test_a_new_epoch_forgets_every_device(store: Store) -> None:
    await remember(store)
    await store.revoke(ADA)
    assert not await knows(store)


async def test_nothing_is_remembered_of_an_old_epoch(store: Store) -> None:
    epoch = (await Guest(store).standing()).epoch
    await store.revoke(ADA)
    await store.devices.remember_device(ADA, site="3_KEY", device="gmid-1", life_ms=MINUTE_MS, epoch=epoch)
    assert not await knows(store)


async def test_a_device_without_an_id_is_nobodys(store: Store) -> None:
    await remember(store, "")
    assert not await knows(store, "")


async def test_a_site_that_remembers_nothing_remembers_nothing(store: Store) -> None:
    await remember(store, life_ms=0)
    assert not await knows(store)


async def test_devices_are_forgotten_at_one_site(store: Store) -> None:
    await remember(store)
    await remember(store, site="3_OTHER")
    await store.devices.forget_devices(ADA, site="3_KEY")
    assert not await knows(store)
    assert await knows(store, site="3_OTHER")


async def test_beyond_so_many_the_first_to_be_forgotten_goes_at_once(store: Store) -> None:
    await remember(store, "lasting", life_ms=100 * MINUTE_MS)
    await remember(store, "brief", life_ms=MINUTE_MS)
    for number in range(MOST_DEVICES - 1):
        await remember(store, f"gmid-{number}", life_ms=(2 + number) * MINUTE_MS)
    assert not await knows(store, "brief")
    assert await knows(store, "lasting")
    assert await knows(store, "gmid-0")
    await remember(store, "one more", life_ms=50 * MINUTE_MS)
    assert not await knows(store, "gmid-0")
    assert await knows(store, "one more")
