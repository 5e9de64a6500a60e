"""What a login hands on: the proofs of a passage, and the devices that are remembered."""

import pytest

from mfa_gateway.state.scripts import CARRY_PROOFS, KNOWS_DEVICE, REMEMBER_DEVICE, REVOKE
from tests.state.lua.desk import NOW, Desk

DAY = 86_400_000


# --- Proofs that are carried over --------------------------------------------------------------


CARRIED = ("account", "proofs", "passage", "known", "session", "whole")


async def carry(desk: Desk, *, are_two: str = "1") -> object:
    return await desk.run(CARRY_PROOFS, CARRIED, DAY, are_two)


async def test_proofs_are_carried_to_every_place_at_their_age_and_the_passage_is_over(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.put("proofs", {"email": f"{NOW}:3:aa:bb", "sms": f"{NOW}:2:aa:bb"})
    await desk.ask("PEXPIRE", "proofs", 1_000)
    await desk.put("passage", {"epoch": "3"})
    desk.wait(400)
    assert await carry(desk) == 1
    for key in ("session", "whole"):
        assert await desk.fields(key) == {"email": f"{NOW}:3:aa:bb"}
        assert await desk.left(key) == 600
    assert await desk.ask("GET", "known") == "3"
    assert await desk.left("known") == DAY
    assert await desk.ask("EXISTS", "proofs", "passage") == 0


async def test_a_younger_proof_of_this_epoch_stays_and_an_older_one_gives_way(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.put("proofs", {"email": f"{NOW}:3:aa:bb"})
    await desk.put("session", {"email": f"{NOW + 1}:3:cc:dd"})
    await desk.put("whole", {"email": f"{NOW - 1}:3:cc:dd"})
    assert await carry(desk) == 1
    assert await desk.fields("session") == {"email": f"{NOW + 1}:3:cc:dd"}
    assert await desk.fields("whole") == {"email": f"{NOW}:3:aa:bb"}


async def test_of_two_proofs_of_one_moment_that_which_was_there_stays(desk: Desk) -> None:
    await desk.put("proofs", {"email": f"{NOW}:0:aa:bb"})
    await desk.put("session", {"email": f"{NOW}:0:cc:dd"})
    assert await carry(desk) == 1
    assert await desk.fields("session") == {"email": f"{NOW}:0:cc:dd"}


async def test_a_younger_proof_of_another_epoch_gives_way(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    await desk.put("proofs", {"email": f"{NOW}:3:aa:bb"})
    await desk.put("session", {"email": f"{NOW + 1}:2:cc:dd"})
    await carry(desk)
    assert await desk.fields("session") == {"email": f"{NOW}:3:aa:bb"}


async def test_what_was_to_be_kept_for_longer_still_is(desk: Desk) -> None:
    await desk.put("proofs", {"email": f"{NOW}:0:aa:bb"})
    await desk.ask("PEXPIRE", "proofs", 1_000)
    for key, life in (("session", 1_001), ("whole", 999)):
        await desk.put(key, {"sms": "x"})
        await desk.ask("PEXPIRE", key, life)
    await carry(desk)
    assert (await desk.left("session"), await desk.left("whole")) == (1_001, 1_000)


async def test_one_session_keeps_its_proofs_and_its_name(desk: Desk) -> None:
    await desk.put("proofs", {"email": f"{NOW}:0:aa:bb"})
    await desk.put("passage", {"epoch": "0"})
    assert await carry(desk, are_two="") == 1
    assert await desk.ask("EXISTS", "proofs", "passage") == 2


async def test_where_nothing_was_proved_no_session_is_known_for_it(desk: Desk) -> None:
    await desk.put("proofs", {"email": f"{NOW}:1:aa:bb"})
    assert await carry(desk) == 0
    assert await desk.ask("EXISTS", "known", "session", "whole", "proofs") == 0


# --- Devices -----------------------------------------------------------------------------------


async def remember(desk: Desk, device: str = "d1", *, epoch: str = "0", life: int = 1_000, most: int = 2) -> object:
    return await desk.run(REMEMBER_DEVICE, ("account", "devices"), epoch, device, life, most)


async def knows(desk: Desk, device: str = "d1") -> object:
    return await desk.run(KNOWS_DEVICE, ("account", "devices"), device)


@pytest.mark.parametrize(("waited", "expected"), [(-1, 0), (0, 1), (1, 1), (999, 1), (1_000, 0)])
async def test_a_device_is_known_for_as_long_as_it_was_to_be_remembered(desk: Desk, waited: int, expected: int) -> None:
    assert await remember(desk) == 1
    assert await desk.fields("devices") == {"d1": f"0:{NOW}:1000"}
    assert await desk.left("devices") == 1_000
    # What is kept goes with its expiry: whether it is old has to be known without.
    await desk.ask("PERSIST", "devices")
    desk.wait(waited)
    assert await knows(desk) == expected


async def test_a_device_is_known_in_its_epoch_only(desk: Desk) -> None:
    await desk.put("account", {"epoch": "3"})
    assert await remember(desk, epoch="3") == 1
    assert await knows(desk) == 1
    assert await knows(desk, "d2") == 0
    await desk.run(REVOKE, ("account",))
    assert await knows(desk) == 0


async def test_no_device_is_remembered_in_another_epoch_or_for_a_disabled_account(desk: Desk) -> None:
    assert await remember(desk, epoch="1") == 0
    await desk.put("account", {"disabled": "1"})
    assert await remember(desk) == 0
    assert await desk.left("devices") == -2


async def test_of_too_many_devices_those_go_that_would_go_first(desk: Desk) -> None:
    await remember(desk, "d1", life=3_000, most=3)
    await remember(desk, "d2", life=2_000, most=3)
    await remember(desk, "d3", life=4_000, most=3)
    assert set(await desk.fields("devices")) == {"d1", "d2", "d3"}
    await remember(desk, "d4", life=1_000, most=2)
    assert set(await desk.fields("devices")) == {"d3", "d4"}
    assert await desk.left("devices") == 4_000


async def test_of_devices_that_would_go_at_the_same_moment_as_many_stay_as_may(desk: Desk) -> None:
    for number in range(20):
        await remember(desk, f"d{number}", most=20)
    await remember(desk, "last", most=3)
    assert len(await desk.fields("devices")) == 3


async def test_a_device_that_is_seen_again_takes_nobodys_place(desk: Desk) -> None:
    await remember(desk, "d1")
    await remember(desk, "d2")
    await remember(desk, "d2")
    assert set(await desk.fields("devices")) == {"d1", "d2"}


async def test_devices_that_are_over_are_forgotten_at_the_next_look(desk: Desk) -> None:
    await desk.put(
        "devices", {"old": f"0:{NOW - 1_000}:1000", "young": f"0:{NOW - 999}:1000", "other": f"1:{NOW}:1000"}
    )
    await remember(desk, most=9)
    assert set(await desk.fields("devices")) == {"young", "d1"}


async def test_devices_are_kept_for_as_long_as_the_one_that_is_kept_longest(desk: Desk) -> None:
    await remember(desk, "d1", life=2_000)
    await remember(desk, "d2", life=1_999)
    assert await desk.left("devices") == 2_000
    await remember(desk, "d2", life=2_001)
    assert await desk.left("devices") == 2_001
